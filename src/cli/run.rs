//! `postrider run`: the runner in the foreground, or the detached one that background
//! delivery leaves behind.

mod container;

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use self::container::Entered;
use super::exit::{Exit, Failure};
use super::step_down;
use crate::config::{self, Config, ConfigError, Log, locate, places};
use crate::control::idle_runner::Farewell;
use crate::control::loaded::Loaded;
use crate::control::loaded::Unreadable;
use crate::log;
use crate::runner::context::{self, Context};
use crate::runner::event::EventChannel;
use crate::runner::listener::intake_state::{IntakeState, RunState};
use crate::runner::listener::{control_socket, submission_socket};
use crate::runner::queue_manager::state;
use crate::runner::queue_manager::watchers::{self, FileWatcher};
use crate::runner::{QueueManager, Until};
use crate::spool::Spool;
use crate::spool::lock::{RunnerLock, TryLock};
use crate::submit::frontend::start_runner;
use crate::sys::passed_sockets::{Opener, PassedSockets};
use crate::sys::{harden, notify};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct Arguments {
    /// Make one pass over due messages, then exit
    #[arg(long)]
    once: bool,
    /// Exit when the queue is empty
    #[arg(long, conflicts_with = "once")]
    until_empty: bool,
    /// Be the program of a container: configured by the environment as well, log to standard error, end within 10 s
    #[arg(long, conflicts_with_all = ["once", "until_empty", "detached"])]
    container: bool,
    /// Detach from the caller's session and directory (for background delivery)
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
            Until::Stopped
        }
    }
}

/// How often a config that cannot be read is looked at again.
const UNREADABLE: Duration = Duration::from_secs(2);

/// Finds the config and runs. The machine's runner takes mail in also while its config cannot be read.
pub fn start(named: Option<&Path>, arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.detached {
        start_runner::detach();
    }
    if arguments.container {
        if let Entered::Ended(exit) = container::enter(named)? {
            return Ok(exit);
        }
        harden::keep_memory_private();
        let config = container::complete(locate::load(None))?;
        return run_machine(None, Ok(config), arguments);
    }
    let is_for_all = step_down::is_machines(named);
    if !is_for_all {
        return run(&super::load(named)?, arguments, None);
    }
    step_down::to_runner(Path::new(places::SYSTEM_SPOOL))?;
    harden::keep_memory_private();
    let config = locate::load(named);
    if arguments.until() != Until::Stopped {
        return run(&config?, arguments, None);
    }
    run_machine(named, config, arguments)
}

/// Takes in the mail of the machine, and runs as soon as its config can be read.
fn run_machine(
    named: Option<&Path>,
    config: Result<Config, ConfigError>,
    arguments: &Arguments,
) -> Result<Exit, Failure> {
    log::choose(config.as_ref().map_or_else(|_| unseen(), sink));
    if let Ok(config) = &config {
        log::set_name(&config.syslog_name);
    }
    let spool = Spool::open(Path::new(places::SYSTEM_SPOOL))?;
    let lock = match take(&spool)? {
        TryLock::Taken(lock) => lock,
        TryLock::Held(pid) => return Err(held(&spool, pid)),
    };
    let passed = PassedSockets::take();
    let front = Arc::new(IntakeState::with_sockets(spool.clone(), &passed));
    if let Err(error) = Farewell::remove() {
        log::warning(format_args!("cannot remove {}: {error}", places::IDLE));
    }
    if let Err(error) = submission_socket::listen(Arc::clone(&front), passed.submission) {
        cannot_watch("submissions", &spool, &error);
    }
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            notify::tell(notify::State::Ready);
            readable(named, error, &front)
        }
    };
    if config.queue.idle_exit.is_some() && front.opener == Opener::Runner {
        log::warning(
            "idle_exit has no effect: the service opens its socket itself, so nothing would start it again; start it by postrider.socket",
        );
    }
    // Given back for a moment: the loop takes it as every runner does.
    drop(lock);
    run(&config, arguments, Some(&front))
}

/// Waits for a config that can be read; what comes in meanwhile is stored as it comes.
fn readable(named: Option<&Path>, mut error: ConfigError, front: &IntakeState) -> Config {
    let mut told = String::new();
    loop {
        let why = error.to_string();
        if why != told {
            log::alert(format_args!("mail is accepted but not sent, because the configuration cannot be read: {why}"));
            front.set(RunState::NoConfig(why.clone(), Unreadable::of(&error)));
            told = why;
        }
        std::thread::sleep(UNREADABLE);
        match locate::load(named) {
            Ok(config) => return config,
            Err(again) => error = again,
        }
    }
}

/// Where the log goes as long as nobody can say.
fn unseen() -> log::Sink {
    if std::io::stderr().is_terminal() { log::Sink::Stderr } else { log::Sink::SyslogOrStderr }
}

