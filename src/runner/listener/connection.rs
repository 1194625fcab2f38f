//! One connection at the socket: how long its client may keep the runner waiting, when it
//! last made a move, and how it is shown out. Who gets one is `guests`' to say.

use std::io;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A client that makes no move for this long is let go.
const PATIENCE: Duration = Duration::from_mins(1);
/// A question that is not whole by then is none.
const TO_ASK: Duration = Duration::from_secs(10);
/// So long in all the runner waits for a client to read what it asked for.
pub(crate) const TO_LISTEN: Duration = Duration::from_secs(10);
/// Octets written at once: of more, the kernel would wait as long for every part.
const PIECE: usize = 8 << 10;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    turn: Mutex<Turn>,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// The client's, since then.
    Clients(Instant),
    /// The runner's: it stores what came, or thinks of an answer.
    Runners,
}

impl Connection {
    /// For a client that has just come.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, turn: Mutex::new(Turn::Clients(Instant::now())) })
    }

    /// The connection, for what is neither reading nor writing.
    pub(crate) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// How long its client has made no move.
    pub fn idle(&self) -> Duration {
        match *self.turn.lock().unwrap_or_else(PoisonError::into_inner) {
            Turn::Clients(since) => since.elapsed(),
            Turn::Runners => Duration::ZERO,
        }
    }

    /// Ends it, also for whoever waits for its client just now.
    pub fn show_out(&self) {
        // One that has ended already is what was wanted.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// For a question, however slowly it comes.
    pub(crate) fn prompt(&self) -> DeadlineReader<'_> {
        DeadlineReader { seat: self, until: Instant::now() + TO_ASK }
    }

    /// For an answer, however slowly it is read.
    pub(crate) fn reply(&self) -> Reply<'_> {
        Reply { seat: self, left: TO_LISTEN }
    }

    /// Waits for the client.
    fn wait<T>(&self, act: impl FnOnce(&UnixStream) -> io::Result<T>) -> io::Result<T> {
        let take = |turn| *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
        take(Turn::Clients(Instant::now()));
        let done = act(&self.stream)?;
        take(Turn::Runners);
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

/// What is read until then.
#[derive(Debug)]
pub struct DeadlineReader<'a> {
    seat: &'a Connection,
    until: Instant,
}

impl Read for DeadlineReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.seat.stream.set_read_timeout(Some(left))?;
        { self.seat }.read(into)
    }
}

/// What is written as long as its reader keeps up. Time in which there is nothing to say does not count.
#[derive(Debug)]
pub struct Reply<'a> {
    seat: &'a Connection,
    left: Duration,
}

impl Write for Reply<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.seat.stream.set_write_timeout(Some(self.left))?;
        let begun = Instant::now();
        let written = { self.seat }.write(&bytes[..bytes.len().min(PIECE)]);
        self.left = self.left.saturating_sub(begun.elapsed());
        if written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            // Whoever wants to write the rest after all need not wait once more.
            self.left = Duration::ZERO;
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_client_that_waits_for_the_runner_is_not_idle() {
        let (stream, mut client) = UnixStream::pair().unwrap();
        let seat = Connection::new(stream).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        assert!(seat.idle() >= Duration::from_millis(2), "it has not said anything yet");
        client.write_all(b"all of it").unwrap();
        assert_eq!({ &seat }.read(&mut [0; 16]).unwrap(), 9);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(seat.idle(), Duration::ZERO);
    }

    #[test]
    fn whoever_does_not_read_is_waited_for_once_and_all_told() {
        let (stream, client) = UnixStream::pair().unwrap();
        let seat = Connection::new(stream).unwrap();
        let mut reply = Reply { seat: &seat, left: Duration::from_millis(300) };
        let begun = Instant::now();
        let answer = vec![b'x'; 4 << 20];
        assert!(reply.write_all(&answer).is_err());
        assert!(reply.write_all(b"the end\n").is_err());
        assert!(begun.elapsed() >= Duration::from_millis(300));
        // One that reads a little now and then does not get longer.
        let mut reply = Reply { seat: &seat, left: Duration::from_millis(300) };
        let reader = std::thread::spawn(move || {
            let mut some = [0; 4096];
            while matches!((&client).read(&mut some), Ok(1..)) {
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let begun = Instant::now();
        assert!(reply.write_all(&answer).is_err());
        assert!(begun.elapsed() < Duration::from_secs(5));
        seat.show_out();
        reader.join().unwrap();
    }
}
