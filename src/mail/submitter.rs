//! Who submitted a message: a user of this machine or a named client of a listener. What either may do is decided by the
//! configuration; that a user is a user is the kernel's word, and that a client is a client the listener's.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A submitter. In JSON it is one member of the object that it is in: `uid` or `client`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Submitter {
    /// The effective uid of a user of this machine.
    #[serde(rename = "uid")]
    Local(u32),
    /// The NAME of `[client.NAME]`.
    #[serde(rename = "client")]
    Client(ClientName),
}

impl Submitter {
    /// root: exempt from the limits of users.
    pub const ROOT: Self = Self::Local(0);

    /// The user, if it is one.
    #[must_use]
    pub fn uid(&self) -> Option<u32> {
        match self {
            Self::Local(uid) => Some(*uid),
            Self::Client(_) => None,
        }
    }

    /// The client, if it is one.
    #[must_use]
    pub fn client(&self) -> Option<&ClientName> {
        match self {
            Self::Local(_) => None,
            Self::Client(name) => Some(name),
        }
    }
}

impl fmt::Display for Submitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(uid) => write!(f, "uid {uid}"),
            Self::Client(name) => write!(f, "client {name}"),
        }
    }
}

/// A client's name: a letter or digit, then letters, digits, `.`, `_` and `-`, 64 at most. It is part of a file's name, and
/// the local part of the client's address unless the configuration names another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientName(Arc<str>);

/// Why a text is not the name of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a client's name begins with a letter or digit, continues with letters, digits, \".\", \"_\" and \"-\", and has at most 64 characters"
)]
pub struct BadClientName;

impl ClientName {
    /// Checks a name.
    pub fn parse(name: &str) -> Result<Self, BadClientName> {
        let is_of_name = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
        let begins_well = name.bytes().next().is_some_and(|octet| octet.is_ascii_alphanumeric());
        // A local part may neither end with a dot nor have two in a row.
        let is_dotted_well = !name.ends_with('.') && !name.contains("..");
        if begins_well && is_dotted_well && name.len() <= 64 && name.bytes().all(is_of_name) {
            Ok(Self(name.into()))
        } else {
            Err(BadClientName)
        }
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ClientName {
    type Error = BadClientName;

    fn try_from(name: String) -> Result<Self, BadClientName> {
        Self::parse(&name)
    }
}

impl From<ClientName> for String {
    fn from(name: ClientName) -> Self {
        name.as_str().to_owned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