/// Runs until the end that the arguments name; `front` takes in the mail of the whole machine.
fn run(config: &Config, arguments: &Arguments, front: Option<&Arc<IntakeState>>) -> Result<Exit, Failure> {
    log::choose(sink(config));
    log::set_name(&config.syslog_name);
    let until = arguments.until();
    // What the entrances store counts as this runner's.
    let spool = match front.filter(|front| front.spool.dir() == config.spool) {
        Some(front) => front.spool.clone(),
        None => Spool::open(&config.spool)?,
    };
    let loaded = context::with_tables(Loaded::new(config.clone(), spool.clone()));
    let context = Context::new(&loaded);
    if arguments.container
        && let Err(error) = container::end_in_time(context.gate.interruption())
    {
        cannot_watch("signals", &spool, &error);
    }
    loop {
        let channel = EventChannel::default();
        // Before the lock is taken: who reads our pid in it may send a signal at once.
        if let Err(error) = watchers::watch_signals(Arc::clone(&context.gate), channel.sender.clone()) {
            cannot_watch("signals", &spool, &error);
        }
        let lock = match take(&spool)? {
            TryLock::Taken(lock) => lock,
            // The one that holds it takes care of the mail.
            TryLock::Held(_) if until == Until::Empty => return Ok(Exit::Ok),
            TryLock::Held(pid) => return Err(held(&spool, pid)),
        };
        let (pace, files) = listen(&channel, &loaded);
        let mut manager = QueueManager::new(Arc::clone(&loaded), context.clone(), lock, until, channel);
        manager.set_sources(pace, files);
        if let Some(front) = front {
            manager.serve(Arc::clone(front));
        } else if until == Until::Stopped && !loaded.config.listeners.is_empty() {
            let passed = PassedSockets { submission: None, ..PassedSockets::take() };
            manager.serve(Arc::new(IntakeState::with_sockets(spool.clone(), &passed)));
        }
        manager.startup_scan()?;
        notify::tell(notify::State::Ready);
        manager.run();
        if until == Until::OnePass && !context.gate.is_stopping() {
            // Mail that arrived meanwhile found a runner, which was this one.
            start_runner::leave_runner_for_rest(&loaded.config, &spool);
        }
        // A mail may have arrived between the last look and the lock's return.
        if until != Until::Empty || context.gate.is_stopping() || !spool.has_work()? {
            return Ok(Exit::Ok);
        }
    }
}

/// Where the log goes: where the config says, else to whoever sees it.
fn sink(config: &Config) -> log::Sink {
    let is_system = config.path == Path::new(places::SYSTEM_CONFIG) && !std::io::stderr().is_terminal();
    match config.log {
        Some(Log::Stderr) => log::Sink::Stderr,
        None if config::container::is_here() => log::Sink::Stderr,
        None if !is_system && !log::stderr_is_unseen() => log::Sink::Stderr,
        Some(Log::Syslog) | None => log::Sink::SyslogOrStderr,
    }
}

/// For a command that tells its user what it does, and does a runner's work: the system's log has it all the same.
pub(super) fn log_aside(config: &Config) {
    log::set_name(&config.syslog_name);
    log::choose(match config.log {
        Some(Log::Stderr) => log::Sink::Discard,
        Some(Log::Syslog) | None => log::Sink::Syslog,
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

/// Starts the listeners; how often queue/ is to be looked at, and the one that follows the config. What cannot be listened to costs
/// promptness, not mail.
fn listen(channel: &EventChannel, loaded: &Loaded) -> (Duration, Option<FileWatcher>) {
    let spool = &loaded.spool;
    let mut pace = state::RESCAN;
    if let Err(error) = watchers::watch_queue(spool, channel.sender.clone()) {
        cannot_watch("new mail", spool, &error);
        pace = WITHOUT_INOTIFY;
    }
    loaded.make_state_dir();
    let files = FileWatcher::start(&loaded.files(), channel.sender.clone());
    let files = files.map_err(|error| cannot_watch("configuration changes", spool, &error)).ok();
    if let Err(error) = control_socket::listen(spool, channel.sender.clone()) {
        cannot_watch("commands", spool, &error);
    }
    (pace, files)
}

fn cannot_watch(what: &str, spool: &Spool, error: &std::io::Error) {
    log::warning(format_args!("cannot watch for {what} in {}: {error}", spool.dir().display()));
}

fn held(spool: &Spool, pid: Option<u32>) -> Failure {
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    let spool = spool.dir().display();
    Failure::new(
        Exit::TempFail,
        format_args!("{who} already runs the queue in {spool}; use `postrider flush` to try everything now"),
    )
}
