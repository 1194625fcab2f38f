//! `[client.NAME]`: a program or device on the network that may submit mail, as checked values. Whether a connection is this
//! client's is the listener's to find out; what a client may send is in `rules::submission`.

use super::network::Prefix;
use super::scram::StoredKeys;
use super::table::TableSource;
use crate::mail::address::Address;
use crate::mail::submitter::ClientName;

/// A network client.
#[derive(Debug, Clone)]
pub struct Client {
    /// The NAME in `[client.NAME]`, which is its login name as well.
    pub name: ClientName,
    /// What verifies its password; empty: it has none and is known by its address.
    pub scram: Vec<StoredKeys>,
    /// Where it connects from; empty: anywhere that its listener allows.
    pub networks: Vec<Prefix>,
    /// The login of the user who gets its bounces and sees its mail.
    pub owner: String,
    /// Addresses that it may send from; `None`: NAME@origin.
    pub senders: Option<Senders>,
    /// Replaces its envelope sender and From.
    pub from: Option<Address>,
    /// The account that its mail goes through, whatever its sender.
    pub account: Option<String>,
    /// Recipients that it may write to, in the form of `senders`; `None`: all.
    pub allowed_recipients: Option<Vec<String>>,
    /// Whether it is a mail system: its From is free, and it may send from <>.
    pub relay_for_others: bool,
    /// Whether it may log in without TLS.
    pub allow_plaintext: bool,
    /// Whether its address may be one that hides others behind it.
    pub behind_nat_ok: bool,
}

impl Client {
    /// Whether nothing identifies it yet: it has neither a password nor an address, so no connection is its own.
    #[must_use]
    pub fn is_unidentified(&self) -> bool {
        self.scram.is_empty() && self.networks.is_empty()
    }
}

/// Addresses that a client may send from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Senders {
    /// `user@domain`, `user` or `@domain`.
    pub addresses: Vec<String>,
    /// Tables with these as keys.
    pub tables: Vec<TableSource>,
}
