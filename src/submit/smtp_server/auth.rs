//! The server's side of AUTH PLAIN (RFC 4616) and LOGIN, up to a name and a password.
//! Whether they are right is the policy's to say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::reply::Refusal;
use crate::config::{Mechanism, Secret};

/// Which answer of the client is awaited.
#[derive(Debug)]
pub(crate) enum Exchange {
    Plain,
    LoginName,
    LoginPassword(String),
}

/// What follows an answer.
#[derive(Debug)]
pub(crate) enum Next {
    /// Ask on: the 334 text, and what is awaited then.
    Challenge(&'static str, Exchange),
    /// Complete.
    Credentials { mechanism: Mechanism, username: String, password: Secret },
}

/// Begins an exchange; `initial` is the response sent along with the command.
pub(crate) fn begin(mechanism: &str, initial: Option<&str>) -> Result<Next, Refusal> {
    let mechanism = Mechanism::ALL.into_iter().find(|known| known.name() == mechanism);
    let (exchange, challenge) = match mechanism {
        Some(Mechanism::Plain) => (Exchange::Plain, ""),
        // "Username:", as every client expects it.
        Some(Mechanism::Login) => (Exchange::LoginName, "VXNlcm5hbWU6"),
        _ => return Err(Refusal::new(504, "5.5.4", "this mechanism is not offered; see the reply to EHLO")),
    };
    match initial {
        None => Ok(Next::Challenge(challenge, exchange)),
        // RFC 4954 section 4: "=" is an empty response, where leaving it out means none.
        Some("=") => exchange.answer(b""),
        Some(text) => exchange.answer(text.as_bytes()),
    }
}

impl Exchange {
    /// Takes the client's next line (without its line end).
    pub(crate) fn answer(self, line: &[u8]) -> Result<Next, Refusal> {
        if line == b"*" {
            return Err(Refusal::new(501, "5.7.0", "authentication cancelled"));
        }
        let text = decode(line)?;
        match self {
            Self::Plain => plain(&text),
            // "Password:"
            Self::LoginName => Ok(Next::Challenge("UGFzc3dvcmQ6", Self::LoginPassword(text.as_str().to_owned()))),
            Self::LoginPassword(username) => Ok(Next::Credentials {
                mechanism: Mechanism::Login,
                username,
                password: Secret::new(text.as_str().to_owned()),
            }),
        }
    }
}

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
    Ok(Next::Credentials {
        mechanism: Mechanism::Plain,
        username: username.to_owned(),
        password: Secret::new(password.to_owned()),
    })
}

fn decode(line: &[u8]) -> Result<Zeroizing<String>, Refusal> {
    let malformed = || Refusal::new(501, "5.5.2", "this is not base64 of UTF-8 text");
    let bytes = Zeroizing::new(STANDARD.decode(line).map_err(|_| malformed())?);
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests;
