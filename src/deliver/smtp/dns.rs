//! Finds the hosts that serve a configured relay: by MX records (RFC 5321 section 5.1) or SRV records (RFC 6186, RFC
//! 8314). The only user of the DNS library, whose async runtime exists for one query. Addresses are looked up by the
//! system.

use std::net::IpAddr;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};

use crate::config::relay::{Lookup, Relay};

/// A record that names a host. Records with the lowest order come first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    order: (u16, u16),
    host: String,
    port: u16,
}

/// The hosts to try, in order, or why there are none.
pub(crate) fn hosts(written: &Relay) -> Result<Vec<Relay>, String> {
    match written.lookup {
        Lookup::Address | Lookup::Submissions => Ok(vec![written.clone()]),
        // These do not need DNS.
        Lookup::Mx if written.host.eq_ignore_ascii_case("localhost") || written.host.parse::<IpAddr>().is_ok() => {
            Ok(vec![written.clone()])
        }
        Lookup::Mx => mail_exchangers(written, ask(&written.host, RecordType::MX)?),
        Lookup::Srv => {
            let secure = ask(&format!("_submissions._tcp.{}", written.host), RecordType::SRV)?;
            let plain = ask(&format!("_submission._tcp.{}", written.host), RecordType::SRV)?;
            services(written, secure, plain)
        }
    }
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
fn mail_exchangers(written: &Relay, records: Vec<Record>) -> Result<Vec<Relay>, String> {
    if records.is_empty() {
        return Ok(vec![written.clone()]);
    }
    let hosts = in_order(records, |record| Relay { host: record.host, port: written.port, lookup: Lookup::Address });
    if hosts.is_empty() {
        return Err(format!(
            "DNS says that {0} does not accept mail (null MX); write the submission host in brackets, as in \"[smtp.{0}]:587\"",
            written.host
        ));
    }
    Ok(hosts)
}

/// Implicit TLS is preferred (RFC 8314 section 3.3), so `_submissions` comes first.
fn services(written: &Relay, secure: Vec<Record>, plain: Vec<Record>) -> Result<Vec<Relay>, String> {
    let secure = in_order(secure, |record| Relay { host: record.host, port: record.port, lookup: Lookup::Submissions });
    let plain = in_order(plain, |record| Relay { host: record.host, port: record.port, lookup: Lookup::Address });
    let hosts: Vec<Relay> = secure.into_iter().chain(plain).collect();
    if hosts.is_empty() {
        return Err(format!(
            "DNS has no _submissions._tcp or _submission._tcp record for {}; write the host, as in \"[smtp.{}]:587\"",
            written.host, written.host
        ));
    }
    Ok(hosts)
}

/// Sorted by preference. The root is not a host.
fn in_order(mut records: Vec<Record>, relay: impl Fn(Record) -> Relay) -> Vec<Relay> {
    records.sort_by_key(|record| record.order);
    records.into_iter().filter(|record| !record.host.is_empty()).map(relay).collect()
}

/// Queries DNS. A name without records gives an empty list; only a failed query is an error.
///
/// The final dot makes the name absolute. Without it the search list of resolv.conf(5) could turn a missing name into
/// one of the local domain.
fn ask(name: &str, kind: RecordType) -> Result<Vec<Record>, String> {
    let failed =
        |what: String| format!("cannot look up the {kind} records of {name} in DNS: {what}; check this machine's DNS");
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
        RData::MX(mx) => Some(Record { order: (mx.preference, 0), host: plain(mx.exchange.to_utf8()), port: 0 }),
        // The higher weight first: the mail of one machine needs no load balancing.
        RData::SRV(srv) => Some(Record {
            order: (srv.priority, u16::MAX - srv.weight),
            host: plain(srv.target.to_utf8()),
            port: srv.port,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
