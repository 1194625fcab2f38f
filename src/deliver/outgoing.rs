//! A stored message as it is sent: its header rewritten by generic, its body read from the file.

use std::io;
use std::io::{BufRead, BufReader, Read};

use crate::config::{MissingTo, TableFault};
use crate::mail::address::Address;
use crate::mail::header::{Header, MAX_STORED};
use crate::mail::subject;
use crate::rules::null_sender::is_from_nobody;
use crate::rules::outbound::{Generic, first_from, force_from};
use crate::rules::{mail_loop, missing_to};
use crate::spool::Stored;

use crate::deliver::smtp::session::Body;

/// A message ready to be sent.
pub struct OutgoingMessage<'s> {
    /// The rewritten header, without the blank line.
    pub header: Vec<u8>,
    /// Everything from the blank line on.
    pub body: StoredBody<'s>,
    /// Size of both in bytes.
    pub size: u64,
    /// The parts of the header that log and history keep.
    pub excerpt: HeaderExcerpt,
    /// The first address of the rewritten From field, unless it is nobody's.
    pub from: Option<Address>,
    /// Number of Received fields.
    pub hops: usize,
    /// The addresses of this machine that it was delivered to before, if it stays there.
    pub delivered_to: Vec<String>,
}

/// Why a message cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// Its file cannot be read.
    #[error("cannot read the content of the message: {0}")]
    Io(#[from] io::Error),
    /// A table is needed but unavailable.
    #[error(transparent)]
    Table(#[from] TableFault),
}

/// The body, still in its file.
#[derive(Debug, Clone, Copy)]
pub struct StoredBody<'s> {
    stored: &'s Stored,
    /// Length of the stored header in bytes.
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
    /// Reads the header and rewrites it, unless the message stays on this machine. If `from` is given, it replaces the
    /// addresses in From. A To field that is missing is added as `missing_to` says.
    pub fn open(
        stored: &'s Stored,
        generic: Option<&Generic<'_>>,
        from: Option<&Address>,
        missing_to: Option<MissingTo>,
    ) -> Result<Self, NotReady> {
        let mut reader = BufReader::with_capacity(64 << 10, stored.content()?);
        let (raw, _) = read_header(&mut reader)?;
        let header = Header::read(&raw);
        let whole = missing_to::add(&header, missing_to, stored.envelope.to.as_deref());
        let mut rewritten = generic.map_or_else(|| Ok(whole.clone()), |generic| generic.header(&whole))?;
        if let Some(from) = from {
            rewritten = force_from(&rewritten, from);
        }
        let bytes = rewritten.to_bytes();
        let size = stored.envelope.size + bytes.len() as u64 - raw.len() as u64;
        Ok(Self {
            excerpt: HeaderExcerpt::of(&header),
            delivered_to: if generic.is_none() { mail_loop::delivered_to(&header) } else { Vec::new() },
            hops: header.all("Received").count(),
            from: first_from(&rewritten).filter(|_| !is_from_nobody(&header)),
            header: bytes,
            body: StoredBody { stored, behind: raw.len() as u64 },
            size,
        })
    }
}

/// The stored header unchanged, for reports.
pub fn stored_header(stored: &Stored) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::with_capacity(64 << 10, stored.content()?);
    read_header(&mut reader).map(|(header, _)| header)
}

/// The parts of a stored header that log and history keep.
#[derive(Debug, Clone, Default)]
pub struct HeaderExcerpt {
    /// The value of the Message-ID field, or empty.
    pub message_id: String,
    /// The decoded subject.
    pub subject: Option<String>,
}

impl HeaderExcerpt {
    /// The excerpt of this header.
    #[must_use]
    pub fn of(header: &Header) -> Self {
        let subject = header.first("Subject").and_then(|field| subject::decoded(field.raw()));
        Self { message_id: message_id(header), subject: subject.map(|text| clipped(text.trim(), MAX_VALUE)) }
    }
}

/// The longest value that history and log keep, because the sender chooses it: the length of a line (RFC 5322 section
/// 2.1.1).
const MAX_VALUE: usize = 998;

/// The value of the Message-ID field, or of Resent-Message-ID; empty if there is neither.
#[must_use]
pub fn message_id(header: &Header) -> String {
    let field = header.first("Message-ID").or_else(|| header.first("Resent-Message-ID"));
    let value = field.map(|f| String::from_utf8_lossy(&f.value()[..f.value().len().min(MAX_VALUE)]).trim().to_owned());
    value.unwrap_or_default()
}

fn clipped(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

/// The header lines, and the blank line after them (empty if the content ends with the header).
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
