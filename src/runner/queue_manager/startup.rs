//! The runner's entrances: the socket and pickup of the one that serves the machine, and
//! a look into drop/ and raw/ by any other that holds the lock.

use std::collections::HashSet;
use std::sync::Arc;

use super::event_loop::Engine;
use crate::log;
use crate::runner::listener::intake_state::{IntakeState, RunState};
use crate::runner::listener::pickup;
use crate::spool::SpoolError;

impl Engine {
    /// Takes in the mail of the whole machine as well.
    pub fn serve(&mut self, front: Arc<IntakeState>) {
        self.front = Some(front);
    }

    /// Once all that is in the queue is known: what comes in, or lies in drop/, may be there already.
    pub(crate) fn open_front(&mut self) {
        let Some(front) = &self.front else { return };
        front.set(RunState::Running { loaded: Arc::clone(&self.settings.loaded), events: self.sender.clone() });
        match pickup::start(Arc::clone(front)) {
            Ok(nudge) => self.nudge = Some(nudge),
            Err(error) => log::warning(format_args!("cannot pick up mail from drop/: {error}")),
        }
    }

    /// Nor is what was set aside to come again.
    pub(crate) fn remember_set_aside(&self) -> Result<(), SpoolError> {
        let (Some(front), spool) = (&self.front, &self.settings.spool) else { return Ok(()) };
        for name in spool.failed()? {
            // What cannot be read has no token either.
            if let Ok(stored) = spool.open_failed_name(&name) {
                let envelope = stored.envelope;
                front.tokens.remember(envelope.uid, &envelope.token, &envelope.id);
            }
        }
        Ok(())
    }

    /// Who serves has a porter for what lies in drop/ or raw/; any other runner looks once, with this.
    pub(crate) fn front_for_what_is_left(&mut self) -> Result<Option<Arc<IntakeState>>, SpoolError> {
        if self.front.is_some() || !self.settings.spool.has_left()? {
            return Ok(None);
        }
        let front = Arc::new(IntakeState::new(self.settings.spool.clone()));
        self.front = Some(Arc::clone(&front));
        Ok(Some(front))
    }

    /// Picks up what is left there.
    pub(crate) fn take_over(&mut self, front: &IntakeState) -> Result<(), SpoolError> {
        front.set(RunState::Running { loaded: Arc::clone(&self.settings.loaded), events: self.sender.clone() });
        pickup::look(front, &mut HashSet::new());
        self.rescan()
    }
}
