//! Address lists as header fields and arguments have them (RFC 5322 section 3.4,
//! with the obsolete and the merely common forms): finds each address and the
//! bytes it occupies, so that rewriting can replace these bytes and no others.
//!
//! Like Postfix, words without a mark between them are addresses of their own
//! (`a@x b@x`, `His Name`), commas in angle brackets divide, and `;` does so
//! anywhere. Unlike Postfix, the name of a group that never ends is still a
//! group's name, not a recipient.

mod addr_spec;
mod name_alone;
mod splice;
mod tokens;

#[cfg(test)]
mod tests;

use std::ops::Range;

use super::address::{Address, AddressError, Mailbox};
use tokens::{Kind, Token, Tokens};

pub use name_alone::{NameAlone, name_alone};
pub use splice::replace;

/// One address found in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The bytes of the addr-spec inside the parsed text: without angle brackets, name or comments around it,
    /// with its quotes, source route, white space and inner comments.
    pub at: Range<usize>,
    /// What they say.
    pub spec: Spec,
    /// Whether the bytes, white space and comments aside, are how the address is written in standard form.
    /// They are not where a source route, a trailing dot or needless quotes were taken off, or where
    /// `user%domain` or `domain!user` was understood. Always true for what is not complete.
    pub standard: bool,
}

/// An addr-spec as read: complete, bare, empty or broken.
///
/// Postfix's standard rewriting is done: a source route (`@a,@b:c@d`), a dot behind the
/// domain and needless quotes are taken off; without an `@`, `user%domain` and
/// `domain!user` are `user@domain` (`user%domain@other` stays as it is).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spec {
    /// `local@domain`.
    Complete(Address),
    /// `local` alone, without quotes; the origin completes it.
    Bare(String),
    /// `<>`.
    Null,
    /// Nothing that can be an address; the text as given, on one line, bytes that are no text as `\xNN`.
    /// [`Address::parse`] never accepts this text.
    Broken(String, AddressError),
}

impl Spec {
    /// The mailbox meant: `origin` completes a bare address. `None`: the null address.
    #[must_use]
    pub fn qualify(&self, origin: &str) -> Option<Mailbox> {
        match self {
            Self::Complete(address) => Some(Mailbox::Valid(address.clone())),
            Self::Bare(local) => Some(
                Address::new(local, origin)
                    .map_or_else(|_| Mailbox::Invalid(format!("{local}@{origin}")), Mailbox::Valid),
            ),
            Self::Null => None,
            Self::Broken(text, _) => Some(Mailbox::Invalid(text.clone())),
        }
    }
}

/// All addresses of a list, in order; never fails, whatever the bytes. Takes time linear in the text.
#[must_use]
pub fn parse(text: &[u8]) -> Vec<Found> {
    let mut reader = Reader { text, tokens: Tokens::new(text), pending: Vec::new(), angle: None, found: Vec::new() };
    while let Some(token) = reader.tokens.next() {
        reader.take(token);
    }
    reader.finish()
}

/// An angle bracket that was opened.
#[derive(Clone, Copy)]
struct Angle {
    open: Token,
    /// Where the colon stands that ends the source route; the bracket's own place where there is no route.
    route_end: usize,
    /// How many addresses were found before it.
    found_before: usize,
}

struct Reader<'a> {
    text: &'a [u8],
    tokens: Tokens<'a>,
    /// What may become an address, a display name or a group's name.
    pending: Vec<Token>,
    angle: Option<Angle>,
    found: Vec<Found>,
}

