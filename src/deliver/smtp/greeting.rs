//! The greeting of a server, over SMTP and LMTP alike.

use super::connection::Session;
use super::stream::Keep;
use crate::mail::outcome::{Fact, Phase, Seen};

/// 5xx is allowed here (RFC 5321 section 3.1) and means that this host accepts no mail from us now; other addresses
/// may.
pub(super) fn greeting(session: &mut Session) -> Result<(), Fact> {
    let fact = |seen| Fact { phase: Phase::Greeting, seen };
    let reply = session.stream.reply(session.timeouts.greeting, Keep::Text).map_err(fact)?;
    match reply.code {
        200..300 => {
            session.stream.observer().reached(&format!("greeted with {}", reply.text));
            Ok(())
        }
        300..400 => Err(fact(Seen::Garbage(format!("unexpected greeting: \"{reply}\" (expected 220)")))),
        _ => Err(fact(Seen::Reply(reply))),
    }
}
