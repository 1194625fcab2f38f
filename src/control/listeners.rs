//! What keeps listeners from serving their clients: addresses, of which the runner alone can tell, and certificates, which are
//! looked at here; and what they expose. `status` and `check` report it.

use jiff::Timestamp;

use super::report::{Kind, Level, Reason};
use crate::config::Config;
use crate::config::client::Client;
use crate::config::listener::{ListenTls, Listener};
use crate::config::network::Prefix;
use crate::rules::exposure::{self, Risk};
use crate::rules::submission::Surroundings;
use crate::spool::{Spool, listener_health};
use crate::sys::{interfaces, user};
use crate::tls::certificate::{Identity, IdentityError};
use crate::tls::{Facts, Server, TlsError};

/// The addresses that a runner cannot listen on. Without one that is running, nothing can be said.
#[must_use]
pub fn closed(spool: &Spool) -> Vec<Reason> {
    let of_one = |(name, closed): (String, Vec<listener_health::Closed>)| {
        closed.into_iter().map(move |one| {
            let text = format!("listener {name} cannot listen on {}: {}", one.address, one.reason);
            Reason::new(Level::Critical, Kind::Listener, text).of(&name).cured_by(one.cure)
        })
    };
    listener_health::read(spool).into_iter().flat_map(of_one).collect()
}

/// The certificates that this process cannot use, or that nobody accepts at this time.
#[must_use]
pub fn certificates(config: &Config, now: Timestamp) -> Vec<Reason> {
    let reason = |listener: &Listener| {
        let (text, cure) = match identity(listener)? {
            Ok(identity) => outdated(&identity.facts()?, now)?,
            Err((text, cure)) => (format!("cannot use its certificate: {text}"), cure.to_owned()),
        };
        let text = format!("listener {} {text}", listener.name);
        Some(Reason::new(Level::Critical, Kind::Listener, text).of(&listener.name).cured_by(cure))
    };
    config.listeners.iter().filter_map(reason).collect()
}

/// The certificates that name neither this machine nor an address of their listener.
#[must_use]
pub fn misfits(config: &Config) -> Vec<Reason> {
    let reason = |listener: &Listener| {
        let names = shown_certificate(listener)?.names;
        if names.iter().any(|name| is_ours(config, listener, name)) {
            return None;
        }
        let listed = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
        let text = format!("the certificate of listener {} is for {listed}", listener.name);
        let cure = format!(
            "clients that verify it must connect to one of its names; for others, get one for {}",
            config.hostname
        );
        Some(Reason::new(Level::Warning, Kind::Listener, text).of(&listener.name).cured_by(cure))
    };
    config.listeners.iter().filter_map(reason).collect()
}

/// The clients that nothing identifies. That concerns their own mail alone.
#[must_use]
pub fn unidentified(config: &Config) -> Vec<Reason> {
    let clients = config.clients.iter().filter(|client| client.is_unidentified());
    let reason = |client: &Client| {
        let name = &client.name;
        let text = format!("client {name} has neither a password nor an address, so it cannot submit mail");
        let cure = format!("run \"postrider client password {name}\", or set `networks` in [client.{name}]");
        Reason::new(Level::Warning, Kind::Listener, text).of(name).cured_by(cure)
    };
    clients.map(reason).collect()
}

/// This machine's network as it is now: interfaces come and go.
#[must_use]
pub fn surroundings() -> Surroundings {
    let addresses = interfaces::addresses();
    let on_link = addresses.iter().filter(|one| !one.address.is_loopback());
    Surroundings {
        on_link: on_link.map(|one| Prefix::around(one.address, one.length)).collect(),
        shared: addresses.iter().map(|one| one.address).chain(interfaces::gateways()).collect(),
    }
}

/// What settings expose that is easily overlooked.
#[must_use]
pub fn risks(config: &Config) -> Vec<Reason> {
    let risks = exposure::risks(config, &surroundings(), &user::people());
    let reason =
        |risk: Risk| Reason::new(Level::Warning, Kind::Listener, risk.text).of(risk.subject).cured_by(risk.advice);
    risks.into_iter().map(reason).collect()
}

/// What the certificate that a listener shows says of itself; `None`: it has none that can be read.
#[must_use]
pub fn shown_certificate(listener: &Listener) -> Option<Facts> {
    identity(listener)?.ok()?.facts()
}

fn is_ours(config: &Config, listener: &Listener, name: &str) -> bool {
    let behind_first = || config.hostname.split_once('.').map(|(_, domain)| domain);
    let is_host = name.eq_ignore_ascii_case(&config.hostname)
        || name.strip_prefix("*.").zip(behind_first()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
    is_host || listener.addresses.iter().any(|address| name == address.ip().to_string())
}

/// What a listener with TLS shows its clients; or why it cannot, and what to do.
fn identity(listener: &Listener) -> Option<Result<Identity, (String, &'static str)>> {
    let (chain, key) = listener.certificate.as_ref().filter(|_| listener.tls != Some(ListenTls::None))?;
    let identity = Identity::read(chain, key).map_err(|error| {
        let cure = match error {
            IdentityError::Unreadable { kind: std::io::ErrorKind::NotFound, .. } => {
                "create it, or change `certificate` and `key`"
            }
            IdentityError::Unreadable { .. } => "the user that postrider runs as must be able to read it",
            IdentityError::NoCertificate { .. } | IdentityError::NoKey { .. } => "it must be a PEM file",
        };
        (error.to_string(), cure)
    });
    Some(identity.and_then(|identity| match Server::new(identity.clone()) {
        Ok(_) => Ok(identity),
        Err(error) => {
            let cure = match error {
                TlsError::Mismatch => "`key` must be the key of `certificate`",
                _ => "get another one",
            };
            Err((format!("{}: {error}", chain.display()), cure))
        }
    }))
}

/// What is wrong with its dates.
fn outdated(facts: &Facts, now: Timestamp) -> Option<(String, String)> {
    let at = |seconds: u64| Timestamp::from_second(i64::try_from(seconds).ok()?).ok();
    let (from, until) = (at(facts.not_before)?, at(facts.not_after)?);
    let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
    if now > until {
        let text = format!("has a certificate that expired on {}, so clients refuse it", day(until));
        return Some((text, "renew it".to_owned()));
    }
    let is_early = now < from;
    is_early.then(|| {
        let text = format!("has a certificate that is not valid before {}, so clients refuse it", day(from));
        (text, "check this machine's clock".to_owned())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
