//! Sends the content of an accepted envelope block by block and reads the final reply. Holds one block at a time,
//! whatever the size of the message.
//!
//! Until the final dot has been written completely, the server does not have the message, whatever happens. From then
//! on it may have it even if no reply comes. The phase of each fact says on which side of that point it lies:
//! `Phase::Content` may be tried again soon, `Phase::FinalDot` without a reply is unknown. A failed write counts as
//! before the dot, since the write that carries the dot is the last one and its failure means that not all of it was
//! taken over by the kernel.

use std::io::{ErrorKind, Read};

use super::connection::{Protocol, Session, State, Transaction};
use super::dot_stuffing::Stuffer;
use super::observer::Step;
use super::prepare::Prepared;
use super::stream::{Keep, Pending};
use super::timeouts::LEFTOVER;
use crate::mail::outcome::{Fact, Phase, Reply, Seen};

/// Bytes that are read, stuffed and sent at a time.
const BLOCK: usize = 32 * 1024;

/// The result for the content.
pub(crate) struct Delivered {
    /// For the accepted recipients, in their order; the last one also for all that follow. The phase is `Phase::Content`
    /// or `Phase::FinalDot`.
    pub facts: Vec<Fact>,
    /// Which command may follow.
    pub state: State,
}

impl Delivered {
    fn broken(phase: Phase, seen: Seen) -> Self {
        Self { facts: vec![Fact { phase, seen }], state: State::Broken }
    }

    /// With the reply for the next recipient (RFC 2033 section 4.2).
    fn and(mut self, next: Self) -> Self {
        self.facts.extend(next.facts);
        // Once the connection is gone it is gone, whatever was read before.
        let state = if self.state == State::Broken { State::Broken } else { next.state };
        Self { state, ..self }
    }

    /// From the reply to the end of the content.
    fn by(reply: Result<Reply, Seen>) -> Self {
        match reply {
            // Neither yes nor no. The connection is out of step, and the outcome is unknown.
            Ok(reply) if (300..400).contains(&reply.code) => {
                let words = format!("the server replied to the end of the content with \"{reply}\"");
                Self::broken(Phase::FinalDot, Seen::Garbage(words))
            }
            Ok(reply) => {
                let state = if reply.code == 421 { State::Broken } else { State::Ready };
                Self { facts: vec![Fact { phase: Phase::FinalDot, seen: Seen::Reply(reply) }], state }
            }
            Err(seen) => Self::broken(Phase::FinalDot, seen),
        }
    }
}

/// Sends the content for DATA and reads the final reply; over LMTP, one for each of the accepted recipients.
///
/// A recipient whose reply does not come any more is like one whose only reply did not come: the server may have delivered
/// to it. The replies before it are those of other recipients and stay.
pub(crate) fn data(
    session: &mut Session,
    transaction: &Transaction<'_>,
    prepared: &Prepared,
    accepted: usize,
) -> Delivered {
    announce(session, prepared);
    if let Err(seen) = send(session, transaction, prepared) {
        return Delivered::broken(Phase::Content, seen);
    }
    session.stream.observer().step(Step::Sent("."));
    let replies = match session.protocol {
        Protocol::Smtp => 1,
        Protocol::Lmtp => accepted.max(1),
    };
    let mut delivered = Delivered { facts: Vec::with_capacity(replies), state: State::Ready };
    for _ in 0..replies {
        let next = Delivered::by(session.stream.reply(session.timeouts.last, Keep::Text));
        let is_answered = next.facts.iter().all(|fact| matches!(fact.seen, Seen::Reply(_)));
        delivered = delivered.and(next);
        if !is_answered {
            break;
        }
    }
    delivered
}

fn announce(session: &Session, prepared: &Prepared) {
    session.stream.observer().note(&format!("sending the content, {} bytes", prepared.size));
}

fn send(session: &mut Session, transaction: &Transaction<'_>, prepared: &Prepared) -> Result<(), Seen> {
    let mut source = prepared.open(transaction).map_err(|error| unreadable(&error))?;
    let mut block = vec![0; BLOCK];
    let mut out = Vec::with_capacity(BLOCK + BLOCK / 2);
    let mut stuffer = Stuffer::new();
    loop {
        let count = read(&mut *source, &mut block)?;
        if count == 0 {
            break;
        }
        stuffer.push(&block[..count], &mut out);
        if out.len() >= BLOCK {
            send_block(session, &out)?;
            out.clear();
        }
    }
    stuffer.finish(&mut out);
    send_block(session, &out)
}

fn read(source: &mut dyn Read, block: &mut [u8]) -> Result<usize, Seen> {
    loop {
        match source.read(block) {
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Without its end, what was sent so far is not a message.
            Err(error) => return Err(unreadable(&error)),
        }
    }
}

fn unreadable(error: &std::io::Error) -> Seen {
    Seen::Local(format!("cannot read the stored message: {error}; run `postrider check`"))
}

/// Sends a block, unless the server has already replied. Such an early reply must not be mistaken for the reply to
/// the final dot. If a write fails, the final dot was not sent completely.
///
/// RFC 5321 section 4.1.1.4 has no reply before the end, but servers that reject a message early send one, most often
/// together with closing. Read as the reply to the dot, an early 250 would count as delivery of a message that the
/// server does not have.
fn send_block(session: &mut Session, block: &[u8]) -> Result<(), Seen> {
    match session.stream.pending() {
        Ok(Pending::Quiet) => {}
        Ok(Pending::Bytes) => return Err(too_early(session).unwrap_or_else(|seen| seen)),
        Err(seen) => return Err(seen),
    }
    session.stream.send(block, session.timeouts.block).map_err(|seen| too_early(session).unwrap_or(seen))
}

/// The reply that the server sent before it had the whole content.
fn too_early(session: &mut Session) -> Result<Seen, Seen> {
    let limit = session.timeouts.block.min(LEFTOVER);
    session.stream.reply(limit, Keep::Text).map(|reply| {
        if reply.is_transient() || reply.is_permanent() {
            Seen::Reply(reply)
        } else {
            Seen::Garbage(format!("the server replied \"{reply}\" before it had received the content"))
        }
    })
}

/// The whole content for BDAT, for a message that is small enough.
///
/// At most `EARLY` bytes and their line ends in memory.
pub(crate) fn whole(transaction: &Transaction<'_>, prepared: &Prepared) -> Result<Vec<u8>, Seen> {
    let mut source = prepared.open(transaction).map_err(|error| unreadable(&error))?;
    let mut raw = Vec::new();
    source.read_to_end(&mut raw).map_err(|error| unreadable(&error))?;
    let mut out = Vec::with_capacity(raw.len() + 2);
    let mut lines = Stuffer::for_chunks();
    lines.push(&raw, &mut out);
    lines.finish(&mut out);
    // Without the blank line after the header, a server may wait for more.
    if !out.starts_with(b"\r\n") && memchr::memmem::find(&out, b"\r\n\r\n").is_none() {
        out.extend_from_slice(b"\r\n");
    }
    Ok(out)
}
