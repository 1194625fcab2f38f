//! Which config file is taken, and from whom (postrider.toml(5)): `--config`, then
//! `$POSTRIDER_CONFIG` where the environment may be trusted, then the caller's own,
//! then the system's. Owner and mode are checked on the opened file.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::environment::Environment;
use super::places::{self, SYSTEM_CONFIG, default_spool, own_config};
use super::read::{Readers, Source, Surroundings, read_all};
use super::{conf_d, container, open, secret};
use crate::config::{Config, ConfigError, Fault};
use crate::sys::user::{self, Caller};
use crate::sys::{host, units};

/// Names another config where the environment may be trusted.
pub const VARIABLE: &str = "POSTRIDER_CONFIG";

/// No configuration is larger, in octets, all files together; a table of that size belongs into a file of its own.
const MOST: u64 = 4 << 20;

/// A place where a config may be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Candidate {
    /// Somebody named it: it must be there.
    Named(PathBuf),
    /// Taken where it is.
    Usual(PathBuf),
}

/// What the checks need to know of an opened file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ConfigStat {
    regular: bool,
    owner: u32,
    mode: u32,
}

/// Finds, checks and reads the configuration for this process.
pub fn load(named: Option<&Path>) -> Result<Config, ConfigError> {
    let caller = Caller::current();
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty() && user::environment_is_trusted());
    let here = std::env::current_dir().unwrap_or_default();
    let candidates = candidates(&caller, named.map(|path| here.join(path)), variable.map(|path| here.join(path)));
    load_first(&caller, &candidates)
}

/// Whether this caller's mail is the whole machine's affair (system mode): postrider is installed for it, and the caller
/// names no config and has none under the home. Then none is read.
#[must_use]
pub fn is_system_mode(named: Option<&Path>) -> bool {
    let caller = Caller::current();
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty() && user::environment_is_trusted());
    let candidates = candidates(&caller, named.map(Path::to_owned), variable.map(PathBuf::from));
    let is_taken = |candidate: &Candidate| match candidate {
        Candidate::Named(_) => true,
        Candidate::Usual(path) => path != Path::new(SYSTEM_CONFIG) && is_something_there(path),
    };
    !candidates.iter().any(is_taken) && places::is_installed()
}

/// Whether the config that this caller's mail is taken in by may be the machine's. That it may be missing does not matter here.
#[must_use]
pub fn is_machines(named: Option<&Path>) -> bool {
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty() && user::environment_is_trusted());
    let candidates = candidates(&Caller::current(), named.map(Path::to_owned), variable.map(PathBuf::from));
    let path = |candidate: &Candidate| match candidate {
        Candidate::Named(path) | Candidate::Usual(path) => path.as_os_str() == SYSTEM_CONFIG,
    };
    !is_system_mode(named) && candidates.iter().any(path)
}

/// In the order in which they are tried.
fn candidates(caller: &Caller, named: Option<PathBuf>, variable: Option<PathBuf>) -> Vec<Candidate> {
    if let Some(path) = named.or(variable) {
        return vec![Candidate::Named(path)];
    }
    // A file below a home may have been put there by whoever that home serves (sudo
    // keeps $HOME, some systems give several accounts uid 0): root reads /etc only.
    let own = caller.home.as_deref().filter(|home| caller.uid != 0 && home.is_absolute());
    own.map(own_config).into_iter().chain([PathBuf::from(SYSTEM_CONFIG)]).map(Candidate::Usual).collect()
}

fn load_first(caller: &Caller, candidates: &[Candidate]) -> Result<Config, ConfigError> {
    let mut tried = Vec::new();
    for candidate in candidates {
        let (Candidate::Named(path) | Candidate::Usual(path)) = candidate;
        match (candidate, open::at_once(path)) {
            (_, Ok(file)) => return load_opened(caller, path, file),
            // The environment is enough.
            (_, Err(error)) if is_containers(path) && is_nothing_there(path, &error) => {
                return read_files(caller, &[Opened::nothing(path)]);
            }
            (Candidate::Usual(_), Err(error)) if is_nothing_there(path, &error) => tried.push(path.clone()),
            (_, Err(error)) => return Err(unreadable(path, error)),
        }
    }
    Err(ConfigError::Missing(tried))
}

/// One file of the configuration, opened, checked and read.
struct Opened {
    path: PathBuf,
    /// It may hold a password: wiped, and sized at once so that no copy is left behind.
    bytes: Zeroizing<Vec<u8>>,
    readers: Readers,
}

impl Opened {
    fn nothing(path: &Path) -> Self {
        Self { path: path.to_owned(), bytes: Zeroizing::default(), readers: Readers::OwnerOnly }
    }

    fn source(&self) -> Result<Source<'_>, ConfigError> {
        let text = utf8(&self.path, &self.bytes)?;
        Ok(Source { path: &self.path, text, readers: self.readers, variables: &[] })
    }
}

