//! Which config file is taken, and from whom (DESIGN section 4): `--config`, then
//! `$POSTRIDER_CONFIG` where the environment may be trusted, then the caller's own,
//! then the system's. Owner and mode are checked on the opened file.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::places::{self, SYSTEM_CONFIG, default_spool, own_config};
use super::read::{Readers, Surroundings, read_in};
use super::{open, secret};
use crate::config::{Config, ConfigError, Fault};
use crate::sys::host;
use crate::sys::user::{self, Caller};

/// Names another config where the environment may be trusted.
pub const VARIABLE: &str = "POSTRIDER_CONFIG";

/// No config is larger, in octets; a table of that size belongs into a file of its own.
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
struct Standing {
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
        Candidate::Usual(path) => path != Path::new(SYSTEM_CONFIG) && path.symlink_metadata().is_ok(),
    };
    !candidates.iter().any(is_taken) && places::is_installed()
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
            (Candidate::Usual(_), Err(error)) if is_absent(&error) => tried.push(path.clone()),
            (_, Err(error)) => return Err(unreadable(path, error)),
        }
    }
    Err(ConfigError::Missing(tried))
}

fn load_opened(caller: &Caller, path: &Path, file: File) -> Result<Config, ConfigError> {
    let metadata = file.metadata().map_err(|error| unreadable(path, error))?;
    let standing = Standing { regular: metadata.is_file(), owner: metadata.uid(), mode: metadata.mode() };
    trust(caller.uid, path, standing)?;
    // It may hold a password: wiped, and sized at once so that no copy is left behind.
    let size = usize::try_from(metadata.len().min(MOST)).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
    if bytes.len() as u64 > MOST {
        let message = "the file is larger than 4 MiB: move tables to separate files".to_owned();
        return Err(ConfigError::Faulty {
            path: path.to_owned(),
            faults: vec![Fault { line: 1, column: 1, message }],
            rest: None,
        });
    }
    let text = utf8(path, &bytes)?;
    let around = Surroundings {
        path,
        home: caller.home.as_deref(),
        spool: default_spool(path, caller.home.as_deref()),
        readers: if standing.mode & 0o044 == 0 { Readers::OwnerOnly } else { Readers::Others },
        hostname: host::this_machine,
        services: host::service,
    };
    read_in(&around, text)
}

