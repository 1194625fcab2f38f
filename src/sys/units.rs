//! What systemd's folders say of a unit, and which sockets of this machine have a listener; neither wakes anything that is asked
//! about. Whether to start or stop a unit is for its administrator.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Where an administrator's links are, those of this boot last.
const FOLDERS: [&str; 2] = ["/etc/systemd/system", "/run/systemd/system"];

/// The listening sockets of this network namespace among all others, a line for each (proc(5)).
const SOCKETS: &str = "/proc/net/unix";

/// Of a line's flags: `__SO_ACCEPTCON`.
const LISTENS: u32 = 0x1_0000;

/// Whether a unit is started along with this target, as `systemctl enable` arranges it.
#[must_use]
pub fn is_enabled(unit: &str, target: &str) -> bool {
    FOLDERS.iter().any(|folder| Path::new(folder).join(format!("{target}.wants")).join(unit).symlink_metadata().is_ok())
}

/// Whether a timer is.
#[must_use]
pub fn is_timer_enabled(timer: &str) -> bool {
    is_enabled(timer, "timers.target")
}

/// Whether systemd refuses to start a unit, as `systemctl mask` arranges it.
#[must_use]
pub fn is_masked(unit: &str) -> bool {
    let is_null = |folder: &&str| {
        let leads = fs::read_link(Path::new(folder).join(unit));
        leads.is_ok_and(|leads| leads == Path::new("/dev/null"))
    };
    FOLDERS.iter().any(is_null)
}

/// Whether somebody listens on this Unix socket. The file alone does not say so: it stays when its listener ends. Without /proc,
/// nobody can tell.
#[must_use]
pub fn has_listener(path: &Path) -> Option<bool> {
    let lines = fs::read(SOCKETS).ok()?;
    Some(lines.split(|octet| *octet == b'\n').any(|line| listens_at(line, path.as_os_str())))
}

/// `Num: RefCount Protocol Flags Type St Inode Path`.
fn listens_at(line: &[u8], path: &OsStr) -> bool {
    let line = String::from_utf8_lossy(line);
    let mut fields = line.split_ascii_whitespace().skip(3);
    let flags = fields.next().and_then(|flags| u32::from_str_radix(flags, 16).ok());
    let is_here = fields.nth(3).is_some_and(|named| named.as_bytes() == path.as_bytes());
    is_here && flags.is_some_and(|flags| flags & LISTENS != 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
