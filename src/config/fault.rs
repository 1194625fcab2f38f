//! What can be wrong with a config file, with its place and the way out.
//! Faults quote keys, never values: values may be secrets.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::Config;

/// One fault at one place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// From 1; 0 of a variable of the environment, whose name `path` is then.
    pub line: usize,
    /// From 1, in characters; 0 of a variable.
    pub column: usize,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Fault {
    /// One of a variable of the environment.
    #[must_use]
    pub fn of_variable(name: String, message: String) -> Self {
        Self { path: PathBuf::from(name), line: 0, column: 0, message }
    }

    /// File, line and column, or the variable.
    #[must_use]
    pub fn place(&self) -> String {
        let Self { path, line, column, .. } = self;
        if *line == 0 { path.display().to_string() } else { format!("{}:{line}:{column}", path.display()) }
    }

    /// Whether it is that no account was set up yet.
    #[must_use]
    pub fn is_about_no_account(&self) -> bool {
        self.message.starts_with("no account is configured")
    }

    /// Whether it is about the stored keys of a client's password, which `postrider client` writes.
    #[must_use]
    pub fn is_about_stored_keys(&self) -> bool {
        self.message.starts_with("`scram`")
    }
}

/// Why there is no usable configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No file at any of these places.
    #[error("no configuration found at {}; run \"postrider init\", write one (see postrider.toml(5)), or name one with --config FILE", list(.0))]
    Missing(Vec<PathBuf>),
    /// The file is there but cannot be read.
    #[error("cannot read {}: {error}{hint}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
        /// What to do about it, starting with "; ", or empty.
        hint: String,
    },
    /// Wrong owner or mode: others could change it.
    #[error("{} cannot be used: {problem}; {remedy}", .path.display())]
    NotTrusted {
        /// The file.
        path: PathBuf,
        /// What is wrong with its owner or mode.
        problem: String,
        /// The command that mends it.
        remedy: String,
    },
    /// The file does not say what it must; every fault at once.
    #[error("{}", lines(.faults))]
    Faulty {
        /// The main file; each fault names its own.
        path: PathBuf,
        /// At least one, in the order of the files.
        faults: Vec<Fault>,
        /// What the rest of it says, as far as it says enough; only for looking for more mistakes.
        rest: Option<Box<Config>>,
    },
}

impl ConfigError {
    /// Whether it may be over in a moment, without anybody changing a file: the system was short of something.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        const OWNERS: [ErrorKind; 3] = [ErrorKind::NotFound, ErrorKind::NotADirectory, ErrorKind::PermissionDenied];
        matches!(self, Self::Unreadable { error, .. } if !OWNERS.contains(&error.kind()))
    }

    /// The rest of a configuration in which nothing is wrong but that it has no account yet.
    pub fn without_account(self) -> Result<Box<Config>, Self> {
        match self {
            Self::Faulty { faults, rest: Some(rest), .. } if faults.iter().all(Fault::is_about_no_account) => Ok(rest),
            other => Err(other),
        }
    }

    /// The file, as far as there is one, and the place of its first fault.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Missing(paths) => list(paths),
            Self::Unreadable { path, .. } | Self::NotTrusted { path, .. } => path.display().to_string(),
            Self::Faulty { path, faults, .. } => match faults.first() {
                Some(fault) => fault.place(),
                None => path.display().to_string(),
            },
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" or ")
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("{}: {}", fault.place(), fault.message)).collect::<Vec<_>>().join("\n")
}
