//! `postrider run --container`: what a service manager and a package do on a machine, the runner sees to itself where it is the
//! program of a container: folders and their owner, the user that it runs as, the first process, and an end in time.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::exit::{Exit, Failure};
use crate::cli::step_down::RUNNER;
use crate::config::{Config, ConfigError, container, locate, places};
use crate::deliver::smtp::interruption::Interruption;
use crate::log;
use crate::sys::{first_process, given_folder, mount, privileges, user};

/// Set to 1 where mail may be lost with the container.
const EPHEMERAL: &str = "POSTRIDER_EPHEMERAL";

/// File systems that end with the container, and the layers of its image, which do as well.
const PASSING: [&str; 7] = ["overlay", "aufs", "tmpfs", "ramfs", "fuse-overlayfs", "fuse.fuse-overlayfs", "rootfs"];

/// Of the 10 s that Docker gives a container to end: the time for messages that are being sent, and for what must be written of
/// those that were not finished in it.
const FOR_MESSAGES: Duration = Duration::from_secs(8);
const FOR_RECORDS: Duration = Duration::from_millis(1500);

/// The group of the drop program, and what belongs to it.
const DROP_GROUP: &str = "postrider-drop";

/// What this process is to do now.
pub(super) enum Entered {
    /// Run.
    Runner,
    /// End so: as the first process it has waited for the runner.
    Ended(Exit),
}

/// Makes this process the user that runs in this container, and looks whether it can.
pub(super) fn enter(named: Option<&Path>) -> Result<Entered, Failure> {
    if let Some(other) = named.map(Path::to_owned).or_else(|| std::env::var_os(locate::VARIABLE).map(Into::into))
        && other != Path::new(places::SYSTEM_CONFIG)
    {
        let message = format!(
            "a container reads {} and the environment, not {}: mount the file there",
            places::SYSTEM_CONFIG,
            other.display()
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    // Before anything is changed.
    locate::environment()?;
    if privileges::is_root() {
        give_folders()?;
    }
    let spool = Path::new(places::SYSTEM_SPOOL);
    must_last(spool)?;
    if privileges::is_root() {
        privileges::become_user(RUNNER)
            .map_err(|error| Failure::new(Exit::OsError, format_args!("cannot switch to user {RUNNER}: {error}")))?;
    }
    container::mark().map_err(|error| {
        let folder = Path::new(places::SOCKET).parent().unwrap_or(Path::new("/")).display();
        let uid = user::Caller::current().uid;
        let message = format_args!("cannot write to {folder}: {error}; mount a tmpfs there that belongs to uid {uid}");
        Failure::new(Exit::OsError, message)
    })?;
    if first_process::is_ours() { as_first().map(Entered::Ended) } else { Ok(Entered::Runner) }
}

/// Volumes come empty and root's.
fn give_folders() -> Result<(), Failure> {
    let Some((uid, gid)) = privileges::ids_of(RUNNER) else {
        let message = format!(
            "there is no user {RUNNER} in this container to run as: make its image as contrib/container/Containerfile does, or start \
             it as another user"
        );
        return Err(Failure::new(Exit::OsError, message));
    };
    let spool = Path::new(places::SYSTEM_SPOOL);
    let socket = Path::new(places::SOCKET).parent().unwrap_or(Path::new("/"));
    let drop_gid = privileges::gid_of(DROP_GROUP);
    let folders = [(socket, gid, 0o755), (Path::new(places::SYSTEM_STATE), gid, 0o700), (spool, gid, 0o711)];
    let drop = spool.join("drop");
    for (path, gid, mode) in folders.into_iter().chain(drop_gid.map(|gid| (drop.as_path(), gid, 0o1770))) {
        given_folder::give(path, (uid, gid), mode).map_err(|error| {
            let path = path.display();
            Failure::new(Exit::OsError, format_args!("cannot make {path} the folder of user {RUNNER}: {error}"))
        })?;
    }
    Ok(())
}

/// Refuses a spool that ends with the container.
fn must_last(spool: &Path) -> Result<(), Failure> {
    if std::env::var_os(EPHEMERAL).is_some_and(|value| value == "1") {
        return Ok(());
    }
    let there = spool.ancestors().find(|path| path.exists()).unwrap_or(spool);
    let Ok(kind) = mount::file_system(there) else { return Ok(()) };
    if !PASSING.contains(&kind.as_str()) {
        return Ok(());
    }
    let spool = spool.display();
    let message = format!(
        "{spool} is on {kind}, so queued mail would be lost with this container: mount a volume at {spool} (docker run --volume \
         postrider:{spool}), or set {EPHEMERAL}=1 if it may be lost"
    );
    Err(Failure::new(Exit::Config, message))
}

/// The same program again, as a child, which is not the first process.
fn as_first() -> Result<Exit, Failure> {
    let failed = |error| Failure::new(Exit::OsError, format_args!("cannot start the runner: {error}"));
    let mut runner = Command::new(std::env::current_exe().map_err(failed)?);
    runner.args(std::env::args_os().skip(1));
    match first_process::serve(runner).map_err(failed)? {
        0 => Ok(Exit::Ok),
        code => Ok(Exit::from(code)),
    }
}

/// The configuration of a container is all there when it starts: nobody is at hand to complete it while mail is taken in.
pub(super) fn complete(config: Result<Config, ConfigError>) -> Result<Config, Failure> {
    let config = config?;
    if config.accounts.is_empty() && config.local.is_none() {
        let message = format!(
            "no account is configured: set POSTRIDER_RELAY, POSTRIDER_USERNAME and POSTRIDER_PASSWORD_FILE, or mount a \
             configuration at {}",
            places::SYSTEM_CONFIG
        );
        return Err(Failure::new(Exit::Config, message));
    }
    Ok(config)
}

/// After SIGTERM, ends in time: messages that take longer are left as if the connection had broken.
pub(super) fn end_in_time(sessions: Interruption) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::Builder::new().name("end".into()).spawn(move || {
        if signals.forever().next().is_none() {
            return;
        }
        log::stopped("messages that are being sent are finished first");
        thread::sleep(FOR_MESSAGES);
        log::warning("a message takes longer than a container has to end: its connection is closed");
        sessions.cut();
        thread::sleep(FOR_RECORDS);
        std::process::exit(Exit::Ok.code().into());
    })?;
    Ok(())
}
