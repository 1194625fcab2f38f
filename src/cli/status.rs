//! `postrider status`: one line and an exit code for monitoring, as Nagios plug-ins have
//! them: is mail flowing, and if not, why. With `--json`, the same for programs.

use std::io::{ErrorKind, IsTerminal as _};
use std::path::Path;

use serde_json::Value;

use super::colour::Colour;
use super::exit::{Exit, Failure};
use super::print;
use super::step_down;
use crate::config::{ConfigError, locate, places};
use crate::control::error::AccessError;
use crate::control::loaded::Unreadable;
use crate::control::queue_access::QueueAccess;
use crate::control::report::{Figures, Kind, Level, Reason, Report};
use crate::control::{alarm, runner_health, spool_health, status};
use crate::mail::printable::printable;
use crate::spool::{Spool, SpoolError};
use crate::sys::{harden, replaced_file};

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Print the figures on a terminal, too
    #[arg(long, conflicts_with = "json")]
    verbose: bool,
    /// Raise the alarms of [alarm], as the runner does
    #[arg(long)]
    alarm: bool,
}

/// What monitoring knows us by.
const NAME: &str = "POSTRIDER ";

/// Looks, and prints one line. Its exit codes are its own: 0 flowing, 1 late, 2 stuck, 3 cannot tell.
#[must_use]
pub fn run(named: Option<&Path>, arguments: &Arguments) -> Exit {
    let report = look(named).unwrap_or_else(|failure| {
        let why = failure.message.lines().next().unwrap_or_default();
        Report { queue: counted(named), ..Report::of([Reason::new(Level::Unknown, Kind::Unknown, why)]) }
    });
    let shown = if arguments.json {
        json(&report)
    } else {
        let has_figures = arguments.verbose || !std::io::stdout().is_terminal();
        let line = line(&report, report.queue.as_ref().filter(|_| has_figures));
        let colour = Colour::of_stdout();
        line.strip_prefix(NAME).map_or(line.clone(), |verdict| NAME.to_owned() + &colour.verdict(verdict))
    };
    print_line!("{shown}");
    if arguments.alarm
        && let Err(failure) = raise(named, &report)
    {
        complain!("postrider: cannot raise alarms: {}", failure.message);
    }
    // Monitoring that gets no line is not to take it for a good one.
    print::checked(exit(report.level), Exit::CannotTell)
}

/// Where there is a runner that raises alarms as well, each is raised once all the same.
fn raise(named: Option<&Path>, report: &Report) -> Result<(), Failure> {
    if QueueAccess::needs_runner(named) {
        return Err(Failure::new(Exit::NoPermission, "those of the whole machine are raised by root"));
    }
    let config = match locate::load(named) {
        Err(ConfigError::Faulty { rest: Some(rest), .. }) => *rest,
        config => config?,
    };
    let spool = Spool::find(&config.spool)?;
    alarm::tell(&config, spool.as_ref(), report)?;
    // The runner writes it while it is there, with its own figures.
    let has_runner = report.queue.as_ref().is_some_and(|queue| queue.runner);
    if let Some(path) = config.metrics.textfile.clone().filter(|_| !has_runner) {
        let text = QueueAccess::of(config)?.metrics()?;
        let cannot = |error| Failure::new(Exit::IoError, format_args!("cannot write {}: {error}", path.display()));
        replaced_file::replace(&path, &text, 0o644).map_err(cannot)?;
    }
    Ok(())
}

fn look(named: Option<&Path>) -> Result<Report, Failure> {
    if QueueAccess::needs_runner(named) || !step_down::is_machines(named) {
        return of_queue(named);
    }
    // As the machine's runner sees it: it accepts mail also while it cannot read its config.
    step_down::to_runner(Path::new(places::SYSTEM_SPOOL))?;
    let config = locate::load(named);
    harden::keep_memory_private();
    match config {
        Ok(config) => of_access(QueueAccess::of(config)),
        Err(error) => {
            let spool = Spool::find(Path::new(places::SYSTEM_SPOOL))?;
            let mut report = status::look(None, spool.as_ref())?;
            report.add(status::unreadable(Unreadable::of(&error)));
            Ok(report)
        }
    }
}

