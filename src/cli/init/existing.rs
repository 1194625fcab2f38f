//! A configuration that has accounts already: `init` adds one to it, or changes the one of the same address or user name. The
//! rest of its text stays as it is, comments included.

use std::fs;
use std::path::{Path, PathBuf};

use super::Answers;
use super::text::{ROOT, account_name, settings};
use crate::cli::exit::{Exit, Failure};
use crate::cli::new_config::{self, ChangeLock};
use crate::config::edit::{ConfigText, EditError, Setting};
use crate::config::locate::{self, Change};
use crate::config::{Account, ArrivalTables, Config, LeavingTables, Span, conf_d, sender_pattern};
use crate::deliver::plan;
use crate::mail::address::Address;
use crate::spool::Recipient;

/// One file of the configuration as it will be.
pub(super) struct Changed {
    /// The account.
    pub(super) name: String,
    /// Whether it was there before.
    pub(super) presence: Presence,
    /// Keys that were taken out, because they were about another server.
    pub(super) removed: Vec<&'static str>,
    /// The configuration with the change.
    pub(super) config: Config,
    /// The file with the account's section.
    pub(super) path: PathBuf,
    /// Its text.
    pub(super) text: String,
}

/// Whether an account was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    New,
    Changed,
}

/// The account of these answers, put into the configuration's text, with rows for addresses of this machine where they are given.
/// Nothing is written.
pub(super) fn change(config: &Config, answers: &Answers, rows: &[(String, String)]) -> Result<Changed, Failure> {
    let of_login = || config.accounts.iter().find(|account| is_login_of(account, answers));
    let known = account_of(&config.accounts, &answers.address).or_else(of_login);
    if let Some(account) = known.filter(|account| account.oauth.is_some()) {
        let (name, shown) = (&account.name, config.path.display());
        return Err(Failure::new(
            Exit::Usage,
            format_args!("account {name} in {shown} logs in without a password: run \"postrider login {name}\""),
        ));
    }
    let (name, presence) = match known {
        Some(account) => (account.name.clone(), Presence::Changed),
        None => (free_name(config, answers.address.domain()), Presence::New),
    };
    let path = file_of(config, &name)?;
    let unfit = |error: EditError| {
        let shown = path.display();
        Failure::new(Exit::Config, format_args!("cannot change {shown}: {error}; nothing was changed"))
    };
    let mut text = ConfigText::parse(&read(&path)?).map_err(unfit)?;
    let mut keys = settings(&free_secret(config, &name), answers);
    if answers.client.is_some() {
        text.remove_key("account", &name, "password");
    } else if known.and_then(|account| account.password.as_ref()?.file()).is_some() {
        // The password goes into the file that it has.
        keys.retain(|(key, _)| *key != "password");
    }
    let mut removed: Vec<&'static str> = Vec::new();
    let is_same_server = known.is_some_and(|account| has_server(account, answers));
    if is_same_server {
        // Whatever else the account has for it: further relays, its own TLS mode.
        keys.retain(|(key, _)| !matches!(*key, "relay" | "tls"));
    } else if presence == Presence::Changed {
        // What was said of the old server, down to a password without TLS, does not hold for another one.
        removed = OF_SERVER.into_iter().filter(|key| text.has_key("account", &name, key)).collect();
        for key in &removed {
            text.remove_key("account", &name, key);
        }
    }
    if presence == Presence::New {
        keys.push(("senders", Setting::Texts(vec![sender_pattern::literal(&answers.address)])));
    }
    text.set("account", &name, &keys).map_err(unfit)?;
    // What went through the only account goes on through it.
    if let (Presence::New, [only], false) = (presence, &config.accounts[..], is_default_written(config)?) {
        text.set_top("default_account", &Setting::Text(only.name.clone()));
    }
    if !rows.is_empty() {
        text.add_rows("generic", rows);
    }
    if let Some(root) = &answers.root {
        add_root(config, &mut text, root)?;
    }
    let text = text.to_string();
    let config = locate::load_changed(&config.path, Change { path: &path, text: Some(&text) }).map_err(|error| {
        let Failure { message, exit } = error.into();
        Failure::new(exit, format_args!("{message}\nnothing was changed"))
    })?;
    Ok(Changed { name, presence, removed, config, path, text })
}

/// A row that sends root's mail to this address, unless there is one.
fn add_root(config: &Config, text: &mut ConfigText, root: &Address) -> Result<(), Failure> {
    let shown = root.to_string();
    let known = ArrivalTables::load(&config.rewriting).virtuals.lookup(ROOT, Span::Part);
    match known.map_err(|fault| Failure::new(Exit::Config, fault))? {
        None => text.add_rows("virtual", &[(ROOT.to_owned(), shown)]),
        Some(hit) if hit.value == shown => {}
        Some(hit) => {
            let message = format_args!(
                "`virtual` already has an entry for root ({}): change it there; nothing was changed",
                hit.place
            );
            return Err(Failure::new(Exit::Usage, message));
        }
    }
    Ok(())
}

