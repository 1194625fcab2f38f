//! `postrider flush`: attempt queued mail now, by the runner there is or, where there
//! is none, in this process; say what became of each message.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::exit::{Exit, Failure};
use super::progress::Progress;
use super::queue::Which;
use super::remote;
use crate::config::Config;
use crate::control::selection::Selection;
use crate::runner::context::Settings;
use crate::runner::listener::control_socket::{self, Answer, Question};
use crate::runner::queue_manager::watchers::EventChannel;
use crate::runner::session_watchers::Watchers;
use crate::runner::{Engine, Until};
use crate::spool::lock::{RunnerLock, TryLock};
use crate::spool::{MessageId, Spool};
use crate::submit::frontend::start_runner;

/// Arguments of `flush`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Show the conversation with the server, without passwords
    #[arg(short, long)]
    verbose: bool,
}

/// How often a runner that is just starting or ending is looked for again.
const TRIES: u32 = 20;

/// Flushes.
pub fn run(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    super::run::log_aside(config);
    let selection = arguments.which.selection(Some(config))?;
    let spool = Spool::open(&config.spool)?;
    let mut teller = Teller::new(&selection, arguments.verbose);
    for _ in 0..TRIES {
        let question = Question::Flush { selection: selection.clone() };
        match control_socket::ask(&spool, &question, None) {
            Ok(Some(answers)) => match follow(answers, &mut teller)? {
                Followed::ToTheEnd => return Ok(teller.end()),
                // It was about to end, or has just begun.
                Followed::NotAtAll => {}
            },
            Ok(None) => {}
            Err(error) => {
                let message = format_args!("cannot contact the runner of {}: {error}", spool.dir().display());
                return Err(Failure::new(Exit::TempFail, message));
            }
        }
        if let TryLock::Taken(lock) = RunnerLock::try_take(&spool)? {
            return alone(config, &spool, lock, &selection, teller);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(Failure::new(
        Exit::TempFail,
        format_args!("the runner of {} does not respond; is its process stopped?", spool.dir().display()),
    ))
}

/// Has the machine's runner flush what is the caller's, on a queue that is not this process's to read.
pub(super) fn run_remotely(arguments: &Arguments) -> Result<Exit, Failure> {
    let selection = arguments.which.selection(None)?;
    let mut teller = Teller::new(&selection, arguments.verbose);
    for answer in remote::ask(&Question::Flush { selection })? {
        match answer.map_err(|error| remote::failure(&error))? {
            Answer::Finished => return Ok(teller.end()),
            answer => teller.tell(&answer),
        }
    }
    Err(remote::failure(&std::io::ErrorKind::UnexpectedEof.into()))
}

/// How far another process's runner answered.
enum Followed {
    ToTheEnd,
    NotAtAll,
}

/// Listens to another process's runner.
fn follow(answers: impl Iterator<Item = std::io::Result<Answer>>, teller: &mut Teller) -> Result<Followed, Failure> {
    let mut heard = false;
    for answer in answers {
        if !heard && answer.is_err() {
            return Ok(Followed::NotAtAll);
        }
        heard = true;
        let answer =
            answer.map_err(|e| Failure::new(Exit::TempFail, format_args!("lost the connection to the runner: {e}")))?;
        if answer == Answer::Finished {
            return Ok(Followed::ToTheEnd);
        }
        teller.tell(&answer);
    }
    if !heard {
        return Ok(Followed::NotAtAll);
    }
    Err(Failure::new(Exit::TempFail, "the runner exited before it was done; the mail is still queued (see `mailq`)"))
}

/// Is the runner for as long as it takes.
fn alone(
    config: &Config,
    spool: &Spool,
    lock: RunnerLock,
    selection: &Selection,
    mut teller: Teller,
) -> Result<Exit, Failure> {
    let (sender, told) = mpsc::channel();
    let settings = Settings::new(config.clone(), spool.clone(), Arc::new(Watchers::default()));
    let ears = EventChannel::default();
    // Others who want to flush meanwhile ask this runner; where they cannot, they wait for the lock.
    let _ = control_socket::listen(spool, ears.sender.clone());
    let mut engine = Engine::new(Arc::new(settings), lock, Until::Errands, ears);
    engine.take_stock()?;
    engine.flush(selection, sender);
    let printer = std::thread::spawn(move || {
        for told in told {
            match Answer::from_told(told) {
                Answer::Finished => break,
                answer => teller.tell(&answer),
            }
        }
        teller.end()
    });
    engine.run();
    // Mail that arrived meanwhile found a runner, which was this one.
    start_runner::leave_runner_for_rest(config, spool);
    Ok(printer.join().unwrap_or(Exit::OsError))
}

/// What the flush came to, over all its messages.
#[derive(Debug, Default)]
struct Sums {
    messages: usize,
    delivered: usize,
    refused: usize,
    waiting: usize,
}

/// Tells a person what happens.
struct Teller {
    selection: Selection,
    verbose: bool,
    progress: Progress,
    sums: Sums,
}

impl Teller {
    fn new(selection: &Selection, verbose: bool) -> Self {
        let progress = if verbose { Progress::hidden() } else { Progress::on_stdout() };
        Self { selection: selection.clone(), verbose, progress, sums: Sums::default() }
    }

    fn tell(&mut self, answer: &Answer) {
        match answer {
            Answer::Step { line } if self.verbose => self.progress.say(line),
            Answer::Asked { messages } => self.progress.begin(*messages),
            Answer::Result { id, delivered, refused, waiting, reason } => {
                self.sums.messages += 1;
                self.sums.delivered += delivered;
                self.sums.refused += refused;
                self.sums.waiting += waiting;
                self.progress.done(&result_line(id, *delivered, *refused, *waiting, reason));
            }
            Answer::Waiting { id, reason } => {
                self.sums.messages += 1;
                self.sums.waiting += 1;
                self.progress.done(&format!("{id}: waiting: {reason}"));
            }
            Answer::Step { .. }
            | Answer::Changed { .. }
            | Answer::Unchanged { .. }
            | Answer::Active { .. }
            | Answer::Finished => {}
        }
    }

    /// The closing line, and the code: 69 where one asked-for message was refused for all its recipients.
    fn end(self) -> Exit {
        self.progress.wipe();
        if self.sums.messages == 0 {
            let ids: Vec<&str> = self.selection.ids.iter().map(MessageId::as_str).collect();
            return match (ids.is_empty(), self.selection == Selection::default()) {
                (true, true) => tell_and(Exit::Ok, "the queue is empty"),
                (true, false) => tell_and(Exit::Ok, "no queued message matches"),
                (false, _) => tell_and(Exit::NoInput, &format!("not in the queue: {}", ids.join(", "))),
            };
        }
        let all_refused = self.sums.refused > 0 && self.sums.delivered == 0 && self.sums.waiting == 0;
        if all_refused && !self.selection.ids.is_empty() { Exit::Unavailable } else { Exit::Ok }
    }
}

fn result_line(id: &str, delivered: usize, refused: usize, waiting: usize, reason: &str) -> String {
    let parts = [(delivered, "delivered"), (refused, "refused"), (waiting, "waiting")];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    format!("{id}: {}{reason}", parts.join(", "))
}

fn tell_and(exit: Exit, line: &str) -> Exit {
    Progress::hidden().say(line);
    exit
}
