//! The parts of a runner that its threads share, created once per process. The event loop passes each to the code
//! that needs it. What a reload of the configuration replaces is in `control::loaded`.

use std::sync::Arc;

use super::account_evidence::AccountEvidence;
use super::completion::batch_finish::BatchFinisher;
use super::completion::settle::Settler;
use super::delivery::mailbox_sessions::SharedMailboxSessions;
use super::durability::DurabilityGate;
use super::fallbacks::Fallbacks;
use super::finished::FinishedMessages;
use super::held_notices::HeldNotices;
use super::null_senders::NullSenders;
use super::rate_limit::RateLimiter;
use super::report_limit::ReportLimit;
use super::session_restarts::AccountRestarts;
use super::session_watchers::SessionWatchers;
use super::thread_pool::ThreadPool;
use crate::control::loaded::Loaded;
use crate::deliver::smtp::host_status::HostStatus;
use crate::deliver::smtp::login_history::LoginHistory;
use crate::spool::learned::LearnedOfAccounts;

/// Created before the runner's lock is taken, and kept by a process that becomes the runner several times, so that
/// `max_per_minute` counts across these.
#[derive(Debug, Clone)]
pub struct Context {
    /// Limits how far transactions run ahead of the disk; knows whether the runner is stopping.
    pub gate: Arc<DurabilityGate>,
    /// Messages that each account started within the last minute.
    pub rate_limiter: Arc<RateLimiter>,
    /// Reports that each sender got within the last hour.
    pub report_limit: Arc<ReportLimit>,
    /// What the postmaster is told of held mail.
    pub held_notices: Arc<HeldNotices>,
    /// Finished messages whose files still exist.
    pub finished: Arc<FinishedMessages>,
    /// Replies that may concern an account.
    pub evidence: Arc<AccountEvidence>,
    /// Results of logins.
    pub logins: Arc<LoginHistory>,
    /// Servers that failed or were slow.
    pub hosts: Arc<HostStatus>,
    /// Accounts that refuse the null sender.
    pub null_senders: Arc<NullSenders>,
    /// Accounts that take the place of others.
    pub fallbacks: Arc<Fallbacks>,
    /// How often a message continued at once in a new session.
    pub restarts: Arc<AccountRestarts>,
    /// The commands that follow sessions (`flush -v`).
    pub watchers: Arc<SessionWatchers>,
    /// Sessions with postrider-mailbox.
    pub mailboxes: SharedMailboxSessions,
    /// Records the outcomes of attempts.
    pub settler: Arc<Settler>,
    /// Records them on other threads.
    pub batch_finisher: Arc<BatchFinisher>,
}

impl Context {
    /// For the spool and clock of this configuration.
    ///
    /// In the order of who needs whom: the settler asks the gate, the limit and the finished messages, and the batch
    /// finisher works through the settler.
    #[must_use]
    pub fn new(loaded: &Loaded) -> Self {
        let gate = Arc::new(DurabilityGate::new(&loaded.spool));
        let report_limit = Arc::new(ReportLimit::new(loaded.spool.clone(), Arc::clone(&loaded.clock)));
        let held_notices = Arc::new(HeldNotices::new(loaded.spool.clone(), Arc::clone(&loaded.clock)));
        let finished = Arc::new(FinishedMessages::new(loaded.spool.clone()));
        let settler = Arc::new(Settler::new(Arc::clone(&gate), Arc::clone(&report_limit), Arc::clone(&finished)));
        let batch_finisher = Arc::new(BatchFinisher::new(
            loaded.spool.clone(),
            ThreadPool::for_settling(),
            Arc::clone(&settler),
            Arc::clone(&finished),
        ));
        let learned = Arc::new(LearnedOfAccounts::kept_in(loaded.spool.clone()));
        let logins = Arc::new(LoginHistory::going_on_from(Arc::clone(&learned)));
        let fallbacks = Arc::new(Fallbacks::new(Arc::clone(&learned)));
        let null_senders = Arc::new(NullSenders::new(learned));
        let (rate_limiter, evidence, hosts, restarts, watchers, mailboxes) = Default::default();
        Self {
            gate,
            rate_limiter,
            report_limit,
            held_notices,
            finished,
            evidence,
            logins,
            hosts,
            null_senders,
            fallbacks,
            restarts,
            watchers,
            mailboxes,
            settler,
            batch_finisher,
        }
    }
}

/// Reads the tables along with the configuration, so that the first message does not wait for them.
#[must_use]
pub fn with_tables(loaded: Loaded) -> Arc<Loaded> {
    drop(loaded.leaving());
    Arc::new(loaded)
}
