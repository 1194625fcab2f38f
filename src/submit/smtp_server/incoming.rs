//! Admits a message while it is received: its content goes to a thread that reads it like any other input, so that a
//! large message needs no more memory than a small one. The caller provides the admission.
//!
//! Two threads share a message: the connection's writes pieces, and the admitting one reads them. The channel between
//! them is bounded, so a slow disk slows the client down through TCP instead of filling the memory with content.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::policy::Message;
use super::reply::Refusal;
use crate::submit::admit::complete::EnvelopeError;
use crate::submit::admit::store::AdmitError;

/// Pieces of content waiting for admission, each of at most 16 KiB.
const PIECES: usize = 16;

/// A message to the admitting thread.
///
/// The end is a piece of its own. A sender that is merely dropped means that the client is gone, and half a message
/// must not be stored as a whole one.
enum Piece {
    Content(Vec<u8>),
    End,
}

/// A message that is being admitted while it is received.
#[derive(Debug)]
pub struct IncomingMessage {
    pieces: SyncSender<Piece>,
    admission: Option<JoinHandle<Result<String, Refusal>>>,
}

impl IncomingMessage {
    /// Starts a message. `admit` reads the content and returns the text of the reply once the message is safe.
    pub fn begin(admit: impl FnOnce(Content) -> Result<String, Refusal> + Send + 'static) -> Result<Self, Refusal> {
        let (pieces, receiver) = sync_channel(PIECES);
        let content = Content { pieces: receiver, piece: Vec::new(), at: 0 };
        let admission = std::thread::Builder::new().name("admission".into()).spawn(move || admit(content));
        let admission =
            admission.map_err(|error| Refusal::new(451, "4.3.0", format!("cannot accept mail: {error}")))?;
        Ok(Self { pieces, admission: Some(admission) })
    }

    /// The result of admission.
    ///
    /// The thread is joined, so that the reply comes after the sync.
    fn result(&mut self) -> Result<String, Refusal> {
        let lost = || Refusal::new(451, "4.3.0", "the message was not stored; try again");
        let admission = self.admission.take().ok_or_else(lost)?;
        admission.join().map_err(|_| lost())?
    }
}

impl Message for IncomingMessage {
    /// Blocks while the channel is full. Admission that has ended, with an error, makes it fail, and the thread's
    /// result then says why.
    fn write(&mut self, content: &[u8]) -> Result<(), Refusal> {
        if self.pieces.send(Piece::Content(content.to_vec())).is_ok() {
            return Ok(());
        }
        // Admission ended before the message did.
        self.result().and_then(|_| Err(Refusal::new(451, "4.3.0", "the message was not stored; try again")))
    }

    fn finish(mut self) -> Result<String, Refusal> {
        // If nobody receives it, the result says why.
        let _ = self.pieces.send(Piece::End);
        self.result()
    }
}

/// The content while it arrives. If the client disappears before its end, that is an error and not the end.
#[derive(Debug)]
pub struct Content {
    pieces: Receiver<Piece>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Content {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.pieces.recv() {
                Ok(Piece::Content(piece)) => (self.piece, self.at) = (piece, 0),
                Ok(Piece::End) => return Ok(0),
                Err(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let rest = &self.piece[self.at..];
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        Ok(length)
    }
}

/// The reply and enhanced code: the class tells the client to try again or to give up.
///
/// Only what a repetition cannot change is 5yz. What a full disk or an unreadable table causes is 4yz, and the client
/// keeps the message.
#[must_use]
pub fn codes(error: &AdmitError) -> (u16, &'static str) {
    match error {
        AdmitError::TooBig(_) => (552, "5.3.4"),
        AdmitError::NoRoom { .. } => (452, "4.3.1"),
        AdmitError::Envelope(EnvelopeError::BadSender { .. }) => (553, "5.1.7"),
        AdmitError::Envelope(EnvelopeError::TooManyRecipients(_) | EnvelopeError::Expansion(_)) => (554, "5.5.3"),
        AdmitError::Envelope(EnvelopeError::NoRecipients | EnvelopeError::NoUsableRecipient(..)) => (554, "5.1.3"),
        AdmitError::HeaderTooLong => (554, "5.6.0"),
        AdmitError::NotAllowed { .. } | AdmitError::NoSuchAccount { .. } => (550, "5.7.1"),
        AdmitError::Envelope(EnvelopeError::Table(_))
        | AdmitError::Spool(_)
        | AdmitError::Read(_)
        | AdmitError::Random(_) => (451, "4.3.0"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
