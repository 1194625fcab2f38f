//! The event loop's side of the intake: socket and pickup of the runner that serves the whole machine. A runner
//! without an intake treats every message as its own.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::control::loaded::Loaded;
use crate::log;
use crate::runner::event::Event;
use crate::runner::listener::intake_state::{IntakeState, RunState};
use crate::runner::listener::pickup;
use crate::runner::listener::smtp_listeners::SmtpListeners;
use crate::spool::{Envelope, MessageId, Spool, SpoolError};
use crate::sys::passed_sockets::Opener;

/// How long a stop waits for transactions of network clients.
const LAST_TRANSACTIONS: Duration = Duration::from_secs(5);

/// The intake, if there is one.
#[derive(Debug, Default)]
pub(super) struct Intake {
    state: Option<Arc<IntakeState>>,
    /// Makes pickup run immediately.
    pickup: Option<Sender<()>>,
    /// The listeners for SMTP clients.
    listeners: Option<SmtpListeners>,
}

impl Intake {
    /// Sets the intake.
    pub(super) fn serve(&mut self, state: Arc<IntakeState>) {
        self.state = Some(state);
    }

    /// Waits a little for the transactions that network clients have open; they cannot begin others.
    pub(super) fn finish_transactions(&self) {
        if let Some(state) = &self.state {
            state.transactions.finish(LAST_TRANSACTIONS);
        }
    }

    /// Whether the message must not be attempted yet: if the runner were killed now, its client would submit it
    /// again.
    ///
    /// The queue manager learns of the file from inotify before the reply is sent, so every way into the schedule asks
    /// this first. [`IntakeState::release`] sends the event that loads the message in the end.
    pub(super) fn is_held(&self, id: &MessageId) -> bool {
        self.state.as_ref().is_some_and(|state| state.is_held(id))
    }

    /// Remembers the message's token, so that a second copy of the submission is recognised.
    pub(super) fn remember(&self, envelope: &Envelope) {
        if let Some(state) = &self.state {
            state.tokens.remember(&envelope.submitter, &envelope.token, &envelope.id);
        }
    }

    /// Remembers the tokens of messages in failed/, too.
    pub(super) fn remember_failed(&self, spool: &Spool) -> Result<(), SpoolError> {
        if self.state.is_none() {
            return Ok(());
        }
        for name in spool.failed()? {
            // An unreadable file has no token.
            if let Ok(stored) = spool.open_failed_name(&name) {
                self.remember(&stored.envelope);
            }
        }
        Ok(())
    }

    /// Opens the intake. The whole queue must be known by then, because what comes in may already be in it.
    ///
    /// Neither failure below stops the runner: queued mail is still delivered, files in drop/ wait for the next
    /// runner, and SMTP clients try again.
    pub(super) fn open(&mut self, loaded: &Arc<Loaded>, events: &Sender<Event>) {
        let Some(state) = &self.state else { return };
        state.set(RunState::Running { loaded: Arc::clone(loaded), events: events.clone() });
        match pickup::start(Arc::clone(state)) {
            Ok(trigger) => self.pickup = Some(trigger),
            Err(error) => log::warning(format_args!("cannot pick up mail from drop/: {error}")),
        }
        match SmtpListeners::new(Arc::clone(state)) {
            Ok(mut listeners) => {
                listeners.follow(loaded);
                self.listeners = Some(listeners);
            }
            Err(error) => log::warning(format_args!("cannot listen for SMTP clients: {error}")),
        }
    }

    /// Whether the socket on which mail is submitted outlives the runner.
    pub(super) fn is_passed(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.opener == Opener::ServiceManager)
    }

    /// Connections so far.
    pub(super) fn accepted(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.gate.accepted())
    }

    /// Lets nothing in any more, unless something is inside. Returns whether that is so.
    pub(super) fn close_if_empty(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.gate.close_if_empty())
    }

    /// Lets connections and pickup in again.
    pub(super) fn open_again(&self) {
        if let Some(state) = &self.state {
            state.gate.open();
        }
    }

    /// Uses a new configuration.
    pub(super) fn adopt(&mut self, loaded: &Arc<Loaded>) {
        if let Some(state) = &self.state {
            state.adopt(loaded);
        }
        if let Some(listeners) = &mut self.listeners {
            listeners.follow(loaded);
        }
    }

    /// Runs pickup again: a change may let it admit what it could not admit before.
    pub(super) fn pick_up_again(&self) {
        if let Some(pickup) = &self.pickup {
            // Pickup runs as long as the loop does.
            let _ = pickup.send(());
        }
    }

    /// Whether drop/ or raw/ contains something. A runner that does not serve the machine has no pickup, so it looks
    /// there once itself and remembers tokens from then on.
    pub(super) fn find_leftovers(&mut self, spool: &Spool) -> Result<Leftovers, SpoolError> {
        if self.state.is_some() || !spool.has_left()? {
            return Ok(Leftovers::None);
        }
        self.state = Some(Arc::new(IntakeState::new(spool.clone())));
        Ok(Leftovers::Some)
    }

    /// Picks up the leftovers.
    pub(super) fn pick_up_leftovers(&self, loaded: &Arc<Loaded>, events: &Sender<Event>) {
        if let Some(state) = &self.state {
            state.set(RunState::Running { loaded: Arc::clone(loaded), events: events.clone() });
            pickup::look(state, &mut HashSet::new());
        }
    }
}

/// Whether drop/ or raw/ contains something for a runner without pickup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leftovers {
    /// Nothing that concerns it.
    None,
    /// Something to pick up once the queue is known.
    Some,
}