/// Whether a config with this owner and mode may speak for `uid`.
fn trust(uid: u32, path: &Path, standing: Standing) -> Result<(), ConfigError> {
    let refuse =
        |problem: String, remedy: String| Err(ConfigError::NotTrusted { path: path.to_owned(), problem, remedy });
    let shown = path.display();
    if !standing.regular {
        return refuse("it is not a regular file".to_owned(), "name a regular file".to_owned());
    }
    if standing.owner != 0 && standing.owner != uid {
        let problem = format!("it belongs to uid {}", standing.owner);
        let remedy = if uid == 0 {
            format!("for root, the file must belong to root: run \"chown root {shown}\"")
        } else if path == Path::new(SYSTEM_CONFIG) {
            format!("the system configuration must belong to root: as root, run \"chown root {shown}\"")
        } else {
            format!("it must belong to this user (uid {uid}) or to root: as root, run \"chown {uid} {shown}\"")
        };
        return refuse(problem, remedy);
    }
    let writers = match standing.mode & 0o022 {
        0 => return Ok(()),
        0o020 => "its group can",
        0o002 => "everybody can",
        _ => "its group and everybody can",
    };
    refuse(format!("{writers} write to it"), format!("run \"chmod go-w {shown}\""))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
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
        ConfigError::Faulty { path: path.to_owned(), faults: vec![Fault { line, column, message }], rest: None }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn caller(uid: u32, home: &Path) -> Caller {
        Caller { uid, login: "me".to_owned(), full_name: String::new(), home: Some(home.to_owned()) }
    }

    fn me(home: &Path) -> Caller {
        caller(rustix::process::geteuid().as_raw(), home)
    }

    fn write(path: &Path, text: &str, mode: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // One that its owner may not write to may be there.
        let _ = fs::remove_file(path);
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    const GOOD: &str = "[account.isp]\nrelay = \"[smtp.example.com]\"\nusername = \"me\"\npassword = \"hunter2\"\n";

    #[test]
    fn named_comes_before_the_variable_before_ones_own_before_the_systems() {
        let home = Path::new("/home/me");
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(candidates(&caller(1000, home), path("/a"), path("/b")), [Candidate::Named("/a".into())]);
        assert_eq!(candidates(&caller(1000, home), None, path("/b")), [Candidate::Named("/b".into())]);
        assert_eq!(
            candidates(&caller(1000, home), None, None),
            [Candidate::Usual("/home/me/.config/postrider/config.toml".into()), Candidate::Usual(SYSTEM_CONFIG.into())]
        );
    }

    #[test]
    fn root_never_takes_one_found_under_a_home() {
        assert_eq!(candidates(&caller(0, Path::new("/root")), None, None), [Candidate::Usual(SYSTEM_CONFIG.into())]);
    }

    #[test]
    fn only_the_users_and_roots_files_are_trusted_and_roots_only_roots() {
        let path = Path::new("/x/config.toml");
        let verdict = |uid, owner, mode| trust(uid, path, Standing { regular: true, owner, mode }).is_ok();
        for (uid, owner, mode, good) in [
            (1000, 1000, 0o600, true),
            (1000, 1000, 0o644, true),
            (1000, 0, 0o644, true),
            (1000, 1001, 0o600, false),
            (1000, 1000, 0o664, false),
            (1000, 1000, 0o602, false),
            (1000, 0, 0o666, false),
            (0, 0, 0o644, true),
            (0, 1000, 0o600, false),
            (0, 0, 0o620, false),
        ] {
            assert_eq!(verdict(uid, owner, mode), good, "uid {uid}, owner {owner}, mode {mode:o}");
        }
        assert!(trust(0, path, Standing { regular: false, owner: 0, mode: 0o600 }).is_err());
    }

    #[test]
    fn refusals_name_the_command_that_mends_them() {
        let path = Path::new("/x/config.toml");
        let said = |uid, owner, mode| {
            trust(uid, path, Standing { regular: true, owner, mode }).err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert!(said(1000, 1000, 0o664).contains("its group can write to it; run \"chmod go-w /x/config.toml\""));
        assert!(said(1000, 1001, 0o600).contains("chown 1000 /x/config.toml"));
        assert!(said(0, 1001, 0o600).contains("chown root /x/config.toml"));
    }

    #[test]
    fn the_first_usual_place_with_a_file_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("own/config.toml"), dir.path().join("system/config.toml"));
        let candidates = [Candidate::Usual(first.clone()), Candidate::Usual(second.clone())];
        let taken = || load_first(&me(dir.path()), &candidates);
        assert!(matches!(taken(), Err(ConfigError::Missing(places)) if places == [first.clone(), second.clone()]));
        write(&second, GOOD, 0o600);
        assert_eq!(taken().unwrap().path, second);
        write(&first, GOOD, 0o600);
        assert_eq!(taken().unwrap().path, first);
        // One's own, if it cannot be used, is an error and not a reason to take another's.
        write(&first, GOOD, 0o620);
        assert!(matches!(taken(), Err(ConfigError::NotTrusted { path, .. }) if path == first));
    }

    #[test]
    fn a_named_file_that_is_absent_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("none.toml");
        let error = load_first(&me(dir.path()), &[Candidate::Named(missing.clone())]).unwrap_err();
        assert!(matches!(&error, ConfigError::Unreadable { path, .. } if *path == missing), "{error}");
    }

    #[test]
    fn a_literal_password_wants_a_file_that_only_its_owner_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        for (mode, good) in [(0o600, true), (0o400, true), (0o644, false), (0o640, false), (0o604, false)] {
            write(&path, GOOD, mode);
            let read = load_first(&me(dir.path()), &[Candidate::Named(path.clone())]);
            assert_eq!(read.is_ok(), good, "{mode:o}");
            if let Err(error) = read {
                let said = error.to_string();
                assert!(said.contains(":4:12: ") && said.contains("chmod 600") && !said.contains("hunter2"), "{said}");
            }
        }
    }

    #[test]
    fn folders_fifos_and_other_encodings_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let named = |path: &Path| load_first(&me(dir.path()), &[Candidate::Named(path.to_owned())]);
        assert!(matches!(named(dir.path()), Err(ConfigError::NotTrusted { .. })));
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(matches!(named(&fifo), Err(ConfigError::NotTrusted { .. })));
        let latin = dir.path().join("latin");
        fs::write(&latin, b"# a\nhostname = \"b\xe9\"\n").unwrap();
        let said = named(&latin).unwrap_err().to_string();
        assert!(said.ends_with(":2:14: invalid UTF-8: save the file as UTF-8"), "{said}");
    }

    #[test]
    fn the_spool_follows_the_config() {
        let home = Some(Path::new("/home/me"));
        assert_eq!(default_spool(Path::new(SYSTEM_CONFIG), home), Some(PathBuf::from(places::SYSTEM_SPOOL)));
        assert_eq!(default_spool(Path::new("/x/c.toml"), home), Some("/home/me/.local/state/postrider".into()));
        assert_eq!(default_spool(Path::new("/x/c.toml"), None), None);
    }
}
