//! How this process reaches a queue: by reading its spool, or by asking the machine's runner
//! where only root may read it. Commands are written once, for both.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::access::AccessScope;
use super::certificate_end;
use super::client;
use super::error::AccessError;
use super::exposition;
use super::idle_runner::{self, Farewell};
use super::listing::{Listed, QueueView, Totals};
use super::loaded::Loaded;
use super::message_detail::{MessageDetail, Part};
use super::message_ids::{self, Place};
use super::modify::{AuthorisedChange, Change};
use super::protocol::{Detail, Request, Response};
use super::report::Report;
use super::runner_health;
use super::selection::Selection;
use super::status;
use crate::config::{Config, locate, places};
use crate::spool::account_health;
use crate::spool::history::Record;
use crate::spool::lock::{self, RunnerLock, TryLock};
use crate::spool::{IdPrefix, MessageId, Spool, SpoolError};
use crate::submit::frontend::start_runner;

/// How often a runner that is just starting or ending is asked again, and how long to wait before.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// One that has not answered a question by then is stopped, or has hung.
const SILENCE: Duration = Duration::from_secs(10);

/// A runner that is busy is not waited for where only marks depend on it.
const GLANCE: Duration = Duration::from_millis(200);

/// A queue, as this process reaches it.
#[derive(Debug)]
pub enum QueueAccess {
    /// By its spool, which this process may read and write.
    Spool(Arc<Loaded>),
    /// There is no spool yet, so the queue is empty.
    Empty(Box<Config>),
    /// By the machine's runner.
    Runner,
}

impl QueueAccess {
    /// Whether a command with this `--config` is about the machine's queue, and this process may
    /// not read it. Then no config is read either: it may be as private.
    #[must_use]
    pub fn needs_runner(named: Option<&Path>) -> bool {
        let queue = Path::new(places::SYSTEM_SPOOL).join("queue");
        locate::is_system_mode(named) && rustix::fs::access(queue, rustix::fs::Access::READ_OK).is_err()
    }

    /// By the spool that the config names.
    pub fn of(config: Config) -> Result<Self, SpoolError> {
        Ok(match Spool::find(&config.spool)? {
            Some(spool) => Self::Spool(Arc::new(Loaded::new(config, spool))),
            None => Self::Empty(Box::new(config)),
        })
    }

    /// The config, where this process reads one.
    #[must_use]
    pub fn config(&self) -> Option<&Config> {
        match self {
            Self::Spool(loaded) => Some(&loaded.config),
            Self::Empty(config) => Some(config),
            Self::Runner => None,
        }
    }

    /// Shows what is selected, oldest first; its totals.
    pub fn list(
        &self,
        selection: Selection,
        mut see: impl FnMut(Listed) -> io::Result<()>,
    ) -> Result<Totals, AccessError> {
        match self {
            Self::Empty(_) => Ok(Totals::default()),
            Self::Spool(loaded) => {
                let selection = AccessScope::of_spool_owner().authorise(selection);
                Ok(QueueView::new(&loaded.spool, selection, active(&loaded.spool), Some(loaded)).list(see)?)
            }
            Self::Runner => {
                let listed = client::ask_machine(&Request::List { selection })?.follow(|response| match response {
                    Response::Item(item) => see(Listed::Item(item)),
                    Response::Unreadable { reason } => see(Listed::Unreadable(reason)),
                    _ => Ok(()),
                })?;
                if let Response::Totals(totals) = listed { Ok(totals) } else { Err(unexpected()) }
            }
        }
    }

    /// One message in detail.
    pub fn show(&self, id: MessageId, place: Place, part: Part) -> Result<MessageDetail, AccessError> {
        match self {
            Self::Empty(_) => Err(SpoolError::Gone(id).into()),
            Self::Spool(loaded) => {
                Ok(MessageDetail::read(&loaded.spool, (&id, place), part, &AccessScope::of_spool_owner())?)
            }
            Self::Runner => match client::ask_machine(&Request::Show { id, place, part })?.only()? {
                Response::Shown(shown) => Ok(*shown),
                _ => Err(unexpected()),
            },
        }
    }

