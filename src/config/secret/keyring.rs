//! `password = { keyring = true }`: the desktop's Secret Service keeps it, under the service
//! `postrider` and the account's name. The only door to the keyring.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use keyring::{Entry, Error};

use super::{Secret, SecretError, first_line};

/// The name under which all of ours are kept.
const SERVICE: &str = "postrider";

/// How long a keyring may take: one that is locked asks somebody, who may not be there.
const PATIENCE: Duration = Duration::from_mins(1);

/// Reads the password now.
pub(super) fn fetch(account: &str) -> Result<Secret, SecretError> {
    let name = account.to_owned();
    let ask = move || {
        let read = entry(&name)?.get_password().map_err(|error| said("read", &name, &error))?;
        Ok(Secret::new(read))
    };
    let password = within(PATIENCE, ask).unwrap_or_else(|| {
        let why = format!("it did not respond within {} s; unlock it", PATIENCE.as_secs());
        Err(SecretError(format!(
            "cannot read the password for account {account} from the keyring: {why}; {}",
            instead(account)
        )))
    })?;
    first_line(&format!("the keyring's entry for account {account}"), password.expose().as_bytes())
}

/// Keeps a password.
pub fn store(account: &str, secret: &Secret) -> Result<(), SecretError> {
    entry(account)?.set_password(secret.expose()).map_err(|error| said("write", account, &error))
}

/// Forgets it.
pub fn delete(account: &str) -> Result<(), SecretError> {
    entry(account)?.delete_credential().map_err(|error| said("delete", account, &error))
}

fn entry(account: &str) -> Result<Entry, SecretError> {
    Entry::new(SERVICE, account).map_err(|error| said("use", account, &error))
}

/// What the work comes to; `None` if it takes longer, and then it is left to itself.
fn within<T: Send + 'static>(patience: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (hand_over, receive) = sync_channel(1);
    // Whoever waited for it may have given up.
    thread::spawn(move || drop(hand_over.send(work())));
    receive.recv_timeout(patience).ok()
}

fn instead(account: &str) -> String {
    format!(
        "if no Secret Service is running (on a server, in cron, in a locked session), write password = {{ file = \"secrets/{account}\" }} and \
         run \"postrider password set {account}\", or use {{ command = [...] }} or {{ credential = \"...\" }}"
    )
}

/// Nothing of an entry's content goes into the text.
fn said(action: &str, account: &str, error: &Error) -> SecretError {
    let why = match error {
        Error::NoEntry => {
            return SecretError(format!(
                "the keyring has no password for account {account}; run \"postrider password set {account}\""
            ));
        }
        Error::NoDefaultStore => Entry::store_status().as_ref().err().map_or_else(String::new, ToString::to_string),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "the entry is not text".to_owned(),
        other => other.to_string(),
    };
    SecretError(format!(
        "cannot {action} the password for account {account} in the keyring: {why}; {}",
        instead(account)
    ))
}

#[cfg(test)]
mod tests;
