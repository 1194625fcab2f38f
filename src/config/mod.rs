//! The file as written -> a checked [`Config`]: this folder finds the file, says
//! who may write it, reads it, and names all its faults at once. The only door to
//! TOML. What a configured value *does* is decided elsewhere.

pub mod account;
pub mod alarm;
pub mod client;
pub mod conf_d;
pub mod container;
pub mod edit;
pub mod ehlo_keywords;
pub mod environment;
pub mod fault;
pub mod keys;
mod limits;
pub mod listener;
pub mod lmtp_server;
pub mod locate;
pub mod mailbox;
pub mod network;
pub mod oauth;
mod open;
pub mod outline;
pub mod places;
pub mod providers;
pub mod read;
pub mod relay;
pub mod rewriting;
pub mod scram;
pub mod secret;
pub mod sender_pattern;
pub mod table;
pub mod units;
pub mod values;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::mail::address_class::AddressClass;
use crate::mail::submitter::ClientName;

pub use account::{Account, Fingerprint, Mechanism, MissingTo, StepLimits, TlsMin, TlsMode};
pub use fault::{ConfigError, Fault};
pub use limits::{Limits, Reserve};
pub use rewriting::{Propagates, Rewriting};
pub use secret::{Password, Secret};
pub use table::{
    ArrivalTables, Dialect, Hit, HitBy, KeptTables, LeavingTables, Span, TableFault, TableSet, TableSource, included,
};

/// How a message leaves once it is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Stored only; a runner of its own empties the queue.
    Queue,
    /// A detached process becomes the runner until the queue is empty.
    Background,
    /// This process attempts it before it exits; what is deferred stays queued.
    Interactive,
}

/// Where the runner's log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// The system's log.
    Syslog,
    /// Standard error.
    Stderr,
}

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The main file it was read from.
    pub path: PathBuf,
    /// The files of conf.d that belong to it, in the order in which they were read.
    pub others: Vec<PathBuf>,
    /// EHLO name and Message-ID domain.
    pub hostname: String,
    /// Completes addresses without a domain.
    pub origin: String,
    /// Name of the account for senders that no account names (the only account, if there is one).
    pub default_account: Option<String>,
    /// Where bounces of bounces go; bare or complete, as written.
    pub postmaster: String,
    /// This machine's own names, where they are not the usual ones.
    pub own_domains: Option<Vec<String>>,
    /// Logins that see and change everybody's mail, besides root.
    pub operators: Vec<String>,
    /// The words of a command that is run when an account has been in trouble for `on_stuck_after`; empty: none.
    pub on_stuck: Vec<String>,
    /// See `on_stuck`.
    pub on_stuck_after: Duration,
    /// How messages leave.
    pub delivery: Delivery,
    /// Where the runner's log goes, if that is said.
    pub log: Option<Log>,
    /// The first part of the log's tags.
    pub syslog_name: String,
    /// The display name of a generated From field, with `%u` for the login; `None`: the user's full name.
    pub from_name: Option<String>,
    /// The spool directory, absolute.
    pub spool: PathBuf,
    /// Whether admission adds a Received field.
    pub received: bool,
    /// Sources of the generic map, in order.
    pub generic: Vec<TableSource>,
    /// The addresses that it rewrites.
    pub generic_classes: Vec<AddressClass>,
    /// What is done to addresses on arrival.
    pub rewriting: Rewriting,
    /// The characters that divide a local part from its extension; empty: none.
    pub recipient_delimiter: String,
    /// In the order of the file.
    pub accounts: Vec<Account>,
    /// The account of the mailboxes of this machine, if it keeps any.
    pub local: Option<Account>,
    /// Recipients with a mailbox besides the logins of this machine.
    pub local_users: Vec<TableSource>,
    /// Where SMTP clients connect.
    pub listeners: Vec<listener::Listener>,
    /// Who may submit over the network.
    pub clients: Vec<client::Client>,
    /// Queue settings.
    pub queue: Queue,
    /// What one user may hand in at once.
    pub limits: Limits,
    /// Who is told of trouble, by other ways than mail.
    pub alarm: alarm::Alarm,
    /// Who collects figures.
    pub metrics: Metrics,
    /// Whose repeated mail leaves together.
    pub flood: Flood,
}

/// `[flood]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flood {
    /// Addresses, case-folded.
    pub senders: BTreeSet<String>,
    /// Messages to one recipient that leave by themselves within an hour.
    pub per_hour: usize,
}

impl Flood {
    /// Of `per_hour`.
    pub const PER_HOUR: usize = 10;
}

impl Default for Flood {
    fn default() -> Self {
        Self { senders: BTreeSet::new(), per_hour: Self::PER_HOUR }
    }
}

