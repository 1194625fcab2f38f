//! What is wrong with a server's certificate, for people: what was seen (dates, names,
//! issuer), and the key of the config that would mend it.

use std::path::Path;

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error};

use super::fingerprint;
use super::x509::Facts;

/// How many of a certificate's names are told.
const NAMES: usize = 8;

/// What a certificate says of itself, for people, a line each.
pub fn facts(certificate: &CertificateDer<'_>) -> Vec<String> {
    let own = fingerprint::shown(&fingerprint::sha256(certificate));
    let Some(facts) = Facts::read(certificate) else {
        return vec![format!("a certificate that cannot be read; its SHA-256 fingerprint is {own}")];
    };
    let mut lines = vec![
        format!("the certificate is for {}", listed(&facts.names)),
        format!(
            "{}; valid from {} to {}",
            if facts.self_signed {
                "self-signed".to_owned()
            } else {
                facts
                    .issuer
                    .as_deref()
                    .map_or_else(|| "of no named issuer".to_owned(), |i| format!("issued by {}", shown(i)))
            },
            day(facts.not_before),
            day(facts.not_after)
        ),
        format!("its SHA-256 fingerprint is {own}"),
    ];
    let key = fingerprint::of_key(certificate);
    lines.extend(key.map(|key| format!("that of its public key is {}", fingerprint::shown(&key))));
    lines
}

fn listed(names: &[String]) -> String {
    let mut told: Vec<String> = names.iter().take(NAMES).map(|name| shown(name)).collect();
    if names.len() > NAMES {
        told.push(format!("and {} more", names.len() - NAMES));
    }
    if told.is_empty() { "no name at all".to_owned() } else { told.join(", ") }
}

/// The verifier's error, told of this certificate: the fault, its cure, then what was seen and how to pin it.
pub fn certificate(
    error: &Error,
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
    file: Option<&Path>,
) -> String {
    let fault = fault(error, certificate, name, now, file);
    let own = fingerprint::shown(&fingerprint::sha256(certificate));
    let seen = Facts::read(certificate).map_or_else(String::new, |facts| {
        let (from, until) = (day(facts.not_before), day(facts.not_after));
        format!("for {}, valid from {from} to {until}, ", listed(&facts.names))
    });
    format!(
        "{fault} [seen: a certificate {seen}with the SHA-256 fingerprint {own}; if you are sure that it is the right \
         server's, tls_fingerprint = \"{own}\" in the account trusts exactly this certificate]"
    )
}

fn fault(
    error: &Error,
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
    file: Option<&Path>,
) -> String {
    let name = name.to_str();
    let facts = Facts::read(certificate);
    let Error::InvalidCertificate(problem) = error else {
        return format!("the certificate of {name} cannot be verified: {error}");
    };
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let until = match (problem, &facts) {
                (CertificateError::ExpiredContext { not_after, .. }, _) => not_after.as_secs(),
                (_, Some(facts)) => facts.not_after,
                (_, None) => 0,
            };
            format!(
                "the certificate of {name} expired on {} (this machine's date is {}); the provider must renew it, \
                 or this machine's clock must be set",
                day(until),
                day(now.as_secs())
            )
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let from = match (problem, &facts) {
                (CertificateError::NotValidYetContext { not_before, .. }, _) => not_before.as_secs(),
                (_, Some(facts)) => facts.not_before,
                (_, None) => 0,
            };
            format!(
                "the certificate of {name} is not valid before {} (this machine's date is {}); set this machine's clock",
                day(from),
                day(now.as_secs())
            )
        }
        CertificateError::NotValidForNameContext { presented, .. } => wrong_name(&name, presented),
        CertificateError::NotValidForName => wrong_name(&name, &[]),
        CertificateError::UnknownIssuer => unknown_issuer(&name, facts.as_ref(), file),
        CertificateError::ApplicationVerificationFailure => format!(
            "the certificate of {name} is another than tls_fingerprint names; if the provider has renewed it, tls_fingerprint \
             must be renewed too (a fingerprint of the public key often stays the same)"
        ),
        // The root of that name is there, but has another key: a CA was made anew.
        CertificateError::BadSignature => format!(
            "the certificate of {name} is signed with another key than that of the trusted issuer{}; if that issuer has \
             a new certificate, it must take the old one's place{}",
            facts.and_then(|facts| facts.issuer).map(|issuer| format!(" \"{}\"", shown(&issuer))).unwrap_or_default(),
            file.map(|file| format!(" in tls_ca {}", file.display())).unwrap_or_default(),
        ),
        other => match facts {
            Some(facts) if facts.self_signed => unknown_issuer(&name, Some(&facts), file),
            Some(_) | None => format!("the certificate of {name} is not accepted: {}", shown(&other.to_string())),
        },
    }
}

fn wrong_name(name: &str, presented: &[String]) -> String {
    let mut names: Vec<String> = presented.iter().take(NAMES).map(|seen| bare(seen)).collect();
    if presented.len() > NAMES {
        names.push(format!("and {} more", presented.len() - NAMES));
    }
    if names.is_empty() {
        return format!(
            "the certificate is not for {name}: it carries no name at all that counts (subjectAltName); \
             the provider must replace it, or it must itself be the file that tls_ca names"
        );
    }
    format!(
        "the certificate is not for {name} but for {}; if that is the right server, write its name as relay or set tls_name to it",
        names.join(", ")
    )
}

fn unknown_issuer(name: &str, facts: Option<&Facts>, file: Option<&Path>) -> String {
    let trusted = match file {
        Some(path) => format!("it is not one of, nor signed by, the certificates in tls_ca {}", path.display()),
        None => "this machine does not trust it".to_owned(),
    };
    match facts {
        Some(facts) if facts.self_signed => format!(
            "the certificate of {name} is self-signed and {trusted}; if it is your own server's, save that \
             certificate as a PEM file and name it with tls_ca"
        ),
        Some(Facts { issuer: Some(issuer), .. }) => format!(
            "the certificate of {name} comes from an unknown issuer, \"{}\", and {trusted}; if you trust that issuer, \
             save its CA certificate as a PEM file and name it with tls_ca",
            shown(issuer)
        ),
        Some(Facts { issuer: None, .. }) | None => format!(
            "the certificate of {name} comes from an unknown issuer and {trusted}; if you trust it, save its CA \
             certificate as a PEM file and name it with tls_ca"
        ),
    }
}

/// webpki writes names as `DnsName("x")`.
fn bare(presented: &str) -> String {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(presented);
    shown(inner.trim_matches('"'))
}

/// Foreign text: no controls, not endless.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

fn day(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(|| "an impossible date".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}
