//! Parses SMTP replies (RFC 5321 section 4.2) into a [`Reply`] fit for display. Pure; `stream` reads the bytes and
//! limits time and length.
//!
//! A reply is text from a stranger that ends up in logs, terminals and mail to users. It is bounded in lines and
//! length, and everything that could move a cursor, break a log line or reverse the reading direction is replaced,
//! before anything else sees it.

use crate::mail::outcome::{Enhanced, Reply};
use crate::mail::printable::printable;

/// Bytes of a line that are kept. RFC 5321 allows 512; some providers send more.
pub const MAX_LINE: usize = 4096;
/// Longest reply that is read, in bytes, regardless of how much is kept.
pub const MAX_REPLY: usize = 64 * 1024;
/// Lines of a reply that are kept.
pub const MAX_LINES: usize = 200;
/// Longest text of a reply that is kept, in bytes.
const MAX_TEXT: usize = 1000;

/// Whether more lines of the reply follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Continues {
    Yes,
    No,
}

/// A line of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    code: u16,
    continues: Continues,
    text: String,
}

/// The lines of a reply so far.
#[derive(Debug, Default)]
pub struct Gathered {
    code: Option<u16>,
    lines: Vec<String>,
}

/// The effect of a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// More lines follow.
    More,
    /// The reply is complete.
    Complete,
}

/// Why bytes are not a reply. The text quotes them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The line does not start with a code from 200 to 599.
    #[error("the server sent \"{0}\", which is not SMTP")]
    NotSmtp(String),
    /// The server is one of another protocol.
    #[error("the server speaks {}, not SMTP (\"{}\"); use port 587 (STARTTLS) or 465 (implicit TLS)", .0.name(), .1)]
    Other(OtherProtocol, String),
    /// A line of a multi-line reply has a different code.
    #[error("the server mixed the codes {first} and {then} in one reply")]
    MixedCodes {
        /// The code of the first line.
        first: u16,
        /// The code of the offending line.
        then: u16,
    },
}

/// A protocol that a server speaks where it is asked for SMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherProtocol {
    /// Mail is read there.
    Imap,
    /// Mail is fetched there.
    Pop3,
    /// A web server, or a proxy or portal in the way.
    Http,
    /// A login.
    Ssh,
}

impl OtherProtocol {
    /// By how the line begins.
    fn of(line: &[u8]) -> Option<Self> {
        let known: [(&[u8], Self); 7] = [
            (b"* OK", Self::Imap),
            (b"* PREAUTH", Self::Imap),
            (b"* BYE", Self::Imap),
            (b"+OK", Self::Pop3),
            (b"-ERR", Self::Pop3),
            (b"HTTP/", Self::Http),
            (b"SSH-", Self::Ssh),
        ];
        known.into_iter().find(|(begin, _)| line.starts_with(begin)).map(|(_, protocol)| protocol)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
            Self::Http => "HTTP",
            Self::Ssh => "SSH",
        }
    }
}

impl Gathered {
    /// Adds the next line, without its line end.
    pub fn line(&mut self, bytes: &[u8]) -> Result<Progress, ReplyError> {
        let line = parse(bytes)?;
        match self.code {
            Some(first) if first != line.code => return Err(ReplyError::MixedCodes { first, then: line.code }),
            Some(_) | None => self.code = Some(line.code),
        }
        if self.lines.len() < MAX_LINES {
            self.lines.push(line.text);
        }
        Ok(match line.continues {
            Continues::Yes => Progress::More,
            Continues::No => Progress::Complete,
        })
    }

    /// The text of each line, cleaned and without the code.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The whole reply. Its code is 0 if there were no lines.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let code = self.code.unwrap_or(0);
        let enhanced_in = |line: Option<&String>| line.and_then(|line| enhanced_of(line, code));
        let first = enhanced_in(self.lines.first());
        // Cyrus has it on the last line alone.
        let enhanced = first.or_else(|| enhanced_in(self.lines.last()));
        // Servers repeat the enhanced code on every line; once is enough for display.
        let repeated = first.map(|e| format!("{e} "));
        let mut text = String::new();
        for (at, line) in self.lines.iter().enumerate() {
            let line = match &repeated {
                Some(prefix) if at > 0 => line.strip_prefix(prefix.as_str()).unwrap_or(line),
                Some(_) | None => line,
            };
            if !text.is_empty() && !line.is_empty() {
                text.push(' ');
            }
            text.push_str(line);
            if text.len() > MAX_TEXT {
                text.truncate(text.floor_char_boundary(MAX_TEXT));
                text.push_str("...");
                break;
            }
        }
        Reply { code, enhanced, text }
    }
}

/// Splits a line: `250 text`, `250-text`, or `250`.
fn parse(bytes: &[u8]) -> Result<Line, ReplyError> {
    let not_smtp = || {
        let text = cut(&cleaned(bytes), 80);
        match OtherProtocol::of(bytes) {
            Some(protocol) => ReplyError::Other(protocol, text),
            None => ReplyError::NotSmtp(text),
        }
    };
    let (digits, rest) = bytes.split_at_checked(3).ok_or_else(not_smtp)?;
    if !(b'2'..=b'5').contains(&digits[0]) || !digits.iter().all(u8::is_ascii_digit) {
        return Err(not_smtp());
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let (continues, text) = match rest.split_first() {
        None => (Continues::No, rest),
        Some((b' ', text)) => (Continues::No, text),
        Some((b'-', text)) => (Continues::Yes, text),
        Some(_) => return Err(not_smtp()),
    };
    Ok(Line { code, continues, text: cleaned(text) })
}

/// The enhanced code at the start of a text, if its class matches the code.
///
/// RFC 2034 section 4 requires the same class. A code that contradicts its reply is ignored, since the reply code is
/// what RFC 5321 defines.
fn enhanced_of(text: &str, code: u16) -> Option<Enhanced> {
    let enhanced = Enhanced::parse(text.split(' ').next()?)?;
    (u16::from(enhanced.class) == code / 100).then_some(enhanced)
}

/// Untrusted bytes as text for display: invalid UTF-8 and tabs are replaced, as is anything that could mislead a
/// terminal.
#[must_use]
pub fn cleaned(bytes: &[u8]) -> String {
    printable(&String::from_utf8_lossy(bytes).replace('\t', " ")).trim_end().to_owned()
}

fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(most)])
}

#[cfg(test)]
mod tests;
