//! Where a credential is kept: a text, or a table that names a file, a command, a systemd credential or the keyring.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::faults::Faults;
use super::section::{Section, Value, absolute, text, wrong_type};
use super::{Readers, Surroundings};
use crate::config::keys::PASSWORD_KEYS;
use crate::config::places::SYSTEM_CONFIG;
use crate::config::{Password, Secret};

/// The value of `password`, or of another key of the same form.
pub(super) fn password(around: &Surroundings, account: &str, value: &Value, faults: &mut Faults) -> Option<Password> {
    let at = value.span().start;
    match value.get_ref() {
        DeValue::String(_) => {
            if is_machines(around) {
                faults
                    .add(at, not_for_the_machine(account, "`password` is written in the system configuration itself"));
            } else if faults.place(at).0.readers == Readers::Others {
                faults.add(at, open_to_others(faults.place(at).0.path));
            }
            let literal = text("password", value, faults)?;
            if literal.value.contains(['\0', '\n', '\r']) {
                faults.add(at, "`password` contains a line end or NUL, which no login can send");
            }
            Some(Password::Literal(Secret::new(literal.value.to_owned())))
        }
        DeValue::Table(table) => password_source(around, account, at, table, faults),
        _ => {
            wrong_type(
                "password",
                "a string in quotes, { file = \"PATH\" } or { command = [\"WORD\", ...] }",
                value,
                faults,
            );
            None
        }
    }
}

/// Whether the config is the one of the whole machine, whose runner is a user of its own.
pub(super) fn is_machines(around: &Surroundings) -> bool {
    around.path == Path::new(SYSTEM_CONFIG)
}

/// Administrators show that config around, and nobody is logged in as the runner.
fn not_for_the_machine(account: &str, what: &str) -> String {
    format!(
        "{what}, which only a user's own configuration may do: write password = {{ file = \"secrets/{account}\" }} instead and run \
         \"postrider password set {account}\""
    )
}

fn open_to_others(path: &Path) -> String {
    format!(
        "`password` is written in a file that others can read: run \"chmod 600 {}\", \
         or move it to a separate file and write password = {{ file = \"PATH\" }}",
        path.display()
    )
}

pub(super) fn password_source(
    around: &Surroundings,
    account: &str,
    at: usize,
    table: &DeTable,
    faults: &mut Faults,
) -> Option<Password> {
    let section = Section::open(table, PASSWORD_KEYS, faults);
    let sources: Vec<&str> = PASSWORD_KEYS.iter().map(|key| key.name).filter(|name| section.has(name)).collect();
    match sources.as_slice() {
        ["file"] => section.path("file", around, faults).map(Password::File),
        ["command"] => command(around, section.get("command")?, faults).map(Password::Command),
        ["credential"] => credential(&section, faults),
        // Open() has told of any other key.
        [_] => {
            let is_on = section.flag("keyring", faults)?;
            if !is_on {
                faults.add(
                    at,
                    "`keyring = false` is not a password source: write { file = \"PATH\" }, or keyring = true",
                );
            } else if is_machines(around) {
                faults.add(at, not_for_the_machine(account, "`password` uses the keyring of a desktop"));
            }
            is_on.then(|| Password::Keyring(account.to_owned()))
        }
        [] => {
            faults.add(
                at,
                "`password` names no source: write { file = \"PATH\" }, { command = [\"WORD\", ...] }, \
                 { credential = \"NAME\" } or { keyring = true }",
            );
            None
        }
        [first, second, ..] => {
            faults.add(at, format!("`password` has both `{first}` and `{second}`: remove one"));
            None
        }
    }
}

fn credential(section: &Section, faults: &mut Faults) -> Option<Password> {
    let text = section.text("credential", faults)?;
    if text.value.contains('/') || text.value.starts_with('.') {
        faults.add(text.at, "`credential` must be the name used in LoadCredential=, not a path");
    }
    Some(Password::Credential(text.value.to_owned()))
}

/// The words as they are, but a program given by a relative path is one beside the config.
fn command(around: &Surroundings, value: &Value, faults: &mut Faults) -> Option<Vec<String>> {
    let DeValue::Array(list) = value.get_ref() else {
        wrong_type("command", "a list of words, such as [\"pass\", \"show\", \"isp\"]", value, faults);
        return None;
    };
    let mut words = Vec::new();
    for item in list {
        match item.get_ref() {
            DeValue::String(word) if !word.contains('\0') => words.push(word.to_string()),
            _ => wrong_type("command", "words in quotes", item, faults),
        }
    }
    let Some(program) = list.iter().next().and_then(|item| text("command", item, faults)) else {
        if list.is_empty() {
            faults.add(value.span().start, "`command` is an empty list: write the program and its arguments");
        }
        return None;
    };
    if program.value.contains('/')
        && let Some(path) = absolute("command", program, around, faults)
        && let Some(first) = words.first_mut()
    {
        *first = printable(&path);
    }
    Some(words)
}

fn printable(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
