//! Patterns of the table of phrases, and the text that they are matched against. The time that a match takes is
//! bounded by the lengths of both, whatever a hostile server sends.

use std::time::Duration;

use super::wait;

/// Longest text that is looked at, in octets: what a server has to say, it says at the beginning.
const LONGEST_TEXT: usize = 4096;
/// Octets of a run of the filter.
const RUN: usize = 4;
/// Bits of the filter.
const BITS: usize = 1 << 14;

/// A reply's code and text in the form that patterns are written in: lower case, one blank between words and in
/// place of line ends, straight quotes, and `@` for every address, because an address must not decide what a reply
/// means.
#[derive(Debug)]
pub struct Folded {
    text: String,
    /// Which runs of four octets occur in the text; most rows are ruled out by this alone.
    runs: Box<[u64]>,
}

impl Folded {
    /// Folds a reply. Line ends in the text count as blanks.
    #[must_use]
    pub fn new(code: u16, text: &str) -> Self {
        let mut folded = code.to_string();
        for word in text.split_whitespace() {
            let room = LONGEST_TEXT.saturating_sub(folded.len() + 1);
            if room == 0 {
                break;
            }
            folded.push(' ');
            fold_word(&word[..word.floor_char_boundary(room)], &mut folded);
        }
        let mut runs = vec![0; BITS / 64].into_boxed_slice();
        for run in folded.as_bytes().windows(RUN).map(bit_of) {
            runs[run / 64] |= 1 << (run % 64);
        }
        Self { text: folded, runs }
    }

    /// The text as folded, code included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn has(&self, run: usize) -> bool {
        self.runs[run / 64] & (1 << (run % 64)) != 0
    }
}

/// The bit that stands for these four octets.
fn bit_of(run: &[u8]) -> usize {
    let number = run.iter().fold(0_u32, |number, &byte| (number << 8) | u32::from(byte));
    // The upper 14 bits of a multiplicative hash.
    (number.wrapping_mul(0x9E37_79B1) >> 18) as usize
}

fn fold_word(word: &str, folded: &mut String) {
    let mut rest = word;
    while let Some(at) = rest.find('@') {
        let start = rest[..at].rfind(|c| !is_of_address(c)).map_or(0, |before| next_boundary(rest, before));
        let end = rest[at..].find(|c| !is_of_address(c)).map_or(rest.len(), |length| at + length);
        fold_plain(&rest[..start], folded);
        folded.push('@');
        rest = &rest[end..];
    }
    fold_plain(rest, folded);
}

fn next_boundary(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(0, char::len_utf8)
}

fn is_of_address(c: char) -> bool {
    c.is_alphanumeric() || "@.!#$%&*+-/=?^_{|}~".contains(c)
}

fn fold_plain(text: &str, folded: &mut String) {
    for c in text.chars() {
        match c {
            c if c.is_ascii() && c != '`' => folded.push(c.to_ascii_lowercase()),
            '\u{2018}' | '\u{2019}' | '`' | '\u{b4}' => folded.push('\''),
            '\u{201c}' | '\u{201d}' => folded.push('"'),
            '\u{2010}'..='\u{2014}' => folded.push('-'),
            c => folded.extend(c.to_lowercase()),
        }
    }
}

/// A case-folded substring with `*` for any text, also none, and `{wait}` for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// What lies between the stars, in order.
    parts: Vec<Vec<Piece>>,
    /// The runs of four octets of all literals.
    runs: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Wait,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It would match everything.
    #[error("the pattern needs at least three letters or digits")]
    TooShort,
    /// A brace that is not of `{wait}`.
    #[error("a brace may only stand in {{wait}}")]
    Brace,
}

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        if words.chars().filter(|c| c.is_alphanumeric()).count() < 3 && words.is_ascii() {
            return Err(PatternError::TooShort);
        }
        let parts: Vec<Vec<Piece>> =
            words.split('*').filter(|part| !part.is_empty()).map(pieces).collect::<Result<_, _>>()?;
        let literals = parts.iter().flatten().filter_map(|piece| match piece {
            Piece::Literal(literal) => Some(literal),
            Piece::Wait => None,
        });
        let runs = literals.flat_map(|literal| literal.as_bytes().windows(RUN).map(bit_of)).collect();
        Ok(Self { parts, runs })
    }

    /// Whether the pattern occurs in the text, and the time that stands where it has `{wait}`.
    #[must_use]
    pub fn find(&self, folded: &Folded) -> Option<Found> {
        if !self.runs.iter().all(|&run| folded.has(run)) {
            return None;
        }
        let mut found = Found { wait: None };
        let mut rest = folded.text.as_str();
        // The leftmost place of each part leaves most room for the parts after it: nothing has to be taken back.
        for part in &self.parts {
            let (end, wait) = leftmost(part, rest)?;
            found.wait = found.wait.or(wait);
            rest = &rest[end..];
        }
        Some(found)
    }
}

/// What a match has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The time in place of `{wait}`.
    pub wait: Option<Duration>,
}

fn pieces(part: &str) -> Result<Vec<Piece>, PatternError> {
    let mut pieces = Vec::new();
    for (at, literal) in part.split("{wait}").enumerate() {
        if literal.contains(['{', '}']) {
            return Err(PatternError::Brace);
        }
        if at > 0 {
            pieces.push(Piece::Wait);
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
    }
    Ok(pieces)
}

/// Where a part without stars ends, at its leftmost place.
fn leftmost(part: &[Piece], text: &str) -> Option<(usize, Option<Duration>)> {
    let mut from = 0;
    loop {
        let start = match part.first() {
            Some(Piece::Literal(literal)) => from + text[from..].find(literal.as_str())?,
            Some(Piece::Wait) | None => from,
        };
        if let Some((end, wait)) = at_start(part, &text[start..]) {
            return Some((start + end, wait));
        }
        from = start + text[start..].chars().next()?.len_utf8();
    }
}

/// Where a part ends that begins at the beginning of the text.
fn at_start(part: &[Piece], text: &str) -> Option<(usize, Option<Duration>)> {
    let (mut end, mut wait) = (0, None);
    for piece in part {
        match piece {
            Piece::Literal(literal) => {
                text[end..].strip_prefix(literal.as_str())?;
                end += literal.len();
            }
            Piece::Wait => {
                let (time, length) = wait::at_start(&text[end..])?;
                wait = wait.or(Some(time));
                end += length;
            }
        }
    }
    Some((end, wait))
}

#[cfg(test)]
mod tests;
