//! The keys of `[account.NAME]` that say how the relay is reached: certificates,
//! versions, addresses, limits of time. Who logs in and who may send is `account`'s.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::Surroundings;
use super::faults::Faults;
use super::section::{Section, not_zero, wrong_type};
use crate::config::ehlo_keywords::EhloKeywords;
use crate::config::keys::TIMEOUT_KEYS;
use crate::config::{Account, Fingerprint, StepLimits, TlsMin, TlsMode};

/// `tls_fingerprint`.
pub(super) fn fingerprints(section: &Section, faults: &mut Faults) -> Vec<Fingerprint> {
    let mut found = Vec::new();
    for text in section.texts("tls_fingerprint", faults).unwrap_or_default() {
        match fingerprint(text.value) {
            Some(fingerprint) => found.push(fingerprint),
            None => faults.add(
                text.at,
                "`tls_fingerprint` must be the SHA-256 of a certificate or of its public key: 64 hexadecimal digits, with \
                 or without colons (\"postrider test\" shows both)",
            ),
        }
    }
    found
}

/// 64 hexadecimal digits, colons between or not, `sha256:` or openssl's `SHA256 Fingerprint=` before them or not.
fn fingerprint(text: &str) -> Option<Fingerprint> {
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.rsplit('=').next()?;
    let digits: Vec<u8> = lower.strip_prefix("sha256:").unwrap_or(lower).bytes().filter(|&b| b != b':').collect();
    if digits.len() != 64 {
        return None;
    }
    let mut found = [0; 32];
    for (byte, pair) in found.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(found)
}

/// `tls_client_cert` with `tls_client_key`; one PEM file may hold both.
pub(super) fn client_certificate(
    around: &Surroundings,
    section: &Section,
    faults: &mut Faults,
) -> Option<(PathBuf, PathBuf)> {
    let key = section.path("tls_client_key", around, faults);
    let Some(certificate) = section.path("tls_client_cert", around, faults) else {
        if let Some(value) = section.get("tls_client_key").filter(|_| !section.has("tls_client_cert")) {
            faults.add(
                value.span().start,
                "`tls_client_key` without `tls_client_cert`: add the file with the certificate",
            );
        }
        return None;
    };
    let key = key.unwrap_or_else(|| certificate.clone());
    Some((certificate, key))
}

/// `tls_min`.
pub(super) fn tls_min(section: &Section, faults: &mut Faults) -> TlsMin {
    let Some(text) = section.text("tls_min", faults) else { return TlsMin::default() };
    match text.value {
        "1.2" => TlsMin::Tls12,
        "1.3" => TlsMin::Tls13,
        _ => {
            faults.add(text.at, "`tls_min` must be \"1.2\" or \"1.3\" (older versions are unsafe and not supported)");
            TlsMin::default()
        }
    }
}

/// `source_address`: one address, or one of each family.
pub(super) fn source_address(section: &Section, faults: &mut Faults) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    for text in section.texts("source_address", faults).unwrap_or_default() {
        match text.value.parse::<IpAddr>() {
            Ok(ip) if found.iter().any(|other| other.is_ipv4() == ip.is_ipv4()) => {
                faults.add(
                    text.at,
                    "`source_address` has two addresses of the same family: keep one IPv4 and one IPv6 address",
                );
            }
            Ok(ip) => found.push(ip),
            Err(_) => {
                faults.add(text.at, "`source_address` must be an IP address of this machine, such as \"192.0.2.7\"");
            }
        }
    }
    found
}

/// `discard_ehlo_keywords`.
pub(super) fn discard_ehlo_keywords(section: &Section, faults: &mut Faults) -> EhloKeywords {
    let mut keywords = EhloKeywords::default();
    for text in section.texts("discard_ehlo_keywords", faults).unwrap_or_default() {
        if !keywords.add(text.value) {
            let known: Vec<String> = EhloKeywords::words().map(|word| format!("\"{word}\"")).collect();
            let known = known.join(", ");
            faults.add(
                text.at,
                format!(
                    "`discard_ehlo_keywords` lists an unknown keyword, one per element; the known ones are {known}"
                ),
            );
        }
    }
    keywords
}

/// What an account cannot do without must not be discarded: no mail would ever go out.
pub(super) fn needed_is_kept(account: &Account, section: &Section, faults: &mut Faults) {
    let wants_starttls = account.relays.iter().any(|relay| account.tls_mode(relay) == TlsMode::Starttls);
    let at = section.get("discard_ehlo_keywords").map_or(0, |value| value.span().start);
    let discards = |keyword| account.discard_ehlo_keywords.discards(keyword);
    if wants_starttls && discards("starttls") {
        faults.add(at, "`discard_ehlo_keywords` has \"starttls\", which the account needs: remove it, or set `tls`");
    }
    if account.username.is_some() && discards("auth") {
        faults.add(at, "`discard_ehlo_keywords` has \"auth\", and the account logs in: remove it, or `username`");
    }
}

/// `[account.NAME.timeouts]`.
pub(super) fn timeouts(section: &Section, faults: &mut Faults) -> StepLimits {
    let Some(value) = section.get("timeouts") else { return StepLimits::default() };
    let DeValue::Table(table) = value.get_ref() else {
        wrong_type("timeouts", "a section, [account.NAME.timeouts]", value, faults);
        return StepLimits::default();
    };
    let section = Section::open(table, TIMEOUT_KEYS, faults);
    let mut limit = |name: &str| -> Option<Duration> {
        let read = section.duration(name, faults)?;
        not_zero(name, &read, faults);
        Some(read.value)
    };
    StepLimits {
        connect: limit("connect"),
        greeting: limit("greeting"),
        helo: limit("helo"),
        starttls: limit("starttls"),
        auth: limit("auth"),
        mail: limit("mail"),
        rcpt: limit("rcpt"),
        data: limit("data"),
        block: limit("block"),
        last: limit("final"),
        quit: limit("quit"),
    }
}
