//! spool/loading.json: the large message that the runner is loading right now.
//!
//! If loading a message kills the runner, for example because its envelope does not fit into memory, every new runner
//! would die at the same message and no mail would move at all. The mark lets the next runner skip that message. A
//! runner can also be killed for other reasons, so a single mark proves nothing yet.

use std::fs;

use serde::{Deserialize, Serialize};

use super::id::MessageId;
use super::queue::{Spool, unlink};
use super::state_file;

const NAME: &str = "loading.json";

/// Files smaller than this many bytes are loaded without a mark.
const LARGE: u64 = 256 << 10;

/// A message is skipped after this many consecutive runners died while loading it.
const TOO_MANY: u32 = 2;

#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    id: MessageId,
    begun: u32,
}

/// The message being loaded. Dropping this removes the mark.
#[derive(Debug)]
pub struct Loading<'a>(&'a Spool);

/// Marks the message as being loaded, if it is large. If the mark cannot be written, loading continues without it.
#[must_use]
pub fn begin<'a>(spool: &'a Spool, id: &MessageId) -> Option<Loading<'a>> {
    fs::symlink_metadata(spool.message_path(id)).ok().filter(|seen| seen.len() >= LARGE)?;
    let before = mark(spool).filter(|mark| mark.id == *id).map_or(0, |mark| mark.begun);
    state_file::write(spool, NAME, &Mark { id: id.clone(), begun: before + 1 }).ok()?;
    Some(Loading(spool))
}

/// The message that killed several runners.
#[must_use]
pub fn fatal(spool: &Spool) -> Option<MessageId> {
    mark(spool).filter(|mark| mark.begun >= TOO_MANY).map(|mark| mark.id)
}

fn mark(spool: &Spool) -> Option<Mark> {
    state_file::read(spool, NAME)
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        // A mark that cannot be removed does no harm by itself: it takes two runners that die to make it count.
        let _ = unlink(&self.0.dir().join(NAME));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
