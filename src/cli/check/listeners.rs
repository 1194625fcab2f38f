//! Listeners: whether their certificates can be used, and what a runner that is running says of them.

use super::Findings;
use super::files::is_open;
use crate::config::Config;
use crate::config::listener::{ListenTls, Listener};
use crate::control::report::Kind;
use crate::spool::{Spool, listener_health, lock};
use crate::tls::Server;
use crate::tls::certificate::Identity;

/// Without a runner there is nobody who could say whether a port is free.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    for listener in &config.listeners {
        certificate(listener, findings);
    }
    let Some(spool) = Spool::find(&config.spool).ok().flatten() else { return };
    if !lock::is_held(&spool).unwrap_or(false) {
        return;
    }
    for (name, wrong) in listener_health::read(&spool) {
        for why in wrong.iter().filter(|why| why.starts_with(listener_health::CANNOT_LISTEN)) {
            findings.error(
                Kind::Listener,
                Some(&name),
                format!("listener {name} {why}; stop what uses the port, or change `address`"),
            );
        }
    }
}

fn certificate(listener: &Listener, findings: &mut Findings) {
    let Some((chain, key)) = listener.certificate.as_ref().filter(|_| listener.tls != Some(ListenTls::None)) else {
        return;
    };
    let name = &listener.name;
    match Identity::read(chain, key).map(Server::new) {
        Err(error) => findings.error(Kind::Listener, Some(name), format!(
            "listener {name} cannot use its certificate: {error}; the user that postrider runs as must be able to read it"
        )),
        Ok(Err(error)) => findings.error(Kind::Listener, Some(name), format!(
            "listener {name} cannot use its certificate: {}: {error}; `key` must be the key of `certificate`",
            chain.display()
        )),
        Ok(Ok(_)) => {}
    }
    if let Some(mode) = std::fs::metadata(key).ok().and_then(|file| is_open(&file)) {
        let shown = key.display();
        findings.error(
            Kind::Permissions,
            Some(&shown.to_string()),
            format!("listener {name}: others can read the key {shown}; run \"chmod {mode} {shown}\""),
        );
    }
}
