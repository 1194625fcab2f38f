//! SMTP replies as they come (RFC 5321 section 4.2) -> a [`Reply`] fit for people. Pure:
//! bytes in, values out; reading them from the connection, and within which bounds of
//! time and length, is `stream`'s.

use crate::mail::outcome::{Enhanced, Reply};
use crate::mail::printable::printable;

/// Octets that are kept of a line, without its end; RFC 5321 has 512, some providers send more.
pub const MAX_LINE: usize = 4096;
/// Longest reply that is read, in octets, however much of it is kept.
pub const MAX_REPLY: usize = 64 * 1024;
/// Lines that are kept of one reply.
pub const MAX_LINES: usize = 200;
/// Longest text that is kept of a reply, in octets.
const MAX_TEXT: usize = 1000;

/// Whether more lines of the same reply follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Continues {
    Yes,
    No,
}

/// One line of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    code: u16,
    continues: Continues,
    text: String,
}

/// A reply in the making: its lines so far.
#[derive(Debug, Default)]
pub struct Gathered {
    code: Option<u16>,
    lines: Vec<String>,
}

/// What a line did to the reply.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// More lines follow.
    More,
    /// That was the last.
    Complete,
}

/// Why bytes are no reply; the text quotes what came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The line does not begin with a code from 200 to 599.
    #[error("the server sent \"{0}\", which is not SMTP")]
    NotSmtp(String),
    /// A line of a multi-line reply has another code.
    #[error("the server mixed the codes {first} and {then} in one reply")]
    MixedCodes {
        /// Of the first line.
        first: u16,
        /// Of the line at fault.
        then: u16,
    },
}

impl Gathered {
    /// Takes the next line in, without its line end.
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

    /// The text of each line, cleaned, codes excluded.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The whole reply; 0 is the code where no line came.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let code = self.code.unwrap_or(0);
        let enhanced = self.lines.first().and_then(|line| enhanced_of(line, code));
        // Servers repeat the enhanced code on every line; once is enough for people.
        let repeated = enhanced.map(|e| format!("{e} "));
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

/// Takes one line apart: `250 text`, `250-text`, `250`.
fn parse(bytes: &[u8]) -> Result<Line, ReplyError> {
    let not_smtp = || ReplyError::NotSmtp(cut(&cleaned(bytes), 80));
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

/// The enhanced code that opens a text, if it is of the reply's class.
fn enhanced_of(text: &str, code: u16) -> Option<Enhanced> {
    let enhanced = Enhanced::parse(text.split(' ').next()?)?;
    (u16::from(enhanced.class) == code / 100).then_some(enhanced)
}

/// Foreign bytes as text for people: UTF-8 as far as it is, tabs as blanks, nothing that misleads a terminal.
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
