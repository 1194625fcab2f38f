//! One connection at the socket: how long its client may keep the runner waiting, when it
//! last made a move, and how it is shown out. Who gets one is `guests`' to say.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A client that makes no move for this long is let go.
const PATIENCE: Duration = Duration::from_mins(1);
/// A question that is not whole by then is none.
const TO_ASK: Duration = Duration::from_secs(10);
/// So long in all the runner waits for a client to read what it asked for.
pub(super) const TO_LISTEN: Duration = Duration::from_secs(10);
/// Octets written at once: of more, the kernel would wait as long for every part.
const PIECE: usize = 8 << 10;

/// A connection.
#[derive(Debug)]
pub struct Seat {
    stream: UnixStream,
    moved: Mutex<Instant>,
}

impl Seat {
    /// For a client that has just come.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, moved: Mutex::new(Instant::now()) })
    }

    /// The connection, for what is neither reading nor writing.
    pub(super) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// How long its client has made no move.
    pub fn idle(&self) -> Duration {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Ends it, also for whoever waits for its client just now.
    pub fn show_out(&self) {
        // One that has ended already is what was wanted.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// For a question, however slowly it comes.
    pub(super) fn prompt(&self) -> Prompt<'_> {
        Prompt { seat: self, until: Instant::now() + TO_ASK }
    }

    /// For an answer, however slowly it is read.
    pub(super) fn reply(&self) -> Reply<'_> {
        Reply { seat: self, left: TO_LISTEN }
    }

    fn note_move(&self) {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Read for &Seat {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = (&self.stream).read(into)?;
        self.note_move();
        Ok(length)
    }
}

impl Write for &Seat {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = (&self.stream).write(bytes)?;
        self.note_move();
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is read until then.
#[derive(Debug)]
pub struct Prompt<'a> {
    seat: &'a Seat,
    until: Instant,
}

impl Read for Prompt<'_> {
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
    seat: &'a Seat,
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
    fn whoever_does_not_read_is_waited_for_once_and_all_told() {
        let (stream, client) = UnixStream::pair().unwrap();
        let seat = Seat::new(stream).unwrap();
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
