//! Who besides root and the user that sends the mail may change or read the files that a configuration consists of and
//! names: tables and included lists decide where mail goes, roots decide whom the password is shown to, programs are run,
//! and keys are secrets. Owners and modes of the configuration itself and of passwords are checked when they are read.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Findings;
use crate::config::secret::runners_group;
use crate::config::{Config, Password, TableSource, conf_d, container, locate};
use crate::control::report::Kind;

/// Anyone may delete and create files there, but only their own.
const STICKY: u32 = 0o1000;

/// Says which files others may change, and which keys they may read.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    let tables: Vec<&TableSource> = config.generic.iter().chain(config.rewriting.tables()).collect();
    for path in tables.iter().filter_map(|table| table.path()) {
        warn_of_writers("the table", path, "they decide where mail goes", findings);
    }
    for path in tables.into_iter().flat_map(included_lists) {
        warn_of_writers("the included list", &path, "they decide where mail goes", findings);
    }
    for path in programs(config) {
        warn_of_writers("the program", &path, "they decide what is run in this user's name", findings);
    }
    for path in conf_d::with_main(&config.path) {
        report_open_folder("the configuration", &path, findings);
    }
    if let Some(path) =
        config.metrics.textfile.as_deref().filter(|path| path.extension().is_none_or(|end| end != "prom"))
    {
        let shown = path.display();
        let text = format!(
            "`textfile` in [metrics] is {shown}, but node_exporter reads only files ending in .prom; rename it"
        );
        findings.warning(Kind::Config, Some(&shown.to_string()), text);
    }
    // With a file in it, the configuration is not read at all.
    if let Some(error) = locate::distrust_of_empty_folder(&config.path) {
        findings.error(Kind::Permissions, Some(&error.place()), error.to_string());
    }
    for account in &config.accounts {
        let name = &account.name;
        if let Some(roots) = &account.tls_ca {
            warn_of_writers("`tls_ca`", roots, "they decide which server gets the password", findings);
        }
        if let Some((_, key)) = &account.tls_client
            && let Some(mode) = fs::metadata(key).ok().and_then(|file| is_open(&file))
        {
            let shown = key.display();
            findings.error(
                Kind::Permissions,
                Some(&shown.to_string()),
                format!(
                    "account {name}: others can read the key {shown} (`tls_client_key`); run \"chmod {mode} {shown}\""
                ),
            );
        }
    }
    for (secret, chain) in config.secret_files().map(|file| (Some(file), None)).chain(certificates(config)) {
        // The file's own mode and owner are told when it is read.
        if let Some(secret) = secret {
            report_open_folder("the secret", secret, findings);
        }
        if let Some(chain) = chain {
            warn_of_writers("the certificate", chain, "they decide who this machine says that it is", findings);
        }
    }
}

/// Keys and certificates: those that accounts show, whose keys are among the secrets, and those of listeners.
fn certificates(config: &Config) -> impl Iterator<Item = (Option<&Path>, Option<&Path>)> {
    let shown = config.accounts.iter().filter_map(|account| account.tls_client.as_ref());
    let shown = shown.map(|(chain, _)| (None, Some(chain.as_path())));
    let listening = config.listeners.iter().filter_map(|listener| listener.certificate.as_ref());
    shown.chain(listening.map(|(chain, key)| (Some(key.as_path()), Some(chain.as_path()))))
}

/// What is run in the runner's name.
fn programs(config: &Config) -> Vec<PathBuf> {
    let commands = config.accounts.iter().filter_map(|account| match &account.password {
        Some(Password::Command(words)) => Some(words),
        _ => None,
    });
    let words = commands.chain([&config.on_stuck, &config.alarm.command]).filter_map(|words| words.first());
    let mut paths: Vec<PathBuf> = words.map(PathBuf::from).filter(|path| path.is_absolute()).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// That others may put a file of theirs in the place of one that only its owner may write.
fn report_open_folder(what: &str, path: &Path, findings: &mut Findings) {
    let Some(folder) = path.parent().and_then(open_folder) else { return };
    let shown = path.display();
    let sentence = format!(
        "other users can replace {what} {shown}: they may write to {0}; run \"chmod go-w {0}\"",
        folder.display()
    );
    findings.error(Kind::Permissions, Some(&shown.to_string()), sentence);
}

fn warn_of_writers(what: &str, path: &Path, why: &str, findings: &mut Findings) {
    let Ok(file) = fs::metadata(path) else { return };
    let shown = path.display();
    if let Some(who) = writers(&file) {
        findings.warning(Kind::Permissions, Some(&shown.to_string()), format!("{who} may change {what} {shown}, so {why}; if that is not intended, run \"chown root {shown} && chmod go-w {shown}\""));
    } else if let Some(folder) = path.parent().and_then(open_folder) {
        findings.warning(
            Kind::Permissions,
            Some(&shown.to_string()),
            format!(
                "other users may replace {what} {shown}, since they may write to {0}, so {why}; run \"chmod go-w {0}\"",
                folder.display()
            ),
        );
    }
}

/// Who besides root and this user may write to it.
fn writers(file: &Metadata) -> Option<String> {
    if file.mode() & 0o002 != 0 {
        Some("every user".to_owned())
    } else if file.mode() & 0o020 != 0 && !is_own_group(file.gid()) {
        Some(format!("the group with gid {}", file.gid()))
    } else if is_foreign(file.uid()) {
        let login = nix::unistd::User::from_uid(file.uid().into()).ok().flatten().map(|user| user.name);
        Some(login.unwrap_or_else(|| format!("uid {}", file.uid())))
    } else {
        None
    }
}

/// What is mounted into a container belongs to whoever runs it, under any uid.
fn is_foreign(uid: u32) -> bool {
    uid != 0 && uid != rustix::process::geteuid().as_raw() && !container::is_here()
}

/// Root's, or this user's alone.
fn is_own_group(gid: u32) -> bool {
    gid == 0 || gid == rustix::process::getegid().as_raw() || runners_group() == Some(gid)
}

/// The first folder of this path that others may write to, from below. In a sticky one they may not replace what is not theirs.
fn open_folder(path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    let is_open = |folder: &&Path| {
        fs::metadata(folder)
            .is_ok_and(|seen| is_foreign(seen.uid()) || (seen.mode() & STICKY == 0 && writers(&seen).is_some()))
    };
    path.ancestors().find(is_open).map(Path::to_owned)
}

/// The mode that a key should have, where others can read it.
pub(super) fn is_open(key: &Metadata) -> Option<&'static str> {
    if container::is_here() {
        return None;
    }
    let is_runners = runners_group() == Some(key.gid());
    let foreign = if is_runners { 0o037 } else { 0o077 };
    (key.mode() & foreign != 0).then_some(if is_runners { "640" } else { "600" })
}

/// The lists that the rows of an aliases file include.
pub(in crate::cli) fn included_lists(table: &TableSource) -> Vec<PathBuf> {
    let (TableSource::Aliases(_) | TableSource::UsualAliases) = table else { return Vec::new() };
    let text = table.path().map(fs::read_to_string).and_then(Result::ok).unwrap_or_default();
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let named = rows.flat_map(|line| line.split(":include:").skip(1));
    let ends = |c: char| c.is_whitespace() || c == ',' || c == '"';
    named.filter_map(|rest| rest.trim_start().split(ends).next().map(PathBuf::from)).collect()
}
