//! The front end in system mode: submits to the runner's socket, or to the drop program if no runner answers. Once
//! this succeeds, the message is on disk.
//!
//! The socket comes first, because the runner checks limits and replies with an id. The drop program needs no runner,
//! but can only store. Both get the same frame with the same token, so if the runner stored the message and died
//! before its reply, it recognises the copy in drop/ after its restart.

use std::io;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use postrider_drop::NOT_IN_GROUP;
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;

use super::collect::Collected;
use super::replay_buffer::ReplayBuffer;
use crate::config::places::DROP_PROGRAM;
use crate::config::places::SOCKET;
use crate::spool::MessageId;
use crate::submit::admit::store::{self, AdmitError};
use crate::submit::wire::frame::WIDEST;
use crate::submit::wire::reply::{Refused, Reply};
use crate::submit::wire::submission::{self, NotPassed};
use crate::sys::stream_socket::{self, Calls};

/// A runner without progress for this long counts as absent.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to try again if the runner's backlog is full.
const BUSY: Duration = Duration::from_secs(1);

/// How long to wait for the runner to restart if the drop program cannot help.
const RESTART: Duration = Duration::from_secs(8);

const PAUSE: Duration = Duration::from_millis(50);

/// The longest reply in bytes.
const MAX_REPLY: u64 = 16 * 1024;

/// Why nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum NotHandedIn {
    /// The runner refused the message.
    #[error(transparent)]
    Refused(Refused),
    /// The message is larger than any runner accepts.
    #[error("the message is larger than {0} bytes")]
    TooBig(u64),
    /// The caller's input could not be read completely.
    #[error("cannot read the message: {0}")]
    Read(io::Error),
    /// Neither the runner nor the drop program accepted the message.
    #[error("cannot store the message: nothing answers at {SOCKET}, and {0}; it was not accepted, try again later")]
    NoWay(String),
    /// The copy for a second attempt could not be written.
    #[error("cannot buffer the message: {0}; it was not accepted, try again later")]
    Buffer(io::Error),
    /// The system provides no random numbers.
    #[error(transparent)]
    MessageIds(AdmitError),
}

/// Submits the message. Returns its id if the runner stored it, `None` if the drop program did. A copy is kept
/// meanwhile: if the runner dies before its reply, the same frame goes to the drop program, and the token in it shows
/// the runner later that it is the same message.
pub fn hand_in<R: Read>(collected: &mut Collected<R>) -> Result<Option<MessageId>, NotHandedIn> {
    let token = store::token().map_err(NotHandedIn::MessageIds)?;
    let mut tee = Tee {
        buffer: ReplayBuffer::new(),
        room: WIDEST.envelope + WIDEST.content,
        stream: connect(BUSY),
        answered: None,
    };
    let written = submission::write(collected, &token, &mut tee).map(|_| ());
    let Tee { mut buffer, stream, answered, .. } = tee;
    match (written, answered) {
        (Ok(()), None) => {}
        (_, Some(answered)) => return answered.map(Some),
        (Err(NotPassed::Read(error)), None) => return Err(NotHandedIn::Read(error)),
        (Err(NotPassed::Write(error)), None) if error.kind() == ErrorKind::FileTooLarge => {
            return Err(NotHandedIn::TooBig(WIDEST.content));
        }
        (Err(NotPassed::Write(error)), None) => return Err(NotHandedIn::Buffer(error)),
    }
    if let Some(answered) = stream.and_then(reply) {
        return answered.map(Some);
    }
    match drop_off(&mut buffer) {
        Ok(()) => Ok(None),
        Err(why) => again(&mut buffer, &why).map(Some),
    }
}

