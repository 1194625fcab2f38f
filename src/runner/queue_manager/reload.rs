//! What changes while a runner works: its config, the tables and secrets that this names. Every change may let mail go
//! that waits.

use std::sync::Arc;

use jiff::Timestamp;

use super::scan::Due;
use super::scheduler::later;
use super::state::QueueState;
use crate::control::loaded::Loaded;
use crate::log;
use crate::runner::context;

impl QueueState {
    /// Looks at the table files again where there is something to send.
    pub(super) fn refresh_tables(&mut self, now: Timestamp) {
        if self.schedule.has_work(now) && self.table_timer.may_refresh(now) {
            self.loaded.refresh();
        }
    }

    /// Reads the config again if it has changed, and the tables in any case.
    pub(super) fn reload_if_changed(&mut self) {
        // First the watch, which a folder that appeared may need: what is written to it from now on is seen.
        self.watch_files();
        if self.loaded.has_changed() {
            self.reload();
        }
        self.loaded.refresh();
    }

    /// Reads the config again. One that cannot be read leaves the old one in force.
    pub(super) fn reload(&mut self) {
        match self.loaded.reload() {
            Ok(loaded) => {
                log::reloaded(loaded.config.path.display());
                self.adopt(loaded);
            }
            Err(error) => {
                log::warning(format_args!("cannot reload the configuration, keeping the old one: {error}"));
            }
        }
    }

    /// From now on this is in force. Attempts in progress end with what they began with.
    fn adopt(&mut self, loaded: Loaded) {
        self.loaded = context::with_tables(loaded);
        self.intake.adopt(&self.loaded);
        self.watch_files();
        self.end_backoffs();
        self.reschedule_all();
    }

    fn watch_files(&self) {
        if let Some(files) = &self.files {
            files.set_paths(&self.loaded.files());
        }
    }

    /// The config, a table or a secret was written: what waited for it may go.
    pub(super) fn on_files_changed(&mut self) {
        self.intake.pick_up_again();
        let before = Arc::clone(&self.loaded);
        self.reload_if_changed();
        if Arc::ptr_eq(&before, &self.loaded) {
            self.end_backoffs();
            self.reschedule_all();
        }
        let settles_in = self.loaded.generic().settles_in();
        self.table_timer.settles_at(settles_in.map(|wait| later(self.now(), wait)));
    }

    /// A table that was being written is read once it has settled: mail may wait for one of its rows.
    pub(super) fn read_settled_tables(&mut self, now: Timestamp) {
        if self.table_timer.has_settled(now) {
            self.on_files_changed();
        }
    }

    /// Routes every waiting message again; all are due.
    fn reschedule_all(&mut self) {
        for id in self.schedule.idle() {
            self.schedule.remove(&id);
            self.load_due(id, Due::Now);
        }
    }
}
