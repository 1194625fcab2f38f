//! The requesting side of both sockets: connects, writes a request and follows the response.
//! Which socket a command uses is [`super::queue_access`]'s to say.

use std::io::{self, BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::error::AccessError;
use super::protocol::{Request, Response};
use crate::config::places::SOCKET;
use crate::spool::Spool;
use crate::submit::frontend::client;
use crate::sys::descriptor;

/// How long to knock again at a socket whose backlog is full.
const BUSY: Duration = Duration::from_secs(2);

/// The lines of a response, as they come.
#[derive(Debug)]
pub struct Responses {
    lines: Receiver<io::Result<String>>,
    runner: String,
    has_begun: bool,
}

/// How long a runner may be silent that has only to look something up. One that is stopped never answers.
const SILENCE: Duration = Duration::from_secs(30);

/// Asks the machine's runner, over the socket on which mail is submitted.
pub fn ask_machine(request: &Request) -> Result<Responses, AccessError> {
    let stream = client::connect(BUSY).ok_or(AccessError::NoRunner)?;
    let patience = match request {
        // They take as long as attempts do.
        Request::Flush { .. } | Request::Change { .. } => None,
        Request::List { .. }
        | Request::Ids { .. }
        | Request::Show { .. }
        | Request::History { .. }
        | Request::Status
        | Request::Verify(_)
        | Request::Hello
        | Request::Active
        | Request::Metrics => Some(SILENCE),
    };
    Responses::to(request, stream, patience, SOCKET.to_owned())
}

/// Asks the runner of a spool that this process may read, over the control socket in it; `None` where none
/// listens. Without `patience`, it waits for as long as it takes to attempt a message.
pub fn ask_owner(
    spool: &Spool,
    request: &Request,
    patience: Option<Duration>,
) -> Result<Option<Responses>, AccessError> {
    let runner = spool.dir().join("control").display().to_string();
    let connected = std::fs::File::open(spool.dir()).and_then(|directory| UnixStream::connect(short_path(&directory)));
    match connected {
        Ok(stream) => Responses::to(request, stream, patience, runner).map(Some),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(AccessError::NotAsked(runner, error)),
    }
}

/// The control socket's path through the open spool, which is short enough for a socket's address.
#[must_use]
pub fn short_path(directory: &std::fs::File) -> String {
    descriptor::path_in(directory, "control")
}

impl Responses {
    fn to(
        request: &Request,
        stream: UnixStream,
        patience: Option<Duration>,
        runner: String,
    ) -> Result<Self, AccessError> {
        let asked =
            stream.set_read_timeout(patience).and_then(|()| request.write(&stream)).and_then(|()| lines(stream));
        match asked {
            Ok(lines) => Ok(Self { lines, runner, has_begun: false }),
            Err(error) => Err(AccessError::NotAsked(runner, error)),
        }
    }

    /// Shows all lines but the last, which it returns; a refusal is an error.
    pub fn follow(mut self, mut see: impl FnMut(Response) -> io::Result<()>) -> Result<Response, AccessError> {
        loop {
            match self.next_line()? {
                Response::No(refused) => return Err(AccessError::Refused(refused)),
                response if response.is_last() => return Ok(response),
                response => see(response)?,
            }
        }
    }

    /// The response to a request that has one line.
    pub fn only(self) -> Result<Response, AccessError> {
        self.follow(|_| Ok(()))
    }

    /// The next line. Only what is no last line has one after it.
    pub fn next_line(&mut self) -> Result<Response, AccessError> {
        let line = self.lines.recv().unwrap_or_else(|_| Err(io::ErrorKind::UnexpectedEof.into()));
        match (line, self.has_begun) {
            (Ok(line), _) => {
                self.has_begun = true;
                Response::parse(&line).map_err(|error| AccessError::NotUnderstood(self.runner.clone(), error))
            }
            (Err(error), false) => Err(AccessError::NotAsked(self.runner.clone(), error)),
            (Err(error), true) => Err(AccessError::CutShort(self.runner.clone(), error)),
        }
    }
}

/// Reads lines on a thread of its own, as fast as they come: the runner does not wait long for its
/// reader, while a pager may wait for a person.
fn lines(stream: UnixStream) -> io::Result<Receiver<io::Result<String>>> {
    let (sender, lines) = mpsc::channel();
    std::thread::Builder::new().name("responses".into()).spawn(move || {
        for line in BufReader::new(stream).lines() {
            let is_last = line.is_err();
            if sender.send(line).is_err() || is_last {
                return;
            }
        }
    })?;
    Ok(lines)
}
