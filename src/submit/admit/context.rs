//! The context of a submission, the same for all ways in.

use jiff::Zoned;

use crate::config::client::Client;
use crate::config::{Account, ArrivalTables, Config, KeptTables, LeavingTables, Reserve};
use crate::mail::submitter::Submitter;
use crate::rules::route;
use crate::spool::Spool;
use crate::sys::user::Caller;

/// The context of a submission.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Names, tables and limits.
    pub config: &'a Config,
    /// The spool to store it in.
    pub spool: &'a Spool,
    /// The submitter.
    pub author: Author<'a>,
    /// The time of the submission.
    pub now: &'a Zoned,
    /// The tables that rewrite it.
    pub tables: Tables<'a>,
    /// Disk space that this submitter may not use.
    pub reserve: Reserve,
}

/// The submitter of a message.
#[derive(Debug, Clone, Copy)]
pub enum Author<'a> {
    /// A user of this machine.
    User(&'a Caller),
    /// A network client, with the trace of its connection.
    Client(&'a Client, &'a Trace),
}

/// The client part of a Received field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// `HELO ([ADDRESS])`; `None` for a private address, which is not published.
    pub from: Option<String>,
    /// The protocol, such as `ESMTPSA` (RFC 3848).
    pub protocol: &'static str,
}

impl Author<'_> {
    /// The submitter, as the envelope stores it.
    #[must_use]
    pub fn submitter(&self) -> Submitter {
        match self {
            Self::User(caller) => Submitter::Local(caller.uid),
            Self::Client(client, _) => Submitter::Client(client.name.clone()),
        }
    }

    /// The login, or the client's name.
    #[must_use]
    pub fn login(&self) -> &str {
        match self {
            Self::User(caller) => &caller.login,
            Self::Client(client, _) => client.name.as_str(),
        }
    }

    /// The name for a generated From field. Clients have none.
    #[must_use]
    pub fn full_name(&self) -> &str {
        match self {
            Self::User(caller) => &caller.full_name,
            Self::Client(..) => "",
        }
    }

    /// Whether they may use the account.
    #[must_use]
    pub fn may_use(&self, account: &Account) -> bool {
        match self {
            Self::User(caller) => route::may_use(account, caller),
            Self::Client(client, _) => route::serves_client(account, &client.name),
        }
    }
}

/// How to access the tables in the configuration.
///
/// A front end in user mode lives for one message and reads the files; the runner keeps them in memory, and locks them
/// only while an envelope and its header are completed.
#[derive(Debug, Clone, Copy)]
pub enum Tables<'a> {
    /// Read from their files for this message.
    Fresh,
    /// Kept in memory.
    Kept(&'a KeptTables),
}

impl Tables<'_> {
    /// Uses the arrival tables.
    pub fn arriving<T>(self, config: &Config, look: impl FnOnce(&ArrivalTables) -> T) -> T {
        match self {
            Self::Fresh => look(&ArrivalTables::load(&config.rewriting)),
            Self::Kept(tables) => look(&tables.arrival(&config.rewriting)),
        }
    }

    /// Uses the tables of the way out.
    pub fn leaving<T>(self, config: &Config, look: impl FnOnce(&LeavingTables) -> T) -> T {
        match self {
            Self::Fresh => look(&LeavingTables::load(config)),
            Self::Kept(tables) => look(&tables.leaving()),
        }
    }
}
