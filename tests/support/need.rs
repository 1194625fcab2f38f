//! What a test needs of the machine it runs on, and how it says that it cannot run there.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

/// Whether nothing may be skipped or sampled: `POSTRIDER_INTEROP=require`, as CI sets it.
pub fn is_strict() -> bool {
    std::env::var("POSTRIDER_INTEROP").is_ok_and(|value| value == "require")
}

/// Whether the test runs as root and has these programs; `purpose` says what root is needed for. If not, as [`skip`].
pub fn root_and<'a>(programs: impl IntoIterator<Item = &'a str>, purpose: &str) -> bool {
    let missing: Vec<&str> = programs.into_iter().filter(|name| !installed(name)).collect();
    if !rustix::process::geteuid().is_root() {
        skip(&format!("{purpose}, so it must run as root"))
    } else if !missing.is_empty() {
        skip(&format!("not installed: {}", missing.join(", ")))
    } else {
        true
    }
}

/// Whether a program is installed, or a file or folder of one by its whole path. A device in its place hides it.
pub fn installed(name: &str) -> bool {
    let is_there = |path: PathBuf| fs::metadata(path).is_ok_and(|file| !file.file_type().is_char_device());
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|folder| is_there(Path::new(folder).join(name)))
}

/// Says that the test cannot run here, and why: `false`, for the test to end with. Fails where nothing may be skipped.
pub fn skip(reason: &str) -> bool {
    assert!(!is_strict(), "{} must not be skipped here, but: {reason}", name());
    say(&format!("skipped: {}: {reason}", name()));
    false
}

/// Tells the terminal: libtest would keep an `eprintln!` of a passing test to itself.
pub fn say(line: &str) {
    let mut terminal = std::io::stderr();
    writeln!(terminal, "{line}").unwrap();
}

/// The name of the test that runs.
pub fn name() -> String {
    std::thread::current().name().unwrap_or("a test").to_owned()
}
