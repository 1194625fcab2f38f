//! What keeps listeners from serving their clients: addresses, of which the runner alone can tell, and certificates, which are
//! looked at here; and what they expose. `status` and `check` report it.

use std::path::PathBuf;

use jiff::Timestamp;

use super::private_ca;
use super::report::{Kind, Level, Reason};
use crate::config::client::Client;
use crate::config::listener::{ListenTls, Listener};
use crate::config::network::Prefix;
use crate::config::{Config, places};
use crate::rules::exposure::{self, Machine, Risk};
use crate::rules::submission::Surroundings;
use crate::spool::{Spool, listener_health};
use crate::sys::dhcp_pools::DhcpPools;
use crate::sys::{interfaces, user};
use crate::tls::certificate::{Identity, IdentityError};
use crate::tls::private_ca::CaCertificate;
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
        let (text, cure) = match identity(config, listener)? {
            Ok(identity) => outdated(&identity.facts()?, now)?,
            Err((text, cure)) => (format!("cannot use its certificate: {text}"), cure),
        };
        let text = format!("listener {} {text}", listener.name);
        Some(Reason { cure, ..Reason::new(Level::Critical, Kind::Listener, text).of(&listener.name) })
    };
    config.listeners.iter().filter_map(reason).collect()
}

/// The certificates of the private CA that will be renewed soon, and the CA itself in its last year.
#[must_use]
pub fn renewals(config: &Config, now: Timestamp) -> Vec<Reason> {
    let private = config.listeners.iter().filter(|listener| listener.may_need_private_certificate());
    let soon = |listener: &Listener| {
        let day = private_ca::announced(&shown_certificate(config, listener)?, now)?;
        let text = format!("the certificate of listener {} will be renewed on {day}", listener.name);
        let cure = "devices that trust the private CA will not notice; devices that trust only this certificate will ask again";
        Some(Reason::new(Level::Warning, Kind::Listener, text).of(&listener.name).cured_by(cure))
    };
    let mut reasons: Vec<Reason> = private.clone().filter_map(soon).collect();
    // Where a listener has no certificate, that it cannot have one is told as its trouble.
    if private.clone().any(|listener| shown_certificate(config, listener).is_some()) {
        match private_ca::of(config) {
            Ok(ca) => reasons.extend(ca.iter().flat_map(|ca| ca_troubles(config, &ca.certificate, now))),
            Err(error) => {
                let text = format!("the private CA cannot renew certificates: {error}");
                reasons.push(Reason::new(Level::Warning, Kind::Listener, text));
            }
        }
    }
    reasons
}

/// A CA that ends, or that may not vouch for this machine.
fn ca_troubles(config: &Config, ca: &CaCertificate, now: Timestamp) -> Vec<Reason> {
    let folder = places::state_dir(&config.spool);
    let anew = format!(
        "remove ca.pem, ca.key and the listeners' certificates in {} and restart the service to have new ones made, then install \
         the new CA on the devices",
        folder.display()
    );
    let until = private_ca::day_of(ca.facts.not_after);
    let ends = until.filter(|until| private_ca::is_ending(*until, now)).map(|until| {
        Reason::new(Level::Warning, Kind::Listener, format!("the private CA is valid until {until} only"))
            .cured_by(&anew)
    });
    let hostname = &config.hostname;
    let is_foreign = !ca.permits(hostname);
    let foreign = is_foreign.then(|| {
        let text = format!(
            "the private CA may not vouch for {hostname}, since it was made when this machine had another name"
        );
        Reason::new(Level::Warning, Kind::Listener, text).cured_by(&anew)
    });
    ends.into_iter().chain(foreign).collect()
}

