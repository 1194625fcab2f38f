//! How commands put a new file of the configuration and its secrets in place: what makes room for it, and who may read it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::exit::{Exit, Failure};
use crate::config::secret::runners_group;
use crate::config::{Config, conf_d, locate, places};

/// What is at the place of a configuration.
#[derive(Debug)]
pub(super) enum Present {
    /// Nothing.
    Nothing,
    /// A configuration without an account, in conf.d neither, as the package leaves it. It makes room.
    Placeholder,
    /// One with accounts.
    Accounts(Box<Config>),
}

impl Present {
    /// What there is. One that cannot be read is an error, because nobody knows what it is worth.
    pub(super) fn at(config: &Path, command: &str) -> Result<Self, Failure> {
        if config.symlink_metadata().is_err() {
            return Ok(Self::Nothing);
        }
        let is_comment = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        let is_alone = conf_d::files(config).is_ok_and(|others| others.is_empty());
        if is_alone && fs::read_to_string(config).is_ok_and(|text| text.lines().all(is_comment)) {
            return Ok(Self::Placeholder);
        }
        match locate::load(Some(config)) {
            Ok(found) if found.accounts.is_empty() => Ok(Self::Placeholder),
            Ok(found) => Ok(Self::Accounts(Box::new(found))),
            Err(error) => {
                let Failure { message, exit } = error.into();
                let shown = config.display();
                let what = "has errors and was left unchanged. Fix it, or rename it and run";
                Err(Failure::new(exit, format_args!("{shown} {what} {command} again: {message}")))
            }
        }
    }
}

/// A config that has an account stays. One without, as the package leaves it, makes room: where it goes.
pub(super) fn spare(config: &Path, command: &str) -> Result<Option<PathBuf>, Failure> {
    match Present::at(config, command)? {
        Present::Nothing => Ok(None),
        Present::Placeholder => Ok(Some(free_name(config, command))),
        Present::Accounts(_) => Err(Failure::new(
            Exit::NoPermission,
            format_args!(
                "{} already has accounts and was left unchanged. Edit it, or rename it and run {command} again.",
                config.display()
            ),
        )),
    }
}

/// Where what is there goes: never onto what an earlier run set aside.
pub(super) fn free_name(config: &Path, command: &str) -> PathBuf {
    let first = config.with_file_name(format!("config.toml.before-{command}"));
    let numbered = (2_u64..).map(|number| config.with_file_name(format!("config.toml.before-{command}.{number}")));
    let is_free = |path: &PathBuf| path.symlink_metadata().is_err();
    std::iter::once(first.clone()).chain(numbered).find(is_free).unwrap_or(first)
}

/// The group that reads the system's config and its secrets: the runner's.
pub(super) fn readers(config: &Path) -> Option<u32> {
    runners_group().filter(|_| config == Path::new(places::SYSTEM_CONFIG))
}

/// Lets this group read a file or enter a folder; without a group it stays its owner's.
pub(super) fn give(path: &Path, mode: u32, group: Option<u32>) -> io::Result<()> {
    let Some(group) = group else { return Ok(()) };
    std::os::unix::fs::chown(path, None, Some(group))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// A new file that only its owner reads, on disk.
pub(super) fn store(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    if !bytes.ends_with(b"\n") {
        file.write_all(b"\n")?;
    }
    file.sync_all()
}

/// Held by a command that reads the configuration and puts a file of it in place, so that none undoes what another has just
/// done. It is the lock of the folder of the main file (`fs2`), which leaves nothing behind.
#[derive(Debug)]
pub(super) struct ChangeLock {
    _folder: File,
}

/// Longer than any other command needs between its reading and its writing.
const OTHERS_TIME: Duration = Duration::from_secs(30);
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

impl ChangeLock {
    /// Waits for other commands.
    pub(super) fn take(main: &Path) -> Result<Self, Failure> {
        let main = fs::canonicalize(main).unwrap_or_else(|_| main.to_owned());
        let path = main.parent().unwrap_or(Path::new("/"));
        let failed = |error: io::Error| {
            let shown = path.display();
            Failure::new(Exit::OsError, format_args!("cannot lock {shown}: {error}; nothing was changed"))
        };
        let folder = File::open(path).map_err(failed)?;
        let begun = Instant::now();
        loop {
            match fs2::FileExt::try_lock_exclusive(&folder) {
                Ok(()) => return Ok(Self { _folder: folder }),
                Err(error) if error.kind() != fs2::lock_contended_error().kind() => return Err(failed(error)),
                Err(_) if begun.elapsed() < OTHERS_TIME => thread::sleep(BETWEEN_TRIES),
                Err(_) => {
                    let shown = path.display();
                    return Err(Failure::new(
                        Exit::TempFail,
                        format_args!(
                            "another process has locked {shown} for {} s; nothing was changed; run \"lslocks\" to see which",
                            OTHERS_TIME.as_secs()
                        ),
                    ));
                }
            }
        }
    }
}

/// Puts a file of the configuration in place as a whole, with owner, group and mode of the one that it replaces. A new one is
/// its owner's, and the runner's to read in the system's configuration.
pub(super) fn replace(_lock: &ChangeLock, main: &Path, path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !folder.exists() {
        DirBuilder::new().mode(0o700).create(folder)?;
        give(folder, 0o750, readers(main))?;
    }
    // A hidden file of conf.d is none of the configuration's. Its name is this process's alone.
    let name = path.file_name().unwrap_or_default().display();
    let fresh = folder.join(format!(".{name}.{}.new", std::process::id()));
    let _ = fs::remove_file(&fresh);
    store(&fresh, text.as_bytes()).inspect_err(|_| drop(fs::remove_file(&fresh)))?;
    let given = match fs::metadata(&path) {
        Ok(old) => std::os::unix::fs::chown(&fresh, Some(old.uid()), Some(old.gid()))
            .and_then(|()| fs::set_permissions(&fresh, fs::Permissions::from_mode(old.mode() & 0o777))),
        Err(_) => give(&fresh, 0o640, readers(main)),
    };
    given.and_then(|()| fs::rename(&fresh, &path)).inspect_err(|_| drop(fs::remove_file(&fresh)))
}
