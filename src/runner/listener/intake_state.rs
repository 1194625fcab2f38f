//! What the entrances (socket, pickup) share with the runner's loop: the settings in force,
//! or why there are none; submissions seen lately; messages that are not to be attempted
//! yet; who is here.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use super::client_limits::{ClientLimits, over};
use super::per_uid_slots::Counter;
use crate::config::Limits;
use crate::control::loaded::Unreadable;
use crate::runner::context::Settings;
use crate::runner::queue_manager::watchers::Event;
use crate::spool::usage::Usage;
use crate::spool::{MessageId, Spool};
use crate::submit::admit::pickup::{Known, Runner};

/// So many submissions are remembered.
const REMEMBERED: usize = 100_000;

/// The runner as its entrances see it.
#[derive(Debug)]
pub enum Stage {
    /// Nobody can be served yet.
    Starting,
    /// Nobody can be served before somebody has mended the configuration; why.
    NoConfig(String, Unreadable),
    /// At work.
    Open {
        /// In force.
        settings: Arc<Settings>,
        /// The loop's ear.
        wakes: Sender<Event>,
    },
}

/// Shared.
#[derive(Debug)]
pub struct IntakeState {
    /// The spool of the machine.
    pub spool: Spool,
    /// Where those wait who ask.
    pub(crate) counter: Counter,
    stage: RwLock<Stage>,
    held_back: Mutex<HashMap<MessageId, Until>>,
    seen: Mutex<Seen>,
    /// Who is here, and what they have handed in.
    pub guests: ClientLimits,
    /// Has the porter look.
    nudge: OnceLock<Sender<()>>,
    hasher: RandomState,
}

/// How long a message that is stored is not to be attempted: a crash before that has its submission come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Its file is gone from drop/ or raw/.
    PickedUp,
    /// Whoever handed it in has the answer.
    CompletedAttempt,
}

/// Submissions by uid and token.
#[derive(Debug, Default)]
struct Seen {
    tokens: HashMap<u64, SubmissionState>,
    order: VecDeque<u64>,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmissionState {
    /// It is being stored.
    InHand,
    /// It is a message.
    Message(MessageId),
    /// It is in raw/; this was answered.
    Raw(MessageId),
}

/// What a token gets that comes now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Nobody has it: it is reserved now.
    Fresh,
    /// It is stored, and this was answered.
    Stored(MessageId),
    /// It is being stored.
    BeingStored,
}

impl IntakeState {
    /// With no config yet.
    #[must_use]
    pub fn new(spool: Spool) -> Self {
        Self {
            spool,
            counter: Counter::default(),
            stage: RwLock::new(Stage::Starting),
            held_back: Mutex::default(),
            seen: Mutex::default(),
            guests: ClientLimits::default(),
            nudge: OnceLock::new(),
            hasher: RandomState::new(),
        }
    }

    /// The settings in force, or why there are none.
    pub fn settings(&self) -> Result<Arc<Settings>, String> {
        match &*self.stage.read().unwrap_or_else(PoisonError::into_inner) {
            Stage::Starting => Err("the runner is starting; try again in a moment".to_owned()),
            Stage::NoConfig(why, _) => Err(why.clone()),
            Stage::Open { settings, .. } => Ok(Arc::clone(settings)),
        }
    }

    /// What is wrong with the configuration, as it is now.
    pub fn unreadable(&self) -> Option<Unreadable> {
        match &*self.stage.read().unwrap_or_else(PoisonError::into_inner) {
            Stage::Starting => None,
            Stage::NoConfig(_, unreadable) => Some(unreadable.clone()),
            Stage::Open { settings, .. } => settings.unreadable(),
        }
    }

    /// What one user may have, also where nobody can say.
    pub fn limits(&self) -> Limits {
        self.settings().map_or_else(|_| Limits::default(), |settings| settings.config.limits)
    }

    /// Changes the stage.
    pub fn set(&self, stage: Stage) {
        *self.stage.write().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// New settings are in force.
    pub fn adopt(&self, new: &Arc<Settings>) {
        if let Stage::Open { settings, .. } = &mut *self.stage.write().unwrap_or_else(PoisonError::into_inner) {
            *settings = Arc::clone(new);
        }
    }

    /// Tells the loop, if there is one.
    pub fn wake(&self, wake: Event) {
        if let Stage::Open { wakes, .. } = &*self.stage.read().unwrap_or_else(PoisonError::into_inner) {
            // A loop that has ended takes stock when it begins again.
            let _ = wakes.send(wake);
        }
    }

    /// From now on somebody looks at once when something is kept raw.
    pub fn has_porter(&self, nudge: Sender<()>) {
        // There is one porter for each front.
        let _ = self.nudge.set(nudge);
    }

    /// Something was kept raw. What nobody is told of, the porter finds when it begins.
    pub fn kept_raw(&self) {
        if let Some(nudge) = self.nudge.get() {
            // It looks as long as the loop runs; the next runner looks when it begins.
            let _ = nudge.send(());
        }
    }

    /// Whether the message may not be attempted yet.
    pub fn is_held_back(&self, id: &MessageId) -> bool {
        lock(&self.held_back).contains_key(id)
    }

    /// A message of this name is about to be stored, and is not to be attempted before that is answered.
    pub fn hold_until_answered(&self, id: &MessageId) {
        lock(&self.held_back).insert(id.clone(), Until::CompletedAttempt);
    }

    /// The message may be attempted.
    pub fn let_go(&self, id: &MessageId) {
        lock(&self.held_back).remove(id);
        self.wake(Event::Queued(id.clone()));
    }

    /// Lets all go that pickup held back: whatever became of them, their turn is over.
    pub fn let_picked_up_go(&self) {
        let mut held_back = lock(&self.held_back);
        let ids: Vec<MessageId> =
            held_back.extract_if(|_, until| *until == Until::PickedUp).map(|(id, _)| id).collect();
        drop(held_back);
        for id in ids {
            self.wake(Event::Queued(id));
        }
    }

    /// Reserves a token for its uid, or says whose it is.
    pub fn reserve(&self, uid: u32, token: &str) -> Token {
        let key = self.hasher.hash_one((uid, token));
        let mut seen = lock(&self.seen);
        match seen.tokens.get(&key) {
            Some(SubmissionState::Message(id) | SubmissionState::Raw(id)) => return Token::Stored(id.clone()),
            Some(SubmissionState::InHand) => return Token::BeingStored,
            None => {}
        }
        seen.tokens.insert(key, SubmissionState::InHand);
        seen.order.push_back(key);
        if seen.order.len() > REMEMBERED
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.tokens.remove(&oldest);
        }
        Token::Fresh
    }

