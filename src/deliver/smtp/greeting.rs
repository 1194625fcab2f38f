//! The greeting of a server, over SMTP and LMTP alike.

use std::time::{Duration, Instant};

use super::connection::Session;
use super::host_status::{GREETS_WITHIN, HostStatus};
use super::stream::Keep;
use crate::mail::outcome::{Fact, Phase, Seen};

/// Waits for the greeting of the server at `place`, but no longer than is of use where the server works for other sessions meanwhile.
pub(super) fn greeting_of(session: &mut Session, place: &str, hosts: &HostStatus) -> Result<(), Fact> {
    let (began, limit) = (Instant::now(), session.timeouts.greeting);
    loop {
        let left = limit.saturating_sub(began.elapsed());
        let piece = left.min(GREETS_WITHIN);
        match greeting(session, piece) {
            Ok(()) => {
                hosts.greeted(place, began);
                return Ok(());
            }
            Err(fact) if fact.seen == Seen::Timeout && piece < left && !hosts.has_lost(place, began) => {}
            refused => return refused,
        }
    }
}

/// 5xx is allowed here (RFC 5321 section 3.1) and means that this host accepts no mail from us now; other addresses
/// may.
pub(super) fn greeting(session: &mut Session, limit: Duration) -> Result<(), Fact> {
    let fact = |seen| Fact { phase: Phase::Greeting, seen };
    let reply = session.stream.reply(limit, Keep::Text).map_err(fact)?;
    match reply.code {
        200..300 => {
            session.stream.observer().reached(&format!("greeted with {}", reply.text));
            Ok(())
        }
        300..400 => Err(fact(Seen::Garbage(format!("unexpected greeting: \"{reply}\" (expected 220)")))),
        _ => Err(fact(Seen::Reply(reply))),
    }
}
