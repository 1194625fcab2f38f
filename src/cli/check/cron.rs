//! Whom cron and anacron send mail: the users whose jobs they run, and the addresses of MAILTO lines, with those whose mail they
//! throw away or send to a user of an odd name. Where the mail goes from there is for `routes` to say.

use std::fs;
use std::path::{Path, PathBuf};

use super::Findings;
use crate::control::report::Kind;
use crate::sys::user;

/// The tables of the machine: cron's own, those of packages, and anacron's.
const SYSTEM_TABLES: [&str; 2] = ["/etc/crontab", "/etc/anacrontab"];
const PACKAGES: &str = "/etc/cron.d";

/// Users' tables, by the name of the file: Debian's place and that of others.
const USERS: [&str; 2] = ["/var/spool/cron/crontabs", "/var/spool/cron"];

/// Larger files are no tables.
const LARGEST: u64 = 1 << 20;

/// Which program reads a table, since they read MAILTO differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Cron,
    Anacron,
}

/// What the tables say.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    /// Users whose jobs send mail, and the addresses that jobs send it to.
    pub names: Vec<String>,
    /// MAILTO lines: the file, the line's number, the value, who reads it.
    mail_to: Vec<(PathBuf, usize, String, Reader)>,
}

impl Jobs {
    /// Of this machine, as far as this process may read: only root may read the tables of users.
    pub(super) fn of_this_machine() -> Self {
        let mut jobs = Self::default();
        for path in SYSTEM_TABLES.map(PathBuf::from).into_iter().chain(files(Path::new(PACKAGES))) {
            let reader = if path.ends_with("anacrontab") { Reader::Anacron } else { Reader::Cron };
            jobs.read(&path, reader, None);
        }
        for path in USERS.map(Path::new).into_iter().flat_map(files) {
            let login = path.file_name().and_then(|name| name.to_str()).filter(|name| user::is_login(name));
            if let Some(login) = login.map(str::to_owned) {
                jobs.read(&path, Reader::Cron, Some(&login));
            }
        }
        jobs.names.sort_unstable();
        jobs.names.dedup();
        jobs
    }

    fn read(&mut self, path: &Path, reader: Reader, login: Option<&str>) {
        let is_table = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= LARGEST);
        let Some(text) = fs::read_to_string(path).ok().filter(|_| is_table) else { return };
        for (number, line) in text.lines().enumerate() {
            if let Some(value) = mail_to(line) {
                self.mail_to.push((path.to_owned(), number + 1, value.to_owned(), reader));
            } else if reader == Reader::Cron && login.is_none() {
                self.names.extend(user_of(line).filter(|name| user::is_login(name)).map(str::to_owned));
            }
        }
        self.names.extend(login.map(str::to_owned));
    }

    /// Says which MAILTO lines lose mail, and takes the addresses of the others.
    pub(super) fn check(mut self, findings: &mut Findings) -> Vec<String> {
        for (path, line, value, reader) in &self.mail_to {
            let place = format!("{}:{line}", path.display());
            match recipients(value, *reader) {
                Ok(names) => self.names.extend(names),
                Err(fate) => {
                    let text = format!("{place}: MAILTO={value}: {}; {FORM}", fate.text());
                    findings.warning(Kind::Cron, Some(&place), text);
                }
            }
        }
        self.names
    }
}

const FORM: &str = "write plain addresses, separated by commas without blanks, as in MAILTO=root,me@provider.example";

/// What becomes of mail that does not reach whom MAILTO means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    ThrownAway,
    ToOddUser,
}

impl Fate {
    fn text(self) -> &'static str {
        match self {
            Self::ThrownAway => {
                "cron throws this mail away, because it accepts no blanks, quotes or display names there"
            }
            Self::ToOddUser => "anacron keeps the quotes, so that the mail goes to a user of that name",
        }
    }
}

/// The files in a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort_unstable();
    paths
}

/// The value of a MAILTO line.
fn mail_to(line: &str) -> Option<&str> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let name = [('"', '"'), ('\'', '\'')].iter().find_map(|quotes| within(name, *quotes)).unwrap_or(name);
    (name == "MAILTO").then(|| value.trim())
}

fn within(text: &str, (open, close): (char, char)) -> Option<&str> {
    text.strip_prefix(open)?.strip_suffix(close)
}

/// The user of a job in a table of the machine: behind five fields of time, or one that begins with @.
fn user_of(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let first = words.next()?;
    match first.chars().next()? {
        '#' => None,
        '@' => words.next(),
        c if c.is_ascii_digit() || c == '*' => words.nth(4),
        _ => None,
    }
}

/// Whom the mail reaches.
fn recipients(value: &str, reader: Reader) -> Result<Vec<String>, Fate> {
    let value = match reader {
        // One pair of quotes around all of it is not part of it.
        Reader::Cron => [('"', '"'), ('\'', '\'')].iter().find_map(|quotes| within(value, *quotes)).unwrap_or(value),
        Reader::Anacron if value.contains(['"', '\'']) => return Err(Fate::ToOddUser),
        Reader::Anacron => value,
    };
    // What the crons have in common, and refuse for safety's sake beyond it.
    let is_accepted =
        |(at, c): (usize, char)| c.is_ascii_alphanumeric() || c == '_' || (at > 0 && "@!:%+-.,".contains(c));
    if reader == Reader::Cron && !value.char_indices().all(is_accepted) {
        return Err(Fate::ThrownAway);
    }
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty() && !name.contains(char::is_whitespace));
    Ok(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
