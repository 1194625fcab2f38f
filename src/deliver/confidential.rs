//! Detects secrets in texts of others: a server's replies, and what a token endpoint says. Some repeat what they were sent, in
//! clear, in base64, in `%41` or in part, and these texts are logged and shown. Only text without any trace of a secret is kept.
//!
//! The search errs on the side of withholding: a text that is withheld costs somebody a puzzle, a password in a log
//! is a breach. Names and secrets are compared in lower case, because a server may change the case of what it
//! repeats.

use std::collections::HashSet;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// In place of a text that shows a secret.
pub const WITHHELD: &str = "(text withheld)";

/// Decodes base64 whose end is missing.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Shorter responses carry no secret.
const SHORTEST_RESPONSE: usize = 8;

/// Shorter passwords are searched for as whole words, because they are part of many words.
const SHORT_PASSWORD: usize = 6;

/// So many octets of a token in a row are no accident, and as many as may be shown of one. Passwords are not searched for in
/// parts: they may consist of words.
const PART: usize = 8;

/// What must not appear in any text that is kept.
#[derive(Debug, Default)]
pub struct Confidential {
    /// All in lower case.
    username: Zeroizing<String>,
    password: Zeroizing<String>,
    tokens: Vec<Zeroizing<String>>,
    /// The responses in base64, as sent.
    responses: Vec<Zeroizing<String>>,
}

impl Confidential {
    /// For a login with this name and password; empty where there is none.
    #[must_use]
    pub fn of_login(username: &str, password: &str) -> Self {
        Self { username: folded(username), password: folded(password), ..Self::default() }
    }

    /// Adds what a machine made up: no part of it may be shown either.
    pub fn add_token(&mut self, token: &str) {
        if !token.is_empty() {
            self.tokens.push(folded(token));
        }
    }

    /// Adds a response, in base64.
    pub fn add_response(&mut self, response: &Zeroizing<String>) {
        if response.len() >= SHORTEST_RESPONSE {
            self.responses.push(response.clone());
        }
    }

    /// Whether any of it appears in the lines, also across line ends.
    #[must_use]
    pub fn occurs_in(&self, lines: &[String]) -> bool {
        let shows_username =
            |text: &str| has_word(&folded(text), &self.username) || is_encoded_in(text, &self.username);
        self.shows_secret(lines) || readings(lines).iter().any(|text| shows_username(text))
    }

    /// Whether the password, a token or a response appears in the lines, also across line ends. The user name is allowed:
    /// after the login it is just an address.
    #[must_use]
    pub fn shows_secret(&self, lines: &[String]) -> bool {
        readings(lines).iter().any(|text| {
            let folded = folded(text);
            shows_password(&folded, &self.password)
                || self.responses.iter().any(|response| text.contains(response.trim_end_matches('=')))
                || is_encoded_in(text, &self.password)
                || self.shows_token(text, &folded)
        })
    }

    /// A stranger's text, unless it shows a secret.
    #[must_use]
    pub fn without_secrets<'t>(&self, text: &'t str) -> &'t str {
        if self.shows_secret(&[text.to_owned()]) { WITHHELD } else { text }
    }

    fn shows_token(&self, text: &str, folded: &str) -> bool {
        let shows = |folded: &str| {
            let parts = parts(folded);
            self.tokens.iter().any(|token| match token.len() {
                ..PART => shows_password(folded, token),
                _ => token.as_bytes().windows(PART).any(|part| parts.contains(part)),
            })
        };
        !self.tokens.is_empty() && (shows(folded) || decodings(text, PART).any(|decoded| shows(&decoded)))
    }
}

fn folded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_lowercase())
}

/// All parts that a token could have in common with the text.
fn parts(text: &str) -> HashSet<&[u8]> {
    text.as_bytes().windows(PART).collect()
}

/// The different ways to read the lines: joined with blanks, joined, without any blanks, and with `%41` decoded, also twice. Every
/// reply of a session is searched, so ways that give the same text are left out.
fn readings(lines: &[String]) -> Vec<Zeroizing<String>> {
    let apart = lines.join(" ");
    let mut readings = Vec::with_capacity(5);
    if apart.contains('%') {
        let once = percent_decoded(&apart);
        if once.contains('%') {
            readings.push(percent_decoded(&once));
        }
        readings.push(once);
    }
    if lines.len() > 1 {
        readings.push(lines.concat());
    }
    if apart.contains(char::is_whitespace) {
        readings.push(lines.iter().flat_map(|line| line.chars()).filter(|c| !c.is_whitespace()).collect());
    }
    readings.push(apart);
    readings.into_iter().map(Zeroizing::new).collect()
}

fn percent_decoded(text: &str) -> String {
    let (mut octets, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&first, behind)) = rest.split_first() {
        let coded = behind.get(..2).filter(|_| first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let octet = coded.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        octets.push(octet.unwrap_or(first));
        rest = if octet.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// Whether a run of base64 characters, including those of URLs, contains the secret.
fn is_encoded_in(text: &str, secret: &str) -> bool {
    // It is in lower case here, which may take half as many bytes more than what was sent.
    !secret.is_empty() && decodings(text, secret.len().saturating_mul(2) / 3).any(|decoded| decoded.contains(secret))
}

/// What runs of base64 characters, including those of URLs, mean in lower case, if they are long enough for so many octets.
fn decodings(text: &str, octets: usize) -> impl Iterator<Item = Zeroizing<String>> {
    // Four characters for three octets, at whatever offset they start.
    let shortest = (octets.saturating_mul(4) / 3).max(4);
    let text = Zeroizing::new(text.replace('-', "+").replace('_', "/"));
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let runs: Vec<Zeroizing<String>> = text
        .split(|c: char| !is_base64(c))
        .filter(|run| run.len() >= shortest)
        .map(|run| Zeroizing::new(run.to_owned()))
        .collect();
    runs.into_iter().flat_map(|run| {
        // Preceding bytes may shift it by up to three characters.
        let decoded = |shift: usize| {
            let run = run[shift..].trim_end_matches('=');
            // A single trailing character is not a whole byte.
            let run = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
            let bytes = LENIENT.decode(run).map(Zeroizing::new).ok()?;
            Some(folded(&String::from_utf8_lossy(&bytes)))
        };
        (0..4.min(run.len())).filter_map(decoded).collect::<Vec<_>>()
    })
}

fn shows_password(folded: &str, password: &str) -> bool {
    if password.len() < SHORT_PASSWORD {
        return has_word(folded, password);
    }
    let tight: Zeroizing<String> = Zeroizing::new(password.chars().filter(|c| !c.is_whitespace()).collect());
    folded.contains(password) || (!tight.is_empty() && folded.contains(tight.as_str()))
}

/// A user name may be part of an ordinary word, such as `me`, so only whole words count.
fn has_word(text: &str, word: &str) -> bool {
    let is_border = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            is_border(text[..at].chars().next_back()) && is_border(text[at + word.len()..].chars().next())
        })
}

#[cfg(test)]
mod tests;
