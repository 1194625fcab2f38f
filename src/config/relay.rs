//! `relay`: where an account submits, written as Postfix writes relayhost
//! (`[host]:port`, `host:service`). What a name resolves to is `deliver`'s business.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether MX records are asked for before addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// `[host]`: addresses only.
    Address,
    /// `host`: MX, then addresses.
    Mx,
    /// `srv:domain`: SRV of `_submissions._tcp`, then of `_submission._tcp` (RFC 6186, RFC 8314).
    Srv,
    /// An answer of `_submissions._tcp`: TLS from the first byte, whatever the port.
    Submissions,
}

/// One host and port to submit to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Name, IPv4 or IPv6 address, without brackets.
    pub host: String,
    /// TCP port; 587 unless written.
    pub port: u16,
    /// With or without brackets.
    pub lookup: Lookup,
}

/// Message submission (RFC 6409).
const SUBMISSION: u16 = 587;

/// The service names that need no look-up.
const SERVICES: [(&str, u16); 4] = [("submission", SUBMISSION), ("submissions", 465), ("smtps", 465), ("smtp", 25)];

/// Why a text is no relay; the text itself is not quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// Nothing where the host should stand.
    #[error("no host: write \"[smtp.example.com]:587\"")]
    NoHost,
    /// `[` without `]`, or text behind it that is no `:port`.
    #[error("unbalanced brackets: write \"[host]:port\", an IPv6 address as \"[2001:db8::1]:587\"")]
    Brackets,
    /// An IPv6 address whose last group could be a port.
    #[error("an IPv6 address needs brackets: write \"[2001:db8::1]:587\"")]
    BareIpv6,
    /// Characters that no host name has.
    #[error("the host is neither a name nor an address: write \"[smtp.example.com]:587\"")]
    BadHost,
    /// Port 0, beyond 65535, or nothing behind the colon.
    #[error("the port must be a number from 1 to 65535, or a service name such as submission or submissions")]
    BadPort,
    /// A service name that nobody here knows.
    #[error("unknown service name: use submission (587), submissions (465), smtp (25), or the port's number")]
    UnknownService,
    /// `srv:` without a domain name behind it.
    #[error("after srv: only a domain may follow, without a port: write \"srv:example.com\"")]
    BadSrv,
    /// `smtps://host` and the like.
    #[error("enter only the host and port, such as [smtp.example.com]:465 (no https://)")]
    Url,
}

impl Relay {
    /// Reads `[host]`, `host`, each with `:port` or `:service`. `services` answers for
    /// names that are not ours (`/etc/services`).
    pub fn parse(text: &str, services: impl Fn(&str) -> Option<u16>) -> Result<Self, RelayError> {
        if text.contains("://") {
            return Err(RelayError::Url);
        }
        if let Some(domain) = text.strip_prefix("srv:") {
            let is_name = is_host(domain) && domain.parse::<Ipv4Addr>().is_err() && !domain.contains(':');
            let srv = Self { host: domain.to_owned(), port: SUBMISSION, lookup: Lookup::Srv };
            return if is_name { Ok(srv) } else { Err(RelayError::BadSrv) };
        }
        let (host, port, lookup) = split(text)?;
        if host.is_empty() {
            return Err(RelayError::NoHost);
        }
        if !is_host(host) {
            return Err(RelayError::BadHost);
        }
        // An address has no MX records.
        let lookup = if host.parse::<Ipv4Addr>().is_ok() { Lookup::Address } else { lookup };
        let port = match port {
            None => SUBMISSION,
            Some(port) => number(port, services)?,
        };
        Ok(Self { host: host.to_owned(), port, lookup })
    }
}

/// Host without brackets, what stands behind the colon, and what brackets mean.
fn split(text: &str) -> Result<(&str, Option<&str>, Lookup), RelayError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, behind) = rest.split_once(']').ok_or(RelayError::Brackets)?;
        let host = strip_ipv6_tag(host);
        return match behind.strip_prefix(':') {
            Some(port) => Ok((host, Some(port), Lookup::Address)),
            None if behind.is_empty() => Ok((host, None, Lookup::Address)),
            None => Err(RelayError::Brackets),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() || text.matches(':').count() > 1 {
        return Err(RelayError::BareIpv6);
    }
    Ok(match text.split_once(':') {
        Some((host, port)) => (host, Some(port), Lookup::Mx),
        None => (text, None, Lookup::Mx),
    })
}

/// Postfix accepts the address literal's tag of RFC 5321 section 4.1.3 as well.
fn strip_ipv6_tag(host: &str) -> &str {
    match host.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => &host[5..],
        _ => host,
    }
}

fn is_host(host: &str) -> bool {
    if host.contains(':') {
        return host.parse::<Ipv6Addr>().is_ok();
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    name.len() <= 253
        && name.split('.').all(|label| {
            let fits = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
            (1..=63).contains(&label.len()) && !label.starts_with('-') && label.chars().all(fits)
        })
}

fn number(port: &str, services: impl Fn(&str) -> Option<u16>) -> Result<u16, RelayError> {
    if port.is_empty() {
        return Err(RelayError::BadPort);
    }
    if port.bytes().all(|b| b.is_ascii_digit()) {
        return match port.parse() {
            Ok(0) | Err(_) => Err(RelayError::BadPort),
            Ok(number) => Ok(number),
        };
    }
    let ours = SERVICES.iter().find(|(name, _)| name.eq_ignore_ascii_case(port));
    ours.map(|(_, number)| *number).or_else(|| services(port)).ok_or(RelayError::UnknownService)
}

impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lookup {
            Lookup::Srv => write!(f, "srv:{}", self.host),
            Lookup::Address | Lookup::Submissions => write!(f, "[{}]:{}", self.host, self.port),
            Lookup::Mx => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests;