/// The keys of rows that would give the users of this machine an address, where root has none yet.
pub(super) fn names_without_rows(changed: &Changed) -> Vec<String> {
    let config = &changed.config;
    let tables = LeavingTables::load(config);
    let root = Address::new("root", &config.origin);
    let has_address = root.is_ok_and(|root| plan::is_deliverable(config, &tables, &Recipient::of(&root)));
    if has_address {
        return Vec::new();
    }
    let short = config.hostname.split('.').next().unwrap_or_default();
    let mut names: Vec<&str> = Vec::new();
    for name in [&config.origin, &config.hostname, short, "localhost"] {
        if config.is_own_domain(name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names.into_iter().map(|name| format!("@{name}")).collect()
}

impl Changed {
    /// The account as it will be.
    pub(super) fn account(&self) -> Result<&Account, Failure> {
        let missing = || Failure::new(Exit::Software, format_args!("[account.{}] cannot be read", self.name));
        self.config.account(&self.name).ok_or_else(missing)
    }

    /// Puts the file in place.
    pub(super) fn put(&self, lock: &ChangeLock) -> Result<(), Failure> {
        new_config::replace(lock, &self.config.path, &self.path, &self.text)
            .map_err(|error| Failure::new(Exit::IoError, format_args!("cannot write {}: {error}", self.path.display())))
    }
}

/// Keys that are about a server, and not about the login or the mail.
const OF_SERVER: [&str; 11] = [
    "tls",
    "tls_ca",
    "tls_name",
    "tls_fingerprint",
    "tls_client_cert",
    "tls_client_key",
    "tls_min",
    "allow_plaintext",
    "auth",
    "early_data",
    "discard_ehlo_keywords",
];

/// The account of this address: its own, or the one that serves it.
pub(super) fn account_of<'c>(accounts: &'c [Account], address: &Address) -> Option<&'c Account> {
    let serves =
        |account: &&Account| account.senders.iter().any(|sender| Address::parse(sender).as_ref() == Ok(address));
    let is_own = |account: &&Account| account.own_address().as_ref() == Some(address);
    accounts.iter().find(is_own).or_else(|| accounts.iter().find(serves))
}

fn has_server(account: &Account, answers: &Answers) -> bool {
    account.relays.first().is_some_and(|relay| relay.to_string() == answers.server.relay)
}

/// Whether the answers are about the same user name at the same server.
fn is_login_of(account: &Account, answers: &Answers) -> bool {
    let host = answers.server.host();
    account.username.as_deref() == Some(answers.username.as_str())
        && account.relays.iter().any(|relay| relay.host.eq_ignore_ascii_case(host))
}

/// A file for a password that is nobody's, as the configuration names it.
fn free_secret(config: &Config, name: &str) -> String {
    let folder = config.path.parent().unwrap_or(Path::new("/"));
    let numbered = (2_usize..).map(|number| format!("{name}-{number}"));
    let is_free = |name: &String| {
        let path = folder.join("secrets").join(name);
        path.symlink_metadata().is_err() && !config.secret_files().any(|file| file == path)
    };
    let free = std::iter::once(name.to_owned()).chain(numbered).find(is_free).unwrap_or_else(|| name.to_owned());
    format!("secrets/{free}")
}

fn free_name(config: &Config, domain: &str) -> String {
    let first = account_name(domain);
    let numbered = (2_usize..).map(|number| format!("{first}-{number}"));
    let is_free = |name: &String| config.account(name).is_none();
    std::iter::once(first.clone()).chain(numbered).find(is_free).unwrap_or(first)
}

/// The file that has the account's section; of a new account, the main file.
fn file_of(config: &Config, name: &str) -> Result<PathBuf, Failure> {
    let is_its = |text: &ConfigText| text.has("account", name);
    let files = texts(config)?.into_iter();
    Ok(files.filter(|(_, text)| is_its(text)).map(|(path, _)| path).next().unwrap_or_else(|| config.path.clone()))
}

fn is_default_written(config: &Config) -> Result<bool, Failure> {
    Ok(texts(config)?.iter().any(|(_, text)| text.has_top("default_account")))
}

/// The files of the configuration that are TOML, which all are where it can be read.
fn texts(config: &Config) -> Result<Vec<(PathBuf, ConfigText)>, Failure> {
    let files = conf_d::with_main(&config.path).into_iter();
    let read = files.map(|path| read(&path).map(|text| (path, text))).collect::<Result<Vec<_>, _>>()?;
    Ok(read.into_iter().filter_map(|(path, text)| Some((path, ConfigText::parse(&text).ok()?))).collect())
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::NoInput, format_args!("cannot read {}: {error}", path.display())))
}
