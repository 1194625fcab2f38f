//! `postrider queue hold|release|delete|retry`: changes to queued messages, made by the
//! runner where there is one and under its lock where there is none.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::exit::{Exit, Failure};
use crate::cli::queue::{Format, Which};
use crate::cli::remote;
use crate::config::Config;
use crate::control::modify::{self, Change};
use crate::control::selection::Selection;
use crate::runner::context::Settings;
use crate::runner::listener::control_socket::{self, Answer, Question};
use crate::runner::queue_manager::modify::told;
use crate::runner::session_watchers::Watchers;
use crate::spool::Spool;
use crate::spool::lock::{RunnerLock, TryLock};
use crate::submit::frontend::start_runner;

/// How often a runner that is just starting or ending is looked for again.
const TRIES: u32 = 50;

/// Makes the change and says what became of each message.
pub fn run(config: &Config, change: Change, which: &Which, format: Format) -> Result<Exit, Failure> {
    crate::cli::run::log_aside(config);
    let selection = named(which, Some(config))?;
    let Some(spool) = Spool::find(&config.spool)? else { return Ok(Tally::new(change, format).end(&selection)) };
    for _ in 0..TRIES {
        let question = Question::Change { change, selection: selection.clone() };
        match control_socket::ask(&spool, &question, None) {
            Ok(Some(answers)) => {
                if let Some(exit) = follow(answers, change, format, &selection) {
                    return Ok(exit);
                }
            }
            Ok(None) => {}
            Err(error) => {
                let message = format_args!("cannot contact the runner of {}: {error}", spool.dir().display());
                return Err(Failure::new(Exit::TempFail, message));
            }
        }
        if let TryLock::Taken(lock) = RunnerLock::try_take(&spool)? {
            let exit = alone(config, &spool, change, &selection, format)?;
            drop(lock);
            if matches!(change, Change::Release | Change::Retry | Change::Readmit) {
                start_runner::leave_runner_for_rest(config, &spool);
            }
            return Ok(exit);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(Failure::new(
        Exit::TempFail,
        format_args!("the runner of {} does not respond; is its process stopped?", spool.dir().display()),
    ))
}

/// Has the runner make it, on a queue that is not this process's to read.
pub(crate) fn run_remotely(change: Change, which: &Which, format: Format) -> Result<Exit, Failure> {
    let selection = named(which, None)?;
    let mut tally = Tally::new(change, format);
    for answer in remote::ask(&Question::Change { change, selection: selection.clone() })? {
        match answer.map_err(|error| remote::failure(&error))? {
            Answer::Finished => return Ok(tally.end(&selection)),
            answer => tally.count(&answer),
        }
    }
    Err(remote::failure(&std::io::ErrorKind::UnexpectedEof.into()))
}

/// Everything is changed only by who says so.
fn named(which: &Which, config: Option<&Config>) -> Result<Selection, Failure> {
    let selection = which.selection(config)?;
    if selection.is_all() && !which.all {
        let message = "which messages? Give ids, --account, --sender, --recipient, --older or --all";
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(selection)
}

/// Listens to the runner; `None` where it ended before it said anything.
fn follow(
    answers: impl Iterator<Item = std::io::Result<Answer>>,
    change: Change,
    format: Format,
    selection: &Selection,
) -> Option<Exit> {
    let (mut tally, mut heard) = (Tally::new(change, format), false);
    for answer in answers {
        match answer {
            Ok(Answer::Finished) => return Some(tally.end(selection)),
            Ok(answer) => tally.count(&answer),
            Err(_) => break,
        }
        heard = true;
    }
    heard.then(|| {
        tally.count(&Answer::Unchanged { id: String::new(), reason: "the runner exited before it was done".into() });
        tally.end(selection)
    })
}

/// Makes the change itself; the caller holds the lock.
fn alone(
    config: &Config,
    spool: &Spool,
    change: Change,
    selection: &Selection,
    format: Format,
) -> Result<Exit, Failure> {
    let settings = Settings::new(config.clone(), spool.clone(), Arc::new(Watchers::default()));
    let mut tally = Tally::new(change, format);
    for id in modify::chosen(&settings, change, selection)? {
        let changed = modify::apply(&settings, change, &id);
        tally.count(&Answer::from_told(told(&id, changed)));
    }
    Ok(tally.end(selection))
}

/// What became of the change, for the person who asked.
struct Tally {
    change: Change,
    format: Format,
    changed: usize,
    unchanged: usize,
}

impl Tally {
    fn new(change: Change, format: Format) -> Self {
        Self { change, format, changed: 0, unchanged: 0 }
    }

    fn count(&mut self, answer: &Answer) {
        let line = match answer {
            Answer::Changed { id } => {
                self.changed += 1;
                format!("{id}: {}", self.change.done())
            }
            Answer::Unchanged { id, reason } => {
                self.unchanged += 1;
                format!("{id}{}not {}: {reason}", if id.is_empty() { "" } else { ": " }, self.change.done())
            }
            Answer::Step { .. }
            | Answer::Result { .. }
            | Answer::Waiting { .. }
            | Answer::Asked { .. }
            | Answer::Active { .. }
            | Answer::Finished => return,
        };
        match self.format {
            Format::Text => say(&line),
            Format::Json => say(&serde_json::to_string(answer).unwrap_or_default()),
        }
    }

    fn end(self, selection: &Selection) -> Exit {
        let found = self.changed + self.unchanged;
        if found == 0 && self.format == Format::Text {
            say("no such message");
        }
        match (self.unchanged, found) {
            (0, 0) if !selection.ids.is_empty() => Exit::NoInput,
            (0, _) => Exit::Ok,
            _ => Exit::TempFail,
        }
    }
}

/// A line on stdout; a reader that has gone does not undo the change.
fn say(line: &str) {
    let clean: String = line.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let _ = writeln!(std::io::stdout(), "{clean}");
}
