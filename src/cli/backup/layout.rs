//! What is where in a backup: the folders in the archive, the manifest, and which files belong to a configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cli::check::files::included_lists;
use crate::config::{Config, TableSource, places};

/// The first entry.
pub(in crate::cli) const MANIFEST: &str = "manifest.json";

/// The configuration, and what it names in its own folder; what it names elsewhere, by its full path.
pub(in crate::cli) const CONFIG: &str = "config";
pub(in crate::cli) const MAIN: &str = "config/config.toml";
pub(in crate::cli) const ELSEWHERE: &str = "elsewhere";

/// The state directory and the spool.
pub(in crate::cli) const STATE: &str = "state";
pub(in crate::cli) const SPOOL: &str = "spool";

/// Whose the configuration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Machine {
    /// The machine's.
    System,
    /// One user's.
    User,
}

impl Machine {
    pub(in crate::cli) fn of(config: &Config) -> Self {
        Self::at(&config.path)
    }

    pub(in crate::cli) fn at(config: &Path) -> Self {
        if config == Path::new(places::SYSTEM_CONFIG) { Self::System } else { Self::User }
    }
}

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct Manifest {
    /// Of this description.
    pub(in crate::cli) v: u32,
    pub(in crate::cli) mode: Machine,
    pub(in crate::cli) hostname: String,
    /// When it was begun.
    pub(in crate::cli) begun: Timestamp,
}

impl Manifest {
    /// The version that is written and read.
    pub(in crate::cli) const VERSION: u32 = 1;

    pub(in crate::cli) fn new(mode: Machine, hostname: &str, begun: Timestamp) -> Self {
        Self { v: Self::VERSION, mode, hostname: hostname.to_owned(), begun }
    }

    pub(in crate::cli) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// The files of a configuration, each with its name in the archive.
pub(in crate::cli) fn files_of(config: &Config) -> BTreeMap<PathBuf, String> {
    let folder = config.path.parent().unwrap_or(Path::new("/"));
    let in_archive = |path: &Path| {
        let beside = path.strip_prefix(folder).ok().and_then(Path::to_str).filter(|path| !path.starts_with("conf.d/"));
        let beside = beside.map(|path| format!("{CONFIG}/{path}")).filter(|name| name != MAIN);
        let elsewhere = || format!("{ELSEWHERE}{}", path.display());
        beside.filter(|name| crate::archive::can_hold(name)).unwrap_or_else(elsewhere)
    };
    let mut files: BTreeMap<PathBuf, String> = named(config).map(|path| (path.clone(), in_archive(&path))).collect();
    for path in &config.others {
        files.insert(
            path.clone(),
            format!("{CONFIG}/conf.d/{}", path.file_name().unwrap_or_default().to_string_lossy()),
        );
    }
    files.insert(config.path.clone(), MAIN.to_owned());
    files
}

/// The files that a configuration names: tables, secrets, keys and certificates.
fn named(config: &Config) -> impl Iterator<Item = PathBuf> {
    let of_clients = config.clients.iter().filter_map(|client| client.senders.as_ref());
    let tables = config.generic.iter().chain(&config.local_users).chain(config.rewriting.tables());
    let tables: Vec<&TableSource> = tables.chain(of_clients.flat_map(|senders| &senders.tables)).collect();
    let included: Vec<PathBuf> = tables.iter().flat_map(|table| included_lists(table)).collect();
    let named = tables.into_iter().filter_map(|table| match table {
        TableSource::UsualAliases => table.path().filter(|path| path.exists()),
        table => table.path(),
    });
    let tables: Vec<PathBuf> = named.map(PathBuf::from).collect();
    let tls = config.accounts.iter().flat_map(|account| {
        let client = account.tls_client.iter().flat_map(|(chain, key)| [chain, key]);
        account.tls_ca.iter().chain(client)
    });
    let certificates = config
        .listeners
        .iter()
        .filter_map(|listener| listener.certificate.as_ref())
        .flat_map(|(chain, key)| [chain, key]);
    let secrets = config.secret_files().map(PathBuf::from);
    let files: Vec<PathBuf> = secrets.chain(tls.chain(certificates).cloned()).collect();
    tables.into_iter().chain(included).chain(files)
}

/// The command that stops what takes mail in and sends it.
pub(in crate::cli) fn how_to_stop(config: &Config) -> &'static str {
    match Machine::of(config) {
        Machine::System => "\"systemctl stop postrider.socket postrider.service\"",
        Machine::User => "\"systemctl --user stop postrider\", or end \"postrider run\"",
    }
}
