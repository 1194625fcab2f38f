//! Where the configuration of a backup goes, who gets its files, and what is there already.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use postrider_drop::durable::{Durable, Folder};
use zeroize::Zeroizing;

use crate::archive::{Archive, ArchiveError};
use crate::cli::backup::layout::{CONFIG, MAIN, files_of};
use crate::cli::exit::{Exit, Failure};
use crate::cli::new_config::{give, readers};
use crate::cli::step_down::RUNNER;
use crate::config::read::{Readers, Source, read_with};
use crate::config::{Config, ConfigError, conf_d, locate, places};
use crate::sys::privileges;
use crate::sys::user::{self, Caller};

/// Of one file that a configuration names, in octets, and of its own files together.
const MOST: u64 = 256 << 20;
pub(super) const MOST_CONFIG: u64 = 4 << 20;

/// The place of a configuration.
pub(super) struct Target {
    /// The main file, absolute.
    pub(super) main: PathBuf,
    /// Of the machine's: the runner.
    runner: Option<u32>,
}

/// Why there is no configuration in a backup.
pub(super) enum Unread {
    Archive(ArchiveError),
    Config(ConfigError),
}

impl Target {
    /// Finds it for this caller.
    pub(super) fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let main = main_config(named).ok_or_else(|| {
            Failure::new(
                Exit::Config,
                "this user has no home directory: name the configuration's place with --config FILE",
            )
        })?;
        if main != Path::new(places::SYSTEM_CONFIG) {
            return Ok(Self { main, runner: None });
        }
        if !privileges::is_root() {
            return Err(Failure::new(Exit::NoPermission, "only root can restore the system configuration: use sudo"));
        }
        let (runner, _) = privileges::ids_of(RUNNER).ok_or_else(|| {
            Failure::new(Exit::Config, format_args!("there is no user {RUNNER}: install postrider first"))
        })?;
        Ok(Self { main, runner: Some(runner) })
    }

    /// Whose the spool is, where that is not this user.
    pub(super) fn owner(&self) -> Option<u32> {
        self.runner
    }

    fn folder(&self) -> &Path {
        self.main.parent().unwrap_or(Path::new("/"))
    }

    /// Where an entry below `config/` goes.
    fn path_of(&self, name: &str) -> Option<PathBuf> {
        if name == MAIN {
            return Some(self.main.clone());
        }
        Some(self.folder().join(name.strip_prefix(CONFIG)?.strip_prefix('/')?))
    }

    /// Reads the configuration as it will be.
    pub(super) fn read_config(&self, archive: &Archive) -> Result<Config, Unread> {
        let read = |name: &str| {
            let foreign = |what: &str| Unread::Archive(ArchiveError::Foreign(format!("entry {name} {what}")));
            let bytes = archive.read(name, MOST_CONFIG).map_err(Unread::Archive)?;
            String::from_utf8(bytes.unwrap_or_default()).map(Zeroizing::new).map_err(|_| foreign("is not UTF-8"))
        };
        let text = read(MAIN)?;
        let names: Vec<String> = archive.below("config/conf.d").map(|name| format!("config/conf.d/{name}")).collect();
        let others = names.iter().map(|name| {
            let path = self.path_of(name).unwrap_or_default();
            Ok((path, read(name)?))
        });
        let others = others.collect::<Result<Vec<_>, Unread>>()?;
        let source = |(path, text): &'_ (PathBuf, Zeroizing<String>)| (path.clone(), text.clone());
        let owned: Vec<_> = others.iter().map(source).collect();
        let sources: Vec<Source<'_>> = owned
            .iter()
            .map(|(path, text)| Source { path, text, readers: Readers::OwnerOnly, variables: &[] })
            .collect();
        let config = read_with(&self.main, &text, &sources);
        // A machine that has no account yet can be moved as well.
        config.or_else(|error| error.without_account().map(|rest| *rest)).map_err(Unread::Config)
    }

    /// Whether the main file there is the backup's, as after a restore that was interrupted.
    pub(super) fn has_same_main(&self, archive: &Archive) -> bool {
        is_same(archive, MAIN, &self.main)
    }

    /// Another file, beside the main one, where one of the backup goes, or one of conf.d that would be read with it.
    pub(super) fn other_in_the_way(&self, archive: &Archive, config: &Config) -> Option<PathBuf> {
        let names = config_names(config);
        let taken = names.iter().filter(|(name, _)| *name != MAIN && archive.content(name).is_some());
        let mut taken = taken.filter(|(name, path)| path.symlink_metadata().is_ok() && !is_same(archive, name, path));
        taken.next().map(|(_, path)| path.clone()).or_else(|| self.surplus(archive).into_iter().next())
    }

    /// Files of conf.d that the backup does not have.
    fn surplus(&self, archive: &Archive) -> Vec<PathBuf> {
        let there = conf_d::files(&self.main).unwrap_or_default();
        let is_in_backup = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            archive.content(&format!("config/conf.d/{name}")).is_some()
        };
        there.into_iter().filter(|path| !is_in_backup(path)).collect()
    }

    /// Puts all files in place, the main one last; what was set aside, from where to where.
    pub(super) fn put_config(&self, archive: &Archive, config: &Config) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
        let mut aside = Vec::new();
        for path in self.surplus(archive) {
            set_aside(&path, &mut aside)?;
        }
        let names = config_names(config);
        let (main, others): (Vec<_>, Vec<_>) = names.iter().partition(|(name, _)| *name == MAIN);
        for (name, path) in others.into_iter().chain(main) {
            let Some(bytes) = archive.read(name, MOST).map_err(|error| Failure::new(Exit::DataError, error))? else {
                continue;
            };
            if is_same(archive, name, path) {
                continue;
            }
            if path.symlink_metadata().is_ok() {
                set_aside(path, &mut aside)?;
            }
            self.put(path, &Zeroizing::new(bytes)).map_err(|error| {
                Failure::new(
                    Exit::OsError,
                    format_args!("cannot write {}: {error}; run restore again with --replace", path.display()),
                )
            })?;
        }
        Ok(aside)
    }

    /// A file that only its owner reads, or root and the runner.
    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        self.make_folder(parent)?;
        let folder = Folder::open(&fs::canonicalize(parent)?)?;
        let mut file = Durable::create(&folder, 0o600)?;
        file.file().write_all(bytes)?;
        if let Some(group) = readers(&self.main) {
            std::os::unix::fs::fchown(file.file(), None, Some(group))?;
            file.file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o640))?;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        file.keep([name], &Folder::sync).map_err(|failure| failure.error)
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(above) = path.parent() {
            self.make_folder(above)?;
        }
        DirBuilder::new().mode(0o700).create(path)?;
        give(path, 0o750, readers(&self.main))
    }
}

