//! Starts the delivery of a stored message as `delivery` says: background starts a detached `postrider run
//! --until-empty`; interactive waits for `postrider flush ID`. The message is already stored, so a failure here is
//! not reported to the caller.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::config::{Config, Delivery};
use crate::spool::{MessageId, Spool, SpoolError, lock};
use crate::sys::sysexits::Exit;

/// The state of the message when the front end exits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    /// It is stored and will be delivered.
    Over,
    /// It was attempted immediately and refused for every recipient; the first reply.
    Refused(String),
}

/// What the caller sees of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Nothing, because a program reads the output.
    Nothing,
    /// The SMTP dialogue: `-v` on a terminal.
    Conversation,
}

/// Starts delivery of the stored message. With `-v` it is attempted immediately, whatever `manner` says.
#[must_use]
pub fn hand_over(config: &Config, spool: &Spool, id: &MessageId, manner: Delivery, show: Show) -> Handed {
    let handed = match (manner, show) {
        (Delivery::Interactive, _) | (_, Show::Conversation) => attempt(config, id, show),
        (Delivery::Queue | Delivery::Background, Show::Nothing) => Handed::Over,
    };
    match manner {
        Delivery::Queue => {}
        Delivery::Background | Delivery::Interactive => leave_runner(config, spool, id),
    }
    handed
}

/// Makes this process the leader of a new session, for `postrider run --detached`, so that signals to the caller's
/// terminal or process group do not reach it. The parent process has already cleaned up descriptors, directory and
/// environment.
pub fn detach() {
    // This fails only for the leader of a process group, which is already detached.
    let _ = rustix::process::setsid();
}

/// Runs `postrider flush ID` and waits for it.
fn attempt(config: &Config, id: &MessageId, show: Show) -> Handed {
    let mut flush = flush(config, std::slice::from_ref(id), show);
    if show == Show::Nothing {
        flush.stdout(Stdio::piped());
    }
    // If SIGCHLD is ignored, the exit status is lost, but the wait still works.
    match spawn(&mut flush).and_then(|child| child.wait_with_output().ok()) {
        Some(ended) if is_refused(ended.status) => {
            let said = String::from_utf8_lossy(&ended.stdout);
            let line = said.lines().next().unwrap_or_default();
            Handed::Refused(line.split_once(": ").map_or(line, |(_, reason)| reason).to_owned())
        }
        Some(_) | None => Handed::Over,
    }
}

/// Whether `postrider flush ID` reported that every recipient refused the message.
#[must_use]
pub fn is_refused(ended: ExitStatus) -> bool {
    ended.code() == Some(Exit::Unavailable.code().into())
}

/// Runs `postrider flush` for these messages, or for all, and waits. Returns its exit status if it could be started.
#[must_use]
pub fn flush_and_wait(config: &Config, ids: &[MessageId], show: Show) -> Option<ExitStatus> {
    let mut flush = flush(config, ids, show);
    flush.stderr(Stdio::inherit());
    spawn(&mut flush).and_then(|mut child| child.wait().ok())
}

fn flush(config: &Config, ids: &[MessageId], show: Show) -> Command {
    let output = || match show {
        Show::Nothing => Stdio::null(),
        Show::Conversation => Stdio::inherit(),
    };
    let mut flush = postrider("flush", config);
    if show == Show::Conversation {
        flush.arg("-v");
    }
    flush.args(ids.iter().map(MessageId::as_str)).stdin(Stdio::null()).stdout(output()).stderr(output());
    flush
}

/// Replaces this process by `postrider run`. Returns only if that fails.
#[must_use]
pub fn become_runner(config: &Config) -> std::io::Error {
    postrider("run", config).exec()
}

/// Replaces this process by the program `postrider`, called by another of its names. Returns only if that fails.
#[must_use]
pub fn become_postrider(name: &str, arguments: &[OsString]) -> std::io::Error {
    Command::new(program()).arg0(name).args(arguments).exec()
}

/// Starts a permanent runner, unless one is running.
pub fn leave_daemon(config: &Config, spool: &Spool) {
    if !lock::is_held(spool).unwrap_or(false) {
        leave(postrider("run", config));
    }
}

/// Starts a runner, unless one is running or the message has already left.
fn leave_runner(config: &Config, spool: &Spool, id: &MessageId) {
    if matches!(spool.open_message(id), Err(SpoolError::Gone(_))) {
        return;
    }
    leave_runner_unless_held(config, spool);
}

/// Starts a runner for queued mail, unless `delivery = "queue"`.
pub fn leave_runner_for_rest(config: &Config, spool: &Spool) {
    if config.delivery != Delivery::Queue && spool.has_work().unwrap_or(false) {
        leave_runner_unless_held(config, spool);
    }
}

fn leave_runner_unless_held(config: &Config, spool: &Spool) {
    // After it releases its lock, a runner checks the queue once more. So a runner that holds the lock now will find
    // this message.
    if lock::is_held(spool).unwrap_or(false) {
        return;
    }
    let mut run = postrider("run", config);
    run.arg("--until-empty");
    leave(run);
}

/// Starts a runner without any directory or descriptor of the caller.
fn leave(mut run: Command) {
    run.arg("--detached").current_dir("/");
    run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // It outlives this process; init collects its exit status.
    let _ = spawn(&mut run);
}

/// `postrider SUBCOMMAND --config PATH`, with the configuration that this process read.
fn postrider(subcommand: &str, config: &Config) -> Command {
    let path = std::path::absolute(&config.path).unwrap_or_else(|_| config.path.clone());
    let mut command = Command::new(program());
    command.arg(subcommand).arg("--config").arg(path);
    command
}

/// Starts a command with descriptors 0, 1 and 2 only. A caller that reads a pipe to its end would otherwise wait
/// until the runner closes it.
fn spawn(command: &mut Command) -> Option<Child> {
    close_fds::set_fds_cloexec(3, &[]);
    command.spawn().ok()
}

/// The program next to this one, or else where packages install it.
fn program() -> PathBuf {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
    let folders = beside.into_iter().chain(["/usr/bin", "/usr/local/bin"].map(PathBuf::from));
    let mut places = folders.map(|folder| folder.join("postrider"));
    places.find(|place| place.is_file()).unwrap_or_else(|| PathBuf::from("postrider"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
