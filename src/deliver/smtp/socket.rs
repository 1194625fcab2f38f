//! A TCP socket whose reads end at a deadline and whose writes may not stand still for
//! longer than a limit. What the bytes mean is `stream`'s.

use std::io;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, recv};

/// How long a read may wait.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// Until then, over all reads together.
    Until(Instant),
    /// Only what is there already; else `WouldBlock`.
    None,
}

/// The socket.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    patience: Patience,
    /// As the system was told.
    stall: Option<Duration>,
}

impl Socket {
    /// Over a connected socket.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, patience: Patience::None, stall: None })
    }

    /// Reads from now on must be done within the limit, all together.
    pub fn allow(&mut self, limit: Duration) {
        self.patience = Patience::Until(Instant::now() + limit);
    }

    /// Reads from now on take only what is there.
    pub fn only_what_is_there(&mut self) {
        self.patience = Patience::None;
    }

    /// Writes fail when nothing was taken for that long.
    pub fn allow_stall(&mut self, limit: Duration) -> io::Result<()> {
        if self.stall == Some(limit) {
            return Ok(());
        }
        self.stream.set_write_timeout(Some(at_least(limit)))?;
        self.stall = Some(limit);
        Ok(())
    }

    /// Our own address, for an EHLO literal.
    pub fn local_ip(&self) -> io::Result<IpAddr> {
        self.stream.local_addr().map(|address| address.ip())
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let deadline = match self.patience {
            Patience::Until(deadline) => deadline,
            Patience::None => return Ok(recv(&self.stream, buffer, RecvFlags::DONTWAIT)?.1),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(at_least(left)))?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes).map_err(timed_out)
    }

    /// A flight of TLS records goes out in one segment where it fits.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(slices).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A blocking socket whose time is up says `EAGAIN`.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

/// Zero would mean "for ever" to the system.
fn at_least(limit: Duration) -> Duration {
    limit.max(Duration::from_millis(1))
}