/// Whether a config is the machine's, and the machine is a container, whose environment belongs to it.
fn is_containers(path: &Path) -> bool {
    path == Path::new(SYSTEM_CONFIG) && container::is_here()
}

/// What the environment configures, for a process that may trust it.
pub fn environment() -> Result<Environment, ConfigError> {
    if !user::environment_is_trusted() {
        return Ok(Environment::default());
    }
    Environment::read(std::env::vars_os()).map_err(|bad| {
        let faults = bad.into_iter().map(|bad| Fault::of_variable(bad.name, bad.message));
        ConfigError::Faulty { path: PathBuf::from(SYSTEM_CONFIG), faults: faults.collect(), rest: None }
    })
}

/// One file of a configuration as it would be.
#[derive(Debug, Clone, Copy)]
pub struct Change<'c> {
    /// The main file or one in conf.d beside it.
    pub path: &'c Path,
    /// What would be in it; `None`: it would not be there.
    pub text: Option<&'c str>,
}

/// Reads the configuration with this main file as it would be after a change. Nothing is written.
pub fn load_changed(main: &Path, change: Change<'_>) -> Result<Config, ConfigError> {
    let caller = Caller::current();
    let file = open::at_once(main).map_err(|error| unreadable(main, error))?;
    let mut files = open_all(&caller, main, file)?;
    files.retain(|file| file.path == main || file.path != change.path);
    if let Some(text) = change.text {
        if change.path != main {
            trust_folder_of_others(&caller, main)?;
        }
        let changed =
            |readers| Opened { path: change.path.to_owned(), bytes: Zeroizing::new(text.as_bytes().to_vec()), readers };
        if change.path == main {
            files[0] = changed(files[0].readers);
        } else {
            files.push(changed(Readers::OwnerOnly));
            files[1..].sort_by(|one, other| one.path.cmp(&other.path));
        }
    }
    read_files(&caller, &files)
}

fn load_opened(caller: &Caller, path: &Path, file: File) -> Result<Config, ConfigError> {
    read_files(caller, &open_all(caller, path, file)?)
}

/// The main file, which comes first, and those of conf.d.
fn open_all(caller: &Caller, path: &Path, file: File) -> Result<Vec<Opened>, ConfigError> {
    let mut left = MOST;
    let main = read_opened(caller, path, file, &mut left)?;
    let others = conf_d::files(path).map_err(|error| unreadable(&conf_d::folder(path), error))?;
    if !others.is_empty() {
        trust_folder_of_others(caller, path)?;
    }
    let others = others.iter().filter_map(|other| {
        let file = open_listed(other).transpose()?;
        Some(file.and_then(|file| read_opened(caller, other, file, &mut left)))
    });
    [Ok(main)].into_iter().chain(others).collect()
}

fn read_files(caller: &Caller, files: &[Opened]) -> Result<Config, ConfigError> {
    let Some((main, others)) = files.split_first() else { return Err(ConfigError::Missing(Vec::new())) };
    let mut others = others.iter().map(Opened::source).collect::<Result<Vec<_>, _>>()?;
    let environment = if is_containers(&main.path) { environment()? } else { Environment::default() };
    if !environment.names.is_empty() {
        let (text, variables) = (&environment.text, &environment.names);
        others.push(Source { path: &main.path, text, readers: Readers::OwnerOnly, variables });
    }
    let around = Surroundings {
        path: &main.path,
        home: caller.home.as_deref(),
        spool: default_spool(&main.path, caller.home.as_deref()),
        readers: main.readers,
        hostname: host::this_machine,
        services: host::service,
        timers: units::is_timer_enabled,
    };
    read_all(&around, main.source()?.text, &others)
}