/// `[metrics]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// A file that the runner keeps up to date.
    pub textfile: Option<PathBuf>,
}

/// `[queue]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The first retry's distance, and the smallest.
    pub retry_min: Duration,
    /// The largest distance between retries.
    pub retry_max: Duration,
    /// Age at which a message is returned.
    pub lifetime: Duration,
    /// Age at which the sender is told of the delay.
    pub warn_after: Duration,
    /// Octets.
    pub max_message_size: u64,
    /// Octets that must stay free on the spool's file system.
    pub min_free_space: u64,
    /// How long history is kept.
    pub history: Duration,
    /// Reports to one sender within an hour, above which they are gathered in a digest.
    pub reports_per_hour: u32,
    /// A message with more octets comes back as its header alone (Postfix: `bounce_size_limit`).
    pub bounce_size: u64,
    /// How long the machine's runner has nothing to do before it leaves, if it does.
    pub idle_exit: Option<Duration>,
}

impl Queue {
    /// What must stay free where no config says otherwise, in octets.
    pub const MIN_FREE_SPACE: u64 = 64_000_000;
}

impl Config {
    /// The account of that name, as the spool stores it.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().chain(&self.local).find(|account| account.name == name)
    }

    /// The account that people mean by this name.
    #[must_use]
    pub fn account_meant(&self, shown: &str) -> Option<&Account> {
        self.accounts.iter().chain(&self.local).find(|account| mailbox::shown_account(&account.name) == shown)
    }

    /// The names of all accounts as people see them, in the order of the file.
    #[must_use]
    pub fn account_names(&self) -> Vec<&str> {
        self.accounts.iter().chain(&self.local).map(|account| mailbox::shown_account(&account.name)).collect()
    }

    /// The accounts that take the place of this one, in turn, while its relays cannot be reached.
    pub fn fallbacks<'c>(&'c self, account: &'c Account) -> impl Iterator<Item = &'c Account> {
        let next = |one: &&'c Account| one.fallback.as_deref().and_then(|name| self.account(name));
        std::iter::successors(next(&account), next)
    }

    /// The network client of that name.
    #[must_use]
    pub fn client(&self, name: &ClientName) -> Option<&client::Client> {
        self.clients.iter().find(|client| client.name == *name)
    }

    /// The network client that logs in under this name: its own, or with a domain of this machine after it, since many mail
    /// programs take an address for the user name, and Cyrus SASL has realms.
    #[must_use]
    pub fn client_of_login(&self, username: &str) -> Option<&client::Client> {
        let bare = username.rsplit_once('@').filter(|(_, realm)| self.is_users_domain(realm)).map(|(name, _)| name);
        self.client(&ClientName::parse(bare.unwrap_or(username)).ok()?)
    }

    /// The files that hold passwords and keys.
    pub fn secret_files(&self) -> impl Iterator<Item = &std::path::Path> {
        let of_accounts = self.accounts.iter().flat_map(|account| {
            let key = account.tls_client.as_ref().map(|(_, key)| key.as_path());
            account.password.as_ref().and_then(Password::file).into_iter().chain(key)
        });
        let addresses = [self.alarm.url.as_ref(), self.alarm.heartbeat.as_ref().map(|heartbeat| &heartbeat.url)];
        of_accounts.chain(addresses.into_iter().flatten().filter_map(Password::file))
    }

    /// Whether a provider keeps mailboxes under this domain, as far as the config tells: an account logs in with
    /// an address there. An `origin` like that is a real domain, and mail to it has somewhere to go.
    #[must_use]
    pub fn is_providers_domain(&self, domain: &str) -> bool {
        let logins = self.accounts.iter().filter_map(|account| account.username.as_deref());
        logins.filter_map(|login| login.rsplit_once('@')).any(|(_, at)| at.eq_ignore_ascii_case(domain))
    }

    /// Whether rows for a bare user answer for this domain: it is one of the own names, or completes bare addresses.
    #[must_use]
    pub fn is_users_domain(&self, domain: &str) -> bool {
        self.is_own_domain(domain) || domain.eq_ignore_ascii_case(&self.origin)
    }

    /// Whether a domain is one of this machine's own names: hostname, its short form, origin, `localhost`, or those that are
    /// listed.
    #[must_use]
    pub fn is_own_domain(&self, domain: &str) -> bool {
        let own = |name: &str| domain.eq_ignore_ascii_case(name);
        if let Some(listed) = &self.own_domains {
            return listed.iter().any(|name| own(name));
        }
        own(&self.hostname) || own(&self.origin) || own("localhost") || self.hostname.split('.').next().is_some_and(own)
    }
}
