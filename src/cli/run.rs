//! `postrider run`: the runner in the foreground, or the detached one that background
//! delivery leaves behind.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::exit::{Exit, Failure};
use crate::config::{Config, Log, TableSource, locate};
use crate::events;
use crate::runner::ears::{self, Ears};
use crate::runner::readiness;
use crate::runner::settings::Settings;
use crate::runner::watch::Watchers;
use crate::runner::{Engine, Until, control, engine};
use crate::spool::Spool;
use crate::spool::lock::{RunnerLock, TryLock};
use crate::submit::hand_over;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// One pass over what is due, then end
    #[arg(long)]
    once: bool,
    /// End when the queue is empty
    #[arg(long, conflicts_with = "once")]
    until_empty: bool,
    /// Leave the caller's session and directory (background delivery)
    #[arg(long, hide = true)]
    detached: bool,
}

/// A lock that is held only while somebody looks whether it is held comes free within this.
const GLANCE: Duration = Duration::from_millis(300);
/// Where nobody tells of new mail, queue/ is looked at this often.
const WITHOUT_INOTIFY: Duration = Duration::from_secs(30);

impl Arguments {
    fn until(&self) -> Until {
        if self.once {
            Until::OnePass
        } else if self.until_empty {
            Until::Empty
        } else {
            Until::Told
        }
    }
}

/// Runs until the end that the arguments name.
pub fn run(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.detached {
        hand_over::detach();
    }
    events::choose(sink(config));
    let until = arguments.until();
    let spool = Spool::open(&config.spool)?;
    let settings = Arc::new(Settings::new(config.clone(), spool.clone(), Arc::new(Watchers::default())));
    loop {
        let ears = Ears::default();
        // Before the lock is taken: who reads our pid in it may send a signal at once.
        if let Err(error) = ears::signals(Arc::clone(&settings.safety), ears.sender.clone()) {
            cannot_hear("signals", &spool, &error);
        }
        let lock = match take(&spool)? {
            TryLock::Taken(lock) => lock,
            // The one that holds it takes care of the mail.
            TryLock::Held(_) if until == Until::Empty => return Ok(Exit::Ok),
            TryLock::Held(pid) => return Err(held(&spool, pid)),
        };
        let pace = listen(&ears, &settings);
        let mut engine = Engine::new(Arc::clone(&settings), lock, until, ears);
        engine.look_every(pace);
        engine.take_stock()?;
        readiness::tell(readiness::State::Ready);
        engine.run();
        if until == Until::OnePass && !settings.safety.is_stopping() {
            // Mail that arrived meanwhile found a runner, which was this one.
            hand_over::leave_runner_for_rest(&settings.config, &spool);
        }
        // A mail may have arrived between the last look and the lock's return.
        if until != Until::Empty || settings.safety.is_stopping() || !spool.has_work()? {
            return Ok(Exit::Ok);
        }
    }
}

/// Where the log goes: where the config says, else to whoever sees it.
fn sink(config: &Config) -> events::Sink {
    let is_system = config.path == Path::new(locate::SYSTEM_CONFIG) && !std::io::stderr().is_terminal();
    match config.log {
        Some(Log::Stderr) => events::Sink::Stderr,
        None if !is_system && !events::stderr_is_unseen() => events::Sink::Stderr,
        Some(Log::Syslog) | None => events::Sink::SyslogOrStderr,
    }
}

/// For a command that tells its user what it does, and does a runner's work: the system's log has it all the same.
pub(super) fn log_aside(config: &Config) {
    events::choose(match config.log {
        Some(Log::Stderr) => events::Sink::Nowhere,
        Some(Log::Syslog) | None => events::Sink::Syslog,
    });
}

/// Takes the lock; who only looks holds it for a moment.
fn take(spool: &Spool) -> Result<TryLock, Failure> {
    let first = RunnerLock::try_take(spool)?;
    if matches!(first, TryLock::Taken(_)) {
        return Ok(first);
    }
    std::thread::sleep(GLANCE);
    Ok(RunnerLock::try_take(spool)?)
}

/// Starts the listeners; how often queue/ is to be looked at. What cannot be listened to costs promptness, not mail.
fn listen(ears: &Ears, settings: &Settings) -> Duration {
    let spool = &settings.spool;
    let mut pace = engine::RESCAN;
    if let Err(error) = ears::queue(spool, ears.sender.clone()) {
        cannot_hear("new mail", spool, &error);
        pace = WITHOUT_INOTIFY;
    }
    if let Err(error) = ears::files(&needed(&settings.config), ears.sender.clone()) {
        cannot_hear("changes of the configuration", spool, &error);
    }
    if let Err(error) = control::listen(spool, ears.sender.clone()) {
        cannot_hear("commands", spool, &error);
    }
    pace
}

fn cannot_hear(what: &str, spool: &Spool, error: &std::io::Error) {
    events::warning(format_args!("cannot listen to {what} in {}: {error}", spool.dir().display()));
}

/// The files whose change may mend what mail waits for.
fn needed(config: &Config) -> Vec<PathBuf> {
    let secrets = config.accounts.iter().filter_map(|account| account.password.as_ref()?.file());
    let tables = config.generic.iter().filter_map(TableSource::path);
    secrets.chain(tables).map(PathBuf::from).chain([config.path.clone()]).collect()
}

fn held(spool: &Spool, pid: Option<u32>) -> Failure {
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    let spool = spool.dir().display();
    Failure::new(
        Exit::TempFail,
        format_args!("{who} is the runner of {spool} already; `postrider flush` makes it try everything now"),
    )
}
