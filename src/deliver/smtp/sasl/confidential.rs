//! Whether a text shows a credential: servers repeat in a reply what they were sent, as it is or in base64. Only a
//! text that does not is kept.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::Login;

/// Reads base64 whose end is cut off.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Shorter responses of ours say nothing.
const SHORTEST_RESPONSE: usize = 8;

/// What no text that is kept may contain.
pub(crate) struct Confidential {
    /// Folded to lower case.
    username: Zeroizing<String>,
    password: Zeroizing<String>,
    /// In base64, as they went out.
    responses: Vec<Zeroizing<String>>,
}

impl Confidential {
    /// The parts of this login.
    pub(crate) fn new(login: &Login) -> Self {
        let folded = |text: &str| Zeroizing::new(text.to_lowercase());
        Self {
            username: folded(login.username.as_deref().unwrap_or_default()),
            password: folded(login.password.as_ref().map_or("", |secret| secret.expose())),
            responses: Vec::new(),
        }
    }

    /// This is sent, in base64.
    pub(crate) fn add_response(&mut self, response: &Zeroizing<String>) {
        if response.len() >= SHORTEST_RESPONSE {
            self.responses.push(response.clone());
        }
    }

    /// Whether any of it stands in the lines, also across their ends.
    pub(crate) fn occurs_in(&self, lines: &[String]) -> bool {
        let whole = Zeroizing::new(lines.concat());
        let apart = Zeroizing::new(lines.join(" "));
        let plain = |text: &str| {
            let folded = Zeroizing::new(text.to_lowercase());
            holds(&folded, &self.password) || has_word(&folded, &self.username)
        };
        plain(&whole)
            || plain(&apart)
            || self.responses.iter().any(|response| whole.contains(response.as_str()))
            || [&whole, &apart].into_iter().any(|text| self.is_encoded_in(text))
    }

    fn is_encoded_in(&self, text: &str) -> bool {
        let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        text.split(|c: char| !is_base64(c)).filter(|run| run.len() >= 4).any(|run| {
            // What surrounds it may shift it.
            (0..4.min(run.len())).any(|shift| {
                let run = run[shift..].trim_end_matches('=');
                // One digit alone is no octet.
                let run = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
                let Ok(bytes) = LENIENT.decode(run).map(Zeroizing::new) else { return false };
                let decoded = Zeroizing::new(String::from_utf8_lossy(&bytes).to_lowercase());
                holds(&decoded, &self.password) || holds(&decoded, &self.username)
            })
        })
    }
}

fn holds(text: &str, secret: &str) -> bool {
    !secret.is_empty() && text.contains(secret)
}

/// A user name may be part of an ordinary word, such as `me`.
fn has_word(text: &str, word: &str) -> bool {
    let is_border = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            is_border(text[..at].chars().next_back()) && is_border(text[at + word.len()..].chars().next())
        })
}

#[cfg(test)]
mod tests;
