//! Adapts a message to the server's capabilities: unchanged, or converted part by part (`mail::mime`). Only the
//! header is held in memory; the body is read again each time.

use std::io;
use std::io::Read;

use super::connection::Transaction;
use crate::mail::mime::{self, Conversion, Finding, Takes};
use crate::mail::outcome::{Enhanced, Fact, Phase, Seen};

/// A message as it will be sent.
pub(crate) struct Prepared {
    /// Size in bytes.
    pub size: u64,
    /// Whether it has bytes above 127.
    pub eight_bit: bool,
    conversion: Option<Converted>,
}

struct Converted {
    how: Conversion,
    header: Vec<u8>,
}

impl Prepared {
    /// Examines the message, which reads it once. If it must be converted, it is read again to determine its size.
    ///
    /// The look is needed even if the server takes 8-bit content: lines may be too long for SMTP (RFC 5321 section
    /// 4.5.3.1.6), and whether BODY=8BITMIME is sent depends on the content. The size must be known before MAIL, which
    /// announces it.
    pub(crate) fn new(transaction: &Transaction<'_>, takes: Takes) -> Result<Self, Fact> {
        let unreadable = |error: io::Error| Fact {
            phase: Phase::Content,
            seen: Seen::Local(format!("cannot read the stored message: {error}; run `postrider check`")),
        };
        let mut body = transaction.body.open().map_err(unreadable)?;
        let how = match mime::look(transaction.header, &mut *body, takes).map_err(unreadable)? {
            Finding::Fit { eight_bit } => return Ok(Self { size: transaction.size, eight_bit, conversion: None }),
            Finding::Not(refusal) => {
                let code = Enhanced { class: 5, subject: 6, detail: 3 };
                return Err(Fact { phase: Phase::Content, seen: Seen::Refused(code, refusal.to_string()) });
            }
            Finding::Convert(how) => how,
        };
        let header = how.header(transaction.header);
        let mut prepared = Self { size: 0, eight_bit: how.is_eight_bit(), conversion: Some(Converted { how, header }) };
        let size = io::copy(&mut *prepared.open(transaction).map_err(unreadable)?, &mut io::sink());
        prepared.size = size.map_err(unreadable)?;
        Ok(prepared)
    }

    /// A reader of header and body.
    pub(crate) fn open<'t>(&'t self, transaction: &'t Transaction<'_>) -> io::Result<Box<dyn Read + 't>> {
        let body = transaction.body.open()?;
        Ok(match &self.conversion {
            None => Box::new(transaction.header.chain(body)),
            Some(converted) => {
                Box::new(converted.header.as_slice().chain(converted.how.body(transaction.header, body)))
            }
        })
    }

    /// Whether the message is sent in another form than stored.
    pub(crate) fn is_converted(&self) -> bool {
        self.conversion.is_some()
    }
}
