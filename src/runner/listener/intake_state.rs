//! State shared by the listeners, pickup and the event loop: the configuration in use, or why there is none; messages
//! that must not be attempted yet; and the usage of the clients.
//!
//! The state exists before there is a readable configuration and outlives every reload. The submission socket needs no
//! configuration either, so a broken one turns no mail away: what is submitted is kept in raw/ as it came.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use super::accept_gate::AcceptGate;
use super::envelope_budget::EnvelopeBudget;
use super::open_transactions::OpenTransactions;
use super::seen_tokens::SeenTokens;
use super::submitter_limits::{Refusal, SubmitterLimits, over};
use crate::config::Limits;
use crate::control::loaded::{Loaded, Unreadable};
use crate::mail::submitter::Submitter;
use crate::runner::event::Event;
use crate::runner::thread_pool::ThreadPool;
use crate::spool::dropped::Place;
use crate::spool::usage::Usage;
use crate::spool::{MessageId, Spool};
use crate::submit::admit::pickup::{Known, Runner};
use crate::sys::passed_sockets::{NamedSocket, Opener, PassedSockets};

/// Time between two log lines about a full disk.
const BETWEEN_ALERTS: Duration = Duration::from_mins(10);

/// The state of the runner.
#[derive(Debug)]
pub enum RunState {
    /// It is starting and cannot serve anything yet.
    Starting,
    /// Without a readable configuration, submissions are kept unprocessed. The fields say why it cannot be read.
    NoConfig(String, Unreadable),
    /// The event loop is running.
    Running {
        /// The configuration in use.
        loaded: Arc<Loaded>,
        /// To the event loop.
        events: Sender<Event>,
    },
}

/// State shared by the listeners, pickup and the event loop.
#[derive(Debug)]
pub struct IntakeState {
    /// The machine's spool.
    pub spool: Spool,
    /// Sockets for network clients that the service manager has opened.
    pub passed: Vec<NamedSocket>,
    /// Who opened the socket on which mail is submitted.
    pub opener: Opener,
    /// What lets connections and pickup in.
    pub gate: Arc<AcceptGate>,
    /// Transactions of network clients.
    pub transactions: Arc<OpenTransactions>,
    /// What each client has used of its limits.
    pub clients: SubmitterLimits,
    /// Limits the envelopes in memory.
    pub envelopes: EnvelopeBudget,
    /// Stores messages with many recipients.
    pub large_envelopes: Arc<ThreadPool>,
    /// Recent submissions.
    pub tokens: SeenTokens,
    told_of_room: Mutex<Option<Instant>>,
    /// Locked for a moment only. A thread that stored mail under this lock would stop a reload, and with it the event
    /// loop.
    run_state: RwLock<RunState>,
    /// An id is entered before the file is linked into queue/ and removed by one of the `release` functions. Every
    /// entry must be released, also if storing fails: an id that stayed would keep its message, or one that gets the
    /// id later, from ever being attempted.
    held: Mutex<HashMap<MessageId, HeldUntil>>,
    /// Makes pickup check raw/ and drop/ immediately.
    pickup: OnceLock<Sender<()>>,
}

/// How long a stored message must not be attempted. If the runner died before that, the submission would come again
/// under another id. If the first copy had left already, the message would be sent twice.
#[derive(Debug, Clone, PartialEq, Eq)]
enum HeldUntil {
    /// Until pickup is done with its file in drop/ or raw/.
    PickedUp,
    /// Until this file, which could not be removed, is gone.
    Removed(Place, String),
    /// Until its client has the reply.
    Replied,
}

impl IntakeState {
    /// Without a configuration yet.
    #[must_use]
    pub fn new(spool: Spool) -> Self {
        Self::with_sockets(spool, &PassedSockets::default())
    }

    /// The same, with sockets that are open already.
    #[must_use]
    pub fn with_sockets(spool: Spool, passed: &PassedSockets) -> Self {
        Self {
            spool,
            passed: passed.network.clone(),
            opener: passed.opener(),
            gate: Arc::default(),
            transactions: Arc::default(),
            clients: SubmitterLimits::default(),
            envelopes: EnvelopeBudget::default(),
            large_envelopes: ThreadPool::for_large_envelopes(),
            tokens: SeenTokens::default(),
            told_of_room: Mutex::default(),
            run_state: RwLock::new(RunState::Starting),
            held: Mutex::default(),
            pickup: OnceLock::new(),
        }
    }

    /// The configuration in use, or why there is none.
    pub fn loaded(&self) -> Result<Arc<Loaded>, String> {
        match &*self.run_state.read() {
            RunState::Starting => Err("the runner is starting; try again in a moment".to_owned()),
            RunState::NoConfig(why, _) => Err(why.clone()),
            RunState::Running { loaded, .. } => Ok(Arc::clone(loaded)),
        }
    }

