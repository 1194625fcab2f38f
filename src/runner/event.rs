//! What the event loop waits for: one channel, into which the watchers, the timer, the listeners and the workers
//! send. Handling an event is `queue_manager::event_loop`'s.

use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use jiff::Timestamp;

use super::result::AttemptResult;
use crate::control::access::AuthorisedSelection;
use crate::control::modify::AuthorisedChange;
use crate::control::protocol::Response;
use crate::spool::account_health::Trouble;
use crate::spool::{MessageId, SpoolError};

/// Something that the event loop acts on.
#[derive(Debug)]
pub enum Event {
    /// A message appeared in queue/.
    Queued(MessageId),
    /// Something may have been missed: queue/ is to be read again.
    Rescan,
    /// The timer expired.
    Due,
    /// A file that mail may be waiting for has changed: the config, a secret or a table.
    FilesChanged,
    /// SIGHUP: the config is to be read again.
    Reload,
    /// SIGTERM or SIGINT: finish the transactions in progress and end.
    Stop,
    /// A worker reports.
    Worker(WorkerEvent),
    /// These messages are to be attempted now; what becomes of them goes to `responses`.
    Flush {
        /// Which messages.
        selection: AuthorisedSelection,
        /// To the requester.
        responses: Sender<Response>,
    },
    /// Messages are to be changed; what becomes of that goes to `responses`.
    Change {
        /// How, and which messages.
        change: AuthorisedChange,
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
    /// Cloned for every thread that has something to say.
    pub sender: Sender<Event>,
    /// The event loop's end.
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
    /// The worker has finished with its message and waits for the next.
    Finished(AttemptReport),
    /// An attempt that was answered earlier is on disk now. The worker went on meanwhile.
    Recorded(RecordedAttempt),
}

/// Where workers report. It says false once nobody listens any more.
pub type ReportFn = Arc<dyn Fn(WorkerEvent) -> bool + Send + Sync>;

/// What a worker did with the message that it was given.
#[derive(Debug)]
pub struct AttemptReport {
    /// The worker's number.
    pub worker: u64,
    /// The account that it serves.
    pub account: String,
    /// The message.
    pub id: MessageId,
    /// What came of it.
    pub outcome: AttemptOutcome,
}

/// What an attempt came to, as far as scheduling goes.
#[derive(Debug)]
pub enum AttemptOutcome {
    /// The relay answered. Another thread records the outcomes; [`WorkerEvent::Recorded`] follows.
    Answered,
    /// The relay answered for some recipients and that is recorded; the attempt goes on with others.
    More,
    /// Settled without asking a relay.
    Settled(AttemptResult),
    /// The connection ended inside the transaction before anybody got a final answer, which is charged to the message;
    /// settled. The failure is the account's, where another message ends so as well.
    Charged(AttemptResult, AccountFailure),
    /// The relay or the account cannot be used. Nothing is wrong with the message.
    AccountFailed(AccountFailure),
    /// The provider allows the account fewer sessions at once. Nothing is wrong with the message.
    TooManySessions(AccountFailure),
    /// The config now routes the message through this account.
    Rerouted(String),
    /// Not begun, because the runner is ending.
    NotBegun,
    /// The message has left the queue, is held, or was set aside.
    Gone,
    /// The spool failed; the message stays as it is.
    SpoolFailed(SpoolError),
}

/// Why an account cannot be used now.
#[derive(Debug)]
pub struct AccountFailure {
    /// What kind of trouble.
    pub trouble: Trouble,
    /// `host[ip]:port` or `none`.
    pub relay: String,
    /// The server's words or ours.
    pub reason: String,
    /// How long the server says to wait.
    pub wait: Option<Duration>,
    /// When the files that its login rests on were read, where a login was to be made.
    pub read: Option<Timestamp>,
}

/// What an answered attempt came to.
#[derive(Debug)]
pub struct RecordedAttempt {
    /// The account that it went through.
    pub account: String,
    /// The message.
    pub id: MessageId,
    /// How it stands now.
    pub result: Result<AttemptResult, SpoolError>,
}
