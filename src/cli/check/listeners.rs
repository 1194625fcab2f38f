//! Listeners and their clients: whether certificates can be used and fit, what a runner that is running says of addresses, what
//! is exposed, and whether the owners of clients exist.

use jiff::Timestamp;

use super::Findings;
use super::files::is_open;
use crate::cli::exit::{Exit, Failure};
use crate::config::Config;
use crate::config::listener::Listener;
use crate::control::report::Kind;
use crate::control::{listeners, private_ca};
use crate::spool::{Spool, lock};
use crate::sys::user;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    findings.0.extend(listeners::certificates(config, Timestamp::now()));
    findings.0.extend(listeners::unidentified(config));
    findings.0.extend(listeners::renewals(config, Timestamp::now()));
    findings.0.extend(listeners::misfits(config));
    findings.0.extend(listeners::risks(config));
    open_keys(config, findings);
    owners(config, findings);
    let Some(spool) = Spool::find(&config.spool).ok().flatten() else { return };
    if lock::is_held(&spool).unwrap_or(false) {
        findings.0.extend(listeners::closed(&spool));
    }
}

/// The private CA that listeners have certificates from, in a line that is no finding.
pub(super) fn shown_ca(config: &Config) -> Option<String> {
    let is_used = config.listeners.iter().any(Listener::may_need_private_certificate);
    let ca = private_ca::certificate(config).ok().flatten().filter(|_| is_used)?;
    let until = private_ca::day_of(ca.facts.not_after)?;
    Some(format!("private CA: SHA-256 {}, valid until {until}; \"postrider check --ca\" prints it", ca.fingerprint()))
}

/// The private CA, for devices.
pub(super) fn export_ca(config: &Config) -> Result<String, Failure> {
    match private_ca::certificate(config) {
        Ok(Some(ca)) => Ok(ca.pem),
        Ok(None) => Err(Failure::new(
            Exit::NoInput,
            "there is no private CA yet: the service makes it when it starts with a [listen.NAME] that has TLS and no \
             `certificate`",
        )),
        Err(error) => Err(Failure::new(Exit::NoInput, format_args!("cannot read the private CA: {error}"))),
    }
}

fn open_keys(config: &Config, findings: &mut Findings) {
    for (name, (_, key)) in config.listeners.iter().filter_map(|one| Some((&one.name, one.certificate.as_ref()?))) {
        let Some(mode) = std::fs::metadata(key).ok().and_then(|file| is_open(&file)) else { continue };
        let shown = key.display().to_string();
        let sentence = format!("listener {name}: others can read the key {shown}; run \"chmod {mode} {shown}\"");
        findings.error(Kind::Permissions, Some(&shown), sentence);
    }
}

fn owners(config: &Config, findings: &mut Findings) {
    for client in config.clients.iter().filter(|client| !user::is_login(&client.owner)) {
        let (name, owner) = (client.name.as_str(), &client.owner);
        let sentence = format!(
            "client {name} belongs to \"{owner}\", which is not a user of this machine, so nobody gets its bounces; set `owner` in \
             [client.{name}] to a login"
        );
        findings.error(Kind::Listener, Some(name), sentence);
    }
}
