//! Mail at rest: the only code that touches the spool. It stores, reads, records and removes messages, durably. What
//! to do with a message is decided elsewhere.

pub mod account_health;
pub mod alarm_state;
pub mod client_activity;
pub mod clock;
mod day_file;
pub mod dropped;
pub mod failed;
mod folders;
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
mod recovery;
mod replace;
pub mod restored;
pub mod retention;
mod shared_sync;
pub mod snapshot;
pub mod state;
pub mod state_dir;
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
pub use self::recipient::{Recipient, is_expanded};

/// Errors of the spool. Each names the file and, for a failed system call, the system's error text.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A system call failed.
    #[error("cannot {action} {}: {error}", .path.display())]
    Io {
        /// What was tried, such as "write", "sync" or "create".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// A message or journal is not valid.
    #[error("{} is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A directory of the spool belongs to another user.
    #[error(
        "{} belongs to uid {owner}, but this process runs as uid {us}: \
         run it as the spool's owner, or set `spool` to a directory of your own",
        .path.display()
    )]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// Its owner's uid.
        owner: u32,
        /// The uid of this process.
        us: u32,
    },
    /// Other users can write to a directory of the spool.
    #[error("others can write to {} (mode {mode:04o}): run `chmod go-w {}`", .path.display(), .path.display())]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Others can read or change what is a secret.
    #[error(
        "others have access to {} (mode {mode:04o}): run `chmod {right} {}`, or remove it to have a new one made",
        .path.display(), .path.display()
    )]
    Shared {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        right: &'static str,
    },
    /// The envelope has too many recipients, or too long ones.
    #[error("the envelope would have {octets} bytes, more than the limit of {most}: send to fewer recipients at once")]
    EnvelopeTooLong {
        /// Bytes that the envelope needs.
        octets: usize,
        /// Bytes that are allowed.
        most: usize,
    },
    /// Stored by a newer postrider in a format that this one does not know. The file stays where it is.
    #[error("{} was stored by a newer postrider: {what}", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// What is new.
        what: String,
    },
    /// Another message has this id.
    #[error("message {0} already exists")]
    Exists(MessageId),
    /// The message is not in the queue, or not any more.
    #[error("no message {0} in the queue")]
    Gone(MessageId),
}

impl SpoolError {
    /// Whether this process, or the machine, has too few descriptors or too little memory: nothing is wrong with the file.
    #[must_use]
    pub fn is_shortage(&self) -> bool {
        let Self::Io { error, .. } = self else { return false };
        let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
        matches!(errno, Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE | rustix::io::Errno::NOMEM))
    }

    /// For `map_err`: a system call failed on this path.
    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Io { action, path: path.into(), error }
    }

    /// A file is not valid.
    fn damaged(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), what: what.into() }
    }

    /// A new file could not be made durable.
    fn not_kept(path: PathBuf, failure: postrider_drop::durable::NotKept) -> Self {
        Self::Io { action: failure.action, path, error: failure.error }
    }
}
