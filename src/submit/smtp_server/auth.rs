//! The server side of AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN and SCRAM, up to an [`Attempt`]. The driver of the
//! dialogue decides whether the login is accepted: for a listener, `runner::listener::smtp_login`.
//!
//! A malformed response ends the exchange and leaves the client where it was before AUTH. Only a complete exchange
//! becomes an [`Attempt`], and only attempts are counted as logins: a client that stops half-way has guessed nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::policy::Policy;
pub use super::policy::{Attempt, Proof};
use super::reply::Refusal;
use super::scram::{Challenged, Channel, First};
use crate::config::scram::ScramHash;
use crate::config::{Mechanism, Secret};
use crate::tls::Binding;

/// The expected response of the client.
#[derive(Debug)]
pub(crate) enum Exchange {
    Plain,
    LoginName,
    LoginPassword(String),
    ScramFirst(Mechanism, ScramHash, Channel),
    ScramFinal(Mechanism, Box<Challenged>),
    /// The empty response to the server-final-message, which completes the login of this user.
    ScramEnd(String, Mechanism),
}

/// What follows a response.
#[derive(Debug)]
pub(crate) enum Next {
    /// Send 334 with this text and expect this response.
    Challenge(String, Exchange),
    /// The exchange is complete and must be decided.
    Attempt(Attempt),
    /// The client is logged in.
    Done(String, Mechanism),
}

/// Starts an exchange with an offered mechanism. `initial` is the response sent together with the command.
pub(crate) fn begin<P: Policy>(
    mechanism: &str,
    offered: &[Mechanism],
    initial: Option<&str>,
    binding: Option<&Binding>,
    policy: &mut P,
) -> Result<Next, Refusal> {
    let mechanism = offered.iter().copied().find(|known| known.name() == mechanism);
    let mechanism =
        mechanism.ok_or_else(|| Refusal::new(504, "5.5.4", "this mechanism is not offered; see the reply to EHLO"))?;
    let plus = |hash| match binding {
        Some(binding) => Ok(Exchange::ScramFirst(mechanism, hash, Channel::Bound(binding.clone()))),
        None => Err(Refusal::new(504, "5.5.4", "there is nothing to bind this mechanism to; use one without -PLUS")),
    };
    // What matters is what the client was offered and not what it chose. A client that supports -PLUS and chose an
    // unbound mechanism reports whether it saw the offer (RFC 5802 section 6).
    let is_plus_offered = binding.is_some()
        && offered.iter().any(|one| matches!(one, Mechanism::ScramSha256Plus | Mechanism::ScramSha1Plus));
    let unbound = if is_plus_offered { Channel::PlusOffered } else { Channel::Unbound };
    let (exchange, challenge) = match mechanism {
        Mechanism::Plain => (Exchange::Plain, ""),
        // "Username:", which every client expects.
        Mechanism::Login => (Exchange::LoginName, "VXNlcm5hbWU6"),
        Mechanism::ScramSha256Plus => (plus(ScramHash::Sha256)?, ""),
        Mechanism::ScramSha1Plus => (plus(ScramHash::Sha1)?, ""),
        Mechanism::ScramSha256 => (Exchange::ScramFirst(mechanism, ScramHash::Sha256, unbound), ""),
        Mechanism::ScramSha1 => (Exchange::ScramFirst(mechanism, ScramHash::Sha1, unbound), ""),
        Mechanism::External | Mechanism::CramMd5 | Mechanism::OAuthBearer | Mechanism::XOAuth2 => {
            return Err(unsupported());
        }
    };
    match initial {
        // An empty challenge for mechanisms in which the client begins (RFC 4954 section 4).
        None => Ok(Next::Challenge(challenge.to_owned(), exchange)),
        // RFC 4954 section 4: "=" is an empty response; without anything there is no response.
        Some("=") => exchange.answer(b"", policy),
        Some(text) => exchange.answer(text.as_bytes(), policy),
    }
}

impl Exchange {
    /// Handles the client's next line, without its line end.
    ///
    /// Takes the exchange by value and returns the one that follows, so that no response can be handled twice.
    pub(crate) fn answer<P: Policy>(self, line: &[u8], policy: &mut P) -> Result<Next, Refusal> {
        if line == b"*" {
            return Err(Refusal::new(501, "5.7.0", "authentication cancelled"));
        }
        let text = decode(line)?;
        match self {
            Self::Plain => plain(&text),
            // "Password:"
            Self::LoginName => {
                Ok(Next::Challenge("UGFzc3dvcmQ6".to_owned(), Self::LoginPassword(text.as_str().to_owned())))
            }
            Self::LoginPassword(username) => Ok(Next::Attempt(Attempt {
                mechanism: Mechanism::Login,
                username,
                proof: Proof::Password(Secret::new(text.as_str().to_owned())),
            })),
            Self::ScramFirst(mechanism, hash, channel) => {
                let first = First::read(&text, &channel)?;
                // The policy has keys for every name, also for those that it does not know, so that nothing here
                // depends on whether the user exists.
                let (keys, nonce) = policy.scram(&first.username, hash)?;
                let (challenge, challenged) = first.challenge(keys, channel, &nonce);
                Ok(Next::Challenge(STANDARD.encode(challenge), Self::ScramFinal(mechanism, Box::new(challenged))))
            }
            Self::ScramFinal(mechanism, challenged) => {
                let proven = challenged.prove(&text)?;
                let proof = proven.server_final.map_or(Proof::Wrong, Proof::Right);
                Ok(Next::Attempt(Attempt { mechanism, username: proven.username, proof }))
            }
            Self::ScramEnd(username, mechanism) if text.is_empty() => Ok(Next::Done(username, mechanism)),
            Self::ScramEnd(..) => Err(Refusal::new(501, "5.5.2", "nothing is to be said to the end of SCRAM")),
        }
    }
}

fn unsupported() -> Refusal {
    Refusal::new(504, "5.5.4", "this mechanism is not supported")
}

/// RFC 4616 section 2. The authorisation identity may repeat the user name, as some clients do. Another one would mean
/// to send in somebody else's name.
fn plain(message: &str) -> Result<Next, Refusal> {
    let malformed = || Refusal::new(501, "5.5.2", "PLAIN needs [authzid] NUL name NUL password");
    let (authzid, rest) = message.split_once('\0').ok_or_else(malformed)?;
    let (username, password) = rest.split_once('\0').ok_or_else(malformed)?;
    if username.is_empty() || password.contains('\0') {
        return Err(malformed());
    }
    if !authzid.is_empty() && authzid != username {
        return Err(Refusal::new(535, "5.7.8", "acting for another user is not allowed"));
    }
    let proof = Proof::Password(Secret::new(password.to_owned()));
    Ok(Next::Attempt(Attempt { mechanism: Mechanism::Plain, username: username.to_owned(), proof }))
}

/// Responses are wiped after use, as the line that they came in.
fn decode(line: &[u8]) -> Result<Zeroizing<String>, Refusal> {
    let malformed = || Refusal::new(501, "5.5.2", "this is not base64 of UTF-8 text");
    let bytes = Zeroizing::new(STANDARD.decode(line).map_err(|_| malformed())?);
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests;
