//! Mail and tokens of a backup: what is in the way, and the order in which they are put back. Done with the rights of the spool's owner.

use std::io::Read as _;

use jiff::Timestamp;

use crate::archive::{Archive, ArchiveError};
use crate::cli::backup::layout::{SPOOL, STATE};
use crate::cli::exit::{Exit, Failure};
use crate::config::{Config, places};
use crate::spool::lock::{RunnerLock, TryLock};
use crate::spool::restored::{Departures, Journaled, Restored, messages};
use crate::spool::state_dir::StateDir;
use crate::spool::{MessageId, Spool, SpoolError};

/// The folders of a spool that are in a backup.
pub(super) const FOLDERS: [&str; 4] = ["queue", "failed", "raw", "history"];

/// Of a journal, in octets: far more than any has.
const MOST_JOURNAL: u64 = 64 << 20;

/// Of a token or a key.
const MOST_STATE: u64 = 1 << 20;

/// Where mail goes; its lock keeps runners away.
pub(super) struct Mail {
    spool: Spool,
    lock: RunnerLock,
    state: std::path::PathBuf,
    there: WhatIsThere,
}

/// Whether mail may be there already, and tokens may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhatIsThere {
    May,
    MayNot,
}

/// What became of what.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) stored: usize,
    pub(super) sent: usize,
    pub(super) there: usize,
    pub(super) damaged: usize,
    pub(super) failed: usize,
    pub(super) submitted: usize,
}

impl Mail {
    /// Opens the spool and looks whether all fits in. Nothing but empty folders is made.
    pub(super) fn open(config: &Config, archive: &Archive, there: WhatIsThere) -> Result<Self, Failure> {
        let spool = Spool::open(&config.spool)?;
        let lock = match RunnerLock::try_take(&spool)? {
            TryLock::Taken(lock) => lock,
            TryLock::Held(_) => {
                let stop = crate::cli::backup::layout::how_to_stop(config);
                let message = format!("the service runs here: stop it first ({stop}). Nothing was changed");
                return Err(Failure::new(Exit::TempFail, message));
            }
        };
        let dir = spool.dir().display();
        if there == WhatIsThere::MayNot && (spool.has_work()? || !spool.failed()?.is_empty()) {
            let message = format!(
                "{dir} already has mail; to add the backup's, also after a restore that was interrupted, run restore with --replace. \
                 Nothing was changed"
            );
            return Err(Failure::new(Exit::NoPermission, message));
        }
        let needed = archive.size_below(SPOOL);
        let room = |disk: rustix::fs::StatVfs| disk.f_bavail.saturating_mul(disk.f_frsize);
        let free = rustix::fs::statvfs(spool.dir()).map_or(u64::MAX, room);
        if needed > free {
            let message =
                format!("the backup has {needed} bytes of mail, and {dir} has room for {free}. Nothing was changed");
            return Err(Failure::new(Exit::TempFail, message));
        }
        Ok(Self { state: places::state_dir(&config.spool), spool, lock, there })
    }

    /// History first: what is known to be sent must be known before any message is there that it is about.
    pub(super) fn restore(&self, archive: &Archive, begun: Timestamp) -> Result<Counts, Failure> {
        let mut counts = Counts::default();
        // Journals without messages are those of an earlier restore that was interrupted.
        self.spool.sweep(&self.lock)?;
        for day in archive.below(&in_spool("history")) {
            if let Some(lines) = archive.content(&format!("{SPOOL}/history/{day}")) {
                self.spool.restore_history(&self.lock, day, lines)?;
            }
        }
        self.tokens(archive)?;
        for name in archive.below(&in_spool("failed")) {
            let is_beside = [".reason", ".journal", ".journal.damaged"].iter().any(|end| name.ends_with(end));
            counts.failed += usize::from(self.file(archive, "failed", name)? == Restored::Stored && !is_beside);
        }
        self.messages(archive, begun, &mut counts)?;
        for name in archive.below(&in_spool("raw")) {
            counts.submitted += usize::from(self.file(archive, "raw", name)? == Restored::Stored);
        }
        Ok(counts)
    }

    fn file(&self, archive: &Archive, folder: &str, name: &str) -> Result<Restored, Failure> {
        let content = archive.content(&format!("{SPOOL}/{folder}/{name}"));
        content.map_or(Ok(Restored::There), |content| Ok(self.spool.restore_file(&self.lock, folder, name, content)?))
    }

    fn messages(&self, archive: &Archive, begun: Timestamp, counts: &mut Counts) -> Result<(), Failure> {
        let ids = messages(archive.below(&in_spool("queue")));
        let departures = Departures::read(&self.spool, begun, |id| ids.contains_key(id))?;
        for (id, has_journal) in &ids {
            let name = format!("{SPOOL}/queue/{id}");
            let journal = if *has_journal { read(archive, &format!("{name}.journal"), MOST_JOURNAL)? } else { None };
            let Some(content) = archive.content(&name) else { continue };
            let journal = Journaled(journal.as_ref().map(|bytes| bytes.as_slice()));
            match self.spool.restore_message(&self.lock, id, content, journal, &departures) {
                Ok(Restored::Stored) => counts.stored += 1,
                Ok(Restored::Sent) => counts.sent += 1,
                Ok(Restored::There) => counts.there += 1,
                Err(SpoolError::Damaged { .. } | SpoolError::Newer { .. }) => {
                    self.damaged(archive, id)?;
                    counts.damaged += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// What cannot be read is kept where people look for it.
    fn damaged(&self, archive: &Archive, id: &MessageId) -> Result<(), Failure> {
        let name = format!("{SPOOL}/queue/{id}");
        if let Some(content) = archive.content(&name) {
            let reason = &b"it was damaged in the backup that it is from\n"[..];
            self.spool.restore_file(&self.lock, "failed", &format!("{id}.reason"), reason)?;
            self.spool.restore_file(&self.lock, "failed", id.as_str(), content)?;
        }
        Ok(())
    }

    /// Those that are there are of logins that may be newer.
    fn tokens(&self, archive: &Archive) -> Result<(), Failure> {
        if archive.below(STATE).next().is_none() {
            return Ok(());
        }
        let state = StateDir::open(&self.state)?;
        for name in archive.below(STATE) {
            if self.there == WhatIsThere::MayNot && state.read(name)?.is_some() {
                continue;
            }
            if let Some(bytes) = read(archive, &format!("{STATE}/{name}"), MOST_STATE)? {
                state.write(name, &bytes)?;
            }
        }
        Ok(())
    }
}

fn in_spool(folder: &str) -> String {
    format!("{SPOOL}/{folder}")
}

fn read(archive: &Archive, name: &str, most: u64) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, Failure> {
    let failed = |error: ArchiveError| Failure::new(Exit::DataError, error);
    let Some(mut content) = archive.content(name) else { return Ok(None) };
    if content.size() > most {
        return Err(failed(ArchiveError::Foreign(format!("entry {name} is larger than {most} bytes"))));
    }
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(usize::try_from(content.size()).unwrap_or(0)));
    content.read_to_end(&mut bytes).map_err(|error| failed(ArchiveError::Io(error)))?;
    Ok(Some(bytes))
}
