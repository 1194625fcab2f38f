//! Detects credentials in replies. Some servers repeat what they were sent, in clear or in base64, and replies are
//! logged and shown. Only text without any trace of the credential is kept.
//!
//! The search errs on the side of withholding: a reply without its text costs somebody a puzzle, a password in a log
//! is a breach. Names and passwords are compared in lower case, because a server may change the case of what it
//! repeats.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::Login;

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

/// What must not appear in any text that is kept.
#[derive(Debug)]
pub(crate) struct Confidential {
    /// In lower case.
    username: Zeroizing<String>,
    password: Zeroizing<String>,
    /// The responses in base64, as sent.
    responses: Vec<Zeroizing<String>>,
}

impl Confidential {
    /// For this login.
    pub(crate) fn new(login: &Login) -> Self {
        let folded = |text: &str| Zeroizing::new(text.to_lowercase());
        Self {
            username: folded(login.username.as_deref().unwrap_or_default()),
            password: folded(login.password.as_ref().map_or("", |secret| secret.expose())),
            responses: Vec::new(),
        }
    }

    /// Adds a response, in base64.
    pub(crate) fn add_response(&mut self, response: &Zeroizing<String>) {
        if response.len() >= SHORTEST_RESPONSE {
            self.responses.push(response.clone());
        }
    }

    /// Whether any of it appears in the lines, also across line ends.
    pub(crate) fn occurs_in(&self, lines: &[String]) -> bool {
        let shows_username = |text: &str| {
            let folded = Zeroizing::new(text.to_lowercase());
            has_word(&folded, &self.username) || is_encoded_in(text, &self.username)
        };
        self.shows_secret(lines) || readings(lines).iter().any(|text| shows_username(text))
    }

    /// Whether the password or a response appears in the lines, also across line ends. The user name is allowed:
    /// after the login it is just an address.
    pub(crate) fn shows_secret(&self, lines: &[String]) -> bool {
        readings(lines).iter().any(|text| {
            let folded = Zeroizing::new(text.to_lowercase());
            shows_password(&folded, &self.password)
                || self.responses.iter().any(|response| text.contains(response.trim_end_matches('=')))
                || is_encoded_in(text, &self.password)
        })
    }
}

/// The different ways to read the lines: joined with blanks, joined, without any blanks, and with `%41` decoded. Every reply of
/// a session is searched, so ways that give the same text are left out.
fn readings(lines: &[String]) -> Vec<Zeroizing<String>> {
    let apart = lines.join(" ");
    let mut readings = Vec::with_capacity(4);
    if apart.contains('%') {
        readings.push(percent_decoded(&apart));
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
    // The secret needs this many characters, at whatever offset it starts: four for three bytes. It is in lower case
    // here, which may take half as many bytes more than what was sent.
    let shortest = secret.len().saturating_mul(8) / 9;
    if secret.is_empty() || text.len() < shortest {
        return false;
    }
    let text = Zeroizing::new(text.replace('-', "+").replace('_', "/"));
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    text.split(|c: char| !is_base64(c)).filter(|run| run.len() >= shortest.max(4)).any(|run| {
        // Preceding bytes may shift it by up to three characters.
        (0..4.min(run.len())).any(|shift| {
            let run = run[shift..].trim_end_matches('=');
            // A single trailing character is not a whole byte.
            let run = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
            let Ok(bytes) = LENIENT.decode(run).map(Zeroizing::new) else { return false };
            let decoded = Zeroizing::new(String::from_utf8_lossy(&bytes).to_lowercase());
            decoded.contains(secret)
        })
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
