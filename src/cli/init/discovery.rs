//! Which outgoing server an address has: the built-in table, the domain's service records (RFC 6186, RFC 8314), its
//! autoconfig file, the provider that runs its MX hosts, and at last the usual names. Each step is shown with where its answer comes from. No
//! credential is sent here.

use std::net::IpAddr;
use std::path::Path;

use super::autoconfig::{self, Credential, name_in_dns};
use crate::cli::ask::say;
use crate::config::providers::{Provider, Tls};
use crate::config::read;
use crate::config::relay::{Lookup, Relay};
use crate::deliver::smtp::dns::{self, NoHosts};
use crate::deliver::smtp::host_status::HostStatus;
use crate::deliver::smtp::login_history::LoginHistory;
use crate::deliver::smtp::observer::Nobody;
use crate::deliver::smtp::session::Session;
use crate::mail::address::Address;
use crate::mail::printable::printable;
use crate::sys::host;

/// So many targets of service records are asked at most.
const MOST_TARGETS: usize = 4;

/// Whether anything may be looked up or connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// Yes.
    Used,
    /// No.
    Unused,
}

/// A server to submit to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Found {
    /// As in `relay`, brackets included.
    pub(in crate::cli) relay: String,
    /// Where that differs from what the port implies.
    pub(super) tls: Option<&'static str>,
    /// The user name, where the source of the server says it.
    pub(super) username: Option<String>,
    /// Who runs it, where that is known.
    pub(super) provider: Option<&'static Provider>,
    /// What it takes.
    pub(super) credential: Credential,
    /// Why it may be used.
    pub(super) source: Source,
}

/// Why a server may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The built-in table names it for this domain, or the user did.
    Known,
    /// DNS names it, or it answers under a usual name.
    Network,
    /// It is what many domains have; nobody was asked.
    Guess,
    /// The same, but nobody answers there.
    Nowhere,
    /// The domain says that it has none; the name is of no use.
    Denied,
}

impl Found {
    /// Its name or address.
    pub(super) fn host(&self) -> &str {
        self.relay.trim_start_matches('[').split(']').next().unwrap_or_default()
    }

    /// Whether it may be used without a question.
    pub(super) fn is_safe_for(&self, domain: &str) -> bool {
        match self.source {
            Source::Known => true,
            Source::Network => dns::is_within(&name_in_dns(domain), self.host()),
            Source::Guess | Source::Nowhere | Source::Denied => false,
        }
    }
}

/// A server as the user wrote it.
pub(in crate::cli) fn written(answer: &str) -> Result<Found, String> {
    // As people write it, without the brackets that keep Postfix from looking up MX records.
    let text = if answer.starts_with('[') { answer.to_owned() } else { bracketed(answer) };
    let relay = Relay::parse(&text, host::service).map_err(|error| format!("not a valid server: {error}"))?;
    let provider = Provider::of_server(&relay.host);
    let known = provider.into_iter().flat_map(|provider| &provider.servers);
    let server = known.clone().find(|server| server.is_at(&relay.host) && server.port == relay.port);
    // Many things listen on loopback: there the port tells.
    let provider = provider.filter(|_| server.is_some() || relay.host.parse::<IpAddr>().is_err());
    Ok(Found {
        relay: text,
        tls: server.and_then(|server| unusual(server.tls, server.port)),
        username: None,
        provider,
        credential: Credential::Any,
        source: Source::Known,
    })
}

/// `[host]:port` of `host:port`, of an IPv6 address, or of a host alone.
fn bracketed(answer: &str) -> String {
    match answer.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && !port.is_empty() => format!("[{host}]:{port}"),
        _ => format!("[{answer}]:587"),
    }
}

/// The `tls` key, where the port does not imply it.
fn unusual(tls: Tls, port: u16) -> Option<&'static str> {
    match (tls, port) {
        (Tls::Implicit, 465) => None,
        (Tls::Implicit, _) => Some("implicit"),
        (Tls::Starttls, 465) => Some("starttls"),
        (Tls::Starttls, _) => None,
    }
}

/// Whether Thunderbird's central database may be asked, whose operator learns the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CentralDatabase {
    /// Yes.
    Asked,
    /// No.
    NotAsked,
}

/// The server for this address, by the first way that leads to one.
pub(super) fn find(address: &Address, network: Network, central: CentralDatabase) -> Found {
    let domain = &*name_in_dns(address.domain());
    if let Some(provider) = Provider::of_domain(domain)
        && let Some(found) = of_provider(provider, Source::Known)
    {
        say(&format!("{domain} is {} in the built-in table: {}", provider.name, found.relay));
        return found;
    }
    if network == Network::Unused {
        return guess(domain, Source::Guess);
    }
    match by_service_records(domain) {
        Ok(found) => return found,
        Err(why @ NoHosts::Denied(_)) => {
            say(seen(&why.to_string()));
            return guess(domain, Source::Denied);
        }
        Err(why @ NoHosts::Unknown(_)) => say(seen(&why.to_string())),
    }
    by_autoconfig(address, domain, central)
        .or_else(|| by_mail_exchanger(domain))
        .unwrap_or_else(|| by_usual_name(domain))
}

