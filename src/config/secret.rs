//! `password`: where a credential is kept, and the reading of it at the moment of use.
//! The value lives in [`Secret`], which does not print and is wiped.

mod command;
mod credential;
mod file;
mod keyring;

pub use self::command::program_is_there;
pub use self::file::{is_runner, runners_group};
pub use self::keyring::SecretItem;

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

/// A credential in memory: wiped when dropped, never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the AUTH exchange only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

/// Where a password is kept.
#[derive(Debug, Clone)]
pub enum Password {
    /// In the config itself (which then only its owner may read).
    Literal(Secret),
    /// `{ file = "..." }`, absolute; its first line.
    File(PathBuf),
    /// `{ command = [...] }`, run at the moment of use; the first line of its output.
    Command(Vec<String>),
    /// `{ credential = "NAME" }`: systemd's `LoadCredential=`.
    Credential(String),
    /// `{ keyring = true }`: the Secret Service, under this account's name.
    Keyring(String),
}

/// Why a password is not to be had; the text says what was tried and what mends it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub String);

impl Password {
    /// The file it is in, where it is in one.
    #[must_use]
    pub fn file(&self) -> Option<&std::path::Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Literal(_) | Self::Command(_) | Self::Credential(_) | Self::Keyring(_) => None,
        }
    }

    /// Whether it can be had, as far as that shows without asking anybody: a command may ask a person, so only its program is
    /// looked for; a keyring may have to be unlocked, and systemd gives credentials to its services alone.
    pub fn look(&self) -> Result<(), SecretError> {
        match self {
            Self::Literal(_) | Self::File(_) => self.fetch().map(drop),
            Self::Credential(_) if credential::are_given() => self.fetch().map(drop),
            Self::Command(words) => command::look(words),
            Self::Credential(_) | Self::Keyring(_) => Ok(()),
        }
    }

    /// Fetches the password now: reads the file (owner and mode checked) or runs the command.
    pub fn fetch(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Literal(secret) => Ok(secret.clone()),
            Self::File(path) => file::fetch(path),
            Self::Command(words) => command::fetch(words, command::PATIENCE),
            Self::Credential(name) => credential::fetch(name),
            Self::Keyring(account) => keyring::fetch(account),
        }
    }
}

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// No password is longer, in octets.
const LONGEST: usize = 4096;

/// The first line of what a file or command gave. `source` begins the error's text;
/// nothing of the bytes goes into it.
fn first_line(source: &str, bytes: &[u8]) -> Result<Secret, SecretError> {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // Some editors begin a file with it. Nobody types it into a login form.
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    if line.is_empty() {
        return Err(SecretError(format!("the first line of {source} is empty: write the password there")));
    }
    if line.len() > LONGEST {
        return Err(SecretError(format!(
            "the first line of {source} is longer than {LONGEST} bytes: that is not a password"
        )));
    }
    if line.contains(&0) {
        return Err(SecretError(format!("the first line of {source} contains a NUL: that is not a password")));
    }
    match std::str::from_utf8(line) {
        Ok(text) => Ok(Secret::new(text.to_owned())),
        Err(_) => Err(SecretError(format!("the first line of {source} is not UTF-8: save the password as UTF-8"))),
    }
}

#[cfg(test)]
mod tests;
