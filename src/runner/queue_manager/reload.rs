//! Changes while a runner works: of its configuration, and of the tables and secrets that the configuration names.
//! Any change may unblock waiting mail.
//!
//! A worker keeps the configuration that it started with: its session was opened with that account's server and
//! password. After a reload it finishes its message and gets no other (`workers`), and new sessions start with the new
//! configuration. The two never mix within a session.

use std::sync::Arc;

use jiff::Timestamp;

use super::account_queue::later;
use super::scan::Due;
use super::state::QueueState;
use crate::control::loaded::Loaded;
use crate::log;
use crate::runner::context;

impl QueueState {
    /// Checks the table files again if there is something to send.
    pub(super) fn refresh_tables(&mut self, now: Timestamp) {
        if self.schedule.has_work(now) && self.table_timer.may_refresh(now) {
            self.loaded.refresh();
        }
    }

    /// Reads the configuration again if it changed, and the tables in any case.
    pub(super) fn reload_if_changed(&mut self) {
        // Update the watches first: a folder may have appeared, and what is written to it from now on must be seen.
        self.watch_files();
        if self.loaded.has_changed() {
            self.reload();
        }
        self.loaded.refresh();
    }

    /// Reads the configuration again. If that fails, the old one stays in use.
    ///
    /// A typing error in the file therefore stops nothing: mail goes on as before until the file can be read again.
    pub(super) fn reload(&mut self) {
        match self.loaded.reload() {
            Ok(loaded) => {
                log::reloaded(loaded.config.path.display());
                self.adopt(loaded);
            }
            Err(error) => {
                log::warning(format_args!("cannot reload the configuration, keeping the old one: {error}"));
                self.alarms.look();
            }
        }
    }

    /// Uses a new configuration. Attempts in progress end with the one they started with.
    fn adopt(&mut self, loaded: Loaded) {
        log::set_name(&loaded.config.syslog_name);
        self.loaded = context::with_tables(loaded);
        self.intake.adopt(&self.loaded);
        self.alarms.adopt(&self.loaded);
        self.watch_files();
        self.end_backoffs();
        self.reschedule_all();
    }

    fn watch_files(&self) {
        if let Some(files) = &self.files {
            self.loaded.make_state_dir();
            files.set_paths(&self.loaded.files());
        }
    }

    /// The configuration, a table or a secret was written. Waiting mail may be sent now.
    pub(super) fn on_files_changed(&mut self) {
        self.intake.pick_up_again();
        let before = Arc::clone(&self.loaded);
        self.reload_if_changed();
        // Otherwise a new configuration was adopted, which did both already.
        if Arc::ptr_eq(&before, &self.loaded) {
            self.alarms.look();
            self.end_backoffs();
            self.reschedule_all();
        }
        // An editor may be half-way through a table that was just written. It is not used before it has been still for
        // a while, and no further event announces that moment, so the loop's timer does.
        let settles_in = self.loaded.leaving().settles_in();
        self.table_timer.settles_at(settles_in.map(|wait| later(self.now(), wait)));
    }

    /// Reads a table that was being written, once it has settled.
    pub(super) fn read_settled_tables(&mut self, now: Timestamp) {
        if self.table_timer.has_settled(now) {
            self.on_files_changed();
        }
    }

    /// Routes every waiting message again; all are due, also those that are being attempted with what was in force before.
    ///
    /// Which account a message uses may have changed, so it is read from disk again instead of being moved. Attempts
    /// in progress used the old configuration. If they end with a wait, that wait is void.
    fn reschedule_all(&mut self) {
        self.schedule.want_active_again();
        for id in self.schedule.idle() {
            self.schedule.remove(&id);
            self.load_due(id, Due::Now);
        }
    }
}
