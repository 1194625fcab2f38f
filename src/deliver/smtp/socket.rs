//! A TCP or Unix socket with a deadline for reads and a limit on how long a write may make no progress.
//!
//! Reads have a deadline for a whole reply: with a timeout per read, a server that sends a byte a minute would keep
//! the session open for days. Writes have a limit on standstill instead, because a large message over a slow line
//! takes as long as it takes, and RFC 5321 section 4.5.3.2.5 too counts the time per block.

use std::io;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, recv};

use super::interruption::{Cuttable, Interruption};

/// Instead of what the system says of a connection that we have cut.
const CUT: &str = "the runner was stopped before the server answered";
/// How often a read that may be interrupted looks whether it is.
const GLANCE: Duration = Duration::from_millis(500);

/// How long a read may wait.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// Until this time, for all reads together.
    Until(Instant),
    /// Not at all. Without data, the read fails with `WouldBlock`.
    None,
}

/// A connected socket.
#[derive(Debug)]
pub enum Connected {
    /// To a relay, or to a server on loopback.
    Tcp(TcpStream),
    /// To a server of this machine.
    Unix(UnixStream),
}

impl Connected {
    fn set_read_timeout(&self, limit: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(Some(limit)),
            Self::Unix(stream) => stream.set_read_timeout(Some(limit)),
        }
    }

    fn set_write_timeout(&self, limit: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_write_timeout(Some(limit)),
            Self::Unix(stream) => stream.set_write_timeout(Some(limit)),
        }
    }
}

impl AsFd for Connected {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

/// How a stop of the runner concerns the reads of a session.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// It is being opened: they end at once.
    Opening,
    /// It is open: they have a few seconds.
    Open,
}

/// The socket.
#[derive(Debug)]
pub struct Socket {
    stream: Connected,
    patience: Patience,
    /// The write timeout currently set in the system.
    stall: Option<Duration>,
    /// What may end the waiting of a read.
    interruption: Option<Interruption>,
    stage: Stage,
    /// Until it is dropped, the runner may cut the connection.
    cuttable: Option<Cuttable>,
}

impl Socket {
    /// For a connected socket.
    pub fn new(stream: Connected) -> io::Result<Self> {
        if let Connected::Tcp(stream) = &stream {
            // Commands are written in one piece, so Nagle's algorithm has nothing to combine and would only delay them.
            stream.set_nodelay(true)?;
        }
        Ok(Self {
            stream,
            patience: Patience::None,
            stall: None,
            interruption: None,
            stage: Stage::Opening,
            cuttable: None,
        })
    }

    /// Sets what may end the waiting of the reads that follow, and cut the connection.
    pub fn set_interruption(&mut self, interruption: Option<Interruption>) -> io::Result<()> {
        self.cuttable =
            interruption.as_ref().map(|interruption| interruption.include(self.stream.as_fd())).transpose()?;
        self.interruption = interruption;
        Ok(())
    }

    /// The session is open: a stop of the runner gives each reply a few seconds.
    pub fn wait_for_replies(&mut self) {
        self.stage = Stage::Open;
    }

    /// Sets a deadline for all following reads together.
    pub fn allow(&mut self, limit: Duration) {
        self.patience = Patience::Until(Instant::now() + limit);
    }

    /// Following reads return only what has already arrived.
    pub fn only_what_is_there(&mut self) {
        self.patience = Patience::None;
    }

    /// Writes fail if no byte is accepted for this long.
    pub fn allow_stall(&mut self, limit: Duration) -> io::Result<()> {
        if self.stall == Some(limit) {
            return Ok(());
        }
        self.stream.set_write_timeout(at_least(limit))?;
        self.stall = Some(limit);
        Ok(())
    }

    /// Our own address, for an address literal in EHLO.
    pub fn local_ip(&self) -> io::Result<IpAddr> {
        match &self.stream {
            Connected::Tcp(stream) => stream.local_addr().map(|address| address.ip()),
            Connected::Unix(_) => Err(ErrorKind::Unsupported.into()),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let deadline = match self.patience {
            Patience::Until(deadline) => deadline,
            Patience::None => return Ok(recv(&self.stream, buffer, RecvFlags::DONTWAIT)?.1),
        };
        let began = Instant::now();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            let piece = match (&self.interruption, self.stage) {
                (Some(interruption), Stage::Opening) if interruption.is_wanted() => {
                    return Err(ErrorKind::ConnectionAborted.into());
                }
                (Some(interruption), Stage::Open) if is_over(interruption, began) => return Err(io::Error::other(CUT)),
                (Some(_), _) => left.min(GLANCE),
                (None, _) => left,
            };
            // Set again for each read, because the timeout of a socket is per read and the deadline is for all of them.
            self.stream.set_read_timeout(at_least(piece))?;
            let read = match &mut self.stream {
                Connected::Tcp(stream) => stream.read(buffer),
                Connected::Unix(stream) => stream.read(buffer),
            };
            match read.map_err(timed_out) {
                Err(error) if error.kind() == ErrorKind::TimedOut && piece < left => {}
                Ok(0) | Err(_) if self.cuttable.as_ref().is_some_and(Cuttable::is_cut) => {
                    return Err(io::Error::other(CUT));
                }
                read => return read,
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Connected::Tcp(stream) => stream.write(bytes),
            Connected::Unix(stream) => stream.write(bytes),
        }
        .map_err(timed_out)
    }

    /// Sends several TLS records in one segment, if they fit.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.stream {
            Connected::Tcp(stream) => stream.write_vectored(slices),
            Connected::Unix(stream) => stream.write_vectored(slices),
        }
        .map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether the runner is to end and has waited long enough for a reply.
fn is_over(interruption: &Interruption, began: Instant) -> bool {
    interruption.deadline(began).is_some_and(|deadline| deadline <= Instant::now())
}

/// A blocking socket reports an expired timeout as `EAGAIN`.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

/// For the system, zero would mean no limit.
fn at_least(limit: Duration) -> Duration {
    limit.max(Duration::from_millis(1))
}
