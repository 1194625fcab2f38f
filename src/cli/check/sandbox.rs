//! Whether the service's sandbox lets it write where the configuration wants it to. The unit allows its own folders only, so any other
//! needs a drop-in, which is printed.

use std::fs;
use std::path::Path;

use super::Findings;
use crate::config::Config;
use crate::config::places::{SYSTEM_SPOOL, SYSTEM_STATE};
use crate::control::report::Kind;

/// Where the unit lets the service write.
const ALLOWED: [&str; 3] = [SYSTEM_SPOOL, SYSTEM_STATE, "/run/postrider"];
/// Where an administrator adds to the unit.
const DROP_INS: &str = "/etc/systemd/system/postrider.service.d";

/// Says what the unit lacks.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    let Some(folder) = config.metrics.textfile.as_deref().and_then(Path::parent) else { return };
    if Path::new("/run/systemd/system").exists() && !is_allowed(folder, &drop_ins()) {
        findings.warning(Kind::Installation, Some(&folder.display().to_string()), advice(folder));
    }
}

/// The texts of all drop-ins.
fn drop_ins() -> String {
    let entries = fs::read_dir(DROP_INS).into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect::<Vec<_>>().join("\n")
}

fn is_allowed(folder: &Path, drop_ins: &str) -> bool {
    let named = drop_ins.lines().filter_map(|line| line.trim().strip_prefix("ReadWritePaths="));
    let named = named.flat_map(str::split_whitespace).map(|path| path.trim_start_matches(['-', '+']));
    ALLOWED.into_iter().chain(named).any(|allowed| folder.starts_with(allowed))
}

fn advice(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "the service's sandbox does not let it write `textfile` into {folder}; as root, run \"mkdir -p {DROP_INS}\", \
         \"printf '[Service]\\nReadWritePaths={folder}\\n' >{DROP_INS}/metrics.conf\", \
         \"systemctl daemon-reload\" and \"systemctl restart postrider\""
    )
}

#[cfg(test)]
mod tests;
