//! `postrider flush`: attempts queued mail now, through the runner or, where none runs, in this
//! process; prints what became of each message.

use std::sync::{Arc, mpsc};

use super::exit::{Exit, Failure};
use super::progress::Progress;
use super::queue::Which;
use crate::control::access::AccessScope;
use crate::control::listing::Listed;
use crate::control::loaded::Loaded;
use crate::control::modify::Change;
use crate::control::protocol::{Detail, Response};
use crate::control::queue_access::QueueAccess;
use crate::control::selection::Selection;
use crate::runner::context::Context;
use crate::runner::event::EventChannel;
use crate::runner::listener::control_socket;
use crate::runner::{QueueManager, Until};
use crate::spool::MessageId;
use crate::spool::lock::RunnerLock;
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

impl Arguments {
    fn detail(&self) -> Detail {
        if self.verbose { Detail::Conversation } else { Detail::Results }
    }
}

/// Flushes, through the runner or in this process.
pub fn run(access: &QueueAccess, arguments: &Arguments) -> Result<Exit, Failure> {
    if let Some(config) = access.config() {
        super::run::log_aside(config);
    }
    let mut selection = arguments.which.selection(access)?;
    if selection.failed {
        selection = returned_from_failed(access, &selection)?;
    }
    let mut report = FlushReport::new(&selection, arguments.detail());
    let lock = access.flush(&selection, arguments.detail(), |response| report.show(&response))?;
    match (lock, access) {
        (Some(lock), QueueAccess::Spool(loaded)) => Ok(alone(loaded, lock, selection, report)?.end(access)),
        _ => Ok(report.end(access)),
    }
}

/// Brings what is asked for back into the queue; the messages that it is then.
fn returned_from_failed(access: &QueueAccess, selection: &Selection) -> Result<Selection, Failure> {
    let (mut ids, mut unchanged) = (Vec::new(), Vec::new());
    access.change(Change::Retry, selection, |response| match response {
        // Behind `as` stands the id that it has now.
        Response::Changed { id } => ids.extend(id.rsplit(' ').next().and_then(MessageId::parse)),
        Response::Unchanged { id, reason } => unchanged.push(format!("{id}: {reason}")),
        _ => {}
    })?;
    if ids.is_empty() {
        let why = if unchanged.is_empty() { "nothing in failed/ matches".to_owned() } else { unchanged.join("\n") };
        return Err(Failure::new(if unchanged.is_empty() { Exit::NoInput } else { Exit::TempFail }, why));
    }
    for line in &unchanged {
        Progress::hidden().say(line);
    }
    Ok(Selection::of_ids(ids))
}

/// Is the runner until every requested message was attempted.
fn alone(
    loaded: &Arc<Loaded>,
    lock: RunnerLock,
    selection: Selection,
    mut report: FlushReport,
) -> Result<FlushReport, Failure> {
    let (sender, responses) = mpsc::channel();
    let (context, channel) = (Context::new(loaded), EventChannel::default());
    // Commands that flush meanwhile ask this runner; if they cannot connect, they wait for the lock.
    let _ = control_socket::listen(&loaded.spool, channel.sender.clone());
    let mut manager = QueueManager::new(Arc::clone(loaded), context, lock, Until::Flushed, channel);
    manager.startup_scan()?;
    manager.flush(&AccessScope::of_spool_owner().authorise(selection), report.detail, sender);
    let printer = std::thread::spawn(move || {
        responses.into_iter().take_while(|response| !response.is_last()).for_each(|response| report.show(&response));
        report
    });
    manager.run();
    // Mail that arrived meanwhile started no runner, since this process was one.
    start_runner::leave_runner_for_rest(&loaded.config, &loaded.spool);
    printer.join().map_err(|_| {
        Failure::new(
            Exit::OsError,
            "internal error while printing results; see `mailq` for what still waits".to_owned(),
        )
    })
}

/// What the flush came to, over all its messages.
#[derive(Debug, Default)]
struct Sums {
    messages: usize,
    delivered: usize,
    refused: usize,
    waiting: usize,
}

/// Prints what happens.
struct FlushReport {
    selection: Selection,
    detail: Detail,
    progress: Progress,
    sums: Sums,
}

impl FlushReport {
    fn new(selection: &Selection, detail: Detail) -> Self {
        let progress = match detail {
            Detail::Results => Progress::on_stdout(),
            Detail::Conversation => Progress::hidden(),
        };
        Self { selection: selection.clone(), detail, progress, sums: Sums::default() }
    }

    fn show(&mut self, response: &Response) {
        match response {
            Response::Step { line } if self.detail == Detail::Conversation => self.progress.say(line),
            Response::Asked { messages } => self.progress.begin(*messages),
            Response::Result { id, delivered, refused, waiting, reason } => {
                self.sums.messages += 1;
                self.sums.delivered += delivered;
                self.sums.refused += refused;
                self.sums.waiting += waiting;
                self.progress.done(&result_line(id, *delivered, *refused, *waiting, reason));
            }
            Response::Waiting { id, reason } => {
                self.sums.messages += 1;
                self.sums.waiting += 1;
                self.progress.done(&format!("{id}: waiting: {reason}"));
            }
            _ => {}
        }
    }

    /// The closing line and the exit code: 75 if something still waits, 69 if a requested message was refused for all
    /// its recipients.
    fn end(self, access: &QueueAccess) -> Exit {
        self.progress.wipe();
        if self.sums.messages == 0 {
            if let Some(line) = held(access, &self.selection) {
                let is_asked_for = !self.selection.ids.is_empty();
                return tell_and(if is_asked_for { Exit::TempFail } else { Exit::Ok }, &line);
            }
            let ids: Vec<&str> = self.selection.ids.iter().map(MessageId::as_str).collect();
            return match (ids.is_empty(), self.selection == Selection::default()) {
                (true, true) => tell_and(Exit::Ok, "the queue is empty"),
                (true, false) => tell_and(Exit::Ok, "no queued message matches"),
                (false, _) => tell_and(Exit::NoInput, &format!("not in the queue: {}", ids.join(", "))),
            };
        }
        if self.sums.waiting > 0 {
            return Exit::TempFail;
        }
        let all_refused = self.sums.refused > 0 && self.sums.delivered == 0;
        if all_refused && !self.selection.ids.is_empty() { Exit::Unavailable } else { Exit::Ok }
    }
}

/// That what was selected is held, where it is.
fn held(access: &QueueAccess, selection: &Selection) -> Option<String> {
    let mut count = 0;
    let listed = access.list(selection.clone(), |listed| {
        count += usize::from(matches!(listed, Listed::Item(item) if item.is_held()));
        Ok(())
    });
    let (held, them) = match listed.map(|_| count) {
        Err(_) | Ok(0) => return None,
        Ok(1) => ("1 message is".to_owned(), "it"),
        Ok(count) => (format!("{count} messages are"), "them"),
    };
    Some(format!("nothing to send: {held} held; `postrider queue release` lets {them} go"))
}

fn result_line(id: &MessageId, delivered: usize, refused: usize, waiting: usize, reason: &str) -> String {
    let parts = [(delivered, "delivered"), (refused, "refused"), (waiting, "waiting")];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    format!("{id}: {}{reason}", parts.join(", "))
}

fn tell_and(exit: Exit, line: &str) -> Exit {
    Progress::hidden().say(line);
    exit
}
