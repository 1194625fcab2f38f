//! `oauth = { ... }` of an account: a well-known service or endpoints by hand, and which servers may get its tokens.

use std::path::PathBuf;

use toml::de::DeValue;

use super::Surroundings;
use super::faults::Faults;
use super::password::{is_machines, password};
use super::section::{Section, Value, wrong_type};
use crate::config::keys::OAUTH_KEYS;
use crate::config::oauth::{Flow, Keeping, OAuth, Service, loopback};
use crate::config::relay::Relay;

/// What the rest of the account says.
pub(super) struct Account<'a> {
    pub(super) name: &'a str,
    pub(super) username: Option<&'a str>,
    pub(super) relays: &'a [Relay],
}

/// The value of `oauth`. The state directory is known only once the whole file is read.
pub(super) fn oauth(around: &Surroundings, account: &Account<'_>, value: &Value, faults: &mut Faults) -> Option<OAuth> {
    let at = value.span().start;
    let DeValue::Table(table) = value.get_ref() else {
        wrong_type("oauth", "a table, such as { provider = \"microsoft\", client_id = \"ID\" }", value, faults);
        return None;
    };
    let section = Section::open(table, OAUTH_KEYS, faults);
    let service = service(&section, faults);
    let Some(username) = account.username else {
        faults.add(at, "`oauth` without `username`: add the user name, which is the address at most providers");
        return None;
    };
    let client_id = section.text("client_id", faults).map(|text| text.value.to_owned());
    if !section.has("client_id") {
        faults.add(
            at,
            "`oauth` has no `client_id`: register a client with the provider, see \"OAuth\" in postrider.toml(5)",
        );
    }
    let client_secret =
        section.get("client_secret").and_then(|value| password(around, account.name, value, faults)).map(Box::new);
    let endpoints = Endpoints::read(&section, service, at, faults)?;
    let flow = flow(&section, &endpoints, faults);
    if flow == Flow::Client && client_secret.is_none() {
        faults.add(at, "flow = \"client\" needs `client_secret`: an organization's client logs in with it");
    }
    let scope = section.text("scope", faults).map(|text| text.value.to_owned());
    let of_service = service.map(|service| match flow {
        Flow::Client => service.app_scope.as_ref().unwrap_or(&service.scope).clone(),
        Flow::Device | Flow::Browser => service.scope.clone(),
    });
    let Some(scope) = scope.or(of_service) else {
        faults.add(at, "`oauth` has no `scope`: name what the provider calls sending mail by SMTP");
        return None;
    };
    let keeping = keeping(around, &section, faults);
    hosts(&section, service, account.relays, at, faults);
    Some(OAuth {
        account: account.name.to_owned(),
        issuer: service.map_or_else(|| host_of(&endpoints.token), |service| service.name.clone()),
        client_id: client_id?,
        client_secret,
        flow,
        authorization: endpoints.authorization,
        device: endpoints.device,
        token: endpoints.token,
        scope,
        loopback: service.map_or_else(loopback, |service| service.loopback.clone()),
        extra: service.map(|service| service.extra.clone()).unwrap_or_default(),
        username: username.to_owned(),
        keeping,
        state: PathBuf::new(),
    })
}

fn keeping(around: &Surroundings, section: &Section, faults: &mut Faults) -> Keeping {
    let is_keyring = section.flag("keyring", faults).unwrap_or_default();
    if let Some(value) = section.get("keyring").filter(|_| is_keyring && is_machines(around)) {
        let message =
            "`oauth` uses the keyring of a desktop, which only a user's own configuration may do: remove `keyring`";
        faults.add(value.span().start, message);
    }
    if is_keyring { Keeping::Keyring } else { Keeping::File }
}

fn service(section: &Section, faults: &mut Faults) -> Option<&'static Service> {
    let text = section.text("provider", faults)?;
    let known = Service::of_id(text.value);
    if known.is_none() {
        faults.add(
            text.at,
            format!(
                "`provider` must be one of {}; for any other, leave it out and set token_url, authorization_url or device_url, \
                 scope and token_hosts",
                Service::ids().join(", ")
            ),
        );
    }
    known
}

struct Endpoints {
    authorization: Option<String>,
    device: Option<String>,
    token: String,
}

impl Endpoints {
    fn read(section: &Section, service: Option<&Service>, at: usize, faults: &mut Faults) -> Option<Self> {
        let tenant = section.text("tenant", faults).map_or("common", |text| text.value);
        if !tenant.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)) {
            faults.add(at, "`tenant` must be the directory's id or domain");
        }
        let mut url = |key: &str, usual: Option<&String>| {
            let Some(text) = section.text(key, faults) else {
                return usual.map(|url| url.replace("{tenant}", tenant));
            };
            if !text.value.starts_with("https://") || text.value.contains(char::is_whitespace) {
                faults.add(text.at, format!("`{key}` must be an address that begins with https://"));
            }
            Some(text.value.to_owned())
        };
        let authorization = url("authorization_url", service.map(|service| &service.authorization));
        let device = url("device_url", service.and_then(|service| service.device.as_ref()));
        let token = url("token_url", service.map(|service| &service.token));
        if token.is_none() && !section.has("provider") {
            faults.add(
                at,
                format!("`oauth` names no service: set provider to one of {}, or token_url", Service::ids().join(", ")),
            );
        }
        Some(Self { authorization, device, token: token? })
    }
}

/// As configured; else the device flow where there is one, since it needs no browser on this machine.
fn flow(section: &Section, endpoints: &Endpoints, faults: &mut Faults) -> Flow {
    let usual = if endpoints.device.is_some() { Flow::Device } else { Flow::Browser };
    let Some(text) = section.text("flow", faults) else {
        if usual == Flow::Browser && endpoints.authorization.is_none() {
            faults.add(0, "`oauth` has neither authorization_url nor device_url, and `flow` is not \"client\"");
        }
        return usual;
    };
    match (text.value, &endpoints.device, &endpoints.authorization) {
        ("device", Some(_), _) => Flow::Device,
        ("browser", _, Some(_)) => Flow::Browser,
        ("client", ..) => Flow::Client,
        ("device", None, _) => {
            let message =
                "flow = \"device\" needs `device_url`: this provider refuses it the scope for mail; use \"browser\"";
            faults.add(text.at, message);
            usual
        }
        ("browser", _, None) => {
            faults.add(text.at, "flow = \"browser\" needs `authorization_url`");
            usual
        }
        _ => {
            faults.add(text.at, "`flow` must be \"device\", \"browser\" or \"client\"");
            usual
        }
    }
}

/// A token lets whoever has it into the mailbox, so it goes only to servers of its issuer.
fn hosts(section: &Section, service: Option<&Service>, relays: &[Relay], at: usize, faults: &mut Faults) {
    let listed: Vec<String> =
        section.texts("token_hosts", faults).unwrap_or_default().iter().map(|text| text.value.to_owned()).collect();
    let own = service.map(|service| service.hosts.as_slice()).unwrap_or_default();
    for relay in relays {
        if !own.iter().chain(&listed).any(|host| host.eq_ignore_ascii_case(&relay.host)) {
            faults.add(
                at,
                format!(
                    "{} is not known as a server that takes these tokens: if it is, add it to token_hosts in `oauth`",
                    relay.host
                ),
            );
        }
    }
}

fn host_of(url: &str) -> String {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    rest.split(['/', ':']).next().unwrap_or(rest).to_owned()
}
