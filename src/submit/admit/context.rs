//! Where and for whom a submission comes in, the same for every entrance.

use jiff::Zoned;

use crate::config::client::Client;
use crate::config::{Account, ArrivalTables, Config, KeptTables, Reserve, TableSet};
use crate::mail::submitter::Submitter;
use crate::rules::route;
use crate::spool::Spool;
use crate::sys::user::Caller;

/// Where and for whom a submission comes in.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Names, tables, limits.
    pub config: &'a Config,
    /// Where it is stored.
    pub spool: &'a Spool,
    /// Who submits.
    pub author: Author<'a>,
    /// When.
    pub now: &'a Zoned,
    /// By which it is rewritten.
    pub tables: Tables<'a>,
    /// Of the disk, what is not this caller's.
    pub reserve: Reserve,
}

/// Who submits a message.
#[derive(Debug, Clone, Copy)]
pub enum Author<'a> {
    /// A user of this machine.
    User(&'a Caller),
    /// A network client, over this connection.
    Client(&'a Client, &'a Trace),
}

/// What a Received field says of the connection that a message came in by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// `HELO ([ADDRESS])`; `None` where it stays in the house.
    pub from: Option<String>,
    /// As in `ESMTPSA` (RFC 3848).
    pub protocol: &'static str,
}

impl Author<'_> {
    /// As the envelope has it.
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

    /// The name for a From field that has to be made; a client has none.
    #[must_use]
    pub fn full_name(&self) -> &str {
        match self {
            Self::User(caller) => &caller.full_name,
            Self::Client(..) => "",
        }
    }

    /// Whether the account is for them.
    #[must_use]
    pub fn may_use(&self, account: &Account) -> bool {
        match self {
            Self::User(caller) => route::may_use(account, caller),
            Self::Client(client, _) => route::serves_client(account, &client.name),
        }
    }
}

/// Where the tables are that the config names.
#[derive(Debug, Clone, Copy)]
pub enum Tables<'a> {
    /// In their files, to be read for this message.
    Fresh,
    /// In memory.
    Kept(&'a KeptTables),
}

impl Tables<'_> {
    /// Asks those of arrival.
    pub fn arriving<T>(self, config: &Config, look: impl FnOnce(&ArrivalTables) -> T) -> T {
        match self {
            Self::Fresh => look(&ArrivalTables::load(&config.rewriting)),
            Self::Kept(tables) => look(&tables.arrival(&config.rewriting)),
        }
    }

    /// Asks those of the way out.
    pub fn leaving<T>(self, config: &Config, look: impl FnOnce(&TableSet) -> T) -> T {
        match self {
            Self::Fresh => look(&TableSet::load("generic", &config.generic)),
            Self::Kept(tables) => look(&tables.generic()),
        }
    }
}