    /// The problem with the configuration file as it is now.
    pub fn unreadable(&self) -> Option<Unreadable> {
        match &*self.run_state.read() {
            RunState::Starting => None,
            RunState::NoConfig(_, unreadable) => Some(unreadable.clone()),
            RunState::Running { loaded, .. } => loaded.unreadable(),
        }
    }

    /// The limits for each client; the defaults while there is no configuration.
    pub fn limits(&self) -> Limits {
        self.loaded().map_or_else(|_| Limits::default(), |loaded| loaded.config.limits)
    }

    /// Changes the state of the runner.
    pub fn set(&self, state: RunState) {
        *self.run_state.write() = state;
    }

    /// Uses a new configuration.
    pub fn adopt(&self, new: &Arc<Loaded>) {
        if let RunState::Running { loaded, .. } = &mut *self.run_state.write() {
            *loaded = Arc::clone(new);
        }
    }

    /// Sends an event to the event loop, if it is running.
    pub fn send(&self, event: Event) {
        if let RunState::Running { events, .. } = &*self.run_state.read() {
            // Otherwise the event loop reads the queue when it starts again.
            let _ = events.send(event);
        }
    }

    /// Sets the sender that triggers pickup.
    pub fn pickup_listens(&self, trigger: Sender<()>) {
        // Pickup is started only once.
        let _ = self.pickup.set(trigger);
    }

    /// A submission was kept in raw/. Before pickup runs no trigger is needed, because it starts with a check.
    pub fn kept_raw(&self) {
        if let Some(trigger) = self.pickup.get() {
            // Pickup ends with the event loop, and the next runner starts with a check.
            let _ = trigger.send(());
        }
    }

    /// Whether the message must not be attempted yet.
    pub fn is_held(&self, id: &MessageId) -> bool {
        self.held.lock().contains_key(id)
    }

    /// A message with this id is about to be stored. It is held until the reply was sent.
    pub fn hold_until_replied(&self, id: &MessageId) {
        self.held.lock().insert(id.clone(), HeldUntil::Replied);
    }

    /// Allows the message to be attempted.
    pub fn release(&self, id: &MessageId) {
        self.held.lock().remove(id);
        self.send(Event::Queued(id.clone()));
    }

    /// Releases all messages that pickup held, whether their files were removed or not.
    pub fn release_picked_up(&self) {
        let ids: Vec<MessageId> =
            self.held.lock().extract_if(|_, until| *until == HeldUntil::PickedUp).map(|(id, _)| id).collect();
        for id in ids {
            self.send(Event::Queued(id));
        }
    }

    /// A message that pickup stored, and whose file could not be removed.
    pub fn hold_until_removed(&self, id: &MessageId, (place, name): (Place, &str)) {
        self.held.lock().insert(id.clone(), HeldUntil::Removed(place, name.to_owned()));
    }

    /// Releases the messages whose files are gone by now.
    pub fn release_removed(&self, is_gone: impl Fn(Place, &str) -> bool) {
        let is_removed = |until: &HeldUntil| matches!(until, HeldUntil::Removed(place, name) if is_gone(*place, name));
        let ids: Vec<MessageId> = self.held.lock().extract_if(|_, until| is_removed(until)).map(|(id, _)| id).collect();
        for id in ids {
            self.send(Event::Queued(id));
        }
    }

    /// Whether to log that the disk is full. The mail of every user is refused then, again and again.
    pub fn may_tell_of_room(&self) -> bool {
        let mut told = self.told_of_room.lock();
        let may = told.is_none_or(|told: Instant| told.elapsed() >= BETWEEN_ALERTS);
        if may {
            *told = Some(Instant::now());
        }
        may
    }

    /// What this submitter has in the spool.
    pub fn usage_of(&self, submitter: &Submitter) -> Usage {
        self.loaded().map_or_else(|_| self.spool.load_of(submitter), |loaded| loaded.spool.load_of(submitter))
    }
}

impl Runner for IntakeState {
    fn known(&self, uid: u32, token: &str) -> Known {
        self.tokens.known(&Submitter::Local(uid), token)
    }

    fn may_have(&self, uid: u32, octets: u64) -> Result<(), String> {
        let submitter = Submitter::Local(uid);
        let limits = self.limits();
        let refused = |refusal: Refusal| refusal.explain_to(&submitter);
        match over(self.usage_of(&submitter), octets, &limits) {
            Some(refusal) if submitter != Submitter::ROOT => Err(refused(refusal)),
            _ => self.clients.count_message(&submitter, limits.per_minute).map_err(refused),
        }
    }

    fn hold_back(&self, id: &MessageId) {
        self.held.lock().insert(id.clone(), HeldUntil::PickedUp);
    }

    fn stored(&self, uid: u32, token: &str, id: &MessageId) {
        // It may be known as a submission in raw/.
        self.tokens.remember(&Submitter::Local(uid), token, id);
    }
}
