//! What the threads that work tell the runner's loop.

use std::sync::Arc;

use crate::runner::completion::settle::Settled;
use crate::spool::account_health::Trouble;
use crate::spool::{MessageId, SpoolError};

/// What an attempt tells the runner.
#[derive(Debug)]
pub enum Told {
    /// The relay answered; somebody else records the outcomes and tells when that is done ([`Late`]).
    CompletedAttempt,
    /// The relay answered, outcomes are recorded, and the attempt is to go on with other recipients.
    More,
    /// Outcomes are recorded, and no relay was asked.
    Settled(Settled),
    /// The connection ended inside the transaction; outcomes are recorded.
    Charged(Settled),
    /// Nothing is wrong with the message: relay or account trouble.
    Trouble {
        /// Kind.
        trouble: Trouble,
        /// `host[ip]:port` or `none`.
        relay: String,
        /// What was seen.
        reason: String,
    },
    /// The config says another account now.
    Elsewhere(String),
    /// The runner is to end before it was begun.
    NotBegun,
    /// The message is not there any more, or was set aside.
    Gone,
    /// The spool failed; the message stays as it is.
    Spool(SpoolError),
}

/// What an answered attempt came to, told when it is on disk.
#[derive(Debug)]
pub struct Late {
    /// Which account.
    pub account: String,
    /// Which message.
    pub id: MessageId,
    /// How it stands.
    pub settled: Result<Settled, SpoolError>,
}

/// From a session's thread to the runner.
#[derive(Debug)]
pub enum WorkerEvent {
    /// Its message's attempt is over: it waits for the next.
    Worked(Report),
    /// An attempt before is on disk now.
    Settled(Late),
}

/// From a session's thread that waits for its next message.
#[derive(Debug)]
pub struct Report {
    /// Which thread.
    pub worker: u64,
    /// Which account.
    pub account: String,
    /// Which message.
    pub id: MessageId,
    /// What came of it.
    pub told: Told,
}

/// Where reports go; false: nobody listens any more.
pub type ReportFn = Arc<dyn Fn(WorkerEvent) -> bool + Send + Sync>;
