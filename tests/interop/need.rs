//! What a test needs of the machine it runs on, and how it says that it cannot run.

use std::io::Write as _;
use std::path::Path;

/// Programs of the provider and of the namespaces: every test needs them.
const ALWAYS: [&str; 8] = ["unshare", "nsenter", "setpriv", "mount", "cp", "postfix", "postconf", "dovecot"];

/// Whether the test can run here. If not, the reason goes to the terminal (libtest would keep an `eprintln!` of a passing test to
/// itself), unless CI forbids skipping.
pub fn met(programs: &[&str]) -> bool {
    let missing: Vec<&str> = ALWAYS.iter().chain(programs).copied().filter(|name| !installed(name)).collect();
    let reason = if !rustix::process::geteuid().is_root() {
        "it makes namespaces and starts a Postfix, so it must run as root".to_owned()
    } else if !missing.is_empty() {
        format!("not installed: {}", missing.join(", "))
    } else {
        return true;
    };
    let test = std::thread::current().name().unwrap_or("interop test").to_owned();
    assert!(
        std::env::var_os("POSTRIDER_INTEROP").is_none_or(|value| value != "require"),
        "{test} must not be skipped here, but: {reason}"
    );
    let mut terminal = std::io::stderr();
    writeln!(terminal, "skipped: {test}: {reason}").unwrap();
    false
}

/// Whether the callers that are run by hand are wanted (`POSTRIDER_BY_HAND=yes`): too big, or at odds with others, for CI,
/// where their recordings stand for them. The reason goes to the terminal.
pub fn by_hand(reason: &str) -> bool {
    let wanted = std::env::var_os("POSTRIDER_BY_HAND").is_some();
    if !wanted {
        let test = std::thread::current().name().unwrap_or("interop test").to_owned();
        let mut terminal = std::io::stderr();
        writeln!(terminal, "by hand only: {test}: {reason}").unwrap();
    }
    wanted
}

fn installed(name: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|folder| Path::new(folder).join(name).exists())
}
