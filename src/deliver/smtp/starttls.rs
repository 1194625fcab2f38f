//! STARTTLS up to the handshake: the command, its reply, and the guard against injected text. The handshake is in
//! `stream`; what precedes and follows it, in `connect`.
//!
//! Text that arrives together with the reply to STARTTLS was not protected by TLS. An attacker in between can inject
//! it, and a client that reads it after the handshake takes it for the server's (CVE-2011-0411). So it ends the
//! session.

use super::capabilities::Extension;
use super::command;
use super::connection::Session;
use super::stream::{Keep, Stream};
use crate::mail::outcome::{Fact, Phase, Seen};

/// Afterwards the server expects a TLS handshake, and nothing that was sent in clear text is left to read.
///
/// There is no fallback to clear text. An attacker in between can remove the offer or forge a 454, and a client
/// that went on without TLS would give away the password at the next step.
pub(super) fn request(session: &mut Session, account: &str) -> Result<(), Fact> {
    agree(session, account).map_err(|seen| Fact { phase: Phase::StartTls, seen })
}

fn agree(session: &mut Session, account: &str) -> Result<(), Seen> {
    if !session.capabilities.offers(Extension::StartTls) {
        return Err(Seen::NotOffered(format!(
            "the server does not offer STARTTLS, which account {account} requires; nothing secret was sent. Somebody on \
             the network path may have removed the offer; otherwise try port 465 with tls = \"implicit\" in \
             [account.{account}]"
        )));
    }
    session.stream.send_lines([command::starttls().as_str()].into_iter(), session.timeouts.block)?;
    let reply = session.stream.reply(session.timeouts.starttls, Keep::Text)?;
    match reply.code {
        220 => nothing_injected(&session.stream),
        200..400 => Err(Seen::Garbage(format!("unexpected reply to STARTTLS: \"{reply}\" (expected 220)"))),
        _ => Err(Seen::Reply(reply)),
    }
}

/// What arrived with the reply is in the buffer, which the handshake does not read. What arrives later is read by TLS
/// and makes the handshake fail.
fn nothing_injected(stream: &Stream) -> Result<(), Seen> {
    if stream.has_unread() {
        return Err(Seen::Garbage(
            "the server sent data after its reply to STARTTLS, which would be read as if it had come over TLS \
             (somebody may be tampering with the connection); nothing secret was sent"
                .to_owned(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
