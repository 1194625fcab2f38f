//! Where and for whom a submission comes in, the same for every entrance.

use jiff::Zoned;

use crate::config::{ArrivalTables, Config, KeptTables, Reserve, TableSet};
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
    pub caller: &'a Caller,
    /// When.
    pub now: &'a Zoned,
    /// By which it is rewritten.
    pub tables: Tables<'a>,
    /// Of the disk, what is not this caller's.
    pub reserve: Reserve,
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
