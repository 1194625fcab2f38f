//! The subject of a message as people read it: unfolded and with its encoded words (RFC 2047) decoded. For display
//! only; what is sent keeps its bytes.

use mail_parser::MessageParser;

/// The decoded subject in a header; `None` where the header has none.
#[must_use]
pub fn decoded(header: &[u8]) -> Option<String> {
    let parsed = MessageParser::new().parse_headers(header)?;
    parsed.subject().map(str::to_owned)
}

#[cfg(test)]
mod tests;
