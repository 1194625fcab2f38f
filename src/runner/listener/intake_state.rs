//! State shared by the listener, pickup and the event loop: the configuration in force, or why
//! there is none; messages that are not to be attempted yet; and what the clients have used.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use super::client_limits::{ClientLimits, Refusal, over};
use super::envelope_budget::EnvelopeBudget;
use super::seen_tokens::SeenTokens;
use crate::config::Limits;
use crate::control::loaded::{Loaded, Unreadable};
use crate::mail::submitter::Submitter;
use crate::runner::event::Event;
use crate::runner::thread_pool::ThreadPool;
use crate::spool::usage::Usage;
use crate::spool::{MessageId, Spool};
use crate::submit::admit::pickup::{Known, Runner};

/// Between two log lines about a full disk.
const BETWEEN_ALERTS: Duration = Duration::from_mins(10);

/// How far the runner is.
#[derive(Debug)]
pub enum RunState {
    /// Nothing can be served yet.
    Starting,
    /// Submissions are kept as they come until the configuration can be read; why it cannot.
    NoConfig(String, Unreadable),
    /// The event loop runs.
    Running {
        /// What is in force.
        loaded: Arc<Loaded>,
        /// To the event loop.
        events: Sender<Event>,
    },
}

/// What the listener, pickup and the event loop share.
#[derive(Debug)]
pub struct IntakeState {
    /// The machine's spool.
    pub spool: Spool,
    /// What each client has used of its limits.
    pub clients: ClientLimits,
    /// Envelopes that are being read and stored.
    pub envelopes: EnvelopeBudget,
    /// Stores messages of many recipients.
    pub large_envelopes: Arc<ThreadPool>,
    /// Submissions seen lately.
    pub tokens: SeenTokens,
    told_of_room: Mutex<Option<Instant>>,
    run_state: RwLock<RunState>,
    held: Mutex<HashMap<MessageId, HeldUntil>>,
    /// Has pickup look into raw/ and drop/ at once.
    pickup: OnceLock<Sender<()>>,
}

/// Until when a stored message is not to be attempted. If the runner died before, its submission would come again and
/// get another id; a message that had left already would then be sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeldUntil {
    /// Its file is gone from drop/ or raw/.
    PickedUp,
    /// Its client has the reply.
    Replied,
}

impl IntakeState {
    /// With no config yet.
    #[must_use]
    pub fn new(spool: Spool) -> Self {
        Self {
            spool,
            clients: ClientLimits::default(),
            envelopes: EnvelopeBudget::default(),
            large_envelopes: ThreadPool::for_large_envelopes(),
            tokens: SeenTokens::default(),
            told_of_room: Mutex::default(),
            run_state: RwLock::new(RunState::Starting),
            held: Mutex::default(),
            pickup: OnceLock::new(),
        }
    }

    /// What is in force, or why nothing is.
    pub fn loaded(&self) -> Result<Arc<Loaded>, String> {
        match &*self.run_state.read() {
            RunState::Starting => Err("the runner is starting; try again in a moment".to_owned()),
            RunState::NoConfig(why, _) => Err(why.clone()),
            RunState::Running { loaded, .. } => Ok(Arc::clone(loaded)),
        }
    }

    /// What is wrong with the configuration, as it is on disk now.
    pub fn unreadable(&self) -> Option<Unreadable> {
        match &*self.run_state.read() {
            RunState::Starting => None,
            RunState::NoConfig(_, unreadable) => Some(unreadable.clone()),
            RunState::Running { loaded, .. } => loaded.unreadable(),
        }
    }

    /// The limits of each client; the defaults as long as there is no config.
    pub fn limits(&self) -> Limits {
        self.loaded().map_or_else(|_| Limits::default(), |loaded| loaded.config.limits)
    }

    /// Enters a state.
    pub fn set(&self, state: RunState) {
        *self.run_state.write() = state;
    }

    /// A new configuration is in force.
    pub fn adopt(&self, new: &Arc<Loaded>) {
        if let RunState::Running { loaded, .. } = &mut *self.run_state.write() {
            *loaded = Arc::clone(new);
        }
    }

    /// Sends an event to the loop, if it runs.
    pub fn send(&self, event: Event) {
        if let RunState::Running { events, .. } = &*self.run_state.read() {
            // A loop that has ended reads the queue when it begins again.
            let _ = events.send(event);
        }
    }

    /// From now on, pickup looks when this is sent to.
    pub fn pickup_listens(&self, trigger: Sender<()>) {
        // Pickup is started once.
        let _ = self.pickup.set(trigger);
    }

    /// Something was kept raw. Before pickup runs nothing needs to be sent: it looks when it starts.
    pub fn kept_raw(&self) {
        if let Some(trigger) = self.pickup.get() {
            // Pickup ends with the loop; the next runner looks when it starts.
            let _ = trigger.send(());
        }
    }

    /// Whether the message may not be attempted yet.
    pub fn is_held(&self, id: &MessageId) -> bool {
        self.held.lock().contains_key(id)
    }

    /// A message of this name is about to be stored: it is held until the reply was sent.
    pub fn hold_until_replied(&self, id: &MessageId) {
        self.held.lock().insert(id.clone(), HeldUntil::Replied);
    }

    /// The message may be attempted.
    pub fn release(&self, id: &MessageId) {
        self.held.lock().remove(id);
        self.send(Event::Queued(id.clone()));
    }

    /// Releases all messages that pickup held, whether their files are gone or could not be removed.
    pub fn release_picked_up(&self) {
        let ids: Vec<MessageId> =
            self.held.lock().extract_if(|_, until| *until == HeldUntil::PickedUp).map(|(id, _)| id).collect();
        for id in ids {
            self.send(Event::Queued(id));
        }
    }

    /// Whether the log is to be told that the disk is full: every user's mail is refused then, over and over.
    pub fn may_tell_of_room(&self) -> bool {
        let mut told = self.told_of_room.lock();
        let may = told.is_none_or(|told: Instant| told.elapsed() >= BETWEEN_ALERTS);
        if may {
            *told = Some(Instant::now());
        }
        may
    }

    /// What this submitter has waiting.
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
        // It may be known as one of raw/.
        self.tokens.remember(&Submitter::Local(uid), token, id);
    }
}
