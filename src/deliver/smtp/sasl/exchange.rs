//! The client's messages in each mechanism. Bytes in, bytes out; `auth` handles base64 and the connection.

use std::fmt::Write as _;

use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::message::{Message, OutOfStep};
use super::scram::{Bound, Scram};
use crate::config::Mechanism;
use crate::config::scram::ScramHash;
use crate::deliver::smtp::sasl::Login;
use crate::tls::Binding;

/// The surroundings of an exchange.
#[derive(Debug, Clone)]
pub struct Surroundings<'a> {
    /// The relay's host, which OAUTHBEARER names.
    pub host: &'a str,
    /// The relay's port.
    pub port: u16,
    /// The channel binding of the connection, if it has one.
    pub binding: Option<Binding>,
    /// Whether the server offers mechanisms that bind to the connection.
    pub plus: Plus,
    /// Fresh and random: printable ASCII without commas.
    pub nonce: String,
}

/// Whether a server offers mechanisms that bind to the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plus {
    /// At least one.
    Offered,
    /// None.
    NotOffered,
}

/// What a server says about a token before it rejects the login (RFC 7628 section 3.2.2; XOAUTH2 has the like).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenReport {
    /// It is not valid, or not any more.
    Rejected,
    /// It is valid, but not for sending mail.
    InsufficientScope,
}

impl TokenReport {
    fn read(challenge: &[u8]) -> Self {
        let report: serde_json::Value = serde_json::from_slice(challenge).unwrap_or_default();
        match &report["status"] {
            serde_json::Value::String(status) if matches!(status.as_str(), "insufficient_scope" | "403") => {
                Self::InsufficientScope
            }
            status if status.as_u64() == Some(403) => Self::InsufficientScope,
            _ => Self::Rejected,
        }
    }
}

/// An exchange.
pub enum Exchange {
    /// Mechanisms that consist of the first message.
    Single(Message),
    /// A token, sent in the first message. If the server answers with an error as a challenge, our reply allows it to
    /// fail.
    Token {
        /// The first message.
        opening: Message,
        /// The reply to that error.
        resignation: &'static [u8],
        /// That error.
        report: Option<TokenReport>,
    },
    /// LOGIN: the remaining responses, in reverse order.
    Prompts(Vec<Message>),
    /// CRAM-MD5.
    Cram(Login),
    /// SCRAM.
    Scram(Box<Scram>),
}

fn bytes(text: &str) -> Message {
    Zeroizing::new(text.as_bytes().to_vec())
}

/// Allocated at its final size, so that growing leaves no copy of the secret in memory.
fn joined(parts: &[&[u8]]) -> Message {
    let mut message = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        message.extend_from_slice(part);
    }
    message
}

impl Exchange {
    /// Starts an exchange.
    #[must_use]
    pub fn new(mechanism: Mechanism, login: &Login, around: &Surroundings<'_>) -> Self {
        let username = login.username.as_deref().unwrap_or_default();
        let password = login.password.as_ref().map_or("", |secret| secret.expose());
        let scram = |hash, bound| Self::Scram(Box::new(Scram::new(hash, login, bound, &around.nonce)));
        let plus = around.binding.as_ref().map_or(Bound::Not, Bound::To);
        let plain = match (&around.binding, around.plus) {
            (Some(_), Plus::NotOffered) => Bound::NotOffered,
            (Some(_), Plus::Offered) | (None, _) => Bound::Not,
        };
        match mechanism {
            Mechanism::External => Self::Single(bytes(username)),
            Mechanism::ScramSha256Plus => scram(ScramHash::Sha256, plus),
            Mechanism::ScramSha1Plus => scram(ScramHash::Sha1, plus),
            Mechanism::ScramSha256 => scram(ScramHash::Sha256, plain),
            Mechanism::ScramSha1 => scram(ScramHash::Sha1, plain),
            Mechanism::CramMd5 => Self::Cram(login.clone()),
            Mechanism::OAuthBearer => {
                // The GS2 header of RFC 5801 section 4, in which these two have a meaning.
                let user = username.replace('=', "=3D").replace(',', "=2C");
                let head = format!("n,a={user},\x01host={}\x01port={}\x01auth=Bearer ", around.host, around.port);
                let opening = joined(&[head.as_bytes(), password.as_bytes(), b"\x01\x01"]);
                Self::Token { opening, resignation: b"\x01", report: None }
            }
            Mechanism::XOAuth2 => {
                let head = format!("user={username}\x01auth=Bearer ");
                let opening = joined(&[head.as_bytes(), password.as_bytes(), b"\x01\x01"]);
                Self::Token { opening, resignation: b"", report: None }
            }
            Mechanism::Plain => Self::Single(joined(&[b"\0", username.as_bytes(), b"\0", password.as_bytes()])),
            Mechanism::Login => Self::Prompts(vec![bytes(password), bytes(username)]),
        }
    }

