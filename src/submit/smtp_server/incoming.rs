//! Admits a message while it is received, so that a large one needs no more memory than a small one. The caller provides the
//! admission.
//!
//! A message that ends before [`WHOLE`] is admitted at its end, by the connection's own thread. A larger one has a thread that
//! reads it like any other input: the connection's writes pieces, and the admitting one reads them. The channel between them
//! is bounded, so a slow disk slows the client down through TCP instead of filling the memory with content.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::policy::Message;
use super::reply::Refusal;
use crate::submit::admit::complete::EnvelopeError;
use crate::submit::admit::store::AdmitError;

/// The octets up to which a message is gathered first. Most mail is smaller, and for it a thread costs more than the admission.
const WHOLE: usize = 64 << 10;

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

type Admit = Box<dyn FnOnce(Content) -> Result<String, Refusal> + Send>;

/// A message that is being received.
pub struct IncomingMessage(Admission);

/// How far its admission is.
enum Admission {
    /// It has not begun: this is what has come so far.
    Gathering(Admit, Vec<u8>),
    /// A thread reads the pieces.
    Running(SyncSender<Piece>, JoinHandle<Result<String, Refusal>>),
    /// Its result was told.
    Over,
}

impl IncomingMessage {
    /// Starts a message. `admit` reads the content and returns the text of the reply once the message is safe.
    #[must_use]
    pub fn begin(admit: impl FnOnce(Content) -> Result<String, Refusal> + Send + 'static) -> Self {
        Self(Admission::Gathering(Box::new(admit), Vec::new()))
    }

    /// Gives the message a thread, which begins with what was gathered.
    fn run(admit: Admit, gathered: Vec<u8>) -> Result<Admission, Refusal> {
        let (pieces, receiver) = sync_channel(PIECES);
        let content = Content { pieces: Some(receiver), piece: gathered, at: 0 };
        let admission = std::thread::Builder::new().name("admission".into()).spawn(move || admit(content));
        match admission {
            Ok(thread) => Ok(Admission::Running(pieces, thread)),
            Err(error) => Err(Refusal::new(451, "4.3.0", format!("cannot accept mail: {error}"))),
        }
    }

    /// The result of an admission that has ended before the message did.
    fn early_result(&mut self) -> Refusal {
        match std::mem::replace(&mut self.0, Admission::Over) {
            Admission::Running(pieces, thread) => {
                drop(pieces);
                result(thread).err().unwrap_or_else(not_stored)
            }
            Admission::Gathering(..) | Admission::Over => not_stored(),
        }
    }
}

/// The thread is joined, so that the reply comes after the sync.
fn result(thread: JoinHandle<Result<String, Refusal>>) -> Result<String, Refusal> {
    thread.join().map_err(|_| not_stored())?
}

fn not_stored() -> Refusal {
    Refusal::new(451, "4.3.0", "the message was not stored; try again")
}

impl Message for IncomingMessage {
    /// Blocks while the channel is full. Admission that has ended, with an error, makes it fail, and the thread's
    /// result then says why.
    fn write(&mut self, content: &[u8]) -> Result<(), Refusal> {
        if let Admission::Gathering(_, gathered) = &mut self.0 {
            if gathered.len() + content.len() <= WHOLE {
                gathered.extend_from_slice(content);
                return Ok(());
            }
            if let Admission::Gathering(admit, gathered) = std::mem::replace(&mut self.0, Admission::Over) {
                self.0 = Self::run(admit, gathered)?;
            }
        }
        let Admission::Running(pieces, _) = &self.0 else { return Err(not_stored()) };
        pieces.send(Piece::Content(content.to_vec())).map_err(|_| self.early_result())
    }

    fn finish(self) -> Result<String, Refusal> {
        match self.0 {
            Admission::Gathering(admit, gathered) => admit(Content { pieces: None, piece: gathered, at: 0 }),
            Admission::Running(pieces, thread) => {
                // If nobody receives it, the result says why.
                let _ = pieces.send(Piece::End);
                result(thread)
            }
            Admission::Over => Err(not_stored()),
        }
    }
}

/// The content while it arrives. If the client disappears before its end, that is an error and not the end.
#[derive(Debug)]
pub struct Content {
    /// `None`: the piece is all of it.
    pieces: Option<Receiver<Piece>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Content {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            let Some(pieces) = &self.pieces else { return Ok(0) };
            match pieces.recv() {
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
        AdmitError::NotAllowed { .. } | AdmitError::AccountNotAllowed { .. } | AdmitError::NoSuchAccount { .. } => {
            (550, "5.7.1")
        }
        AdmitError::Envelope(EnvelopeError::Table(_))
        | AdmitError::Spool(_)
        | AdmitError::Read(_)
        | AdmitError::Random(_) => (451, "4.3.0"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
