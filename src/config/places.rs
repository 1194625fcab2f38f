//! Where config, spool, socket and programs are: the system's paths are fixed when the
//! program is built, so that submitting mail needs no config; a user's are below the home.

use std::path::{Path, PathBuf};

use directories::ProjectDirs;

/// The system's config file.
pub const SYSTEM_CONFIG: &str = "/etc/postrider/config.toml";

/// The aliases of this machine, where its config names no others.
pub const USUAL_ALIASES: &str = "/etc/aliases";

/// The spool that belongs to it.
pub const SYSTEM_SPOOL: &str = postrider_drop::SPOOL;

/// What is made once and kept beside it.
pub const SYSTEM_STATE: &str = "/var/lib/postrider";

/// Where the drop program is installed.
pub const DROP_PROGRAM: &str = match option_env!("POSTRIDER_DROP") {
    Some(program) => program,
    None => "/usr/libexec/postrider/postrider-drop",
};

/// Where the runner takes mail in and answers.
pub const SOCKET: &str = match option_env!("POSTRIDER_SOCKET") {
    Some(path) => path,
    None => "/run/postrider/submit",
};

/// What those who log in are shown while something is wrong.
pub const MOTD: &str = match option_env!("POSTRIDER_MOTD") {
    Some(path) => path,
    None => "/run/postrider/motd",
};

/// What an idle runner leaves for those who look whether it is well.
pub const IDLE: &str = match option_env!("POSTRIDER_IDLE") {
    Some(path) => path,
    None => "/run/postrider/idle",
};

/// The units that start the runner, and the timer that raises alarms without it.
pub const SERVICE_UNIT: &str = "postrider.service";
/// Opens the socket on which mail is submitted.
pub const SOCKET_UNIT: &str = "postrider.socket";
/// Looks into drop/.
pub const DROP_UNIT: &str = "postrider-drop.path";
/// Raises alarms without the runner.
pub const ALARM_TIMER: &str = "postrider-alarm.timer";

/// Whether postrider is installed for the whole machine: then mail of those without a config of their own is
/// handed in.
#[must_use]
pub fn is_installed() -> bool {
    Path::new(SOCKET).exists() || Path::new(DROP_PROGRAM).exists()
}

/// Whether a spool is that of the whole machine.
#[must_use]
pub fn is_system_spool(dir: &Path) -> bool {
    dir == Path::new(SYSTEM_SPOOL)
}

/// The state directory that belongs to a spool.
#[must_use]
pub fn state_dir(spool: &Path) -> PathBuf {
    if is_system_spool(spool) { PathBuf::from(SYSTEM_STATE) } else { spool.join("state") }
}

/// The spool for a config at `path` that names none; `None` without a home.
#[must_use]
pub fn default_spool(path: &Path, home: Option<&Path>) -> Option<PathBuf> {
    if path == Path::new(SYSTEM_CONFIG) {
        return Some(PathBuf::from(SYSTEM_SPOOL));
    }
    home.map(|home| home.join(".local/state").join(folder()))
}

/// The caller's own config file, where there is a home. For uid 0 it is never read.
#[must_use]
pub fn own_config(home: &Path) -> PathBuf {
    home.join(".config").join(folder()).join("config.toml")
}

/// Our folder below the config and state directories, in this platform's spelling. Only
/// the spelling is taken from `directories`: its directories follow $HOME and $XDG_...,
/// which under cron, sudo and set-id callers are somebody else's, so the XDG defaults
/// are put below the home of the passwd entry instead.
fn folder() -> PathBuf {
    // Without $HOME it would ask a name service for the home, of which nothing is used here.
    let has_home = std::env::var_os("HOME").is_some_and(|home| !home.is_empty());
    has_home
        .then(|| ProjectDirs::from("", "", "postrider"))
        .flatten()
        .map_or_else(|| PathBuf::from("postrider"), |dirs| dirs.project_path().to_owned())
}
