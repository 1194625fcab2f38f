//! The control socket (spool/control): how other commands of the same user talk to the
//! runner. One JSON line asks, JSON lines answer. Who may connect is the spool's mode.

use std::io;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::modify::Change;
use crate::control::selection::Selection;
use crate::runner::completion::settle::{Settled, Then};
use crate::runner::queue_manager::watchers::Event;
use crate::runner::session_watchers::Told;
use crate::spool::Spool;

/// Octets of one question.
const MAX_QUESTION: u64 = 1 << 20;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
pub enum Question {
    /// Attempt these now and tell what became of them.
    Flush {
        /// Which.
        #[serde(flatten)]
        selection: Selection,
    },
    /// Change these.
    Change {
        /// How.
        change: Change,
        /// Which.
        #[serde(flatten)]
        selection: Selection,
    },
    /// Which messages are being sent just now?
    Active,
}

/// An answer line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "lowercase")]
pub enum Answer {
    /// A line of a conversation.
    Step {
        /// `> EHLO ...`
        line: String,
    },
    /// A message was attempted.
    Result {
        /// The message.
        id: String,
        /// Recipients delivered, over all attempts.
        delivered: usize,
        /// Recipients refused, over all attempts.
        refused: usize,
        /// Recipients still waiting.
        waiting: usize,
        /// Reason of one that waits or was refused.
        reason: String,
    },
    /// A message could not be attempted.
    Waiting {
        /// The message.
        id: String,
        /// Why.
        reason: String,
    },
    /// So many messages will be attempted.
    Asked {
        /// How many.
        messages: usize,
    },
    /// A message was changed as asked.
    Changed {
        /// The message.
        id: String,
    },
    /// A message was not changed.
    Unchanged {
        /// The message, or empty where none could be looked at.
        id: String,
        /// Why.
        reason: String,
    },
    /// These messages are being sent just now.
    Active {
        /// The messages.
        ids: Vec<String>,
    },
    /// That was all.
    Finished,
}

impl Answer {
    /// The answer that says this.
    #[must_use]
    pub fn from_told(told: Told) -> Self {
        match told {
            Told::Step(line) => Self::Step { line },
            Told::Result(Settled { id, delivered, refused, waiting, reason, then, .. }) => {
                let waiting = if then == Then::Gone { 0 } else { waiting };
                Self::Result { id: id.to_string(), delivered, refused, waiting, reason }
            }
            Told::Waiting(id, reason) => Self::Waiting { id, reason },
            Told::Asked(messages) => Self::Asked { messages },
            Told::Changed(id) => Self::Changed { id },
            Told::Unchanged(id, reason) => Self::Unchanged { id, reason },
            Told::Active(ids) => Self::Active { ids },
            Told::Finished => Self::Finished,
        }
    }
}

/// A question with the place for its answers.
#[derive(Debug)]
pub struct Asked {
    /// The question.
    pub question: Question,
    /// Where answers go.
    pub answers: Sender<Told>,
}

/// Listens until the process ends. Only the lock's holder calls this: an old socket file is replaced.
pub fn listen(spool: &Spool, wakes: Sender<Event>) -> io::Result<()> {
    let path = spool.dir().join("control");
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let directory = std::fs::File::open(spool.dir())?;
    let listener = UnixListener::bind(short(&directory))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    std::thread::Builder::new().name("control".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let wakes = wakes.clone();
            // A thread that cannot be had is one question unanswered; the asker sees the connection close.
            let _ = std::thread::Builder::new().name("answer".into()).spawn(move || answer(stream, &wakes));
        }
    })?;
    Ok(())
}

/// Asks the runner; `None` where no runner listens. With `patience`, an answer that does not come in time is an error.
pub fn ask(
    spool: &Spool,
    question: &Question,
    patience: Option<Duration>,
) -> io::Result<Option<impl Iterator<Item = io::Result<Answer>> + use<>>> {
    let directory = std::fs::File::open(spool.dir())?;
    let mut stream = match UnixStream::connect(short(&directory)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.set_read_timeout(patience)?;
    stream.write_all(&line)?;
    Ok(Some(BufReader::new(stream).lines().map(|line| Ok(serde_json::from_str(&line?)?))))
}

/// The socket's path through the open directory: a socket address holds 108 bytes, a spool's path may be longer.
fn short(directory: &std::fs::File) -> String {
    format!("/proc/self/fd/{}/control", directory.as_raw_fd())
}

fn answer(stream: UnixStream, wakes: &Sender<Event>) {
    // Without these limits a stopped asker would keep the thread for ever.
    let limits = stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .and_then(|()| stream.set_write_timeout(Some(Duration::from_secs(30))));
    let Ok(mut writer) = limits.and_then(|()| stream.try_clone()) else { return };
    let mut line = String::new();
    let read = BufReader::new(io::Read::take(stream, MAX_QUESTION)).read_line(&mut line);
    let Some(question) = read.ok().and_then(|_| serde_json::from_str(&line).ok()) else { return };
    let (answers, told) = mpsc::channel();
    if wakes.send(Event::Asked(Asked { question, answers })).is_err() {
        return;
    }
    for told in told {
        let last = matches!(told, Told::Finished);
        let Ok(mut line) = serde_json::to_vec(&Answer::from_told(told)) else { return };
        line.push(b'\n');
        if writer.write_all(&line).is_err() || last {
            return;
        }
    }
}
