//! The hosts that a configured relay leads to: their names from DNS, their addresses from the system, and whether a
//! certificate for such a name proves anything.

use std::net::{SocketAddr, ToSocketAddrs};

use super::connection::{Server, local};
use super::dns;
use super::host_status::HostStatus;
use super::not_opened::place;
use super::stream::SharedObserver;
use crate::config::relay::Relay;
use crate::config::{Account, TlsMode};
use crate::mail::outcome::{Fact, Phase, Seen};

/// A host to try.
pub(super) struct Found {
    pub(super) relay: Relay,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) server: Server,
}

/// The hosts that a configured relay leads to, in order, with their addresses.
///
/// One host without an address does not stop the others. Only if none has one is it a failure, and then that of
/// the last host is reported.
pub(super) fn resolve(
    account: &Account,
    written: &Relay,
    status: &HostStatus,
    observer: &SharedObserver,
) -> Result<Vec<Found>, Fact> {
    let fact = |seen| Fact { phase: Phase::Resolve, seen };
    let is_slow = |relay: &Relay| status.is_slow(&place(relay));
    let hosts = dns::hosts(written, is_slow).map_err(|why| fact(Seen::Failed(why.to_string())))?;
    let others = (hosts.len() + account.relays.len()).saturating_sub(2);
    let (mut found, mut failure) = (Vec::new(), None);
    for dns::Host { relay: host, equals } in hosts {
        certificate_name_is_written(account, written, &host)?;
        match (host.host.as_str(), host.port).to_socket_addrs() {
            Ok(addresses) => {
                let addresses: Vec<SocketAddr> = addresses.collect();
                let listed: Vec<String> = addresses.iter().map(|a| a.ip().to_string()).collect();
                if host.host.parse::<std::net::IpAddr>().is_err() {
                    observer.reached(&format!("{} is {}", host.host, listed.join(", ")));
                }
                let server = Server { place: place(&host), equals, others };
                found.push(Found { relay: host, addresses, server });
            }
            Err(error) => {
                failure = Some(format!(
                    "cannot find the address of {}: {error}; check `relay` in [account.{}] and this machine's DNS",
                    host.host, account.name
                ));
            }
        }
    }
    match failure {
        Some(text) if found.is_empty() => Err(fact(Seen::Failed(text))),
        Some(_) | None => Ok(found),
    }
}

/// The name in the certificate must come from the configuration. Otherwise somebody who forges a DNS answer could
/// choose a name for which they have a certificate.
fn certificate_name_is_written(account: &Account, written: &Relay, host: &Relay) -> Result<(), Fact> {
    let is_checked = account.tls_mode(host) != TlsMode::None && account.tls_name.is_none();
    if !is_checked || dns::is_within(&written.host, &host.host) {
        return Ok(());
    }
    let (account, host) = (&account.name, &host.host);
    Err(local(
        Phase::Resolve,
        format!(
            "DNS maps {written} to {host}, which is outside of {} and could be a forged answer; if it is \
             correct, set tls_name = \"{host}\" in [account.{account}]",
            written.host
        ),
    ))
}
