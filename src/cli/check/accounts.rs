//! Accounts: that each is used, and that its relays get the TLS that they expect. Whether it can be used at all is in
//! `control::account_files`.

use std::collections::HashMap;
use std::path::Path;

use super::Findings;
use crate::config::places::SYSTEM_CONFIG;
use crate::config::{Config, TlsMode};
use crate::control::report::Kind;
use crate::rules::route;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    senders(config, findings);
    connections(config, findings);
    ports(config, findings);
}

fn senders(config: &Config, findings: &mut Findings) {
    let mut owners: HashMap<String, &str> = HashMap::new();
    for account in &config.accounts {
        for entry in &account.senders {
            if let Some(first) = owners.insert(route::entry_form(entry, &config.origin), &account.name) {
                findings.error(
                    Kind::Account,
                    Some(&account.name),
                    format!(
                        "\"{entry}\" is in the `senders` of account {first} and of account {}, where it is never used; \
                     remove it from one of them",
                        account.name
                    ),
                );
            }
        }
    }
    let is_default = |name: &str| config.default_account.as_deref() == Some(name);
    let is_fallback = |name: &str| config.accounts.iter().any(|account| account.fallback.as_deref() == Some(name));
    let is_used = |name: &str| is_default(name) || is_fallback(name);
    for account in config.accounts.iter().filter(|account| account.senders.is_empty() && !is_used(&account.name)) {
        let name = &account.name;
        findings.warning(Kind::Account, Some(name), format!(
            "no mail uses account {name}: list its `senders`, or set default_account = \"{name}\" to use it for all other \
             senders"
        ));
    }
    // In a user's configuration that is an error, and was named when it was read.
    if config.accounts.is_empty() && config.path == Path::new(SYSTEM_CONFIG) {
        findings.warning(
            Kind::NoAccount,
            None,
            format!(
                "{} has no [account.NAME], so all mail waits in the queue; run `postrider init`, or add one",
                config.path.display()
            ),
        );
    } else if config.default_account.is_none() && !config.accounts.is_empty() {
        findings.warning(
            Kind::Unserved,
            None,
            "no `default_account`: mail from senders that no account lists waits; set `default_account`",
        );
    }
}

fn connections(config: &Config, findings: &mut Findings) {
    for account in &config.accounts {
        let name = &account.name;
        let is_clear = account.relays.iter().all(|relay| account.tls_mode(relay) == TlsMode::None);
        if is_clear && account.username.is_some() && !account.allow_plaintext {
            let local = |host: &str| host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
            if account.relays.iter().any(|relay| !local(&relay.host)) {
                findings.error(Kind::Tls, Some(name), format!(
                    "account {name}: `tls` is \"none\", but the password is only sent over TLS; set tls = \"starttls\""
                ));
            }
        }
    }
}

/// Ports of other protocols, whose servers stand beside the one for mail to send.
fn foreign_port(port: u16) -> Option<&'static str> {
    match port {
        143 | 993 => Some("IMAP"),
        110 | 995 => Some("POP3"),
        80 => Some("HTTP"),
        _ => None,
    }
}

/// Where a port has one kind of TLS, the other is met by silence or by words that are none.
fn ports(config: &Config, findings: &mut Findings) {
    for account in &config.accounts {
        for relay in &account.relays {
            if let Some(protocol) = foreign_port(relay.port) {
                let (name, port) = (&account.name, relay.port);
                let sentence = format!(
                    "account {name}: port {port} in `relay` is usually for {protocol}, which does not send mail; use 587 (tls = \"starttls\") or \
                     465 (tls = \"implicit\"), unless your server is an exception"
                );
                findings.warning(Kind::Relay, Some(name), sentence);
                continue;
            }
            let (is, right) = match (relay.port, account.tls_mode(relay)) {
                (465, TlsMode::Starttls) => ("from the first byte", "implicit"),
                (25 | 587, TlsMode::Implicit) => ("by STARTTLS", "starttls"),
                _ => continue,
            };
            let (name, port) = (&account.name, relay.port);
            let sentence = format!(
                "account {name}: port {port} usually expects TLS {is}, but `tls` says otherwise; set tls = \"{right}\" in \
                 [account.{name}], unless your server is an exception"
            );
            findings.warning(Kind::Tls, Some(name), sentence);
        }
    }
}
