//! `password = { keyring = true }`: the desktop's Secret Service keeps it, under the service
//! `postrider` and the account's name. The only door to the keyring.

use keyring::{Entry, Error};

use super::{Secret, SecretError, first_line};

/// The name under which all of ours are kept.
const SERVICE: &str = "postrider";

/// Reads the password now.
pub(super) fn fetch(account: &str) -> Result<Secret, SecretError> {
    let password = entry(account)?.get_password().map_err(|error| said("read", account, &error))?;
    let password = Secret::new(password);
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

/// Nothing of an entry's content goes into the text.
fn said(action: &str, account: &str, error: &Error) -> SecretError {
    let why = match error {
        Error::NoEntry => {
            return SecretError(format!(
                "the keyring has no password for account {account}; run \"postrider password set {account}\""
            ));
        }
        Error::NoDefaultStore => Entry::store_status().as_ref().err().map_or_else(String::new, ToString::to_string),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "what it holds is no text".to_owned(),
        other => other.to_string(),
    };
    SecretError(format!(
        "cannot {action} the keyring's password of account {account}: {why}; where no Secret Service runs (a server, cron, a \
         locked session), write password = {{ file = \"secrets/{account}\" }} and run \"postrider password set {account}\", or \
         use {{ command = [...] }} or {{ credential = \"...\" }}"
    ))
}
