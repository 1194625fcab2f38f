//! A stored message as it goes out: the header rewritten by the generic map, the
//! body streamed from the file behind it.

use std::io;
use std::io::{BufRead, BufReader, Read};

use crate::config::TableFault;
use crate::mail::address::Address;
use crate::mail::header::{Header, MAX_STORED};
use crate::mail::subject;
use crate::rules::outbound::{Generic, first_from, force_from};
use crate::spool::Stored;

use crate::deliver::smtp::session::Body;

/// A message ready for a transaction.
pub struct OutgoingMessage<'s> {
    /// Header as it goes out, without the blank line.
    pub header: Vec<u8>,
    /// Everything from the blank line on.
    pub body: StoredBody<'s>,
    /// Octets of both.
    pub size: u64,
    /// What log and history keep of the header.
    pub excerpt: HeaderExcerpt,
    /// The first address of the From field as it goes out.
    pub from: Option<Address>,
    /// How many Received fields it has.
    pub hops: usize,
}

/// Why a message cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// Its file cannot be read.
    #[error("cannot read the content of the message: {0}")]
    Io(#[from] io::Error),
    /// A table that is needed does not answer.
    #[error(transparent)]
    Table(#[from] TableFault),
}

/// The body in its file.
#[derive(Debug, Clone, Copy)]
pub struct StoredBody<'s> {
    stored: &'s Stored,
    /// Octets of the stored header.
    behind: u64,
}

impl Body for StoredBody<'_> {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        let mut reader = BufReader::with_capacity(64 << 10, self.stored.content()?);
        io::copy(&mut reader.by_ref().take(self.behind), &mut io::sink())?;
        Ok(Box::new(reader))
    }
}

impl<'s> OutgoingMessage<'s> {
    /// Reads the header and rewrites it, with an address that is forced on From.
    pub fn open(stored: &'s Stored, generic: &Generic<'_>, from: Option<&Address>) -> Result<Self, NotReady> {
        let mut reader = BufReader::with_capacity(64 << 10, stored.content()?);
        let (raw, _) = read_header(&mut reader)?;
        let header = Header::read(&raw);
        let mut rewritten = generic.header(&header)?;
        if let Some(from) = from {
            rewritten = force_from(&rewritten, from);
        }
        let bytes = rewritten.to_bytes();
        let size = stored.envelope.size + bytes.len() as u64 - raw.len() as u64;
        Ok(Self {
            excerpt: HeaderExcerpt::of(&header),
            hops: header.all("Received").count(),
            from: first_from(&rewritten),
            header: bytes,
            body: StoredBody { stored, behind: raw.len() as u64 },
            size,
        })
    }
}

/// The stored header as it is, for reports.
pub fn stored_header(stored: &Stored) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::with_capacity(64 << 10, stored.content()?);
    read_header(&mut reader).map(|(header, _)| header)
}

/// What log and history keep of a header, as stored.
#[derive(Debug, Clone, Default)]
pub struct HeaderExcerpt {
    /// The Message-ID field's value, or empty.
    pub message_id: String,
    /// The subject, decoded.
    pub subject: Option<String>,
}

impl HeaderExcerpt {
    /// Of this header.
    #[must_use]
    pub fn of(header: &Header) -> Self {
        let subject = header.first("Subject").and_then(|field| subject::decoded(field.raw()));
        Self { message_id: message_id(header), subject: subject.map(|text| clipped(text.trim(), MAX_VALUE)) }
    }
}

/// A line's length (RFC 5322 section 2.1.1): history and log keep no more of what a sender may choose.
const MAX_VALUE: usize = 998;

/// The Message-ID of a message's header, for the log; empty where there is none.
#[must_use]
pub fn message_id(header: &Header) -> String {
    let field = header.first("Message-ID").or_else(|| header.first("Resent-Message-ID"));
    let value = field.map(|f| String::from_utf8_lossy(&f.value()[..f.value().len().min(MAX_VALUE)]).trim().to_owned());
    value.unwrap_or_default()
}

fn clipped(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

/// Header lines, and the blank line behind them (empty where the content ends with the header).
fn read_header(reader: &mut impl BufRead) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut header = Vec::new();
    loop {
        let start = header.len();
        if reader.by_ref().take(MAX_STORED as u64).read_until(b'\n', &mut header)? == 0 {
            return Ok((header, Vec::new()));
        }
        if matches!(&header[start..], b"\r\n" | b"\n") {
            let blank = header.split_off(start);
            return Ok((header, blank));
        }
        if header.len() > MAX_STORED {
            return Err(io::Error::other("the header is larger than 4 MiB"));
        }
    }
}
