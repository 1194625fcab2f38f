//! What is wrong with a server's certificate, for people: what was seen (dates, names,
//! issuer), and the key of the config that would mend it.

use std::path::Path;

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error};

use super::fingerprint;
use super::x509::Facts;
use crate::mail::outcome::CertificateProblem;

/// How many of a certificate's names are told.
const NAMES: usize = 8;

/// What a certificate says of itself, for people, a line each.
pub fn facts(certificate: &CertificateDer<'_>) -> Vec<String> {
    let own = fingerprint::shown(&fingerprint::sha256(certificate));
    let Some(facts) = Facts::read(certificate) else {
        return vec![format!("unreadable certificate with the SHA-256 fingerprint {own}")];
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
                    .map_or_else(|| "no issuer given".to_owned(), |i| format!("issued by {}", shown(i)))
            },
            day(facts.not_before),
            day(facts.not_after)
        ),
        format!("SHA-256 fingerprint of the certificate: {own}"),
    ];
    let key = fingerprint::of_key(certificate);
    lines.extend(key.map(|key| format!("SHA-256 fingerprint of its public key: {}", fingerprint::shown(&key))));
    lines
}

fn listed(names: &[String]) -> String {
    let mut told: Vec<String> = names.iter().take(NAMES).map(|name| shown(name)).collect();
    if names.len() > NAMES {
        told.push(format!("and {} more", names.len() - NAMES));
    }
    if told.is_empty() { "no name".to_owned() } else { told.join(", ") }
}

/// The verifier's error about this certificate.
pub fn problem(
    error: &Error,
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
    file: Option<&Path>,
) -> CertificateProblem {
    let pin = || fingerprint::shown(&fingerprint::sha256(certificate));
    CertificateProblem {
        reason: fault(error, certificate, name, now, file),
        certificate: facts(certificate),
        pin: (!is_about_dates(error)).then(pin),
    }
}

fn is_about_dates(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
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
                 unless this machine's clock is wrong",
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
                "the certificate of {name} is not valid before {} (this machine's date is {}); check this machine's clock",
                day(from),
                day(now.as_secs())
            )
        }
        CertificateError::NotValidForNameContext { presented, .. } => wrong_name(&name, presented),
        CertificateError::NotValidForName => wrong_name(&name, &[]),
        CertificateError::UnknownIssuer => unknown_issuer(&name, facts.as_ref(), file),
        CertificateError::ApplicationVerificationFailure => format!(
            "the certificate of {name} does not match tls_fingerprint; if the provider has renewed it, update tls_fingerprint \
             (\"postrider test\" shows the new one; a fingerprint of the public key often stays the same)"
        ),
        // The root of that name is there, but has another key: a CA was made anew.
        CertificateError::BadSignature => format!(
            "the certificate of {name} is signed with another key than that of the trusted issuer{}; if that issuer has \
             a new certificate, replace the old one{}",
            facts.and_then(|facts| facts.issuer).map(|issuer| format!(" \"{}\"", shown(&issuer))).unwrap_or_default(),
            file.map(|file| format!(" in tls_ca {}", file.display())).unwrap_or_default(),
        ),
        other => match facts {
            Some(facts) if facts.self_signed => unknown_issuer(&name, Some(&facts), file),
            Some(_) | None => format!("the certificate of {name} was rejected: {}", shown(&other.to_string())),
        },
    }
}

fn wrong_name(name: &str, presented: &[String]) -> String {
    if presented.is_empty() {
        return format!(
            "the certificate is not for {name}: it has no subjectAltName; \
             the provider must replace it, or you can name this certificate itself with tls_ca"
        );
    }
    format!(
        "the certificate is not for {name} but for {}; if that is the right server, use that name in `relay` or set `tls_name` to it",
        names(presented)
    )
}

/// The names of a certificate as webpki gives them.
pub(super) fn names(presented: &[String]) -> String {
    let mut names: Vec<String> = presented.iter().take(NAMES).map(|seen| bare(seen)).collect();
    if presented.len() > NAMES {
        names.push(format!("and {} more", presented.len() - NAMES));
    }
    names.join(", ")
}

fn unknown_issuer(name: &str, facts: Option<&Facts>, file: Option<&Path>) -> String {
    let trusted = match file {
        Some(path) => format!("neither listed in nor signed by tls_ca {}", path.display()),
        None => "not trusted by this machine".to_owned(),
    };
    match facts {
        Some(facts) if facts.self_signed => format!(
            "the certificate of {name} is self-signed and {trusted}; if it belongs to your own server, save that \
             certificate as a PEM file and name it with tls_ca"
        ),
        Some(Facts { issuer: Some(issuer), .. }) => format!(
            "the certificate of {name} has an unknown issuer, \"{}\", and is {trusted}; if you trust that issuer, \
             save its CA certificate as a PEM file and name it with tls_ca",
            shown(issuer)
        ),
        Some(Facts { issuer: None, .. }) | None => format!(
            "the certificate of {name} has an unknown issuer and is {trusted}; if you trust it, save its CA \
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
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

pub(super) fn day(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(|| "an impossible date".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}
