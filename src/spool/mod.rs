//! Mail at rest: the only code that touches the spool. What is done with a message
//! is decided elsewhere; here it is stored, read, recorded and removed, durably.

pub mod account_health;
pub mod clock;
mod day_file;
pub mod dropped;
pub mod failed;
pub mod history;
pub mod id;
pub mod journal;
pub mod journal_line;
pub mod learned;
pub mod listener_health;
pub mod loading;
pub mod lock;
pub mod message_file;
pub mod queue;
mod recipient;
mod replace;
pub mod retention;
mod shared_sync;
pub mod state;
pub mod state_file;
mod sweep;
pub mod time;
pub mod usage;
mod usage_table;
pub mod writer;

use std::path::PathBuf;

pub use self::id::{IdPrefix, MessageId};
pub use self::message_file::{Body, Envelope, Kind, Stored};
pub use self::queue::Spool;
pub use self::recipient::Recipient;

/// What can go wrong with the spool; each names the file and the system's words.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A system call failed.
    #[error("cannot {action} {}: {error}", .path.display())]
    Io {
        /// What was tried, as in "write", "sync", "create".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// A message or journal is not what it should be.
    #[error("{} is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        what: String,
    },
    /// A directory of the spool belongs to somebody else.
    #[error(
        "{} belongs to uid {owner}, but this process runs as uid {us}: \
         run it as the spool's owner, or set `spool` to a directory of your own",
        .path.display()
    )]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// Others may write to a directory of the spool.
    #[error("others can write to {} (mode {mode:04o}): run `chmod go-w {}`", .path.display(), .path.display())]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// So many or so long recipients that the envelope cannot be stored.
    #[error("the envelope would have {octets} bytes, more than the limit of {most}: send to fewer recipients at once")]
    EnvelopeTooLong {
        /// What it would take.
        octets: usize,
        /// What there is room for.
        most: usize,
    },
    /// A newer postrider stored it, in a form that this one does not read; it stays where it is.
    #[error("{} was stored by a newer postrider: {what}", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// What is newer.
        what: String,
    },
    /// The id is taken.
    #[error("message {0} already exists")]
    Exists(MessageId),
    /// Not in the queue (any more).
    #[error("no message {0} in the queue")]
    Gone(MessageId),
}

impl SpoolError {
    /// For `map_err`: a system call failed on this path.
    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Io { action, path: path.into(), error }
    }

    /// A file is not what it should be.
    fn damaged(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), what: what.into() }
    }

    /// A file did not come to stay.
    fn not_kept(path: PathBuf, failure: postrider_drop::durable::NotKept) -> Self {
        Self::Io { action: failure.action, path, error: failure.error }
    }
}
