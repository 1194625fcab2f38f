//! The machine's queue as somebody sees it who may not read its spool: by asking the runner
//! over the socket on which mail is handed in.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::exit::{Exit, Failure};
use crate::config::places::SOCKET;
use crate::config::{locate, places};
use crate::runner::listener::query::Answer;
use crate::submit::frontend::client;

/// A runner that is busy with others is asked again for so long.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a command with this `--config` is about the machine's queue, and this process may not read it.
pub(super) fn is_needed(named: Option<&Path>) -> bool {
    let queue = Path::new(places::SYSTEM_SPOOL).join("queue");
    locate::is_system_mode(named) && rustix::fs::access(queue, rustix::fs::Access::READ_OK).is_err()
}

/// Asks; each line of the answer as it comes. What is no line of an answer ends it.
pub(super) fn ask<T: DeserializeOwned, Q: Serialize>(
    question: &Q,
) -> Result<impl Iterator<Item = io::Result<T>> + use<T, Q>, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::TempFail, format_args!("cannot query the runner at {SOCKET}: {error}; try again"))
    };
    let Some(mut stream) = client::connect(PATIENCE) else {
        let message = format_args!(
            "the postrider service is not running (nothing answers at {SOCKET}), and only root can read the queue without it; \
             submitted mail waits safely (as root, run \"systemctl start postrider\")"
        );
        return Err(Failure::new(Exit::TempFail, message));
    };
    let mut line = serde_json::to_vec(question).map_err(|error| failed(&error))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(|error| failed(&error))?;
    // A message that is being sent may take its time.
    stream.set_read_timeout(None).map_err(|error| failed(&error))?;
    let lines = keep_up(stream).map_err(|error| failed(&error))?;
    Ok(lines.into_iter().map(|line| read(&line?)))
}

/// Reads as fast as the runner answers, who does not wait long for anybody: a pager does, for its reader.
fn keep_up(stream: UnixStream) -> io::Result<Receiver<io::Result<String>>> {
    let (sender, lines) = mpsc::channel();
    std::thread::Builder::new().name("answer".into()).spawn(move || {
        for line in BufReader::new(stream).lines() {
            let is_last = line.is_err();
            if sender.send(line).is_err() || is_last {
                return;
            }
        }
    })?;
    Ok(lines)
}

/// A line of the kind that was asked for, or the runner's no.
fn read<T: DeserializeOwned>(line: &str) -> io::Result<T> {
    match serde_json::from_str(line) {
        Ok(answer) => Ok(answer),
        Err(error) => match serde_json::from_str(line) {
            Ok(Answer::No { code, reason }) => Err(io::Error::other(Refused { code, reason })),
            Ok(_) => Err(error.into()),
            Err(_) => match line.strip_prefix("no ").and_then(|rest| rest.split_once(' ')) {
                Some((code, reason)) => {
                    let code = code.parse().unwrap_or(Exit::TempFail.code());
                    Err(io::Error::other(Refused { code, reason: reason.to_owned() }))
                }
                None => Err(error.into()),
            },
        },
    }
}

/// What the runner does not answer.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
struct Refused {
    code: u8,
    reason: String,
}

/// The failure that ends the command.
pub(super) fn failure(error: &io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Refused>()) {
        Some(Refused { code, reason }) => refused(*code, reason),
        None => Failure::new(
            Exit::TempFail,
            format_args!("lost the connection to the runner at {SOCKET}: {error}; try again"),
        ),
    }
}

/// The runner said no.
pub(super) fn refused(code: u8, reason: &str) -> Failure {
    Failure::new(Exit::of_code(code).unwrap_or(Exit::TempFail), reason)
}

/// Asks for one line.
pub(super) fn ask_one(question: &impl Serialize) -> Result<Answer, Failure> {
    let mut lines = ask::<Answer, _>(question)?;
    match lines.next() {
        Some(Ok(Answer::No { code, reason })) => Err(refused(code, &reason)),
        Some(Ok(answer)) => Ok(answer),
        Some(Err(error)) => Err(failure(&error)),
        None => Err(failure(&io::ErrorKind::UnexpectedEof.into())),
    }
}
