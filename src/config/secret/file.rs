//! `password = { file = "..." }`: a regular file of the caller's or root's, with nothing
//! for anyone else but the machine's runner, checked on the opened descriptor.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::{LONGEST, Secret, SecretError, first_line};
use crate::config::{container, open};
use crate::sys::privileges;

/// Reads the password now.
pub(super) fn fetch(path: &Path) -> Result<Secret, SecretError> {
    let shown = path.display();
    let failed =
        |error: io::Error| SecretError(format!("cannot read the password file {shown}: {error}{}", hint(path, &error)));
    let mut file = open::at_once(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let uid = rustix::process::geteuid().as_raw();
    let stat = SecretStat {
        regular: metadata.is_file(),
        owner: metadata.uid(),
        is_runners: runners_group() == Some(metadata.gid()),
        mode: metadata.mode(),
    };
    let objection = if container::is_here() { objection_in_container(stat) } else { objection(stat, uid) };
    if let Some(problem) = objection {
        return Err(SecretError(format!("the password file {shown} cannot be used: {}", problem.said(path))));
    }
    let mut bytes = Zeroizing::new([0; LONGEST + 2]);
    let length = fill(&mut file, bytes.as_mut_slice()).map_err(failed)?;
    first_line(&format!("the password file {shown}"), &bytes[..length])
}

/// The group that reads the machine's secrets and has no members, where postrider is installed.
#[must_use]
pub fn runners_group() -> Option<u32> {
    privileges::gid_of("postrider")
}

/// Whether this process is the machine's runner, or a command in its place.
#[must_use]
pub fn is_runner() -> bool {
    runners_group().is_some_and(|group| group == rustix::process::getegid().as_raw())
}

/// Where containers get their secrets, mounted by somebody else and often readable by all: no command mends that from inside.
const CONTAINER_SECRETS: &str = "/run/secrets";

/// What the checks need to know of an opened file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SecretStat {
    regular: bool,
    owner: u32,
    /// Its group is the runner's.
    is_runners: bool,
    mode: u32,
}

/// What makes a file unfit to hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Objection {
    NotRegular,
    Owner(u32, u32),
    Open,
    OpenToOthers,
    Writable,
}

impl Objection {
    fn said(self, path: &Path) -> String {
        let shown = path.display();
        match self {
            Self::NotRegular => "it is not a regular file; name a regular file".to_owned(),
            Self::Owner(owner, uid) => {
                let command = ownership_command(path).unwrap_or_else(|| format!("chown {uid} {shown}"));
                format!("it belongs to uid {owner}, not to uid {uid} or root; as root, run \"{command}\"")
            }
            Self::Open | Self::OpenToOthers if path.starts_with(CONTAINER_SECRETS) => format!(
                "others have access to it; have it mounted with mode 0400 for this user, or, where this is the program of a \
                 container, start it with \"postrider run --container\", or, where nobody else is in this container, set \
                 password = {{ command = [\"cat\", \"{shown}\"] }}"
            ),
            Self::Writable => {
                "its group or others can write to it; where it is mounted from, run \"chmod go-w\" on it, or have it \
                               mounted with mode 0444"
                    .to_owned()
            }
            Self::OpenToOthers => format!("others besides the runner have access to it; run \"chmod 640 {shown}\""),
            Self::Open => {
                let command = ownership_command(path).unwrap_or_else(|| format!("chmod 600 {shown}"));
                format!("its group or others have access to it; run \"{command}\"")
            }
        }
    }
}

fn objection(file: SecretStat, uid: u32) -> Option<Objection> {
    let foreign = if file.is_runners { 0o037 } else { 0o077 };
    if !file.regular {
        Some(Objection::NotRegular)
    } else if file.owner != uid && file.owner != 0 {
        Some(Objection::Owner(file.owner, uid))
    } else if file.mode & foreign != 0 {
        Some(if file.is_runners { Objection::OpenToOthers } else { Objection::Open })
    } else {
        None
    }
}

/// Docker Compose, Swarm and Kubernetes mount secrets for all to read, under a uid of their own or that of whoever wrote them outside;
/// nobody else is in the container.
fn objection_in_container(file: SecretStat) -> Option<Objection> {
    if !file.regular {
        Some(Objection::NotRegular)
    } else if file.mode & 0o022 != 0 {
        Some(Objection::Writable)
    } else {
        None
    }
}

/// Reads until the buffer is full or the file ends; no copy but the buffer.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn hint(path: &Path, error: &io::Error) -> String {
    let shown = path.display();
    let closed = open::closed_folder(path).filter(|_| error.kind() == io::ErrorKind::PermissionDenied && is_runner());
    if let Some(folder) = closed {
        let folder = folder.display();
        return format!(
            ", because the runner may not enter {folder}; as root, run \"chgrp postrider {folder} && chmod 750 {folder}\""
        );
    }
    if error.kind() == io::ErrorKind::PermissionDenied && container::is_here() {
        let uid = rustix::process::geteuid().as_raw();
        return format!(
            "; uid {uid} must be able to read it: where it is mounted from, run \"chmod 444\" on it, or start the container as the \
             uid that it belongs to"
        );
    }
    match (error.kind(), ownership_command(path)) {
        (io::ErrorKind::NotFound, cure) => {
            let command = cure.unwrap_or_else(|| format!("chmod 600 {shown}"));
            format!("; write the password into it, as one line, and run \"{command}\"")
        }
        (io::ErrorKind::PermissionDenied, Some(command)) => format!("; as root, run \"{command}\""),
        (io::ErrorKind::PermissionDenied, None) => {
            "; it must belong to the user who sends the mail: change its owner, or name another file".to_owned()
        }
        _ => String::new(),
    }
}

/// What gives a file of the machine's to its runner, where this is that one; all others want a file of their own.
fn ownership_command(path: &Path) -> Option<String> {
    let shown = path.display();
    is_runner().then(|| format!("chown root:postrider {shown} && chmod 640 {shown}"))
}

#[cfg(test)]
mod tests;
