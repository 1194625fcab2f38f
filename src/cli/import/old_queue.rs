//! Mail that still waits in the other program's queue: how much, and the command that sends it. It is only looked at.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::import::Program;

/// Where a program keeps waiting mail, and how one message is seen there.
struct Queue {
    /// Below the root directory, or below the user's home directory with `~/`.
    folders: &'static [&'static str],
    /// Start and end of the name of the one file that each message has.
    name: (&'static str, &'static str),
    /// What sends it.
    command: &'static str,
}

fn queue(program: Program) -> Option<Queue> {
    let (folders, name, command): (&[&str], _, _) = match program {
        Program::Postfix => (
            &[
                "var/spool/postfix/maildrop",
                "var/spool/postfix/hold",
                "var/spool/postfix/incoming",
                "var/spool/postfix/active",
                "var/spool/postfix/deferred",
            ],
            ("", ""),
            "postqueue -f",
        ),
        Program::Msmtp => (&["~/.msmtp.queue", "~/.msmtpqueue"], ("", ".mail"), "msmtp-queue -r"),
        Program::Nullmailer => (&["var/spool/nullmailer/queue"], ("", ""), "nullmailer-send"),
        Program::Dma => (&["var/spool/dma"], ("Q", ""), "dma -q"),
        Program::Exim => (&["var/spool/exim4/input"], ("", "-H"), "exim4 -qff"),
        Program::OpenSmtpd => (&["var/spool/smtpd/queue"], ("message", "message"), "smtpctl schedule all"),
        Program::Sendmail => (
            &["var/spool/mqueue", "var/spool/mqueue-client", "var/spool/clientmqueue"],
            ("qf", ""),
            "sendmail -Ac -q and sendmail -q",
        ),
        Program::Ssmtp => return None,
    };
    Some(Queue { folders, name, command })
}

/// Says what waits, if anything does.
pub(super) fn report(program: Program, root: &Path, home: Option<&Path>) {
    let Some(queue) = queue(program) else { return };
    match waiting(&queue, root, home) {
        Ok(0) => {}
        Ok(count) => {
            let (messages, them) = match count {
                1 => ("1 message still waits".to_owned(), "it"),
                _ => (format!("{count} messages still wait"), "them"),
            };
            print_line!(
                "\n{messages} in the queue of {}; before you remove it, send {them} with: {}",
                program.name(),
                queue.command
            );
        }
        Err(folder) => print_line!(
            "\nThe queue of {} in {} cannot be read by this user; before you remove it, send what waits with: {}",
            program.name(),
            folder.display(),
            queue.command
        ),
    }
}

/// How many messages; or the folder that this user may not read.
fn waiting(queue: &Queue, root: &Path, home: Option<&Path>) -> Result<usize, PathBuf> {
    let mut count = 0;
    for folder in queue.folders {
        let place = match (folder.strip_prefix("~/"), home) {
            (Some(below), Some(home)) => home.join(below),
            (Some(_), None) => continue,
            (None, _) => root.join(folder),
        };
        count += messages(&place, queue.name)?;
    }
    Ok(count)
}

fn messages(folder: &Path, (start, end): (&str, &str)) -> Result<usize, PathBuf> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(_) => return Err(folder.to_owned()),
    };
    let mut count = 0;
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            count += messages(&entry.path(), (start, end))?;
        } else if kind.is_file() && name.starts_with(start) && name.ends_with(end) {
            count += 1;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests;