    /// The messages whose ids begin so.
    pub fn ids(&self, prefix: &IdPrefix, place: Place) -> Result<Vec<MessageId>, AccessError> {
        match self {
            Self::Empty(_) => Ok(Vec::new()),
            Self::Spool(loaded) => Ok(message_ids::find(&loaded.spool, &AccessScope::of_spool_owner(), prefix, place)?),
            Self::Runner => match client::ask_machine(&Request::Ids { prefix: prefix.clone(), place })?.only()? {
                Response::Ids { ids } => Ok(ids),
                _ => Err(unexpected()),
            },
        }
    }

    /// Shows records of history and their lines, oldest first, from the day of `since` on.
    pub fn history(
        &self,
        since: Option<Timestamp>,
        mut see: impl FnMut(&Record, &str) -> io::Result<()>,
    ) -> Result<(), AccessError> {
        match self {
            Self::Empty(_) => Ok(()),
            Self::Spool(loaded) => AccessScope::of_spool_owner().read_history(&loaded.spool, since, see),
            Self::Runner => {
                let read = |response| match response {
                    Response::Record { line } => {
                        serde_json::from_str(&line).map_or(Ok(()), |record| see(&record, &line))
                    }
                    _ => Ok(()),
                };
                client::ask_machine(&Request::History { since })?.follow(read).map(drop)
            }
        }
    }

    /// Whether mail is flowing, and if not, why.
    pub fn status(&self) -> Result<Report, AccessError> {
        match self {
            Self::Empty(config) => Ok(status::look(Some(config), None)?),
            Self::Spool(loaded) => {
                let mut report = status::look(Some(&loaded.config), Some(&loaded.spool))?;
                if report.queue.as_ref().is_some_and(|queue| queue.runner) && is_silent(&loaded.spool) {
                    report.add(runner_health::silent_runner());
                }
                Ok(report)
            }
            Self::Runner => match Farewell::read() {
                // Asking it would start it.
                Some(farewell) => Ok(farewell.now()),
                None => Self::status_of_runner(),
            },
        }
    }

    fn status_of_runner() -> Result<Report, AccessError> {
        match client::ask_machine(&Request::Status)?.only()? {
            Response::Status(report) => Ok(*report),
            _ => Err(unexpected()),
        }
    }

    /// Figures as Prometheus reads them: those of the runner, or without one what the spool shows.
    pub fn metrics(&self) -> Result<String, AccessError> {
        let (config, spool) = match self {
            Self::Runner => {
                return match client::ask_machine(&Request::Metrics)?.only()? {
                    Response::Metrics { text } => Ok(text),
                    _ => Err(unexpected()),
                };
            }
            Self::Empty(config) => (&**config, None),
            Self::Spool(loaded) => (&loaded.config, Some(&loaded.spool)),
        };
        let mut of_runner = String::new();
        if let Some(spool) = spool
            && let Some(asked) = client::ask_owner(spool, &Request::Metrics, Some(SILENCE))?
            && let Response::Metrics { text } = asked.only()?
        {
            if exposition::has_status(&text) {
                return Ok(text);
            }
            // A runner whose configuration tells nobody of its status does not look at it.
            of_runner = text;
        }
        let report = status::look(Some(config), spool)?;
        let health = spool.map(|spool| account_health::current(spool, Some(config))).unwrap_or_default();
        let ends = certificate_end::all(config, spool);
        Ok(of_runner + &exposition::of_status(&report, &health, &ends, Timestamp::now()))
    }

