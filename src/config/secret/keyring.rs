//! `keyring = true`: the desktop's Secret Service keeps a password or a login, under the service `postrider` and the account's name or
//! the login's. The only door to the keyring.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use keyring::{Entry, Error};

use super::{Secret, SecretError, first_line};

/// The name under which all of ours are kept.
const SERVICE: &str = "postrider";

/// How long a keyring may take: one that is locked asks somebody, who may not be there.
const PATIENCE: Duration = Duration::from_mins(1);

/// A secret of ours in the keyring.
#[derive(Debug, Clone)]
pub struct SecretItem {
    /// The user name that it is kept under.
    name: String,
    /// What it is, as in "the password for account isp".
    what: String,
    /// What to do where there is none.
    missing: String,
    /// What to do where there is no keyring.
    instead: String,
}

impl SecretItem {
    /// The password of this account.
    #[must_use]
    pub fn password(account: &str) -> Self {
        Self {
            name: account.to_owned(),
            what: format!("the password for account {account}"),
            missing: format!(
                "the keyring has no password for account {account}; run \"postrider password set {account}\""
            ),
            instead: format!(
                "write password = {{ file = \"secrets/{account}\" }} and run \"postrider password set {account}\", or use \
                 {{ command = [...] }} or {{ credential = \"...\" }}"
            ),
        }
    }

    /// The refresh token of a login, which has a name of its own: accounts may share it.
    #[must_use]
    pub fn login(name: String, account: &str) -> Self {
        Self {
            name,
            what: format!("the login of account {account}"),
            missing: format!("the keyring has no login of account {account}; run \"postrider login {account}\""),
            instead: format!("remove `keyring` from `oauth` and run \"postrider login {account}\""),
        }
    }

    /// Reads it now.
    pub fn fetch(&self) -> Result<Secret, SecretError> {
        self.within_patience("read", |entry| entry.get_password().map(Secret::new))
    }

    /// Keeps it in the place of what was there.
    pub fn store(&self, secret: &Secret) -> Result<(), SecretError> {
        let secret = secret.clone();
        self.within_patience("write", move |entry| entry.set_password(secret.expose()))
    }

    /// Forgets it.
    pub fn delete(&self) -> Result<(), SecretError> {
        self.within_patience("delete", Entry::delete_credential)
    }

    fn within_patience<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, SecretError> {
        let name = self.name.clone();
        let ask = move || {
            let entry = Entry::new(SERVICE, &name).map_err(|error| ("use", error))?;
            work(&entry).map_err(|error| (action, error))
        };
        let slow = || self.failed(action, &format!("it did not respond within {} s; unlock it", PATIENCE.as_secs()));
        within(PATIENCE, ask).ok_or_else(slow)?.map_err(|(action, error)| self.said(action, &error))
    }

    /// Nothing of an entry's content goes into the text.
    fn said(&self, action: &str, error: &Error) -> SecretError {
        let why = match error {
            Error::NoEntry => return SecretError(self.missing.clone()),
            Error::NoDefaultStore => Entry::store_status().as_ref().err().map_or_else(String::new, ToString::to_string),
            Error::BadEncoding(_) | Error::BadDataFormat(..) => "the entry is not text".to_owned(),
            other => other.to_string(),
        };
        self.failed(action, &why)
    }

    fn failed(&self, action: &str, why: &str) -> SecretError {
        SecretError(format!(
            "cannot {action} {} in the keyring: {why}; if no Secret Service is running (on a server, in cron, in a locked \
             session), {}",
            self.what, self.instead
        ))
    }
}

/// Reads the password now.
pub(super) fn fetch(account: &str) -> Result<Secret, SecretError> {
    let password = SecretItem::password(account).fetch()?;
    first_line(&format!("the keyring's entry for account {account}"), password.expose().as_bytes())
}

/// What the work comes to; `None` if it takes longer, and then it is left to itself.
fn within<T: Send + 'static>(patience: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (hand_over, receive) = sync_channel(1);
    // Whoever waited for it may have given up.
    thread::spawn(move || drop(hand_over.send(work())));
    receive.recv_timeout(patience).ok()
}

#[cfg(test)]
mod tests;
