//! A connection of the submission socket: the uid of its client, how long the client may keep the runner waiting, and
//! how it is disconnected. `submitter_limits` counts connections.
//!
//! A thread is occupied for as long as its client makes it wait, so every wait has a limit. A timeout per read or
//! write is not enough: a client that sends or takes one byte just before each timeout would hold its thread for
//! hours. Requests and responses therefore have a deadline for the whole. Submissions have only the timeout per read,
//! because a program may pipe a long dump into sendmail slowly; such a connection counts as idle between its bytes and
//! is the first to go when others need room.

use std::io;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::mail::submitter::Submitter;
use crate::sys::peer;

/// A client that neither sends nor reads for this long is disconnected.
const PATIENCE: Duration = Duration::from_mins(1);
/// A request must be complete within this time.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// The total time that the runner waits for a client to read its response.
pub(crate) const RESPONSE_TIME: Duration = Duration::from_secs(10);
/// Bytes per write. The kernel applies the timeout to each part of a larger write again.
const PIECE: usize = 8 << 10;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    uid: u32,
    /// Read by other threads, which look for a connection to disconnect.
    waiting_for: Mutex<WaitingFor>,
}

/// Who must act next.
#[derive(Debug, Clone, Copy)]
enum WaitingFor {
    /// The client, since this time.
    Client(Instant),
    /// The runner: it is storing a message or preparing a response.
    Runner,
}

impl Connection {
    /// For an accepted connection. The client's uid comes from the peer credentials.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        let uid = peer::uid(&stream)?;
        Self::of_peer(stream, uid)
    }

    pub(super) fn of_peer(stream: UnixStream, uid: u32) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, uid, waiting_for: Mutex::new(WaitingFor::Client(Instant::now())) })
    }

    /// The client's uid.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The client as a submitter.
    #[must_use]
    pub fn submitter(&self) -> Submitter {
        Submitter::Local(self.uid)
    }

    /// The socket, for anything other than reading and writing.
    pub(crate) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// How long the runner has been waiting for the client.
    pub fn idle(&self) -> Duration {
        match *self.waiting_for.lock() {
            WaitingFor::Client(since) => since.elapsed(),
            WaitingFor::Runner => Duration::ZERO,
        }
    }

    /// Disconnects the client, also while a thread is waiting for it.
    ///
    /// shutdown(2) wakes the thread that is blocked in read or write with an end of file or an error. Closing the
    /// descriptor would not, and could hit another file that got its number.
    pub fn disconnect(&self) {
        // It may have ended already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// A reader for a request, with a time limit however slowly the client sends.
    pub(crate) fn request_reader(&self) -> DeadlineReader<'_> {
        DeadlineReader { connection: self, until: Instant::now() + REQUEST_TIME }
    }

    /// A writer for a response, with a time limit however slowly the client reads.
    pub(crate) fn response_writer(&self) -> DeadlineWriter<'_> {
        DeadlineWriter { connection: self, left: RESPONSE_TIME }
    }

    /// Runs an operation that waits for the client.
    ///
    /// After a failed operation the connection stays as waiting for the client, and so remains a candidate for
    /// disconnection until its thread has noticed.
    fn wait<T>(&self, act: impl FnOnce(&UnixStream) -> io::Result<T>) -> io::Result<T> {
        let now_waits_for = |side| *self.waiting_for.lock() = side;
        now_waits_for(WaitingFor::Client(Instant::now()));
        let done = act(&self.stream)?;
        now_waits_for(WaitingFor::Runner);
        Ok(done)
    }
}

impl Read for &Connection {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.wait(|mut stream| stream.read(into))
    }
}

impl Write for &Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait(|mut stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads until a deadline.
#[derive(Debug)]
pub struct DeadlineReader<'a> {
    connection: &'a Connection,
    until: Instant,
}

impl Read for DeadlineReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.connection.stream.set_read_timeout(Some(left))?;
        { self.connection }.read(into)
    }
}

/// Writes with a limit on the total time spent waiting for the client. Time without anything to write does not count.
#[derive(Debug)]
pub struct DeadlineWriter<'a> {
    connection: &'a Connection,
    left: Duration,
}

impl Write for DeadlineWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.connection.stream.set_write_timeout(Some(self.left))?;
        let begun = Instant::now();
        let written = { self.connection }.write(&bytes[..bytes.len().min(PIECE)]);
        // Only the time inside write(2) counts. Reading the queue for a long listing takes as long as it takes, and is
        // not the client's fault.
        self.left = self.left.saturating_sub(begun.elapsed());
        if written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            // Further writes must fail at once instead of waiting again.
            self.left = Duration::ZERO;
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
