//! Accounts: that each is used and can be: its senders, password, certificates and TLS. Where its mail leaves is not asked.

use std::collections::HashMap;

use super::Findings;
use crate::config::oauth::Flow;
use crate::config::{Config, Password, TlsMode};
use crate::control::report::Kind;
use crate::deliver::oauth::stored;
use crate::rules::route;
use crate::tls::{Client, Roots};

pub(super) fn check(config: &Config, findings: &mut Findings) {
    senders(config, findings);
    logins(config, findings);
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
    for account in config.accounts.iter().filter(|account| account.senders.is_empty() && !is_default(&account.name)) {
        let name = &account.name;
        findings.warning(Kind::Account, Some(name), format!(
            "no mail uses account {name}: list its `senders`, or set default_account = \"{name}\" to use it for all other \
             senders"
        ));
    }
    if config.accounts.is_empty() {
        findings.warning(
            Kind::NoAccount,
            None,
            format!(
                "{} has no [account.NAME], so all mail waits in the queue; run `postrider init`, or add one",
                config.path.display()
            ),
        );
    } else if config.default_account.is_none() {
        findings.warning(
            Kind::Unserved,
            None,
            "no `default_account`: mail from senders that no account lists waits; set `default_account`",
        );
    }
}

/// Accounts with `oauth` whose user has not logged in. That the issuer still knows the login is not asked.
fn logins(config: &Config, findings: &mut Findings) {
    let with_oauth = config.accounts.iter().filter_map(|account| account.oauth.as_ref());
    for oauth in with_oauth.filter(|oauth| oauth.flow != Flow::Client) {
        let (name, issuer) = (&oauth.account, &oauth.issuer);
        let sentence = match stored::read(oauth) {
            Ok(Some(_)) => continue,
            Ok(None) => format!("account {name} is not logged in at {issuer}; run `postrider login {name}`"),
            Err(error) => format!("account {name}: {error}"),
        };
        findings.error(Kind::Password, Some(name), sentence);
    }
}

fn connections(config: &Config, findings: &mut Findings) {
    for account in &config.accounts {
        let name = &account.name;
        if let Some(Err(error)) =
            account.password.as_ref().filter(|password| password.is_at_hand()).map(Password::fetch)
        {
            findings.error(Kind::Password, Some(name), format!("account {name}: {error}"));
        }
        if account.relays.iter().any(|relay| account.tls_mode(relay) != TlsMode::None) {
            let roots = account.tls_ca.as_deref().map_or(Roots::Platform, Roots::File);
            let client = Client::new(roots).and_then(|client| match &account.tls_client {
                Some((chain, key)) => client.showing(chain, key),
                None => Ok(client),
            });
            if let Err(error) = client {
                findings.error(Kind::Tls, Some(name), format!("account {name}: {error}"));
            }
        } else if account.username.is_some() && !account.allow_plaintext {
            let local = |host: &str| host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
            if account.relays.iter().any(|relay| !local(&relay.host)) {
                findings.error(Kind::Tls, Some(name), format!(
                    "account {name}: `tls` is \"none\", but the password is only sent over TLS; set tls = \"starttls\""
                ));
            }
        }
    }
}

/// Where a port has one kind of TLS, the other is met by silence or by words that are none.
fn ports(config: &Config, findings: &mut Findings) {
    for account in &config.accounts {
        for relay in &account.relays {
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