    /// Changes what is selected and shows what became of each message.
    pub fn change(
        &self,
        change: Change,
        selection: &Selection,
        mut see: impl FnMut(Response),
    ) -> Result<(), AccessError> {
        let Some(lock) = self.ask(&Request::Change { change, selection: selection.clone() }, &mut see)? else {
            return Ok(());
        };
        let Self::Spool(loaded) = self else { return Ok(()) };
        let authorised = AuthorisedChange::new(&AccessScope::of_spool_owner(), change, selection.clone());
        let authorised = authorised.map_err(AccessError::Refused)?;
        for id in authorised.messages(loaded)? {
            let changed = authorised.apply(loaded, &id);
            see(Response::of_change(id.as_str(), changed));
        }
        for (name, changed) in authorised.apply_to_names(loaded)? {
            see(Response::of_change(&name, changed));
        }
        drop(lock);
        if matches!(change, Change::Release | Change::Retry | Change::Readmit) {
            let is_machines = places::is_system_spool(loaded.spool.dir());
            if !(is_machines && idle_runner::wake()) {
                start_runner::leave_runner_for_rest(&loaded.config, &loaded.spool);
            }
        }
        Ok(())
    }

    /// Has the runner attempt what is selected, and shows what becomes of it. Returns the runner's lock
    /// where the spool has no runner: then it is the caller who attempts it.
    pub fn flush(
        &self,
        selection: &Selection,
        detail: Detail,
        mut see: impl FnMut(Response),
    ) -> Result<Option<RunnerLock>, AccessError> {
        self.ask(&Request::Flush { selection: selection.clone(), detail }, &mut see)
    }

    /// Asks the runner there is; the lock where there is none.
    fn ask(&self, request: &Request, see: &mut impl FnMut(Response)) -> Result<Option<RunnerLock>, AccessError> {
        let mut see = |response| {
            see(response);
            Ok(())
        };
        let spool = match self {
            Self::Empty(_) => return Ok(None),
            Self::Runner => return client::ask_machine(request)?.follow(see).map(|_| None),
            Self::Spool(loaded) => &loaded.spool,
        };
        // A runner that is starting holds the lock and does not listen yet. One that is ending accepts the
        // connection and closes it without a word, and its lock is free in a moment.
        let mut last = AccessError::Silent(spool.dir().display().to_string());
        for _ in 0..TRIES {
            match client::ask_owner(spool, request, None)
                .and_then(|asked| asked.map(|r| r.follow(&mut see)).transpose())
            {
                Ok(None) => {}
                Ok(Some(_)) => return Ok(None),
                Err(error @ AccessError::NotAsked(..)) => last = error,
                Err(error) => return Err(error),
            }
            if let TryLock::Taken(lock) = RunnerLock::try_take(spool)? {
                return Ok(Some(lock));
            }
            std::thread::sleep(PAUSE);
        }
        Err(last)
    }
}

/// What the runner is sending; nothing where it does not say so at once.
fn active(spool: &Spool) -> HashSet<MessageId> {
    let asked = client::ask_owner(spool, &Request::Active, Some(GLANCE));
    match asked.ok().flatten().map(|mut responses| responses.next_line()) {
        Some(Ok(Response::Active { ids })) => ids.into_iter().collect(),
        _ => HashSet::new(),
    }
}

/// Whether a runner holds the lock and does not answer. One that is starting does not listen for a moment, and one that is
/// ending hangs up.
fn is_silent(spool: &Spool) -> bool {
    for _ in 0..TRIES {
        let asked = client::ask_owner(spool, &Request::Active, Some(SILENCE));
        match asked.and_then(|asked| asked.map(|mut responses| responses.next_line()).transpose()) {
            Ok(Some(_)) => return false,
            Err(AccessError::NotAsked(_, error))
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                return true;
            }
            Ok(None) | Err(_) => {}
        }
        if !lock::is_held(spool).unwrap_or(false) {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
    true
}

/// A response to something else.
fn unexpected() -> AccessError {
    AccessError::CutShort(places::SOCKET.to_owned(), io::ErrorKind::InvalidData.into())
}
