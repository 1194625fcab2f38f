//! `postrider check`: everything that would keep mail from leaving, as far as it can be
//! seen without asking the network, each with its way out. Exit 0, 1 (warnings) or 78.

mod addresses;
mod files;
mod installation;
mod listeners;
mod names;

use std::collections::HashMap;
use std::path::Path;

use super::exit::{Exit, Failure};
use super::step_down;
use crate::config::places::SYSTEM_CONFIG;
use crate::config::{ArrivalTables, Config, ConfigError, Password, TableSet, TableSource, TlsMode, locate};
use crate::rules::route;
use crate::spool::Spool;
use crate::tls::{Client, Roots};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Warning,
    Error,
}

/// All that was found.
#[derive(Debug, Default)]
struct Findings(Vec<(Weight, String)>);

impl Findings {
    fn lines(&self) -> Vec<String> {
        let word = |weight: &Weight| match weight {
            Weight::Warning => "warning",
            Weight::Error => "error",
        };
        self.0.iter().map(|(weight, text)| format!("{}: {text}", word(weight))).collect()
    }

    fn error(&mut self, text: impl Into<String>) {
        self.0.push((Weight::Error, text.into()));
    }

    fn warning(&mut self, text: impl Into<String>) {
        self.0.push((Weight::Warning, text.into()));
    }
}

/// Checks the config that is named or found.
pub fn run(named: Option<&Path>) -> Result<Exit, Failure> {
    let mut findings = Findings::default();
    let config = match locate::load(named) {
        Ok(config) => Some(config),
        Err(error @ (ConfigError::Missing(_) | ConfigError::Unreadable { .. })) => return Err(error.into()),
        Err(error) => {
            error.to_string().lines().for_each(|line| findings.error(line));
            rest_of(error, &mut findings)
        }
    };
    if let Some(config) = &config {
        examine(config, &mut findings);
    }
    Ok(report(&findings, config.as_ref()))
}

/// What of a config can be looked at in spite of its faults; one that others may have written is not looked into.
fn rest_of(error: ConfigError, findings: &mut Findings) -> Option<Config> {
    match error {
        ConfigError::Faulty { rest: Some(rest), .. } => return Some(*rest),
        ConfigError::Faulty { path, .. } | ConfigError::NotTrusted { path, .. } => {
            if path == Path::new(SYSTEM_CONFIG) {
                installation::check(findings);
            }
        }
        ConfigError::Missing(_) | ConfigError::Unreadable { .. } => {}
    }
    None
}

fn examine(config: &Config, findings: &mut Findings) {
    if config.path == Path::new(SYSTEM_CONFIG) {
        installation::check(findings);
        names::taken_by_others().for_each(|sentence| findings.warning(sentence));
        // What root can read and the runner cannot is of no use.
        if let Err(failure) = step_down::if_root(config) {
            findings.warning(failure.message);
        }
    } else {
        spool(config, findings);
    }
    contents(config, findings);
}

fn contents(config: &Config, findings: &mut Findings) {
    tables(config, findings);
    files::check(config, findings);
    generic_results(config, findings);
    addresses::check(config, findings);
    senders(config, findings);
    accounts(config, findings);
    listeners::check(config, findings);
}

/// What is wrong with a config that is not in use yet, and whether mail can leave with it.
pub(super) fn of_new(config: &Config) -> (Vec<String>, Exit) {
    let mut findings = Findings::default();
    contents(config, &mut findings);
    let is_error = findings.0.iter().any(|(weight, _)| *weight == Weight::Error);
    (findings.lines(), if is_error { Exit::Warnings } else { Exit::Ok })
}

fn report(findings: &Findings, config: Option<&Config>) -> Exit {
    findings.lines().iter().for_each(|line| println!("{line}"));
    match (findings.0.iter().any(|(weight, _)| *weight == Weight::Error), findings.0.is_empty()) {
        (true, _) => Exit::Config,
        (false, false) => Exit::Warnings,
        (false, true) => {
            let shown = config.map(|config| config.path.display().to_string()).unwrap_or_default();
            println!("{shown}: no problems found");
            Exit::Ok
        }
    }
}

fn tables(config: &Config, findings: &mut Findings) {
    let faults = TableSet::load("generic", &config.generic).faults();
    for fault in faults.into_iter().chain(ArrivalTables::load(&config.rewriting).faults()) {
        findings.error(fault.to_string());
    }
}

