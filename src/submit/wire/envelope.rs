//! The envelope of a submission in JSON (postrider-formats(5), "Submission"). It is parsed while it arrives, and only
//! up to the allowed number of recipients, so that a client cannot make the runner use memory for more.
//! `envelope_json` has the JSON itself.

use std::io::{self, BufReader, Read};

use super::envelope_json::{Bound, Envelope, EnvelopeSeed, Text};
use super::frame::{FrameError, FrameReader};
use crate::mail::header::Header;
use crate::submit::frontend::collect::{Collected, Sender};
use crate::submit::frontend::header_reader::Body;

/// The format's version.
const VERSION: u32 = 1;

/// Bytes of the envelope per read.
const PIECE: usize = 16 * 1024;

/// Bytes that an envelope may always have, and additional bytes per allowed recipient.
const ENVELOPE: (u64, u64) = (128 << 10, 1 << 10);

/// The longest envelope in bytes with at most this many recipients.
#[must_use]
pub fn longest(recipients: usize) -> u64 {
    ENVELOPE.1.saturating_mul(recipients as u64).saturating_add(ENVELOPE.0)
}

/// Why there is no valid envelope.
#[derive(Debug, thiserror::Error)]
pub enum BadEnvelope {
    /// It ends early or cannot be read.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// It has more recipients than a message may have.
    #[error("the message has more than {0} recipients (limit: recipients in [limits]); send it in several parts")]
    TooManyRecipients(usize),
    /// It does not follow postrider-formats(5).
    #[error("the submission's envelope cannot be read: {0}")]
    Malformed(String),
}

impl Envelope {
    /// The envelope to write.
    pub(super) fn of<R>(collected: &Collected<R>, token: &str) -> Self {
        let sender = match &collected.sender {
            Sender::Login | Sender::FromField => None,
            Sender::Given(text) => Some(Text::from(text.as_slice())),
        };
        Self {
            v: VERSION,
            token: token.to_owned(),
            sender,
            recipients: collected.recipients.clone(),
            arguments: collected.are_arguments,
            account: collected.account.clone(),
            full_name: collected.full_name.as_deref().map(Text::from),
            origin: collected.origin,
            dsn: collected.dsn.clone(),
        }
    }

    /// Reads an envelope with at most this many recipients.
    pub(super) fn read<R: Read>(frame: &mut FrameReader<R>, most: usize) -> Result<Self, BadEnvelope> {
        let length = frame.envelope_length()?;
        if length > longest(most) {
            return Err(BadEnvelope::TooManyRecipients(most));
        }
        let bound = Bound::new(most);
        let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(PIECE, Octets(frame)));
        let read = serde::de::DeserializeSeed::deserialize(EnvelopeSeed(&bound), &mut json);
        let read = read.and_then(|envelope| json.end().map(|()| envelope));
        let envelope = read.map_err(|error| {
            if bound.is_exceeded() {
                BadEnvelope::TooManyRecipients(most)
            } else if error.is_io() {
                BadEnvelope::Frame(frame_error(error.into()))
            } else {
                BadEnvelope::Malformed(error.to_string())
            }
        })?;
        if envelope.v == VERSION {
            Ok(envelope)
        } else {
            let read = format!("it has version {}; this postrider reads version {VERSION}", envelope.v);
            Err(BadEnvelope::Malformed(read))
        }
    }

    /// The token and, with header and body added, the submission.
    pub(super) fn with<R>(self, header: Header, body: Body<R>) -> (String, Collected<R>) {
        let collected = Collected {
            sender: self.sender.map_or(Sender::Login, |text| Sender::Given(text.into())),
            full_name: self.full_name.map(Vec::from),
            recipients: self.recipients,
            are_arguments: self.arguments,
            account: self.account,
            origin: self.origin,
            dsn: self.dsn,
            header,
            body,
        };
        (self.token, collected)
    }
}

/// Reads the envelope's bytes, up to its end.
struct Octets<'a, R: Read>(&'a mut FrameReader<R>);

impl<R: Read> Read for Octets<'_, R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read_envelope(room).map_err(|error| match error {
            FrameError::Io(error) => error,
            other => io::Error::new(io::ErrorKind::UnexpectedEof, other),
        })
    }
}

/// Undoes the conversion of [`Octets`] to an I/O error.
fn frame_error(error: io::Error) -> FrameError {
    match error.downcast::<FrameError>() {
        Ok(inner) => inner,
        Err(error) => FrameError::Io(error),
    }
}
