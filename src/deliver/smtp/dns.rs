//! Finds the hosts that serve a configured relay: by MX records (RFC 5321 section 5.1) or SRV records (RFC 6186, RFC
//! 8314). The only user of the DNS library, whose async runtime exists for one query. Addresses are looked up by the
//! system.

use std::net::IpAddr;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};

use crate::config::relay::{Lookup, Relay};
use crate::rules::server_order::{Ranked, in_order};
use crate::sys::random::chance;

/// A record that names a host, with its port (0 in MX records).
type Record = Ranked<(String, u16)>;

/// The weight of an MX record, which has none.
const EQUAL: u16 = 1;

/// A host to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// Where it is.
    pub relay: Relay,
    /// How many others may take its place at any time, because they have the same priority.
    pub equals: usize,
}

/// Why there is no host to try; our words, with the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoHosts {
    /// The domain says that it has no such service (RFC 2782: the target is the root).
    #[error("{0}")]
    Denied(String),
    /// Nothing says where it is, or DNS cannot be asked.
    #[error("{0}")]
    Unknown(String),
}

/// The hosts to try, in order, or why there are none. A slow one comes after others of the same priority.
pub(crate) fn hosts(written: &Relay, is_slow: impl Fn(&Relay) -> bool) -> Result<Vec<Host>, NoHosts> {
    let only = || Ok(vec![Host { relay: written.clone(), equals: 0 }]);
    let groups = match written.lookup {
        Lookup::Address | Lookup::Submissions => return only(),
        // These do not need DNS.
        Lookup::Mx if written.host.eq_ignore_ascii_case("localhost") || written.host.parse::<IpAddr>().is_ok() => {
            return only();
        }
        Lookup::Mx => mail_exchangers(written, ask(&written.host, RecordType::MX)?)?,
        Lookup::Srv => {
            let secure = ask(&format!("_submissions._tcp.{}", written.host), RecordType::SRV)?;
            let plain = ask(&format!("_submission._tcp.{}", written.host), RecordType::SRV)?;
            services(written, secure, plain)?
        }
    };
    let slow_last = |mut group: Vec<Relay>| {
        group.sort_by_key(&is_slow);
        let equals = group.len() - 1;
        group.into_iter().map(move |relay| Host { relay, equals })
    };
    Ok(groups.into_iter().flat_map(slow_last).collect())
}

/// Whether a host is the configured domain or a subdomain of it.
pub(crate) fn is_within(written: &str, host: &str) -> bool {
    let plain = |name: &str| name.trim_end_matches('.').to_lowercase();
    let (written, host) = (plain(written), plain(host));
    host == written || host.strip_suffix(&written).is_some_and(|front| front.ends_with('.'))
}

/// Without MX records, the name itself is the host. A single record for the root means that the domain accepts no
/// mail (RFC 7505).
///
/// RFC 5321 section 5.1: a missing MX means an implicit one. A failed query is different and is an error: the records
/// may exist and point elsewhere.
fn mail_exchangers(written: &Relay, records: Vec<Record>) -> Result<Vec<Vec<Relay>>, NoHosts> {
    if records.is_empty() {
        return Ok(vec![vec![written.clone()]]);
    }
    let hosts = grouped(records, |host, _| Relay { host, port: written.port, lookup: Lookup::Address });
    if hosts.is_empty() {
        return Err(NoHosts::Denied(format!(
            "DNS says that {0} does not accept mail (null MX); write the submission host in brackets, as in \"[smtp.{0}]:587\"",
            written.host
        )));
    }
    Ok(hosts)
}

/// Implicit TLS is preferred (RFC 8314 section 3.3), so `_submissions` comes first. A row without a port is of no use.
fn services(written: &Relay, mut secure: Vec<Record>, mut plain: Vec<Record>) -> Result<Vec<Vec<Relay>>, NoHosts> {
    let domain = &written.host;
    let rows = secure.len() + plain.len();
    let is_denied = rows > 0 && secure.iter().chain(&plain).all(|record| record.server.0.is_empty());
    for records in [&mut secure, &mut plain] {
        records.retain(|record| record.server.1 != 0);
    }
    let secure = grouped(secure, |host, port| Relay { host, port, lookup: Lookup::Submissions });
    let plain = grouped(plain, |host, port| Relay { host, port, lookup: Lookup::Address });
    let hosts: Vec<Vec<Relay>> = secure.into_iter().chain(plain).collect();
    let way_out = format!("write the host, as in \"[smtp.{domain}]:587\"");
    match (hosts.is_empty(), is_denied, rows) {
        (false, ..) => Ok(hosts),
        (true, true, _) => Err(NoHosts::Denied(format!(
            "DNS says that {domain} has no server that takes mail of its users (the target of its service records is \".\"); \
             {way_out}"
        ))),
        (true, false, 0) => Err(NoHosts::Unknown(format!(
            "DNS has no _submissions._tcp or _submission._tcp record for {domain}; {way_out}"
        ))),
        (true, false, _) => Err(NoHosts::Unknown(format!(
            "the service records of {domain} in DNS name no host that can be used; {way_out}"
        ))),
    }
}

/// By priority. The root is not a host.
fn grouped(mut records: Vec<Record>, relay: impl Fn(String, u16) -> Relay) -> Vec<Vec<Relay>> {
    records.retain(|record| !record.server.0.is_empty());
    let relays = |group: Vec<(String, u16)>| group.into_iter().map(|(host, port)| relay(host, port)).collect();
    in_order(records, chance).into_iter().map(relays).collect()
}

/// Queries DNS. A name without records gives an empty list; only a failed query is an error.
///
/// The final dot makes the name absolute. Without it the search list of resolv.conf(5) could turn a missing name into
/// one of the local domain.
fn ask(name: &str, kind: RecordType) -> Result<Vec<Record>, NoHosts> {
    let failed = |what: String| {
        NoHosts::Unknown(format!(
            "cannot look up the {kind} records of {name} in DNS: {what}; check this machine's DNS"
        ))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    let answer = runtime.block_on(async {
        let resolver = TokioResolver::builder_tokio()?.build()?;
        resolver.lookup(format!("{}.", name.trim_end_matches('.')), kind).await
    });
    match answer {
        Ok(answer) => Ok(answer.answers().iter().filter_map(|record| read(&record.data)).collect()),
        Err(error) if error.is_no_records_found() || error.is_nx_domain() => Ok(Vec::new()),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn read(data: &RData) -> Option<Record> {
    let plain = |name: String| name.trim_end_matches('.').to_owned();
    match data {
        RData::MX(mx) => {
            Some(Ranked { priority: mx.preference, weight: EQUAL, server: (plain(mx.exchange.to_utf8()), 0) })
        }
        RData::SRV(srv) => {
            Some(Ranked { priority: srv.priority, weight: srv.weight, server: (plain(srv.target.to_utf8()), srv.port) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
