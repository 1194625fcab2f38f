//! How much of the spool each user takes: counting what a start finds there, answering the limits' questions, and
//! the free space of the disk. The counters themselves are `usage_table`'s.

use std::os::unix::fs::MetadataExt;
use std::{fs, io};

use super::dropped::{self, Place};
use super::failed;
use super::id::MessageId;
use super::queue::Spool;
use super::usage_table::Folder;
use crate::spool::SpoolError;

pub use super::usage_table::Usage;

impl Spool {
    /// What this user has in queue/, raw/ and failed/, as far as it was counted.
    #[must_use]
    pub fn load_of(&self, uid: u32) -> Usage {
        self.usage_table().load(uid)
    }

    /// Counts a message of queue/ that was read, with its octets on disk.
    pub fn count(&self, id: &MessageId, uid: u32, octets: u64) {
        self.usage_table().add(Folder::Queue, id.as_str(), uid, octets);
    }

    /// Counts what is in raw/ and failed/ already.
    pub fn count_rest(&self) -> Result<(), SpoolError> {
        for name in self.waiting_names(Place::Raw)? {
            self.count_waiting(Place::Raw, &name);
        }
        for name in self.failed()? {
            self.count_failed(&name);
        }
        Ok(())
    }

    /// A file of raw/ is whose its name says.
    pub(crate) fn count_waiting(&self, place: Place, name: &str) {
        let seen = fs::symlink_metadata(self.dir().join(place.folder()).join(name));
        if let (Place::Raw, Ok(seen), Some(uid)) = (place, seen, dropped::uid_in(name)) {
            self.usage_table().add(Folder::Raw, name, uid, seen.len());
        }
    }

    /// A file of failed/ is whose its envelope says, its owner's where it has none, or whose its name says where the
    /// runner had taken it in.
    pub(crate) fn count_failed(&self, name: &str) {
        let Ok(seen) = fs::symlink_metadata(self.failed_path(name)) else { return };
        let is_ours = seen.uid() == rustix::process::geteuid().as_raw();
        let in_envelope = || failed::id_of(name).and_then(|_| Some(self.open_failed_name(name).ok()?.envelope.uid));
        let uid = if is_ours { in_envelope().or_else(|| dropped::uid_in(name)) } else { Some(seen.uid()) };
        if let Some(uid) = uid {
            self.usage_table().add(Folder::Failed, name, uid, seen.len());
        }
    }

    /// Octets free, and of the whole file system.
    pub fn space(&self) -> Result<Space, SpoolError> {
        let seen = fs2::statvfs(self.dir());
        let seen = seen.map_err(|error: io::Error| SpoolError::io("read the free space of", self.dir())(error))?;
        Ok(Space { free: seen.available_space(), whole: seen.total_space() })
    }
}

/// Of the file system that the spool is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Octets free for this user.
    pub free: u64,
    /// Octets of it.
    pub whole: u64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::mail::address::ReversePath;
    use crate::spool::Envelope;
    use crate::spool::writer::Incoming;

    fn store(spool: &Spool, random: u16, uid: u32) -> MessageId {
        let id = MessageId::new(1, random);
        let envelope = Envelope { uid, ..Envelope::mail(id, jiff::Timestamp::now(), ReversePath::Null, Vec::new()) };
        let mut incoming = Incoming::begin(spool, envelope).unwrap();
        incoming.write(&[b'x'; 1000]).unwrap();
        incoming.commit().unwrap()
    }

    #[test]
    fn a_message_counts_for_its_user_wherever_it_goes_until_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        let (first, second) = (store(&spool, 1, 1000), store(&spool, 2, 1000));
        let hers = store(&spool, 3, 1001);
        let two = Usage { messages: 2, octets: 2 * 2024 };
        assert_eq!(spool.load_of(1000), two);
        spool.set_aside(&first, "no reason").unwrap();
        assert_eq!(spool.load_of(1000), two);
        // A runner that starts finds the same.
        let fresh = Spool::open(dir.path()).unwrap();
        fresh.count_rest().unwrap();
        fresh.count(&second, 1000, 2024);
        fresh.count(&second, 1000, 2024);
        assert_eq!(fresh.load_of(1000), two);
        spool.bring_back(&first).unwrap();
        assert_eq!(spool.load_of(1000), two);
        spool.remove(&first).unwrap();
        spool.set_aside(&second, "no reason").unwrap();
        spool.remove_failed(second.as_str()).unwrap();
        assert_eq!(spool.load_of(1000), Usage::default());
        spool.set_aside(&hers, "no reason").unwrap();
        assert_eq!(spool.load_of(1001).messages, 1);
        spool.age_out(std::time::Duration::ZERO, |_| std::time::Duration::from_secs(1)).unwrap();
        assert_eq!(spool.load_of(1001), Usage::default());
    }

    #[test]
    fn what_was_taken_in_raw_counts_for_whoever_handed_it_in() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        let file = spool.begin_raw().unwrap();
        std::io::Write::write_all(&mut file.file(), b"no frame").unwrap();
        spool.keep_raw(file, 1000, "T").unwrap();
        let one = Usage { messages: 1, octets: 8 };
        assert_eq!(spool.load_of(1000), one);
        spool.set_waiting_aside(Place::Raw, "1000.T", "no frame").unwrap();
        assert_eq!(spool.load_of(1000), one);
        let fresh = Spool::open(dir.path()).unwrap();
        fresh.count_rest().unwrap();
        assert_eq!(fresh.load_of(1000), one);
    }
}