/// Opens a file of conf.d; `None` where it has been taken away since the folder was listed.
fn open_listed(path: &Path) -> Result<Option<File>, ConfigError> {
    match open::at_once(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if is_nothing_there(path, &error) => Ok(None),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// Reads a file that may speak for the caller; all files together have `left` octets.
fn read_opened(caller: &Caller, path: &Path, file: File, left: &mut u64) -> Result<Opened, ConfigError> {
    let metadata = file.metadata().map_err(|error| unreadable(path, error))?;
    let stat = ConfigStat { regular: metadata.is_file(), owner: metadata.uid(), mode: metadata.mode() };
    trust(caller.uid, path, stat)?;
    let size = usize::try_from(metadata.len().min(*left)).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    file.take(*left + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
    let Some(rest) = left.checked_sub(bytes.len() as u64) else {
        let message = "the configuration is larger than 4 MiB: move tables to separate files".to_owned();
        return Err(faulty(path, Fault { path: path.to_owned(), line: 1, column: 1, message }));
    };
    *left = rest;
    let readers = if stat.mode & 0o044 == 0 { Readers::OwnerOnly } else { Readers::Others };
    Ok(Opened { path: path.to_owned(), bytes, readers })
}

/// A user who can write to conf.d can put a file there. Where it is missing, it is whoever's makes it.
fn trust_folder_of_others(caller: &Caller, main: &Path) -> Result<(), ConfigError> {
    let folder = conf_d::folder(main);
    match std::fs::metadata(&folder) {
        Ok(metadata) => {
            let stat = ConfigStat { regular: true, owner: metadata.uid(), mode: metadata.mode() };
            trust(caller.uid, &folder, stat)
        }
        Err(error) if is_nothing_there(&folder, &error) => Ok(()),
        Err(error) => Err(unreadable(&folder, error)),
    }
}

/// What others could do with an empty conf.d: a file of theirs in it would make the configuration unusable.
#[must_use]
pub fn distrust_of_empty_folder(main: &Path) -> Option<ConfigError> {
    let is_empty = conf_d::files(main).is_ok_and(|files| files.is_empty());
    is_empty.then(|| trust_folder_of_others(&Caller::current(), main).err()).flatten()
}

fn faulty(path: &Path, fault: Fault) -> ConfigError {
    ConfigError::Faulty { path: path.to_owned(), faults: vec![fault], rest: None }
}

/// Whether a config with this owner and mode may speak for `uid`.
fn trust(uid: u32, path: &Path, stat: ConfigStat) -> Result<(), ConfigError> {
    let refuse =
        |problem: String, remedy: String| Err(ConfigError::NotTrusted { path: path.to_owned(), problem, remedy });
    let shown = path.display();
    if !stat.regular {
        return refuse("it is not a regular file".to_owned(), "name a regular file".to_owned());
    }
    // The machine's is root's also where the runner reads it: what the runner could write would not bind it.
    let is_machines = path.starts_with(Path::new(SYSTEM_CONFIG).parent().unwrap_or(Path::new("/")));
    // In a container, what is there was mounted by whoever runs it, under any uid.
    if stat.owner != 0 && (stat.owner != uid || is_machines) && !container::is_here() {
        let problem = format!("it belongs to uid {}", stat.owner);
        let remedy = if uid == 0 {
            format!("for root, the file must belong to root: run \"chown root {shown}\"")
        } else if is_machines {
            format!("the system configuration must belong to root: as root, run \"chown root {shown}\"")
        } else {
            format!("it must belong to this user (uid {uid}) or to root: as root, run \"chown {uid} {shown}\"")
        };
        return refuse(problem, remedy);
    }
    let writers = match stat.mode & 0o022 {
        0 => return Ok(()),
        0o020 => "its group can",
        0o002 => "everybody can",
        _ => "its group and everybody can",
    };
    refuse(format!("{writers} write to it"), format!("run \"chmod go-w {shown}\""))
}

/// Whether a user has a config of their own: the file, or its folder, which they may not search. Where they may not even look into
/// what is above that, as a service without access to homes, there is none.
fn is_something_there(path: &Path) -> bool {
    let is_hidden = |error: io::Error| {
        error.kind() == io::ErrorKind::PermissionDenied
            && path.parent().is_some_and(|dir| dir.symlink_metadata().is_ok())
    };
    path.symlink_metadata().map_or_else(is_hidden, |_| true)
}

/// Whether a file could not be opened because none is there; a link to nowhere is something.
fn is_nothing_there(path: &Path, error: &io::Error) -> bool {
    let is_absent = |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    is_absent(error) && path.symlink_metadata().is_err_and(|error| is_absent(&error))
}

fn unreadable(path: &Path, error: io::Error) -> ConfigError {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied if path == Path::new(SYSTEM_CONFIG) && secret::is_runner() => {
            format!(
                "; the runner must read it: as root, run \"chgrp postrider {SYSTEM_CONFIG} && chmod 0640 {SYSTEM_CONFIG}\""
            )
        }
        io::ErrorKind::PermissionDenied if path == Path::new(SYSTEM_CONFIG) => {
            "; only root may read the system configuration: use sudo, or create your own with \"postrider init\". Sending mail \
             works either way"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "; give this user read access to the file and its folders, or name another file with --config FILE".to_owned()
        }
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "; postrider.toml(5) explains what to write into it".to_owned()
        }
        _ => String::new(),
    };
    ConfigError::Unreadable { path: path.to_owned(), error, hint }
}

fn utf8<'b>(path: &Path, bytes: &'b [u8]) -> Result<&'b str, ConfigError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.split(|&byte| byte == b'\n').count();
        let last = before.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
        let column = String::from_utf8_lossy(last).chars().count() + 1;
        let message = "invalid UTF-8: save the file as UTF-8".to_owned();
        faulty(path, Fault { path: path.to_owned(), line, column, message })
    })
}

#[cfg(test)]
mod tests;
