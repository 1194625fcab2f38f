//! spool/loading.json: the message with a large envelope that the runner is loading right now.
//!
//! If loading a message kills the runner, for example because its envelope does not fit into memory, every new runner
//! would die at the same message and no mail would move at all. The mark lets the next runner skip that message. A
//! runner can also be killed for other reasons, so a single mark proves nothing yet; and the text of a message is not
//! loaded, so that however long it is, it needs no mark.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::{CWD, OFlags};
use serde::{Deserialize, Serialize};

use super::id::MessageId;
use super::queue::{Spool, open_regular, unlink};
use super::state_file;

const NAME: &str = "loading.json";

/// Envelopes of fewer bytes are loaded without a mark.
const LARGE: usize = 256 << 10;

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

/// Marks the message as being loaded, if its envelope is large. If the mark cannot be written, loading continues without it.
#[must_use]
pub fn begin<'a>(spool: &'a Spool, id: &MessageId) -> Option<Loading<'a>> {
    let is_large = has_large_envelope(&spool.message_path(id)).unwrap_or_default();
    is_large.then_some(())?;
    let before = mark(spool).filter(|mark| mark.id == *id).map_or(0, |mark| mark.begun);
    state_file::write(spool, NAME, &Mark { id: id.clone(), begun: before + 1 }).ok()?;
    Some(Loading(spool))
}

/// Whether the first line, which is the envelope, is a large one.
fn has_large_envelope(path: &Path) -> io::Result<bool> {
    if fs::symlink_metadata(path)?.len() < LARGE as u64 {
        return Ok(false);
    }
    let mut file = open_regular(CWD, path, OFlags::RDONLY)?;
    let mut beginning = [0; 8 << 10];
    let mut passed = 0;
    while passed < LARGE {
        let octets = file.read(&mut beginning)?;
        if octets == 0 || memchr::memchr(b'\n', &beginning[..octets]).is_some() {
            return Ok(false);
        }
        passed += octets;
    }
    Ok(true)
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
