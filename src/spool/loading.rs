//! spool/loading.json: the large message that a runner is just reading. A runner that ends while it reads (no memory is
//! left for the envelope, say) would end there at every start, and nobody's mail would move; from this file the next one
//! knows which message to leave out. A kill may come at any time, so that once says nothing yet.

use std::fs;

use serde::{Deserialize, Serialize};

use super::id::MessageId;
use super::queue::{Spool, unlink};
use super::state_file;

const NAME: &str = "loading.json";

/// Smaller files are read without a mark.
const LARGE: u64 = 256 << 10;

/// So many runners in a row ended while they read it.
const TOO_MANY: u32 = 2;

#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    id: MessageId,
    begun: u32,
}

/// The message that is being read; the mark is gone when this is dropped.
#[derive(Debug)]
pub struct Loading<'a>(&'a Spool);

/// Marks the message as being read where it is large. An unwritten mark costs nothing but its use.
#[must_use]
pub fn begin<'a>(spool: &'a Spool, id: &MessageId) -> Option<Loading<'a>> {
    fs::symlink_metadata(spool.message_path(id)).ok().filter(|seen| seen.len() >= LARGE)?;
    let before = mark(spool).filter(|mark| mark.id == *id).map_or(0, |mark| mark.begun);
    state_file::write(spool, NAME, &Mark { id: id.clone(), begun: before + 1 }).ok()?;
    Some(Loading(spool))
}

/// The message in which runners ended again and again.
#[must_use]
pub fn fatal(spool: &Spool) -> Option<MessageId> {
    mark(spool).filter(|mark| mark.begun >= TOO_MANY).map(|mark| mark.id)
}

fn mark(spool: &Spool) -> Option<Mark> {
    state_file::read(spool, NAME)
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        // One that stays is only believed when two runners in a row have left it.
        let _ = unlink(&self.0.dir().join(NAME));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