/// The names of entries that this configuration consists of and names in its folder, each with its place.
pub(super) fn config_names(config: &Config) -> BTreeMap<String, PathBuf> {
    let is_beside = |name: &String| name.starts_with("config/");
    files_of(config).into_iter().map(|(path, name)| (name, path)).filter(|(name, _)| is_beside(name)).collect()
}

fn is_same(archive: &Archive, name: &str, path: &Path) -> bool {
    let there = fs::read(path).ok().map(Zeroizing::new);
    let new = archive.read(name, MOST).ok().flatten().map(Zeroizing::new);
    there.is_some() && there == new
}

/// Renames a file beside itself, onto nothing.
fn set_aside(path: &Path, aside: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let first = path.with_file_name(format!("{name}.before-restore"));
    let numbered = (2_u64..).map(|number| path.with_file_name(format!("{name}.before-restore.{number}")));
    let is_free = |path: &PathBuf| path.symlink_metadata().is_err();
    let new = std::iter::once(first.clone()).chain(numbered).find(is_free).unwrap_or(first);
    fs::rename(path, &new).map_err(|error| {
        Failure::new(Exit::OsError, format_args!("cannot rename {} to {}: {error}", path.display(), new.display()))
    })?;
    aside.push((path.to_owned(), new));
    Ok(())
}

/// The place of the configuration that a command with this `--config` is about, there or not.
fn main_config(named: Option<&Path>) -> Option<PathBuf> {
    let variable = std::env::var_os(locate::VARIABLE).filter(|_| user::environment_is_trusted()).map(PathBuf::from);
    if let Some(named) = named.map(Path::to_owned).or(variable) {
        return std::env::current_dir().ok().map(|here| here.join(named));
    }
    let caller = Caller::current();
    if caller.uid == 0 {
        return Some(PathBuf::from(places::SYSTEM_CONFIG));
    }
    caller.home.as_deref().map(places::own_config)
}
