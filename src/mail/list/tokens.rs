//! The words, marks and comments of an address list, cut from raw bytes
//! (RFC 5322 section 3.2, with what is merely common). Knows nothing of addresses.

use std::ops::Range;

/// An encoded word longer than this is not taken for one (RFC 2047 says 75; some write longer ones).
const LONGEST_ENCODED_WORD: usize = 256;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A run of anything that is neither white space nor one of the marks; an encoded word.
    Word,
    /// `"..."`, quotes included.
    Quoted,
    /// A quoted string that never ends: all the rest of the text.
    Unclosed,
    /// `[...]` right behind an `@`.
    Literal,
    /// `(...)`, nested ones included; to the end of the text where it is not closed.
    Comment,
    /// `@`
    At,
    /// `.`
    Dot,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// `:`
    Colon,
    /// `<`
    Open,
    /// `>`
    Close,
}

/// A token and where it stands. White space is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

impl Token {
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// Whether two of these side by side need a mark between them to be one address.
    pub fn is_word(self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Quoted | Kind::Unclosed | Kind::Literal)
    }
}

/// The tokens of a text, in order. Every byte is looked at a bounded number of times.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    behind_at_sign: bool,
}

impl<'a> Tokens<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, behind_at_sign: false }
    }

    /// The end of the quoted string that starts here; whether it is closed.
    fn quoted(&self) -> (Kind, usize) {
        let mut at = self.at + 1;
        while let Some(byte) = self.text.get(at) {
            match byte {
                b'"' => return (Kind::Quoted, at + 1),
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        (Kind::Unclosed, self.text.len())
    }

    fn comment(&self) -> usize {
        let mut depth = 0_usize;
        let mut at = self.at;
        while let Some(byte) = self.text.get(at) {
            match byte {
                b'(' => depth += 1,
                b')' if depth == 1 => return at + 1,
                b')' => depth -= 1,
                b'\\' => at += 1,
                _ => {}
            }
            at += 1;
        }
        self.text.len()
    }

    /// The end of the address literal that starts here.
    fn literal(&self) -> Option<usize> {
        let inner = &self.text[self.at + 1..];
        let end = inner.iter().position(|b| !(b.is_ascii_alphanumeric() || b":.-".contains(b)))?;
        (inner[end] == b']').then_some(self.at + 1 + end + 1)
    }

    /// The end of the encoded word that starts here (RFC 2047): its text may hold marks that it should not.
    fn encoded_word(&self) -> Option<usize> {
        let rest = self.text[self.at..].strip_prefix(b"=?")?;
        let rest = &rest[..rest.len().min(LONGEST_ENCODED_WORD)];
        let mut question_marks = rest.iter().enumerate().filter(|(_, b)| **b == b'?').map(|(at, _)| at);
        let (charset, encoding, text) = (question_marks.next()?, question_marks.next()?, question_marks.next()?);
        let one_letter = encoding == charset + 2 && b"qQbB".contains(&rest[charset + 1]);
        let is_printable = rest[..text].iter().all(u8::is_ascii_graphic);
        let name = rest[..charset].iter().all(|b| b.is_ascii_alphanumeric() || b"-_:.*".contains(b));
        let is_closed = rest.get(text + 1) == Some(&b'=');
        (charset > 0 && one_letter && is_printable && name && is_closed).then_some(self.at + 2 + text + 2)
    }

    fn word(&self) -> usize {
        let mut at = self.encoded_word().unwrap_or(self.at);
        while let Some(&byte) = self.text.get(at) {
            match byte {
                // a line end is never quoted: it belongs to the folding
                b'\\' if !matches!(self.text.get(at + 1), Some(b'\r' | b'\n')) => at += 2,
                _ if is_blank(byte) || b"()<>@,;:.\"".contains(&byte) && byte != b')' => break,
                _ => at += 1,
            }
        }
        at.min(self.text.len())
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.at += self.text[self.at..].iter().position(|b| !is_blank(*b))?;
        let start = self.at;
        let (kind, end) = match self.text[start] {
            b'"' => self.quoted(),
            b'(' => (Kind::Comment, self.comment()),
            b'@' => (Kind::At, start + 1),
            b'.' => (Kind::Dot, start + 1),
            b',' => (Kind::Comma, start + 1),
            b';' => (Kind::Semicolon, start + 1),
            b':' => (Kind::Colon, start + 1),
            b'<' => (Kind::Open, start + 1),
            b'>' => (Kind::Close, start + 1),
            b'[' if self.behind_at_sign => match self.literal() {
                Some(end) => (Kind::Literal, end),
                None => (Kind::Word, self.word()),
            },
            _ => (Kind::Word, self.word()),
        };
        self.at = end;
        if kind != Kind::Comment {
            self.behind_at_sign = kind == Kind::At;
        }
        Some(Token { kind, start, end })
    }
}

/// White space of a header field, folding included.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The content of a word or quoted string: quotes and backslashes taken off, folding undone.
pub(super) fn content(text: &[u8], token: Token) -> Vec<u8> {
    let raw = &text[token.range()];
    let raw = if token.kind == Kind::Quoted { &raw[1..raw.len() - 1] } else { raw };
    let mut content = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => content.extend(bytes.next().map(|(_, escaped)| escaped)),
            b'\r' if raw[at..].starts_with(b"\r\n ") || raw[at..].starts_with(b"\r\n\t") => {}
            b'\n' if raw[..at].ends_with(b"\r") && raw.get(at + 1).is_some_and(|b| b" \t".contains(b)) => {}
            other => content.push(other),
        }
    }
    content
}

#[cfg(test)]
mod tests;