/// Of a queue that this process reads itself, or that its runner tells of.
fn of_queue(named: Option<&Path>) -> Result<Report, Failure> {
    if QueueAccess::needs_runner(named) {
        return of_access(Ok(QueueAccess::Runner));
    }
    match locate::load(named).or_else(|error| error.without_account().map(|rest| *rest)) {
        Ok(config) => {
            step_down::if_root(&config)?;
            harden::keep_memory_private();
            of_access(QueueAccess::of(config))
        }
        // Whoever may not look at it cannot tell.
        Err(ConfigError::Unreadable { error, path, hint }) if error.kind() == ErrorKind::PermissionDenied => {
            Err(ConfigError::Unreadable { error, path, hint }.into())
        }
        Err(error) if error.may_pass() => Err(error.into()),
        Err(error) => {
            let said = error.to_string();
            let reason = Reason::of_sentence(Level::Critical, Kind::Config, said.lines().next().unwrap_or_default());
            Ok(Report { queue: counted(named), ..Report::of([reason.of(error.place())]) })
        }
    }
}

/// A spool that cannot be used at all is a reason as well.
fn of_access(access: Result<QueueAccess, SpoolError>) -> Result<Report, Failure> {
    match access.map_err(AccessError::Spool).and_then(|access| access.status()) {
        Err(AccessError::NoRunner) => Ok(runner_health::without_runner()),
        Err(AccessError::Spool(error)) if is_spools(&error) => Ok(Report::of([spool_health::unusable_for(&error)])),
        report => Ok(report?),
    }
}

/// Whether something is wrong with the spool itself, and not with this process.
fn is_spools(error: &SpoolError) -> bool {
    let is_denied = matches!(error, SpoolError::Io { error, .. } if error.kind() == ErrorKind::PermissionDenied);
    !is_denied && !error.is_shortage()
}

/// What can be counted where the configuration has errors, but says where the queue is.
fn counted(named: Option<&Path>) -> Option<Figures> {
    let Err(ConfigError::Faulty { rest: Some(rest), .. }) = locate::load(named) else { return None };
    let spool = Spool::find(&rest.spool).ok()?;
    status::look(None, spool.as_ref()).ok()?.queue
}

/// The report with the member `queue`, which is null where the queue could not be looked at.
fn json(report: &Report) -> String {
    let mut object = serde_json::to_value(report).unwrap_or_default();
    if let Some(members) = object.as_object_mut() {
        members.entry("queue").or_insert(Value::Null);
    }
    object.to_string()
}

fn exit(level: Level) -> Exit {
    match level {
        Level::Ok => Exit::Ok,
        Level::Warning => Exit::Warnings,
        Level::Critical => Exit::Critical,
        Level::Unknown => Exit::CannotTell,
    }
}

fn line(report: &Report, figures: Option<&Figures>) -> String {
    let word = match report.level {
        Level::Ok => "OK",
        Level::Warning => "WARNING",
        Level::Critical => "CRITICAL",
        Level::Unknown => "UNKNOWN",
    };
    let (bad, good): (Vec<&Reason>, Vec<&Reason>) = report.reasons.iter().partition(|one| one.level > Level::Ok);
    let queue = report.queue.iter().flat_map(queue_words);
    let words = bad.iter().map(ToString::to_string).chain(queue).chain(good.iter().map(ToString::to_string));
    // The bar divides words from figures.
    let words = printable(&words.collect::<Vec<_>>().join(", ")).replace('|', "?");
    format!("{NAME}{word}: {words}{}", figures.map(perfdata).unwrap_or_default())
}

fn queue_words(queue: &Figures) -> Vec<String> {
    let count = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 message {what}")),
        more => Some(format!("{more} messages {what}")),
    };
    let is_empty = queue.waiting + queue.dropped + queue.raw + queue.held == 0;
    let stopped = if queue.runner { "" } else { " (service not running)" };
    let words = [
        is_empty.then(|| "the queue is empty".to_owned()),
        count(queue.waiting, "queued"),
        count(queue.dropped, &format!("submitted but not yet picked up{stopped}")),
        count(queue.held, "held"),
    ];
    words.into_iter().flatten().collect()
}

/// As monitoring plug-ins write it.
fn perfdata(queue: &Figures) -> String {
    let Figures { waiting, held, failed, oldest, warn_after, .. } = queue;
    format!(" | queued={waiting};;;0 held={held};;;0 failed={failed};0;;0 oldest={oldest}s;{warn_after};;0")
}
