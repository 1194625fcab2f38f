//! A name where an address belongs, as in `From: Backup Script`.

use super::tokens::{Kind, Token, Tokens, content};

/// What a value has in the place of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAlone<'a> {
    /// The name as it is written, comments within it included.
    pub text: &'a [u8],
    /// Whether an address in angle brackets can follow it as it is (RFC 5322 section 3.2.5: a phrase).
    pub is_phrase: bool,
}

/// The name of a value that has a name and no address: several words, a quoted or encoded text, or words before `<>`. One
/// word is the name of a user, and so an address. Commas, colons and groups belong to lists of those.
#[must_use]
pub fn name_alone(value: &[u8]) -> Option<NameAlone<'_>> {
    let all: Vec<Token> = Tokens::new(value).collect();
    let (name, has_brackets) = match &all[..] {
        [name @ .., open, close] if (open.kind, close.kind) == (Kind::Open, Kind::Close) => (name, true),
        all => (all, false),
    };
    let words: Vec<Token> = name.iter().copied().filter(|token| token.kind != Kind::Comment).collect();
    let is_of_words = words.iter().all(|word| matches!(word.kind, Kind::Word | Kind::Quoted | Kind::Dot));
    let has_gap = words.windows(2).any(|pair| pair[0].end != pair[1].start);
    let is_name = has_brackets || has_gap || matches!(words[..], [one] if is_text(value, one));
    let (first, last) = (name.first()?, name.last()?);
    if words.is_empty() || !is_of_words || !is_name {
        return None;
    }
    let is_closed = |comment: &Token| value[comment.range()].ends_with(b")");
    let is_phrase = name.iter().all(|token| match token.kind {
        Kind::Comment => is_closed(token),
        Kind::Word => !value[token.range()].iter().any(|byte| b"[]\\)".contains(byte)),
        kind => kind == Kind::Quoted,
    });
    Some(NameAlone { text: &value[first.start..last.end], is_phrase })
}

/// Whether a single token is no login: it has a blank in quotes, or is an encoded word.
fn is_text(value: &[u8], token: Token) -> bool {
    let raw = &value[token.range()];
    match token.kind {
        Kind::Quoted => content(value, token).iter().any(u8::is_ascii_whitespace),
        _ => raw.starts_with(b"=?") && raw.ends_with(b"?="),
    }
}