/// The certificates that name neither this machine nor an address of their listener.
#[must_use]
pub fn misfits(config: &Config) -> Vec<Reason> {
    let reason = |listener: &Listener| {
        let names = shown_certificate(config, listener)?.names;
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
    let (around, people, pools) = (surroundings(), user::people(), DhcpPools::read());
    let machine = Machine { around: &around, people: &people, pool_of: &|address| pools.of(address) };
    let risks = exposure::risks(config, &machine);
    let reason =
        |risk: Risk| Reason::new(Level::Warning, Kind::Listener, risk.text).of(risk.subject).cured_by(risk.advice);
    risks.into_iter().map(reason).collect()
}

/// What the certificate that a listener shows says of itself; `None`: it has none that can be read.
#[must_use]
pub fn shown_certificate(config: &Config, listener: &Listener) -> Option<Facts> {
    identity(config, listener)?.ok()?.facts()
}

fn is_ours(config: &Config, listener: &Listener, name: &str) -> bool {
    let behind_first = || config.hostname.split_once('.').map(|(_, domain)| domain);
    let is_host = name.eq_ignore_ascii_case(&config.hostname)
        || name.strip_prefix("*.").zip(behind_first()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
    is_host || listener.addresses.iter().any(|address| name == address.ip().to_string())
}

/// The certificates to verify what a listener shows with: the owner's own, or the private CA's.
#[must_use]
pub fn roots(config: &Config, listener: &Listener) -> Option<PathBuf> {
    match &listener.certificate {
        Some((chain, _)) => Some(chain.clone()),
        None => listener
            .may_need_private_certificate()
            .then(|| places::state_dir(&config.spool).join(private_ca::CA))
            .filter(|path| path.exists()),
    }
}

/// What is wrong, and what to do about it.
type Unusable = (String, Option<String>);

/// What a listener with TLS shows its clients; or why it cannot, and what to do.
fn identity(config: &Config, listener: &Listener) -> Option<Result<Identity, Unusable>> {
    let Some((chain, key)) = listener.certificate.as_ref().filter(|_| listener.tls != Some(ListenTls::None)) else {
        return private_identity(config, listener);
    };
    let identity = Identity::read(chain, key).map_err(|error| {
        let cure = match error {
            IdentityError::Unreadable { kind: std::io::ErrorKind::NotFound, .. } => {
                "create it, or change `certificate` and `key`"
            }
            IdentityError::Unreadable { .. } => "the user that postrider runs as must be able to read it",
            IdentityError::NoCertificate { .. } | IdentityError::NoKey { .. } => "it must be a PEM file",
        };
        (error.to_string(), Some(cure.to_owned()))
    });
    Some(identity.and_then(|identity| match Server::new(identity.clone()) {
        Ok(_) => Ok(identity),
        Err(error) => {
            let cure = match error {
                TlsError::Mismatch => "`key` must be the key of `certificate`",
                _ => "get another one",
            };
            Err((format!("{}: {error}", chain.display()), Some(cure.to_owned())))
        }
    }))
}

/// The same from the private CA; `None`: the runner has not made it yet.
fn private_identity(config: &Config, listener: &Listener) -> Option<Result<Identity, Unusable>> {
    if !listener.may_need_private_certificate() {
        return None;
    }
    match private_ca::listener_identity(config, listener) {
        Ok(found) => found.map(Ok),
        // The error says what to do.
        Err(error) => Some(Err((error.to_string(), None))),
    }
}

/// What is wrong with its dates.
fn outdated(facts: &Facts, now: Timestamp) -> Option<Unusable> {
    let at = |seconds: u64| Timestamp::from_second(i64::try_from(seconds).ok()?).ok();
    let (from, until) = (at(facts.not_before)?, at(facts.not_after)?);
    let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
    if now > until {
        let text = format!("has a certificate that expired on {}, so clients refuse it", day(until));
        return Some((text, Some("renew it".to_owned())));
    }
    let is_early = now < from;
    is_early.then(|| {
        let text = format!("has a certificate that is not valid before {}, so clients refuse it", day(from));
        (text, Some("check this machine's clock".to_owned()))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
