//! What clients do, as it happens, for `postrider client list`. It is written down where something is new, and the time of what is
//! not once a minute at most: a client that sends a thousand messages costs a handful of writes.
//!
//! None of this decides anything. It is for people who ask why a device's mail does not arrive, so losing a write
//! costs them a minute of exactness and no mail. The file is replaced as a whole under the lock: two connections that
//! wrote at once could otherwise leave the older state behind.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::config::Config;
use crate::log;
use crate::mail::submitter::ClientName;
use crate::spool::Spool;
use crate::spool::client_activity::{self, ClientActivity, FailedHandshake, Login, Refused};

/// Handshakes that are remembered.
const HANDSHAKES: usize = 20;
/// Characters of a reason that are kept.
const LONGEST_REASON: usize = 500;
/// How exact times are.
const RESOLUTION: SignedDuration = SignedDuration::from_secs(60);

/// What is remembered of all clients.
#[derive(Debug)]
pub struct Activity {
    spool: Spool,
    known: Mutex<ClientActivity>,
}

impl Activity {
    /// As the last runner left it.
    #[must_use]
    pub fn new(spool: Spool) -> Self {
        let known = Mutex::new(client_activity::read(&spool));
        Self { spool, known }
    }

    /// Forgets the clients and listeners that are no longer configured.
    pub fn retain(&self, config: &Config) {
        let mut known = self.known.lock();
        let before = known.clone();
        known.clients.retain(|name, _| config.clients.iter().any(|client| client.name.as_str() == name));
        known.handshakes.retain(|failed| config.listeners.iter().any(|listener| listener.name == failed.listener));
        if *known != before {
            self.write(&known);
        }
    }

    /// A client was let in: by this mechanism, or by its address.
    pub fn logged_in(&self, client: &ClientName, from: IpAddr, mechanism: Option<&str>, tls: Option<&str>) {
        let (mechanism, tls) = (mechanism.map(str::to_owned), tls.map(str::to_owned));
        let login = Login { at: Timestamp::now(), from, mechanism, tls };
        let mut known = self.known.lock();
        let last = &mut known.clients.entry(client.to_string()).or_default().last_login;
        let is_known = |last: &Login| *last == Login { at: last.at, ..login.clone() } && is_recent(last.at);
        if !last.as_ref().is_some_and(is_known) {
            *last = Some(login);
            self.write(&known);
        }
    }

    /// A client, or somebody who gave its name, was refused something.
    pub fn refused(&self, client: &ClientName, from: IpAddr, command: &str, reason: &str) {
        let refused = Refused { at: Timestamp::now(), from, command: command.to_owned(), reason: shortened(reason) };
        let mut known = self.known.lock();
        let last = &mut known.clients.entry(client.to_string()).or_default().last_refusal;
        let is_known = |last: &Refused| *last == Refused { at: last.at, ..refused.clone() } && is_recent(last.at);
        if !last.as_ref().is_some_and(is_known) {
            *last = Some(refused);
            self.write(&known);
        }
    }

    /// A handshake failed.
    pub fn handshake_failed(&self, listener: &str, from: IpAddr, offered: &[&str], reason: &str) {
        let failed = FailedHandshake {
            at: Timestamp::now(),
            from,
            listener: listener.to_owned(),
            offered: offered.iter().map(|version| (*version).to_owned()).collect(),
            reason: shortened(reason),
        };
        let mut known = self.known.lock();
        let handshakes = &mut known.handshakes;
        let last = handshakes.iter().position(|last| (last.from, &last.listener) == (from, &failed.listener));
        if let Some(at) = last {
            let last = handshakes.remove(at);
            if last == (FailedHandshake { at: last.at, ..failed.clone() }) && is_recent(last.at) {
                handshakes.push(last);
                return;
            }
        }
        handshakes.push(failed);
        // The oldest go first. Anybody can cause failed handshakes from any number of addresses, and the file must not
        // grow with them.
        let surplus = handshakes.len().saturating_sub(HANDSHAKES);
        handshakes.drain(..surplus);
        self.write(&known);
    }

    fn write(&self, known: &ClientActivity) {
        if let Err(error) = client_activity::write(&self.spool, known) {
            log::warning(format_args!(
                "cannot save clients.json, so \"postrider client list\" is out of date: {error}"
            ));
        }
    }
}

/// What the client itself sent may be part of a reason. The file is written as a whole at each entry.
fn shortened(reason: &str) -> String {
    match reason.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}...", &reason[..end]),
        None => reason.to_owned(),
    }
}

/// Whether a time is so near that another is not worth writing.
///
/// In both directions: a wall clock that was set back must not keep an entry from being renewed for as long as the
/// clock was ahead.
fn is_recent(at: Timestamp) -> bool {
    Timestamp::now().duration_since(at).abs() < RESOLUTION
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