    /// The token's submission is stored, or is not and may come again.
    pub fn settle(&self, uid: u32, token: &str, fate: Option<SubmissionState>) {
        let key = self.hasher.hash_one((uid, token));
        let mut seen = lock(&self.seen);
        match (seen.tokens.get(&key), fate) {
            // It was found in the queue meanwhile, where one is enough.
            (Some(SubmissionState::Message(_)), Some(SubmissionState::Raw(_) | SubmissionState::InHand)) => {}
            (_, Some(fate)) => drop(seen.tokens.insert(key, fate)),
            (_, None) => drop(seen.tokens.remove(&key)),
        }
    }

    /// A message was read: its token is known, also where the same came again before that.
    pub fn remember(&self, uid: u32, token: &str, id: &MessageId) {
        let _ = self.reserve(uid, token);
        self.settle(uid, token, Some(SubmissionState::Message(id.clone())));
    }

    /// What this user has waiting.
    pub fn load_of(&self, uid: u32) -> Usage {
        self.settings().map_or_else(|_| self.spool.load_of(uid), |settings| settings.spool.load_of(uid))
    }
}

impl Runner for IntakeState {
    fn known(&self, uid: u32, token: &str) -> Known {
        let key = self.hasher.hash_one((uid, token));
        match lock(&self.seen).tokens.get(&key) {
            None => Known::No,
            Some(SubmissionState::InHand) => Known::InHand,
            Some(SubmissionState::Message(_)) => Known::Stored,
            Some(SubmissionState::Raw(_)) => Known::Raw,
        }
    }

    fn may_have(&self, uid: u32, octets: u64) -> Result<(), String> {
        let limits = self.limits();
        let load = self.load_of(uid);
        match over(load, octets, &limits) {
            Some(refusal) if uid != 0 => Err(refusal.said_to(uid)),
            _ => Ok(()),
        }
    }

    fn hold_back(&self, id: &MessageId) {
        lock(&self.held_back).insert(id.clone(), Until::PickedUp);
    }

    fn stored(&self, uid: u32, token: &str, id: &MessageId) {
        // It may be known as one of raw/.
        self.remember(uid, token, id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn front() -> (tempfile::TempDir, IntakeState) {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        (dir, IntakeState::new(spool))
    }

    #[test]
    fn a_token_is_one_uids_and_once() {
        let (_dir, front) = front();
        let id = MessageId::new(1, 2);
        assert_eq!(front.reserve(1000, "T"), Token::Fresh);
        assert_eq!(front.reserve(1000, "T"), Token::BeingStored);
        assert_eq!(front.reserve(1001, "T"), Token::Fresh);
        front.settle(1000, "T", Some(SubmissionState::Raw(id.clone())));
        assert_eq!(front.reserve(1000, "T"), Token::Stored(id.clone()));
        assert_eq!(front.known(1000, "T"), Known::Raw);
        front.stored(1000, "T", &id);
        assert_eq!(front.known(1000, "T"), Known::Stored);
        assert_eq!(front.reserve(1000, "T"), Token::Stored(id));
        front.settle(1001, "T", None);
        assert_eq!(front.reserve(1001, "T"), Token::Fresh);
    }

    #[test]
    fn what_came_again_before_the_queue_was_read_is_the_message_that_is_there() {
        let (_dir, front) = front();
        let [raw, queued] = [1, 2].map(|time| MessageId::new(time, 0));
        assert_eq!([front.reserve(1000, "RAW"), front.reserve(1000, "IN HAND")], [Token::Fresh, Token::Fresh]);
        front.settle(1000, "RAW", Some(SubmissionState::Raw(raw.clone())));
        for token in ["RAW", "IN HAND"] {
            front.remember(1000, token, &queued);
            front.settle(1000, token, Some(SubmissionState::Raw(raw.clone())));
            assert_eq!(front.known(1000, token), Known::Stored, "{token}");
            assert_eq!(front.reserve(1000, token), Token::Stored(queued.clone()), "{token}");
        }
    }
}
