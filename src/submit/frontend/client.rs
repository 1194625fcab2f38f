//! The front end of system mode: a submission goes to the runner's socket, and where no
//! runner answers, to the drop program. Once this succeeds the message is on disk.

use std::io;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use postrider_drop::NOT_IN_GROUP;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::collect::Collected;
use super::replay_buffer::Kept;
use crate::config::places::DROP_PROGRAM;
use crate::config::places::SOCKET;
use crate::spool::MessageId;
use crate::submit::admit::store::{self, AdmitError};
use crate::submit::wire::submission::{self, NotPassed};

/// A runner that makes no progress for this long counts as none.
const PATIENCE: Duration = Duration::from_secs(30);

/// So long a runner that is busy with others is asked again.
const BUSY: Duration = Duration::from_secs(1);

/// So long it is looked for again where the drop program cannot help.
const RESTART: Duration = Duration::from_secs(8);

const PAUSE: Duration = Duration::from_millis(50);

/// The longest answer, in octets.
const MAX_ANSWER: u64 = 16 * 1024;

/// Why nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum NotHandedIn {
    /// The runner said no.
    #[error("{text}")]
    Refused {
        /// A code of sysexits(3).
        code: u8,
        /// Why.
        text: String,
    },
    /// The caller's input cannot be read to its end.
    #[error("cannot read the message: {0}")]
    Read(io::Error),
    /// Neither way in was open.
    #[error("cannot store the message: nothing answers at {SOCKET}, and {0}; it was not accepted, try again later")]
    NoWay(String),
    /// It could not be kept until it is stored.
    #[error("cannot buffer the message: {0}; it was not accepted, try again later")]
    Kept(io::Error),
    /// The system gives no random numbers.
    #[error(transparent)]
    MessageIds(AdmitError),
}

/// Hands the submission in; the message's id, where the runner took it.
pub fn hand_in<R: Read>(collected: &mut Collected<R>) -> Result<Option<MessageId>, NotHandedIn> {
    let token = store::token().map_err(NotHandedIn::MessageIds)?;
    let mut tee = Tee { kept: Kept::new(), stream: connect(BUSY) };
    let written = submission::write(collected, &token, &mut tee).map(|_| ());
    match written {
        Ok(()) => {}
        Err(NotPassed::Read(error)) => return Err(NotHandedIn::Read(error)),
        Err(NotPassed::Write(error)) => return Err(NotHandedIn::Kept(error)),
    }
    let Tee { mut kept, stream } = tee;
    if let Some(answered) = stream.and_then(answer) {
        return answered.map(Some);
    }
    match drop_off(&mut kept) {
        Ok(()) => Ok(None),
        Err(why) => again(&mut kept, &why).map(Some),
    }
}

/// A few seconds more for a runner that is being restarted.
fn again(kept: &mut Kept, why: &str) -> Result<MessageId, NotHandedIn> {
    let deadline = Instant::now() + RESTART;
    while Instant::now() < deadline {
        std::thread::sleep(PAUSE);
        let Some(mut stream) = connect(Duration::ZERO) else { continue };
        let sent = kept.again().and_then(|mut frame| io::copy(&mut frame, &mut stream));
        // What it said counts, also where it did not take all.
        drop(sent);
        if let Some(answered) = answer(stream) {
            return answered;
        }
    }
    Err(NotHandedIn::NoWay(why.to_owned()))
}

/// Passes on and keeps.
struct Tee {
    kept: Kept,
    stream: Option<UnixStream>,
}

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let kept = self.kept.write(bytes)?;
        // A runner that does not take it may have said why: that is read in the end.
        if let Some(stream) = &mut self.stream
            && stream.write_all(&bytes[..kept]).is_err()
        {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        Ok(kept)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Connects without waiting; whoever is not let in at once asks again for a while.
#[must_use]
pub fn connect(patience: Duration) -> Option<UnixStream> {
    let address = SocketAddrUnix::new(SOCKET).ok()?;
    let deadline = Instant::now() + patience;
    loop {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
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

/// The runner's answer; `None` where there is none, so that somebody else must store the message.
fn answer(stream: UnixStream) -> Option<Result<MessageId, NotHandedIn>> {
    let mut line = String::new();
    BufReader::new(stream.take(MAX_ANSWER)).read_line(&mut line).ok()?;
    let line = line.strip_suffix('\n')?;
    if let Some(id) = line.strip_prefix("ok ") {
        return MessageId::parse(id).map(Ok);
    }
    let (code, text) = line.strip_prefix("no ")?.split_once(' ')?;
    Some(Err(NotHandedIn::Refused { code: code.parse().ok()?, text: text.to_owned() }))
}

/// Has the drop program store it; why not, otherwise.
fn drop_off(kept: &mut Kept) -> Result<(), String> {
    // Where SIGCHLD is ignored, as some callers leave it, nobody learns how a child ended.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGCHLD, Arc::new(AtomicBool::new(false)));
    let cannot = |error: io::Error| format!("{DROP_PROGRAM} cannot be started ({error})");
    close_fds::set_fds_cloexec(3, &[]);
    let mut program = Command::new(DROP_PROGRAM);
    program.env_clear().current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = program.spawn().map_err(cannot)?;
    if let Some(mut stdin) = child.stdin.take() {
        // What it does not take it does not store; it says why.
        let _ = kept.again().and_then(|mut frame| io::copy(&mut frame, &mut stdin));
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