fn of_provider(provider: &'static Provider, source: Source) -> Option<Found> {
    let server = provider.servers.iter().find(|server| !server.is_incomplete())?;
    let relay = format!("[{}]:{}", server.host, server.port);
    let (tls, credential) = (unusual(server.tls, server.port), Credential::Any);
    Some(Found { relay, tls, username: None, provider: Some(provider), credential, source })
}

/// The first target that answers, in the order of RFC 2782; a single one need not be asked first.
fn by_service_records(domain: &str) -> Result<Found, NoHosts> {
    let asked = Relay { host: domain.to_owned(), port: 0, lookup: Lookup::Srv };
    let mut hosts = dns::hosts(&asked, |_| false)?;
    hosts.retain(|host| autoconfig::is_host_name(&host.relay.host));
    hosts.truncate(MOST_TARGETS);
    let targets: Vec<Found> = hosts.iter().map(|host| of_record(&host.relay)).collect();
    let is_there = |target: &&Found| {
        let answered = probe(&target.relay, target.tls);
        let shown = target.relay.replace(['[', ']'], "");
        answered.map_err(|why| say(&format!("{shown}: {}", seen(&why)))).is_ok()
    };
    let found = match &targets[..] {
        [] => None,
        [only] => Some(only),
        [first, ..] => targets.iter().find(is_there).or(Some(first)),
    };
    let unusable = || NoHosts::Unknown(format!("the service records of {domain} in DNS name no host that can be used"));
    let found = found.ok_or_else(unusable)?;
    say(&format!("the service records of {domain} in DNS name {}", found.relay.replace(['[', ']'], "")));
    Ok(found.clone())
}

fn of_record(relay: &Relay) -> Found {
    let tls = if relay.lookup == Lookup::Submissions { Tls::Implicit } else { Tls::Starttls };
    Found {
        relay: format!("[{}]:{}", relay.host, relay.port),
        tls: unusual(tls, relay.port),
        username: None,
        provider: Provider::of_server(&relay.host),
        credential: Credential::Any,
        source: Source::Network,
    }
}

/// Where the domain publishes its own; then in the central database, if it may be asked.
fn by_autoconfig(address: &Address, domain: &str, central: CentralDatabase) -> Option<Found> {
    let central = (central == CentralDatabase::Asked).then(|| autoconfig::central_place(domain));
    for place in autoconfig::own_places(domain).into_iter().chain(central) {
        match autoconfig::fetch(&place, address) {
            Ok(server) => {
                say(&format!("{place} names {}:{}", server.host, server.port));
                if let Some(stranger) = &server.stranger {
                    say(&format!(
                        "it also names the user name \"{}\", which is not made from your address and is not used",
                        printable(stranger)
                    ));
                }
                return Some(Found {
                    relay: format!("[{}]:{}", server.host, server.port),
                    tls: unusual(server.tls, server.port),
                    provider: Provider::of_server(&server.host),
                    username: server.username,
                    credential: server.credential,
                    source: Source::Network,
                });
            }
            Err(why) => say(&format!("{place}: {why}")),
        }
    }
    None
}

fn by_mail_exchanger(domain: &str) -> Option<Found> {
    let asked = Relay { host: domain.to_owned(), port: 0, lookup: Lookup::Mx };
    let hosts = dns::hosts(&asked, |_| false).ok()?;
    let (host, provider) = hosts
        .iter()
        .find_map(|host| Provider::of_mail_exchanger(&host.relay.host).map(|found| (&host.relay.host, found)))?;
    say(&format!("mail for {domain} goes to {host}, which is {}", provider.name));
    // DNS is not authenticated, but the table names the server.
    of_provider(provider, Source::Known)
}

fn by_usual_name(domain: &str) -> Found {
    let names = [("smtp", 465), ("mail", 465), ("smtp", 587), ("mail", 587)];
    for (name, port) in names {
        let relay = format!("[{name}.{domain}]:{port}");
        match probe(&relay, None) {
            Ok(()) => {
                say(&format!("{name}.{domain}:{port} answers, with a valid certificate"));
                return Found { relay, ..guess(domain, Source::Network) };
            }
            Err(why) => say(&format!("{name}.{domain}:{port}: {}", seen(&why))),
        }
    }
    guess(domain, Source::Nowhere)
}

/// What was seen, without what one would do about it in a configuration: there is none yet.
fn seen(why: &str) -> &str {
    why.split_once("; ").map_or(why, |(seen, _)| seen)
}

fn guess(domain: &str, source: Source) -> Found {
    let relay = format!("[smtp.{domain}]:587");
    Found { relay, tls: None, username: None, provider: None, credential: Credential::Any, source }
}

/// A session without a login, to learn whether a mail server with a certificate of that name is there.
fn probe(relay: &str, tls: Option<&str>) -> Result<(), String> {
    let tls = tls.map_or_else(String::new, |tls| format!("tls = \"{tls}\"\n"));
    let text = format!("[account.probe]\nrelay = \"{relay}\"\ntimeout = \"8s\"\n{tls}");
    let config = read::read(Path::new("/config.toml"), &text).map_err(|error| error.to_string())?;
    let account = config.accounts.first().ok_or("no account")?;
    match Session::open(account, &config.hostname, &LoginHistory::default(), &HostStatus::default(), Box::new(Nobody)) {
        Ok(session) => {
            session.quit();
            Ok(())
        }
        Err(not) => Err(not.fact.seen.to_string()),
    }
}

#[cfg(test)]
mod tests;