/// Rows whose result only the origin completes: no provider knows that.
fn generic_results(config: &Config, findings: &mut Findings) {
    for (place, key, value) in config.generic.iter().flat_map(rows) {
        if !value.contains('@') {
            let origin = &config.origin;
            findings.warning(format!(
                "{place}: the result \"{value}\" for \"{key}\" has no domain and becomes {value}@{origin}; write the full \
                 address"
            ));
        }
    }
}

/// Place, key or pattern, and result of each row; what is no row is told elsewhere.
fn rows(source: &TableSource) -> Vec<(String, String, String)> {
    if let TableSource::Inline(rows) = source {
        let row = |(key, value): &(String, String)| ("generic (inline)".to_owned(), key.clone(), value.clone());
        return rows.iter().map(row).collect();
    }
    if let TableSource::Static(value) = source {
        return vec![("generic (static)".to_owned(), "everything".to_owned(), value.clone())];
    }
    let Some((path, text)) = source.path().and_then(|path| Some((path, std::fs::read_to_string(path).ok()?))) else {
        return Vec::new();
    };
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.starts_with(['#', ' ', '\t']));
    let row = |(number, line): (usize, &str)| {
        let (key, value) = line.trim_end().split_once(char::is_whitespace)?;
        // A pattern with blanks in it, and if and endif, are not looked into.
        let is_row = !value.trim_start().contains(char::is_whitespace) && !matches!(key, "if" | "endif");
        is_row.then(|| (format!("{}:{}", path.display(), number + 1), key.to_owned(), value.trim_start().to_owned()))
    };
    numbered.filter_map(row).collect()
}

fn senders(config: &Config, findings: &mut Findings) {
    let mut owners: HashMap<String, &str> = HashMap::new();
    for account in &config.accounts {
        for entry in &account.senders {
            if let Some(first) = owners.insert(route::entry_form(entry, &config.origin), &account.name) {
                findings.error(format!(
                    "\"{entry}\" is in the `senders` of account {first} and of account {}, where it is never used; \
                     remove it from one of them",
                    account.name
                ));
            }
        }
    }
    let is_default = |name: &str| config.default_account.as_deref() == Some(name);
    for account in config.accounts.iter().filter(|account| account.senders.is_empty() && !is_default(&account.name)) {
        let name = &account.name;
        findings.warning(format!(
            "no mail uses account {name}: list its `senders`, or set default_account = \"{name}\" to use it for all other \
             senders"
        ));
    }
    if config.accounts.is_empty() {
        findings.warning(format!(
            "{} has no [account.NAME], so all mail waits in the queue: run `postrider init`, or add one",
            config.path.display()
        ));
    } else if config.default_account.is_none() {
        findings.warning("no `default_account`: mail from senders that no account lists waits; set `default_account`");
    }
}

fn accounts(config: &Config, findings: &mut Findings) {
    for account in &config.accounts {
        let name = &account.name;
        if let Some(Err(error)) =
            account.password.as_ref().filter(|password| password.is_at_hand()).map(Password::fetch)
        {
            findings.error(format!("account {name}: {error}"));
        }
        if account.relays.iter().any(|relay| account.tls_mode(relay) != TlsMode::None) {
            let roots = account.tls_ca.as_deref().map_or(Roots::Platform, Roots::File);
            let client = Client::new(roots).and_then(|client| match &account.tls_client {
                Some((chain, key)) => client.showing(chain, key),
                None => Ok(client),
            });
            if let Err(error) = client {
                findings.error(format!("account {name}: {error}"));
            }
        } else if account.username.is_some() && !account.allow_plaintext {
            let local = |host: &str| host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
            if account.relays.iter().any(|relay| !local(&relay.host)) {
                findings.error(format!(
                    "account {name}: `tls` is \"none\", but the password is only sent over TLS; set tls = \"starttls\""
                ));
            }
        }
    }
}

fn spool(config: &Config, findings: &mut Findings) {
    let shown = config.spool.display();
    if let Err(error) = Spool::open(&config.spool) {
        findings.error(format!("cannot use the spool {shown}: {error}; give this user write access, or set `spool`"));
        return;
    }
    if rustix::fs::access(config.spool.join("queue"), rustix::fs::Access::WRITE_OK).is_err() {
        findings.error(format!("this user cannot write to the spool {shown}; run \"chown\" on it, or set `spool`"));
    }
}
