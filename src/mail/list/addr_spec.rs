//! One addr-spec: tokens that belong together -> what they say (RFC 5322 section
//! 3.4.1, RFC 6531), with Postfix's standard rewriting (trivial-rewrite(8)).

use super::tokens::{Kind, Token, content};
use super::{Found, Spec};
use crate::mail::address::{Address, AddressError};
use crate::mail::printable::misleads;

/// Reads the tokens (at least one) of one addr-spec.
pub(super) fn read(text: &[u8], tokens: &[Token]) -> Found {
    match spec(text, tokens) {
        Ok(spec) => {
            let standard = match &spec {
                Spec::Complete(address) => is_written(text, tokens, &address.to_string()),
                Spec::Bare(_) | Spec::Null | Spec::Broken(..) => true,
            };
            Found { at: span(tokens), spec, standard }
        }
        Err(error) => broken(text, tokens, error),
    }
}

/// The tokens as something that is no address.
pub(super) fn broken(text: &[u8], tokens: &[Token], error: AddressError) -> Found {
    let at = span(tokens);
    let mut shown = printable(&text[at.clone()]);
    if Address::parse(&shown).is_ok() {
        // the text alone would be taken for an address when it is read again
        shown = format!("{shown} ({error})");
    }
    Found { at, spec: Spec::Broken(shown, error), standard: true }
}

fn span(tokens: &[Token]) -> std::ops::Range<usize> {
    tokens.first().map_or(0, |t| t.start)..tokens.last().map_or(0, |t| t.end)
}

fn spec(text: &[u8], tokens: &[Token]) -> Result<Spec, AddressError> {
    let tokens = without_route(tokens);
    let is_balanced =
        tokens.iter().all(|t| matches!(t.kind, Kind::Word | Kind::Quoted | Kind::Literal | Kind::At | Kind::Dot));
    let is_glued = tokens.windows(2).any(|pair| pair[0].is_word() && pair[1].is_word());
    if !is_balanced || is_glued {
        return Err(AddressError::BadSyntax);
    }
    match tokens.iter().rposition(|t| t.kind == Kind::At) {
        Some(at) => {
            let local = local(text, &tokens[..at])?;
            let domain = domain(text, &tokens[at + 1..])?;
            Address::new(&local, &domain).map(Spec::Complete)
        }
        None => without_at(text, tokens),
    }
}

/// Takes off `@a,@b:`.
fn without_route(tokens: &[Token]) -> &[Token] {
    let is_route = tokens.first().is_some_and(|t| t.kind == Kind::At);
    match tokens.iter().rposition(|t| t.kind == Kind::Colon) {
        Some(colon) if is_route => &tokens[colon + 1..],
        _ => tokens,
    }
}

/// The local part's content: words and quoted strings without quotes; an `@` before the last belongs to it.
fn local(text: &[u8], tokens: &[Token]) -> Result<String, AddressError> {
    let first = tokens.first().ok_or(AddressError::NoLocalPart)?;
    let bytes: Vec<u8> = tokens.iter().flat_map(|t| content(text, *t)).collect();
    if bytes.is_empty() {
        return Err(AddressError::NoLocalPart);
    }
    if bytes.starts_with(b"-") && first.kind != Kind::Quoted {
        return Err(AddressError::BadSyntax);
    }
    String::from_utf8(bytes).map_err(|_| AddressError::ForbiddenCharacter)
}

fn domain(text: &[u8], tokens: &[Token]) -> Result<String, AddressError> {
    let tokens = match tokens {
        [before @ .., last, dot] if dot.kind == Kind::Dot && last.kind != Kind::Dot => &tokens[..=before.len()],
        all => all,
    };
    let bytes: Vec<u8> = tokens.iter().flat_map(|t| content(text, *t)).collect();
    String::from_utf8(bytes).map_err(|_| AddressError::ForbiddenCharacter)
}

/// No `@`: `domain!user`, else `user%domain`, else a bare local part.
fn without_at(text: &[u8], tokens: &[Token]) -> Result<Spec, AddressError> {
    let local = local(text, tokens)?;
    let is_plain = tokens.iter().all(|t| t.kind != Kind::Quoted && !text[t.range()].contains(&b'\\'));
    let swapped = || {
        let bang = local.split_once('!').map(|(domain, user)| (user, domain));
        bang.or_else(|| local.rsplit_once('%')).filter(|(user, domain)| !user.is_empty() && !domain.is_empty())
    };
    if is_plain && let Some((user, domain)) = swapped() {
        if user.starts_with('-') {
            return Err(AddressError::BadSyntax);
        }
        return Address::new(user, domain.strip_suffix('.').unwrap_or(domain)).map(Spec::Complete);
    }
    // what can be completed with some domain at all
    Address::new(&local, "localhost").map(|_| Spec::Bare(local))
}

/// Whether the tokens, put together, are this text.
fn is_written(text: &[u8], tokens: &[Token], standard: &str) -> bool {
    let mut rest = standard.as_bytes();
    for token in tokens {
        let Some(behind) = rest.strip_prefix(&text[token.range()]) else { return false };
        rest = behind;
    }
    rest.is_empty()
}

/// On one line, for people: folding is one blank, bytes that are no text are `\xNN`.
fn printable(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\r' => {}
                '\n' | '\t' => shown.push(' '),
                c if misleads(c) => shown.push_str(&hexadecimal(u32::from(c))),
                other => shown.push(other),
            }
        }
        for byte in chunk.invalid() {
            shown.push_str(&hexadecimal(u32::from(*byte)));
        }
    }
    shown
}

fn hexadecimal(byte: u32) -> String {
    format!("\\x{byte:02X}")
}