    /// What the server has said about the token.
    #[must_use]
    pub fn token_report(&self) -> Option<TokenReport> {
        match self {
            Self::Token { report, .. } => *report,
            _ => None,
        }
    }

    /// The initial response, if the client starts.
    #[must_use]
    pub fn opening(&self) -> Option<Message> {
        match self {
            Self::Single(message) | Self::Token { opening: message, .. } => Some(message.clone()),
            Self::Scram(scram) => Some(Zeroizing::new(scram.first().into_bytes())),
            Self::Prompts(_) | Self::Cram(_) => None,
        }
    }

    /// The response to a challenge after the opening.
    ///
    /// Called for each 334, except one that only prompts for the opening. After a token was rejected, the server sends
    /// the error as a challenge and waits for one more message from us before it sends 535 (RFC 7628 section 3.2.3).
    pub fn answer(&mut self, challenge: &[u8]) -> Result<Message, OutOfStep> {
        match self {
            // Some servers ignore the initial response and prompt for it.
            Self::Single(message) => Ok(message.clone()),
            Self::Token { resignation, report, .. } => {
                *report = Some(TokenReport::read(challenge));
                Ok(Zeroizing::new(resignation.to_vec()))
            }
            Self::Prompts(left) => left.pop().ok_or(OutOfStep("it asks for more than user name and password")),
            Self::Cram(login) => {
                let username = login.username.as_deref().unwrap_or_default();
                let password = login.password.as_ref().map_or("", |secret| secret.expose());
                let digest = hmac_md5(password.as_bytes(), challenge);
                let mut text = format!("{username} ");
                for byte in digest {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "{byte:02x}");
                }
                Ok(Zeroizing::new(text.into_bytes()))
            }
            Self::Scram(scram) => scram.answer(challenge),
        }
    }

    /// Whether the server rejected the binding to the connection.
    #[must_use]
    pub fn is_binding_refused(&self) -> bool {
        matches!(self, Self::Scram(scram) if scram.is_binding_refused())
    }

    /// Whether the server proved what the mechanism requires.
    #[must_use]
    pub fn is_convinced(&self) -> bool {
        match self {
            Self::Scram(scram) => scram.is_convinced(),
            Self::Single(_) | Self::Token { .. } | Self::Prompts(_) | Self::Cram(_) => true,
        }
    }
}

/// HMAC (RFC 2104) with MD5, as RFC 2195 requires.
fn hmac_md5(key: &[u8], text: &[u8]) -> [u8; 16] {
    let mut block = Zeroizing::new([0u8; 64]);
    if key.len() > 64 {
        block[..16].copy_from_slice(&Md5::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |pad: u8| Zeroizing::new(block.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>());
    let inner = Md5::new().chain_update(padded(0x36).as_slice()).chain_update(text).finalize();
    Md5::new().chain_update(padded(0x5c).as_slice()).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests;
