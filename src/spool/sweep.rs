//! Operations on queue/ as a whole: removing what finished messages and killed processes left, and whether any
//! message waits.

use postrider_drop::durable::TEMPORARY;

use super::SpoolError;
use super::id::MessageId;
use super::journal::Journal;
use super::lock::RunnerLock;
use super::queue::{Spool, exists, is_abandoned, unlink};

impl Spool {
    /// Removes what finished messages and killed processes left. Only the runner may do this.
    ///
    /// A journal without a message is left by a message that was finished or set aside. In the second case it follows
    /// the message to failed/.
    ///
    /// The lock is an argument because it proves that no runner is at work, whose half-finished moves would look just
    /// like leftovers. Front ends may be storing mail at the same time, and so temporary files are left alone until
    /// they are an hour old.
    pub fn sweep(&self, lock: &RunnerLock) -> Result<(), SpoolError> {
        let _ = lock;
        let (mut journals, mut temporary, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
        self.each_name(|name| {
            if let Some(id) = name.strip_suffix(".journal").and_then(MessageId::parse) {
                journals.push(id);
            } else if name.starts_with(TEMPORARY) {
                temporary.push(name.to_owned());
            } else if MessageId::parse(name).is_none() {
                foreign.push(name.to_owned());
            }
        })?;
        // Another user's folder cannot be moved. The rest is swept all the same.
        let mut swept = Ok(());
        for name in foreign {
            let aside = self.set_name_aside(&name, "its name is not a message id: another program left it in queue/");
            swept = swept.and(aside.map(drop));
        }
        for id in journals {
            // Checked now, not when the directory was read: a new message may have appeared since, and its file
            // exists before its journal.
            if !exists(&self.message_path(&id))? {
                self.move_journal(&id)?;
            }
        }
        for name in temporary {
            let path = self.dir().join("queue").join(name);
            if is_abandoned(&path) {
                unlink(&path)?;
            }
        }
        swept
    }

    /// Whether any message waits that is not held. Unreadable messages do not count.
    pub fn has_work(&self) -> Result<bool, SpoolError> {
        let waits = |id: &MessageId| {
            let Ok(stored) = self.open_message(id) else { return false };
            !Journal::peek(self, id, stored.envelope.recipients.len()).is_ok_and(|state| state.held)
        };
        Ok(self.ids()?.iter().any(waits))
    }

    /// Whether nothing waits but held mail. What can never be read does not wait; what cannot be read just now does.
    pub fn has_only_held(&self) -> Result<bool, SpoolError> {
        for id in self.ids()? {
            let read =
                self.open_message(&id).and_then(|stored| Journal::peek(self, &id, stored.envelope.recipients.len()));
            match read {
                Ok(state) if !state.held => return Ok(false),
                Ok(_) | Err(SpoolError::Damaged { .. } | SpoolError::Newer { .. } | SpoolError::Gone(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
