//! The content of an accepted envelope, block by block onto the wire, and the reply to
//! its end. Holds one block at a time, whatever the message's size.

use std::io::{ErrorKind, Read};

use super::content::Stuffer;
use super::observe::Step;
use super::session::{Session, State, Transaction};
use super::stream::{Keep, Pending};
use super::transaction::LEFTOVER;
use crate::mail::outcome::{Fact, Phase, Seen};

/// Octets that are read, stuffed and sent at once.
const BLOCK: usize = 32 * 1024;

/// What became of the content: the fact of every accepted recipient.
pub(super) struct Delivered {
    /// In `Phase::Content` or `Phase::FinalDot`.
    pub fact: Fact,
}

impl Delivered {
    /// Whether the connection ends with it: the content was cut short, or the reply is no end of it.
    pub fn leaves_broken(&self) -> bool {
        match (&self.fact.phase, &self.fact.seen) {
            (Phase::FinalDot, Seen::Reply(reply)) => reply.code == 421,
            _ => true,
        }
    }
}

/// Sends the content and reads the last reply.
pub(super) fn run(session: &mut Session, transaction: Transaction<'_>) -> Delivered {
    session.stream.watch().note(&format!("sending the content, {} octets", transaction.size));
    if let Err(seen) = send(session, transaction) {
        return Delivered { fact: Fact { phase: Phase::Content, seen } };
    }
    session.stream.watch().step(Step::Sent("."));
    session.state = State::Ready;
    let seen = match session.stream.reply(session.timeouts.last, Keep::Text) {
        Ok(reply) if (300..400).contains(&reply.code) => {
            Seen::Garbage(format!("the server answered the end of the content with \"{reply}\""))
        }
        Ok(reply) => Seen::Reply(reply),
        Err(seen) => seen,
    };
    Delivered { fact: Fact { phase: Phase::FinalDot, seen } }
}

fn send(session: &mut Session, transaction: Transaction<'_>) -> Result<(), Seen> {
    let mut source = transaction.header.chain(transaction.body);
    let mut block = vec![0; BLOCK];
    let mut out = Vec::with_capacity(BLOCK + BLOCK / 2);
    let mut stuffer = Stuffer::new();
    loop {
        let count = match source.read(&mut block) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // Without its dot, what was sent so far is no message.
            Err(error) => {
                return Err(Seen::Local(format!("cannot read the stored message: {error}; see postrider check")));
            }
        };
        stuffer.push(&block[..count], &mut out);
        if out.len() >= BLOCK {
            send_block(session, &out)?;
            out.clear();
        }
    }
    stuffer.finish(&mut out);
    send_block(session, &out)
}

/// Sends one block, unless the server has spoken before its time: such a reply must not be
/// taken for the one to the final dot. A failed write means that the dot is not complete.
fn send_block(session: &mut Session, block: &[u8]) -> Result<(), Seen> {
    match session.stream.pending() {
        Ok(Pending::Quiet) => {}
        Ok(Pending::Bytes) => return Err(too_early(session).unwrap_or_else(|seen| seen)),
        Err(seen) => return Err(seen),
    }
    session.stream.send(block, session.timeouts.block).map_err(|seen| too_early(session).unwrap_or(seen))
}

/// The reply that the server left before it had all of the content.
fn too_early(session: &mut Session) -> Result<Seen, Seen> {
    let limit = session.timeouts.block.min(LEFTOVER);
    session.stream.reply(limit, Keep::Text).map(|reply| {
        if reply.is_transient() || reply.is_permanent() {
            Seen::Reply(reply)
        } else {
            Seen::Garbage(format!("the server said \"{reply}\" before it had the content"))
        }
    })
}
