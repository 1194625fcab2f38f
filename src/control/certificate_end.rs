//! Certificates that end: those that this machine shows as a server or a client, and those that relays showed. A certificate that
//! ends stops all mail at once, and renewing one takes its owner some days.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::listeners;
use super::report::{Kind, Level, Reason};
use crate::config::{Account, Config};
use crate::spool::Spool;
use crate::spool::learned::{self, Learned};
use crate::tls::certificate::Identity;

/// So far ahead one is reported that the owner of this machine renews, or has to write down when another renews it.
const AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The same of a provider's, which renews it by itself, some of them every few days.
const PROVIDERS: SignedDuration = SignedDuration::from_hours(2 * 24);

/// Whose certificate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shown {
    /// A listener's, to its clients.
    ByListener,
    /// An account's, to its relay.
    ByAccount,
    /// A relay's, to the account.
    ByRelay,
}

/// A certificate and its end.
#[derive(Debug)]
pub struct Ending<'a> {
    /// Whose it is.
    pub shown: Shown,
    /// The name of the listener or account.
    pub name: &'a str,
    /// The end.
    pub at: Timestamp,
    /// From when before that it is reported.
    pub(super) ahead: SignedDuration,
}

/// All ends that are known, without asking any server. Those of the private CA are renewed by itself.
#[must_use]
pub fn all<'a>(config: &'a Config, spool: Option<&Spool>) -> Vec<Ending<'a>> {
    let own = config.listeners.iter().filter(|listener| !listener.may_need_private_certificate());
    let listeners = own.filter_map(|listener| {
        let at = time(listeners::shown_certificate(config, listener)?.not_after)?;
        Some(Ending { shown: Shown::ByListener, name: &listener.name, at, ahead: AHEAD })
    });
    let clients = config.accounts.iter().filter_map(|account| {
        let (chain, key) = account.tls_client.as_ref()?;
        let at = time(Identity::read(chain, key).ok()?.facts()?.not_after)?;
        Some(Ending { shown: Shown::ByAccount, name: &account.name, at, ahead: AHEAD })
    });
    let learned = spool.map(learned::read).unwrap_or_default();
    let relays = config.accounts.iter().filter_map(|account| {
        let at = of_relay(account, &learned)?;
        let is_ours = !account.tls_fingerprint.is_empty() || account.tls_ca.is_some();
        let ahead = if is_ours { AHEAD } else { PROVIDERS };
        Some(Ending { shown: Shown::ByRelay, name: &account.name, at, ahead })
    });
    listeners.chain(clients).chain(relays).collect()
}

fn of_relay(account: &Account, learned: &BTreeMap<String, Learned>) -> Option<Timestamp> {
    let learned = learned.get(&account.name).filter(|learned| learned.of == account.server_and_user())?;
    learned.certificate_ends
}

fn time(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

/// A warning for each that ends soon. One that has ended is the trouble of its listener or account.
#[must_use]
pub fn warnings(config: &Config, spool: Option<&Spool>, now: Timestamp) -> Vec<Reason> {
    all(config, spool)
        .iter()
        .filter(|one| one.at > now && one.at.duration_since(now) <= one.ahead)
        .map(warning)
        .collect()
}

fn warning(one: &Ending<'_>) -> Reason {
    let (name, day) = (one.name, one.at.strftime("%Y-%m-%d"));
    let (text, cure) = match one.shown {
        Shown::ByListener => (format!("the certificate of listener {name} ends on {day}"), "renew it"),
        Shown::ByAccount => (format!("the client certificate of account {name} ends on {day}"), "renew it"),
        Shown::ByRelay => (
            format!("the certificate of account {name}'s relay ends on {day}"),
            "its operator renews it; if you pinned it, be ready to pin the next one",
        ),
    };
    Reason::new(Level::Warning, Kind::Tls, text).of(name).cured_by(cure)
}
