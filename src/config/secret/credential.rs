//! `password = { credential = "NAME" }`: what systemd's `LoadCredential=` put where only
//! this service reads it (systemd.exec(5), "Credentials").

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use super::{LONGEST, Secret, SecretError, first_line};
use crate::config::open;

/// Where they are.
const FOLDER: &str = "CREDENTIALS_DIRECTORY";

/// Whether this process was given any.
pub(super) fn are_given() -> bool {
    std::env::var_os(FOLDER).is_some()
}

/// Reads the credential now.
pub(super) fn fetch(name: &str) -> Result<Secret, SecretError> {
    fetch_in(std::env::var_os(FOLDER), name)
}

fn fetch_in(folder: Option<OsString>, name: &str) -> Result<Secret, SecretError> {
    let source = format!("the systemd credential {name}");
    let Some(folder) = folder else {
        return Err(SecretError(format!(
            "{source} is missing, because this process was started without credentials: add LoadCredential={name}:/PATH to its \
             systemd unit, or write password = {{ file = \"PATH\" }}"
        )));
    };
    let failed = |error: std::io::Error| {
        SecretError(format!("cannot read {source}: {error}; add LoadCredential={name}:/PATH to the systemd unit"))
    };
    // The manager made the folder and its modes: they are not ours to judge.
    let file: File = open::at_once(&Path::new(&folder).join(name)).map_err(failed)?;
    let most = LONGEST + 2;
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    file.take(most as u64).read_to_end(&mut bytes).map_err(failed)?;
    first_line(&source, &bytes)
}

#[cfg(test)]
mod tests;
