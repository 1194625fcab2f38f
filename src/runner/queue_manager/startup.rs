//! The runner's entrances: the socket and pickup of the one that serves the machine, and
//! a look into drop/ and raw/ by any other that holds the lock.

use std::collections::HashSet;
use std::sync::Arc;

use super::event_loop::QueueManager;
use crate::log;
use crate::runner::listener::intake_state::{IntakeState, RunState};
use crate::runner::listener::pickup;
use crate::spool::SpoolError;

impl QueueManager {
    /// Takes in the mail of the whole machine as well.
    pub fn serve(&mut self, intake: Arc<IntakeState>) {
        self.intake = Some(intake);
    }

    /// Once all that is in the queue is known: what comes in, or lies in drop/, may be there already.
    pub(crate) fn open_intake(&mut self) {
        let Some(intake) = &self.intake else { return };
        intake.set(RunState::Running { loaded: Arc::clone(&self.loaded), events: self.sender.clone() });
        match pickup::start(Arc::clone(intake)) {
            Ok(nudge) => self.nudge = Some(nudge),
            Err(error) => log::warning(format_args!("cannot pick up mail from drop/: {error}")),
        }
    }

    /// Nor is what was set aside to come again.
    pub(crate) fn remember_set_aside(&self) -> Result<(), SpoolError> {
        let (Some(intake), spool) = (&self.intake, &self.loaded.spool) else { return Ok(()) };
        for name in spool.failed()? {
            // What cannot be read has no token either.
            if let Ok(stored) = spool.open_failed_name(&name) {
                let envelope = stored.envelope;
                intake.tokens.remember(envelope.uid, &envelope.token, &envelope.id);
            }
        }
        Ok(())
    }

    /// Who serves has a porter for what lies in drop/ or raw/; any other runner looks once, with this.
    pub(crate) fn intake_for_leftovers(&mut self) -> Result<Option<Arc<IntakeState>>, SpoolError> {
        if self.intake.is_some() || !self.loaded.spool.has_left()? {
            return Ok(None);
        }
        let intake = Arc::new(IntakeState::new(self.loaded.spool.clone()));
        self.intake = Some(Arc::clone(&intake));
        Ok(Some(intake))
    }

    /// Picks up what is left there.
    pub(crate) fn pick_up_leftovers(&mut self, intake: &IntakeState) -> Result<(), SpoolError> {
        intake.set(RunState::Running { loaded: Arc::clone(&self.loaded), events: self.sender.clone() });
        pickup::look(intake, &mut HashSet::new());
        self.rescan()
    }
}
