//! `password = { command = [...] }`: a program run without input, with a time limit;
//! the first line of its output is the password. Its words and its output go into no
//! message: only the program's name, how it ended, and its first complaint.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::{LONGEST, Secret, SecretError, first_line};
use crate::mail::printable::printable;

/// How long a password command may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How often we look whether it has ended, once its output has.
const GLANCE: Duration = Duration::from_millis(5);

/// So much of a complaint is told, in characters.
const COMPLAINT: usize = 200;

/// Whether its program is there to be run.
pub(super) fn look(words: &[String]) -> Result<(), SecretError> {
    let program = words.first().map_or("", String::as_str);
    if program_is_there(program) {
        return Ok(());
    }
    Err(SecretError(format!(
        "the password command {program} is not a program that this user may run; install it, or write the full path of the program"
    )))
}

/// Whether there is such a program, which this process may run.
#[must_use]
pub fn program_is_there(program: &str) -> bool {
    if program.contains('/') {
        return is_program(Path::new(program));
    }
    let places = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&places).any(|folder| is_program(&folder.join(program)))
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Runs the command now.
pub(super) fn fetch(words: &[String], patience: Duration) -> Result<Secret, SecretError> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(SecretError("the password command is empty: write the program and its arguments".to_owned()));
    };
    let source = format!("the password command {program}");
    let deadline = Instant::now() + patience;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| SecretError(format!("cannot start {source}: {error}; write the full path of the program")))?;
    let output = child.stdout.take().map(listen);
    let complaints = child.stderr.take().map(listen);
    let line = received_by(output, deadline);
    let status = ended(&mut child, deadline);
    match (line, status) {
        (Some(line), Some(status)) if status.success() => first_line(&source, &line),
        (_, Some(status)) if !status.success() => {
            // It has ended; only a descendant that keeps stderr open could delay this.
            let complaint = received_by(complaints, Instant::now() + Duration::from_secs(1));
            Err(SecretError(format!("{source} failed ({}){}", how(status), complaint_text(complaint))))
        }
        _ => Err(SecretError(format!(
            "{source} did not finish within {} s: run it by hand as this user to see what it waits for",
            patience.as_secs()
        ))),
    }
}

/// Reads a pipe to its end in a thread, so that the writer never blocks, and hands over
/// what came first, as soon as a line of it is complete: a daemon that the command left
/// behind may keep the pipe open for days. The buffers are wiped.
fn listen(mut pipe: impl Read + Send + 'static) -> Receiver<Zeroizing<Vec<u8>>> {
    let (hand_over, receive) = sync_channel(1);
    thread::spawn(move || {
        let mut buffer = Zeroizing::new([0; 1024]);
        let mut kept = Some(Zeroizing::new(Vec::with_capacity(LONGEST + 2)));
        loop {
            let length = match pipe.read(buffer.as_mut_slice()) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let Some(bytes) = kept.as_mut() else { continue };
            // Within the capacity: growing would leave an unwiped copy behind.
            let room = bytes.capacity() - bytes.len();
            bytes.extend_from_slice(&buffer[..length.min(room)]);
            if length >= room || bytes.contains(&b'\n') {
                // Whoever waited for it may have given up.
                let _ = kept.take().map(|bytes| hand_over.send(bytes));
            }
        }
        let _ = kept.map(|bytes| hand_over.send(bytes));
    });
    receive
}

/// The first that a pipe said; `None` if it said no whole line and did not end in time.
fn received_by(pipe: Option<Receiver<Zeroizing<Vec<u8>>>>, deadline: Instant) -> Option<Zeroizing<Vec<u8>>> {
    pipe?.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

/// How the child ended; one that does not in time is killed, and `None`.
fn ended(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(GLANCE),
            Ok(None) | Err(_) => break,
        }
    }
    // Both fail only if it is gone already.
    let _ = child.kill();
    let _ = child.wait();
    None
}

fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown status".to_owned(),
    }
}

/// The first line of a complaint, cut and fit to print.
fn complaint_text(complaint: Option<Zeroizing<Vec<u8>>>) -> String {
    let complaint = complaint.unwrap_or_default();
    let text = String::from_utf8_lossy(&complaint);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line: String = printable(line).chars().take(COMPLAINT).collect();
    if line.is_empty() { "; run it by hand as this user to see why".to_owned() } else { format!(": {line}") }
}

#[cfg(test)]
mod tests;
