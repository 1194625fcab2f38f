//! What a test needs of the machine it runs on, and how it says that it cannot run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::need::{name, root_and, say, skip};

/// Programs of the provider and of the namespaces: every test needs them.
const ALWAYS: [&str; 8] = ["unshare", "nsenter", "setpriv", "mount", "cp", "postfix", "postconf", "dovecot"];

/// Whether the test can run here. If not, the reason goes to the terminal, unless CI forbids skipping.
pub fn met(programs: &[&str]) -> bool {
    root_and(ALWAYS.iter().chain(programs).copied(), "it makes namespaces and starts a Postfix")
}

/// Whether the callers that are run by hand are wanted (`POSTRIDER_BY_HAND=yes`): too big, or at odds with others, for CI,
/// where their recordings stand for them. The reason goes to the terminal.
pub fn by_hand(reason: &str) -> bool {
    let wanted = std::env::var_os("POSTRIDER_BY_HAND").is_some();
    if !wanted {
        say(&format!("by hand only: {}: {reason}", name()));
    }
    wanted
}

/// Where Exim's package is unpacked (it cannot be installed beside Postfix); `.ci/run` does it. Without it, as with [`met`].
pub fn exim() -> Option<PathBuf> {
    package("exim", "exim4")
}

/// Where the package of a mail program is unpacked that cannot be installed beside Postfix, and has this program.
pub fn package(name: &str, program: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers").join(name);
    let is_there = root.join("usr/sbin").join(program).exists();
    let how = format!("{program} is not unpacked below target/peers/{name}; .ci/run shows how");
    (met(&[]) && (is_there || skip(&how))).then_some(root).filter(|_| is_there)
}

/// The same of ``OpenSMTPD``.
pub fn opensmtpd() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/opensmtpd");
    let is_there = root.join("usr/sbin/smtpd").exists();
    let how = "OpenSMTPD is not unpacked: apt-get download opensmtpd, dpkg -x into target/peers/opensmtpd";
    (met(&["bash"]) && (is_there || skip(how))).then_some(root).filter(|_| is_there)
}

/// Where the programs of Prometheus are unpacked: the packages would start services.
pub fn prometheus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/prometheus/usr/bin");
    let programs = ["prometheus", "promtool", "prometheus-node-exporter"];
    let is_there = programs.iter().all(|program| folder.join(program).exists());
    let how = "Prometheus is not unpacked: apt-get download prometheus prometheus-node-exporter, dpkg -x into target/peers/prometheus";
    (is_there || skip(how)).then_some(folder).filter(|_| is_there)
}

/// Where the packages of a Matrix homeserver are, which `.ci/run` gets from `PyPI`.
pub fn synapse() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/synapse");
    let is_there = folder.join("synapse/app/homeserver.py").exists();
    let has_curl = support::need::installed("curl") || skip("curl is not installed");
    let has_synapse = is_there || skip("matrix-synapse is not installed below target/peers; .ci/run shows how");
    (has_curl && has_synapse && is_there).then_some(folder)
}

/// Whether a package has put this file there.
pub fn file(path: &str) -> bool {
    Path::new(path).exists() || skip(&format!("{path} is missing"))
}

/// Debian's, whose modules are Debian's packages: another one may come first in the path.
pub const PYTHON: &str = "/usr/bin/python3";

/// Whether Python has this module.
pub fn python(module: &str) -> bool {
    let import = format!("import {module}");
    let has = Command::new(PYTHON).args(["-c", &import]).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    has || skip(&format!("Python has no {module}"))
}

/// Whether Postfix reads tables of this kind: some are packages of their own.
pub fn tables(kind: &str) -> bool {
    let listed = std::fs::read_to_string("/etc/postfix/dynamicmaps.cf").unwrap_or_default();
    let has = listed.lines().any(|line| line.split_whitespace().next() == Some(kind));
    has || skip(&format!("Postfix does not read {kind} tables"))
}