/// Waits a few more seconds for a runner that is being restarted.
fn again(buffer: &mut ReplayBuffer, why: &str) -> Result<MessageId, NotHandedIn> {
    let deadline = Instant::now() + RESTART;
    while Instant::now() < deadline {
        std::thread::sleep(PAUSE);
        let Some(mut stream) = connect(Duration::ZERO) else { continue };
        let sent = buffer.again().and_then(|mut frame| io::copy(&mut frame, &mut stream));
        // The runner's reply counts even if it did not read the whole submission.
        drop(sent);
        if let Some(answered) = reply(stream) {
            return answered;
        }
    }
    Err(NotHandedIn::NoWay(why.to_owned()))
}

/// Sends to the runner and keeps a copy, until the runner replies or the copy is larger than any limit.
struct Tee {
    buffer: ReplayBuffer,
    /// Bytes that may still be kept.
    room: u64,
    stream: Option<UnixStream>,
    /// The runner's reply, if it arrived before the end of the message.
    answered: Option<Result<MessageId, NotHandedIn>>,
}

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room = self.room.checked_sub(bytes.len() as u64).ok_or(ErrorKind::FileTooLarge)?;
        let kept = self.buffer.write(bytes)?;
        if let Some(mut stream) = self.stream.take() {
            if stream.write_all(&bytes[..kept]).is_ok() {
                self.stream = Some(stream);
            } else {
                // A runner that stops reading has sent the reason, unless it died.
                self.answered = reply(stream);
            }
        }
        if self.answered.is_some() { Err(ErrorKind::BrokenPipe.into()) } else { Ok(kept) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Connects without blocking, and tries again while the listener's backlog is full.
#[must_use]
pub fn connect(patience: Duration) -> Option<UnixStream> {
    let address = SocketAddrUnix::new(SOCKET).ok()?;
    let deadline = Instant::now() + patience;
    loop {
        let socket = stream_socket::unix(Calls::Nonblocking).ok()?;
        match rustix::net::connect(&socket, &address) {
            Ok(()) => {
                let stream = UnixStream::from(socket);
                let set = stream
                    .set_nonblocking(false)
                    .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
                    .and_then(|()| stream.set_read_timeout(Some(PATIENCE)));
                return set.ok().map(|()| stream);
            }
            Err(Errno::AGAIN) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            Err(_) => return None,
        }
    }
}

/// The runner's reply. Without one, the message must be stored in another way.
fn reply(stream: UnixStream) -> Option<Result<MessageId, NotHandedIn>> {
    let mut line = String::new();
    BufReader::new(stream.take(MAX_REPLY)).read_line(&mut line).ok()?;
    match Reply::parse(line.strip_suffix('\n')?)? {
        Reply::Stored(id) => Some(Ok(id)),
        Reply::Refused(refused) => Some(Err(NotHandedIn::Refused(refused))),
    }
}

/// Stores the message with the drop program. The error says why that failed.
fn drop_off(buffer: &mut ReplayBuffer) -> Result<(), String> {
    // Some callers leave SIGCHLD ignored. Then the kernel discards the exit status of children.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGCHLD, Arc::new(AtomicBool::new(false)));
    let cannot = |error: io::Error| format!("{DROP_PROGRAM} cannot be started ({error})");
    close_fds::set_fds_cloexec(3, &[]);
    let mut program = Command::new(DROP_PROGRAM);
    program.env_clear().current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = program.spawn().map_err(cannot)?;
    if let Some(mut stdin) = child.stdin.take() {
        // It stores nothing unless it reads everything, and reports why.
        let _ = buffer.again().and_then(|mut frame| io::copy(&mut frame, &mut stdin));
    }
    let ended = child.wait_with_output().map_err(cannot)?;
    let said = String::from_utf8_lossy(&ended.stderr);
    let said = said.lines().next().unwrap_or("no reason given").trim_start_matches("postrider-drop: ");
    match ended.status.code() {
        Some(0) => Ok(()),
        Some(code) if code == i32::from(NOT_IN_GROUP) => Err(format!("{DROP_PROGRAM} lacks its set-group-id rights")),
        Some(_) | None => Err(format!("{DROP_PROGRAM} reports: {said}")),
    }
}
