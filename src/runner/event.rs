//! The events of the event loop. Watchers, the timer, listeners and workers send them into one channel. They are
//! handled in `queue_manager::event_loop`.
//!
//! An event says that something happened, and not what to do. The handler looks at the state as it is then: several
//! events may have become one, and one may be out of date by the time it is handled.

use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use jiff::Timestamp;

use super::result::AttemptResult;
use crate::control::access::AuthorisedSelection;
use crate::control::modify::AuthorisedChange;
use crate::control::protocol::{Detail, Response};
use crate::control::report::Level;
use crate::spool::account_health::Trouble;
use crate::spool::{MessageId, SpoolError};

/// An event.
#[derive(Debug)]
pub enum Event {
    /// A message appeared in queue/.
    Queued(MessageId),
    /// A notification may have been lost: read queue/ again.
    Rescan,
    /// The timer expired.
    Due,
    /// The configuration, a secret or a table changed, for which mail may be waiting.
    FilesChanged,
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGTERM or SIGINT: finish the transactions in progress, then exit.
    Stop,
    /// A worker reports.
    Worker(WorkerEvent),
    /// Attempt messages now and report each result to `responses`.
    Flush {
        /// Which messages.
        selection: AuthorisedSelection,
        /// How much is reported.
        detail: Detail,
        /// To the requester.
        responses: Sender<Response>,
    },
    /// Change messages and report each result to `responses`.
    Change {
        /// How, and which messages.
        change: AuthorisedChange,
        /// To the requester.
        responses: Sender<Response>,
    },
    /// The alarm thread found out what `status` says.
    Looked {
        /// In the form of `postrider metrics`.
        metrics: String,
        /// How bad it is.
        level: Level,
    },
    /// Somebody asks for the figures.
    Metrics {
        /// To the requester.
        responses: Sender<Response>,
    },
    /// A listing asks which messages are being sent.
    Active {
        /// To the requester.
        responses: Sender<Response>,
    },
}

/// Both ends of the channel. It is made before the runner's lock is taken: a process that reads our pid in the lock
/// may send a signal at once, and the signal's thread needs somewhere to send it.
#[derive(Debug)]
pub struct EventChannel {
    /// Cloned for every thread that sends events.
    pub sender: Sender<Event>,
    /// The receiving end, for the event loop.
    pub events: Receiver<Event>,
}

impl Default for EventChannel {
    fn default() -> Self {
        let (sender, events) = mpsc::channel();
        Self { sender, events }
    }
}

/// From a worker to the event loop.
#[derive(Debug)]
pub enum WorkerEvent {
    /// The worker's session for this account is open, and logged in if the account has a login.
    SessionOpened(String),
    /// The worker has finished with its message and waits for another.
    Finished(AttemptReport),
    /// The outcomes of an earlier attempt are on disk. The worker has continued in the meantime.
    Recorded(RecordedAttempt),
}

/// Sends an event of a worker. Returns false if nobody receives it any more.
pub type ReportFn = Arc<dyn Fn(WorkerEvent) -> bool + Send + Sync>;

/// What a worker did with its message.
#[derive(Debug)]
pub struct AttemptReport {
    /// The worker's number.
    pub worker: u64,
    /// The account that the worker serves.
    pub account: String,
    /// The message.
    pub id: MessageId,
    /// The result.
    pub outcome: AttemptOutcome,
}

/// The result of an attempt, as far as scheduling needs it.
#[derive(Debug)]
pub enum AttemptOutcome {
    /// The relay answered. Another thread records the outcomes; [`WorkerEvent::Recorded`] follows.
    Answered,
    /// The relay answered for some recipients, and this is recorded. The attempt continues with others.
    More,
    /// Settled without contacting a relay.
    Settled(AttemptResult),
    /// The connection was lost inside the transaction before any recipient had a final reply. This is charged to the
    /// message, and settled. If it happens to another message too, the account backs off.
    Charged(AttemptResult, AccountFailure),
    /// The relay or the account cannot be used. The message is not to blame.
    AccountFailed(AccountFailure),
    /// The provider allows fewer concurrent sessions. The message is not to blame.
    TooManySessions(AccountFailure),
    /// The configuration now routes the message through this account.
    Rerouted(String),
    /// Not started, because the runner is stopping.
    NotBegun,
    /// The message left the queue, is held, or was set aside.
    Gone,
    /// The spool failed. The message is unchanged.
    SpoolFailed(SpoolError),
}

/// Where an account's trouble was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// Before any message: all of them would meet it.
    BySession,
    /// In the transaction of a message: the next message may show that it was about that one.
    ByMessage,
}

/// Why an account cannot be used at the moment.
#[derive(Debug)]
pub struct AccountFailure {
    /// What kind of trouble.
    pub trouble: Trouble,
    /// The relay as `host[ip]:port`, or `none`.
    pub relay: String,
    /// The server's reply, or our own description.
    pub reason: String,
    /// What to do about it, where the reason says that as well.
    pub cure: Option<String>,
    /// The wait that the server asked for.
    pub wait: Option<Duration>,
    /// For a login: when the files it depends on were read.
    pub read: Option<Timestamp>,
    /// Where it was met.
    pub met: Met,
}

/// The result of an answered attempt.
#[derive(Debug)]
pub struct RecordedAttempt {
    /// The account that was used.
    pub account: String,
    /// The message.
    pub id: MessageId,
    /// The state of the message after it.
    pub result: Result<AttemptResult, SpoolError>,
}
