//! Mail at rest in a mailbox of this machine: what writes a Maildir and an mbox, each message whole, on disk and once. Whose mailbox
//! it is and with whose rights it is written is decided by the caller: postrider-mailbox has become its user before, and in user
//! mode there is the caller's own alone. Nothing here can panic (see the lints in Cargo.toml).

mod content;
mod mailbox;
mod maildir;
mod mbox;

pub use content::Format;
pub use mailbox::{CHUNK, Delivery, Envelope, Mailbox};

use std::fmt::Display;
use std::io;
use std::path::Path;

/// The reply that says why something was not taken, without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

impl Refusal {
    /// A code with its enhanced code, and a reason; what no reply may hold becomes a question mark.
    pub fn new(code: &str, reason: impl Display) -> Self {
        let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
        Self(format!("{code} {reason}").chars().take(500).map(plain).collect())
    }
}

/// What could not be done to a file. Nothing of that is for ever: quotas are raised, disks emptied, owners corrected.
pub fn cannot<E: Into<io::Error>>(action: &str, path: &Path) -> impl FnOnce(E) -> Refusal {
    move |error| {
        let error = error.into();
        let code = match error.kind() {
            io::ErrorKind::QuotaExceeded => "452 4.2.2",
            io::ErrorKind::StorageFull => "452 4.3.1",
            _ => "451 4.2.0",
        };
        Refusal::new(code, format_args!("cannot {action} {}: {error}", path.display()))
    }
}

/// A recipient as RCPT names it: the login, what follows its `+`, and both with the domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The name that /etc/passwd is asked for.
    pub login: String,
    /// What follows the first `+`, if anything does.
    pub extension: Option<String>,
    /// As it was given, without brackets.
    pub address: String,
}

impl Recipient {
    /// `None` for what cannot be a login, such as a quoted local part or one with a slash.
    #[must_use]
    pub fn parse(address: &str) -> Option<Self> {
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        let (login, extension) = local.split_once('+').map_or((local, None), |(login, rest)| (login, Some(rest)));
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_login = !login.is_empty() && login.chars().all(is_name) && !login.starts_with(['.', '-']);
        let extension = extension.filter(|extension| !extension.is_empty()).map(str::to_owned);
        is_login.then(|| Self { login: login.to_owned(), extension, address: address.to_owned() })
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may panic
mod tests;
