//! The times within which a client must do what it does.
//!
//! Four times limit a client, and each stops a different way to occupy a connection: `idle_time` one that says
//! nothing, `command_time` one that sends a byte now and then, `login_time` one that never identifies itself, and
//! `session_time` one that does all of this correctly forever. They are checked where bytes are read, below TLS, so
//! that they hold within a handshake as well, where nothing above would notice the time.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::config::listener::Listener;

/// A client that does not take a reply within this is gone.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// The times within which a client must do what it does.
#[derive(Debug)]
pub struct Times {
    idle: Duration,
    quiet_since: Instant,
    command_time: Duration,
    command: Instant,
    session: Instant,
    /// None: it is known who it is.
    login: Option<Instant>,
}

impl Times {
    /// At the beginning of a connection.
    #[must_use]
    pub fn new(listener: &Listener) -> Self {
        let (now, limits) = (Instant::now(), &listener.limits);
        Self {
            idle: limits.idle_time,
            quiet_since: now,
            command_time: limits.command_time,
            command: now + limits.command_time,
            session: now + limits.session_time,
            login: Some(now + limits.login_time),
        }
    }

    /// A complete command is what shows progress. Bytes of an unfinished one do not move the limit.
    pub fn command_done(&mut self) {
        self.command = Instant::now() + self.command_time;
    }

    /// The client is known. Returns whether it was not before.
    pub fn identify(&mut self) -> bool {
        self.login.take().is_some()
    }

    /// How long the next byte may still take, which is until the next limit; zero if one has passed.
    #[must_use]
    pub fn left(&self) -> Duration {
        let quiet = self.quiet_since.checked_add(self.idle);
        let limits = self.login.into_iter().chain(quiet).chain([self.command, self.session]);
        limits.min().unwrap_or(self.session).saturating_duration_since(Instant::now())
    }

    /// Which of them has passed, for the client.
    #[must_use]
    pub fn exceeded(&self) -> &'static str {
        let now = Instant::now();
        if self.session <= now {
            "the session takes too long; closing"
        } else if self.login.is_some_and(|login| login <= now) {
            "no login within the time allowed; closing"
        } else {
            "timeout; closing"
        }
    }
}

/// How long a read waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// As long as the times allow, also within a handshake.
    Full,
    /// So long, if they allow that.
    Brief(Duration),
}

/// A stream that is read as long as the times allow.
#[derive(Debug)]
pub struct TimedStream {
    stream: TcpStream,
    /// The times.
    pub times: Times,
    /// How long the next read waits.
    pub patience: Patience,
    /// What the socket has. Most commands are waited for as long as the one before.
    timeouts: SocketTimeouts,
}

/// The timeouts of a socket; `None`: it has none yet.
#[derive(Debug, Default)]
struct SocketTimeouts {
    read: Option<Duration>,
    write: Option<Duration>,
}

impl TimedStream {
    /// With these limits.
    #[must_use]
    pub fn new(stream: TcpStream, times: Times) -> Self {
        Self { stream, times, patience: Patience::Full, timeouts: SocketTimeouts::default() }
    }
}

impl AsFd for TimedStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Read for TimedStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.times.left();
        let wait = match self.patience {
            Patience::Full => left,
            Patience::Brief(most) => left.min(most),
        };
        if wait.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if self.timeouts.read != Some(wait) {
            self.stream.set_read_timeout(Some(wait))?;
            self.timeouts.read = Some(wait);
        }
        let read = self.stream.read(into)?;
        self.times.quiet_since = Instant::now();
        Ok(read)
    }
}

impl Write for TimedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.timeouts.write.is_none() {
            self.stream.set_write_timeout(Some(WRITE_TIME))?;
            self.timeouts.write = Some(WRITE_TIME);
        }
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
