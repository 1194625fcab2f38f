//! The users of this machine as its own files list them: /etc/passwd, /etc/group and /etc/login.defs, as texts. A name
//! service is not asked: its libraries are more code than one wants in a program that may become anybody.

use std::path::PathBuf;

/// A line of /etc/passwd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login.
    pub login: String,
    /// Never the number that means "no change" to the kernel.
    pub uid: u32,
    /// Neither is this.
    pub gid: u32,
    /// Absolute.
    pub home: PathBuf,
}

/// The first uid of people where login.defs does not say so.
const UID_MIN: u32 = 1000;

fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number != u32::MAX)
}

/// The user of this name; a line that is not whole is none.
#[must_use]
pub fn user(passwd: &str, login: &str) -> Option<User> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(login))?;
    let fields: Vec<&str> = line.split(':').collect();
    let [_, _, uid, gid, _, home, _] = fields.as_slice() else { return None };
    let home = PathBuf::from(home);
    let (uid, gid) = (number(uid)?, number(gid)?);
    home.is_absolute().then(|| User { login: login.to_owned(), uid, gid, home })
}

/// The groups that list the login as a member.
#[must_use]
pub fn groups(group: &str, login: &str) -> Vec<u32> {
    let has = |line: &str| {
        let mut fields = line.split(':').skip(2);
        let gid = number(fields.next()?)?;
        fields.next()?.split(',').any(|member| member == login).then_some(gid)
    };
    group.lines().filter_map(has).collect()
}

/// The first uid of people.
#[must_use]
pub fn first_uid(login_defs: &str) -> u32 {
    let value = |line: &str| number(line.trim_start().strip_prefix("UID_MIN")?.split_ascii_whitespace().next()?);
    login_defs.lines().find_map(value).unwrap_or(UID_MIN)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may panic
mod tests;