impl Reader<'_> {
    fn take(&mut self, token: Token) {
        match token.kind {
            Kind::Comment => {}
            Kind::Word | Kind::Quoted | Kind::Unclosed | Kind::Literal | Kind::At | Kind::Dot => {
                self.pending.push(token);
            }
            Kind::Comma if self.angle.is_some_and(|angle| token.start < angle.route_end) => self.pending.push(token),
            Kind::Comma | Kind::Semicolon => self.end_element(),
            Kind::Colon => self.colon(token),
            Kind::Open => self.open(token),
            Kind::Close => self.close(token),
        }
    }

    /// Ends a source route, or a group's name (or a stray `mailto:`), which is dropped. An address that
    /// stands before the name is one all the same.
    fn colon(&mut self, token: Token) {
        // colons stay in pending behind an @ only, so the look back never goes past the colon before
        let is_of_address = |t: &Token| matches!(t.kind, Kind::At | Kind::Colon);
        let with_at = self.pending.iter().rposition(is_of_address).map_or(0, |at| at + 1);
        let border = self.pending.windows(2).skip(with_at.saturating_sub(1)).position(|w| is_border(w[0], w[1]));
        match border {
            _ if with_at == 0 => self.pending.clear(),
            Some(border) => {
                self.pending.truncate(with_at + border);
                self.end_element();
            }
            None => self.pending.push(token),
        }
    }

    /// What stood before an angle bracket is a display name, unless it is an address in a bracket never closed.
    fn open(&mut self, token: Token) {
        if self.angle.is_some() && self.pending.iter().any(|t| t.kind == Kind::At) {
            self.end_element();
        }
        self.pending.clear();
        let route_end = self.route_end().unwrap_or(token.start);
        self.angle = Some(Angle { open: token, route_end, found_before: self.found.len() });
    }

    fn route_end(&self) -> Option<usize> {
        let mut ahead = self.tokens.clone().filter(|t| t.kind != Kind::Comment);
        if ahead.next()?.kind != Kind::At {
            return None;
        }
        let end = ahead.find(|t| matches!(t.kind, Kind::Colon | Kind::Semicolon | Kind::Open | Kind::Close))?;
        (end.kind == Kind::Colon).then_some(end.start)
    }

    fn close(&mut self, token: Token) {
        if let Some(angle) = self.angle {
            self.end_element();
            self.angle = None;
            if self.found.len() == angle.found_before {
                self.found.push(Found { at: angle.open.end..token.start, spec: Spec::Null, standard: true });
            }
        } else if !self.pending.is_empty() {
            self.pending.push(token);
        }
    }

    fn end_element(&mut self) {
        let mut element = std::mem::take(&mut self.pending);
        let pieces = element.chunk_by_mut(|a, b| !is_border(*a, *b));
        let pieces: Vec<&[Token]> = pieces.filter_map(|piece| without_strays(self.text, piece)).collect();
        let has_at = |piece: &&[Token]| piece.iter().any(|t| t.kind == Kind::At);
        if self.angle.is_some() && pieces.len() > 1 && !pieces.iter().all(has_at) {
            // <a b@x>: who knows whether the blank belongs to the local part
            self.found.push(addr_spec::broken(self.text, &pieces.concat(), AddressError::BadSyntax));
        } else {
            self.found.extend(pieces.iter().map(|piece| addr_spec::read(self.text, piece)));
        }
        element.clear();
        self.pending = element;
    }

    fn finish(mut self) -> Vec<Found> {
        self.end_element();
        if let Some(angle) = self.angle
            && self.found.len() == angle.found_before
        {
            self.found.push(addr_spec::broken(self.text, &[angle.open], AddressError::BadSyntax));
        }
        self.found
    }
}

/// The tokens without closing brackets around them that no bracket opens: they were put there by mistake, and are no part of
/// an address. `None`: nothing else is there.
fn without_strays<'t>(text: &[u8], tokens: &'t mut [Token]) -> Option<&'t [Token]> {
    let opens = tokens.iter().any(|token| text[token.range()].contains(&b'['));
    let is_stray = |byte: u8| byte == b')' || (byte == b']' && !opens);
    let mut end = tokens.len();
    while let Some(last) = tokens[..end].last_mut() {
        let is_escaped = |at: usize| at > last.start + 1 && text[at - 2] == b'\\';
        match last.kind {
            Kind::Close => {}
            Kind::Word => {
                let mut at = last.end;
                while at > last.start && is_stray(text[at - 1]) && !is_escaped(at) {
                    at -= 1;
                }
                last.end = at;
                if !last.range().is_empty() {
                    break;
                }
            }
            _ => break,
        }
        end -= 1;
    }
    if let Some(first) = tokens[..end].first_mut().filter(|first| first.kind == Kind::Word) {
        // The last letter is none of them.
        first.start += text[first.range()].iter().take_while(|byte| is_stray(**byte)).count();
    }
    let tokens = &tokens[..end];
    (!tokens.is_empty()).then_some(tokens)
}

/// Whether a new address starts with `b`: words apart, with no mark between them.
fn is_border(a: Token, b: Token) -> bool {
    (a.is_word() || a.kind == Kind::Close) && b.is_word() && a.end != b.start
}
