//! The calling user, by effective uid and passwd entry and never by environment variables; and whether environment
//! variables may be used at all.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use nix::unistd::{Gid, Uid};

use super::name_service;

/// Read directly before the name service switch is asked, which needs twenty system calls for the same result. The
/// front end is started a thousand times a day, and nearly all its callers are in this file.
const PASSWD: &str = "/etc/passwd";

static CURRENT: OnceLock<Caller> = OnceLock::new();

/// The parts of a passwd entry that are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Effective uid.
    pub uid: u32,
    /// Login name; `uid1234` if the uid has no entry.
    pub login: String,
    /// The GECOS field up to the first comma, with `&` replaced; may be empty.
    pub full_name: String,
    /// Home directory, if there is an entry.
    pub home: Option<PathBuf>,
}

impl Caller {
    /// The user of this process, looked up once. An unreadable passwd database counts as empty.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.get_or_init(|| Self::of(Uid::effective().as_raw())).clone()
    }

    /// The user of another process, by the uid that the kernel reports.
    #[must_use]
    pub fn of(uid: u32) -> Self {
        if let Some(caller) = Self::in_passwd(uid) {
            return caller;
        }
        match name_service::user_of(uid) {
            Some(user) if !user.name.is_empty() => {
                Self::from_entry(uid, user.name, &user.gecos.to_string_lossy(), user.dir)
            }
            Some(_) | None => Self::without_entry(uid),
        }
    }

    /// Whether the uid identifies the user. The kernel reports everybody from outside this process's user namespace
    /// under the same uid, the overflow uid, so it may be anybody.
    #[must_use]
    pub fn is_somebody(&self) -> bool {
        static OVERFLOW: OnceLock<u32> = OnceLock::new();
        let read = || std::fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok();
        self.uid != *OVERFLOW.get_or_init(|| read().unwrap_or(65_534))
    }

    fn in_passwd(uid: u32) -> Option<Self> {
        fs::read(PASSWD).ok().and_then(|file| Self::in_file(uid, &file))
    }

    /// Finds the uid in the lines of passwd(5).
    fn in_file(uid: u32, file: &[u8]) -> Option<Self> {
        let fields = |line: &[u8]| -> Option<Self> {
            let mut fields = line.split(|octet| *octet == b':');
            let login = fields.next().and_then(|login| str::from_utf8(login).ok()).filter(|login| !login.is_empty())?;
            let is_his = str::from_utf8(fields.nth(1)?).ok()?.parse() == Ok(uid);
            let (gecos, home) = (fields.nth(1)?, fields.next()?);
            is_his.then(|| {
                Self::from_entry(uid, login.to_owned(), &String::from_utf8_lossy(gecos), OsStr::from_bytes(home).into())
            })
        };
        // Lines that the name service does not treat as entries.
        let is_entry = |line: &&[u8]| !matches!(line.first(), None | Some(b'#' | b'+' | b'-' | b' ' | b'\t'));
        file.split(|octet| *octet == b'\n').filter(is_entry).find_map(fields)
    }

    fn from_entry(uid: u32, login: String, gecos: &str, home: PathBuf) -> Self {
        let full_name = full_name(gecos, &login);
        // A relative or empty home would make paths depend on the current directory.
        let home = Some(home).filter(|dir| dir.is_absolute());
        Self { uid, login, full_name, home }
    }

    fn without_entry(uid: u32) -> Self {
        Self { uid, login: format!("uid{uid}"), full_name: String::new(), home: None }
    }
}

/// The name in a GECOS field (passwd(5)): up to the first comma, with `&` replaced by the capitalised login.
fn full_name(gecos: &str, login: &str) -> String {
    let name = gecos.split(',').next().unwrap_or_default();
    let mut letters = login.chars();
    let capitalised: String =
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    name.replace('&', &capitalised).trim().to_owned()
}

/// Whether /etc/passwd has the user of this process, so that no name service need be asked.
#[must_use]
pub fn is_in_passwd() -> bool {
    let found = Caller::in_passwd(Uid::effective().as_raw());
    // What was read counts for the rest of this process.
    found.map(|caller| CURRENT.get_or_init(|| caller)).is_some()
}

/// Whether a user with this login name exists. An unreadable passwd database counts as empty.
#[must_use]
pub fn is_login(name: &str) -> bool {
    name_service::user_named(name).is_some()
}

/// The home directory of the user with this login name.
#[must_use]
pub fn home_of(login: &str) -> Option<PathBuf> {
    name_service::user_named(login).map(|user| user.dir).filter(|dir| dir.is_absolute())
}

/// Whether this is the login name of the user of this process.
#[must_use]
pub fn is_callers(name: &str) -> bool {
    Caller::current().login.eq_ignore_ascii_case(name)
}

/// The logins of the people of this machine, as far as /etc/passwd has them: its system's users and those who cannot log in are
/// none.
#[must_use]
pub fn people() -> Vec<String> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    passwd.lines().filter_map(person).collect()
}

/// Uids that adduser(8) and useradd(8) give to people.
const PEOPLE: std::ops::Range<u32> = 1000..60_000;

fn person(line: &str) -> Option<String> {
    let mut fields = line.split(':');
    let (login, uid, shell) = (fields.next()?, fields.nth(1)?, fields.nth(3)?);
    let may_log_in = !shell.ends_with("/nologin") && !shell.ends_with("/false");
    (may_log_in && PEOPLE.contains(&uid.parse().ok()?)).then(|| login.to_owned())
}

/// Whether environment variables may influence this process: real and effective ids are equal, and the kernel did not
/// start it with more privileges than its caller has (`AT_SECURE`, getauxval(3)). Determined once.
#[must_use]
pub fn environment_is_trusted() -> bool {
    static TRUSTED: OnceLock<bool> = OnceLock::new();
    *TRUSTED.get_or_init(|| Uid::current() == Uid::effective() && Gid::current() == Gid::effective() && !at_secure())
}

/// A program that gained privileges at its start may not read its own /proc files, so an unreadable file counts as
/// secure mode. Without /proc, only the ids are compared.
fn at_secure() -> bool {
    match std::fs::read("/proc/self/auxv") {
        Ok(vector) => secure_in(&vector),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

/// Finds `AT_SECURE` in an auxiliary vector: pairs of native words, type and value. Every kernel provides it, so a
/// vector without it is not trusted.
fn secure_in(vector: &[u8]) -> bool {
    const AT_SECURE: usize = 23;
    const WORD: usize = size_of::<usize>();
    let word = |bytes: &[u8]| bytes.try_into().map(usize::from_ne_bytes).unwrap_or_default();
    let mut pairs = vector.chunks_exact(2 * WORD).map(|pair| pair.split_at(WORD));
    pairs.find(|(kind, _)| word(kind) == AT_SECURE).is_none_or(|(_, value)| word(value) != 0)
}

/// The uid mappings of this user namespace, as described in `user_namespaces(7)`. Empty if the system does not
/// provide them.
#[must_use]
pub fn uid_map() -> String {
    std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default()
}

#[cfg(test)]
mod tests;
