//! What a certificate says of itself and rustls does not expose: dates, issuer, names,
//! the hash of its signature. For display, and for the SCRAM channel binding, where a
//! wrong hash only fails the login. No trust decision uses what is read here.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;

/// What a certificate says of itself (RFC 5280 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Seconds since the epoch.
    pub not_before: u64,
    /// Seconds since the epoch.
    pub not_after: u64,
    /// Issuer and subject are the same.
    pub self_signed: bool,
    /// The issuer's common name, else its organization.
    pub issuer: Option<String>,
    /// Host names and addresses it is for (subjectAltName).
    pub names: Vec<String>,
    /// Where it is a CA's: what it may vouch for (nameConstraints). Empty: anything.
    pub permitted: Vec<Permitted>,
    /// The hash of its signature, for tls-server-end-point (RFC 5929 section 4.1); `None`: not defined or not known.
    pub signature_hash: Option<SignatureHash>,
}

/// Names that a CA may vouch for (RFC 5280 section 4.2.1.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permitted {
    /// A host name and those below it.
    Name(String),
    /// The addresses that have these bits in common: address and mask.
    Addresses(Vec<u8>, Vec<u8>),
}

impl Permitted {
    /// Whether a host name or an address is among them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match (self, name.parse::<IpAddr>()) {
            (Self::Name(top), Err(_)) => {
                let (top, name) = (top.to_ascii_lowercase(), name.to_ascii_lowercase());
                name.strip_suffix(&top).is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
            (Self::Addresses(network, mask), Ok(address)) => {
                let address = match address {
                    IpAddr::V4(v4) => v4.octets().to_vec(),
                    IpAddr::V6(v6) => v6.octets().to_vec(),
                };
                let is_inside = |((octet, of), mask): ((&u8, &u8), &u8)| octet & mask == of & mask;
                address.len() == network.len() && address.iter().zip(network).zip(mask).all(is_inside)
            }
            (Self::Name(_), Ok(_)) | (Self::Addresses(..), Err(_)) => false,
        }
    }
}

/// What tls-server-end-point hashes a certificate with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureHash {
    /// Also in place of MD5 and SHA-1.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];
const EXTENSIONS: u8 = 0xa3;
const OCTETS: u8 = 0x04;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 17];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
const PERMITTED: u8 = 0xa0;
/// 1.2.840.113549.1.1 (RSA) and 1.2.840.10045.4.3 (ECDSA), each with the number of the hash behind it.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3];
/// Names beyond these are not told.
const MOST_NAMES: usize = 100;

impl Facts {
    /// `None`: not DER of a certificate.
    pub fn read(certificate: &CertificateDer<'_>) -> Option<Self> {
        let mut outer = Der(Der(certificate.as_ref()).take(SEQUENCE)?);
        let mut body = Der(outer.take(SEQUENCE)?);
        let signature_hash = Der(outer.take(SEQUENCE)?).take(OID).and_then(signature_hash);
        if body.0.first() == Some(&VERSION) {
            body.take(VERSION)?;
        }
        body.take(INTEGER)?;
        body.take(SEQUENCE)?;
        let issuer = body.take(SEQUENCE)?;
        let mut validity = Der(body.take(SEQUENCE)?);
        let subject = body.take(SEQUENCE)?;
        body.take(SEQUENCE)?;
        let (mut alternatives, mut constraints) = (Vec::new(), Vec::new());
        each_extension(body, |oid, value| match oid {
            ALTERNATIVE_NAME => alternatives = names(value).unwrap_or_default(),
            NAME_CONSTRAINTS => constraints = permitted(value).unwrap_or_default(),
            _ => {}
        });
        Some(Self {
            names: alternatives,
            permitted: constraints,
            signature_hash,
            not_before: time(validity.element()?)?,
            not_after: time(validity.element()?)?,
            self_signed: issuer == subject,
            issuer: attribute(issuer, COMMON_NAME).or_else(|| attribute(issuer, ORGANIZATION)),
        })
    }
}

/// DER elements in a row.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next element: tag, content.
    fn element(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let octets = usize::from(first & 0x7f);
            if !(1..=4).contains(&octets) {
                return None;
            }
            let (digits, behind) = rest.split_at_checked(octets)?;
            length = digits.iter().fold(0, |sum, &digit| (sum << 8) | usize::from(digit));
            rest = behind;
        }
        let (content, behind) = rest.split_at_checked(length)?;
        self.0 = behind;
        Some((tag, content))
    }

    /// The next element, which must have this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

fn signature_hash(oid: &[u8]) -> Option<SignatureHash> {
    let number = |of: &[u8]| oid.strip_prefix(of).and_then(|rest| if let [one] = rest { Some(*one) } else { None });
    match (number(RSA), number(ECDSA)) {
        // MD5, SHA-1, SHA-256; SHA-1, SHA-256.
        (Some(4 | 5 | 11), _) | (_, Some(1 | 2)) => Some(SignatureHash::Sha256),
        (Some(12), _) | (_, Some(3)) => Some(SignatureHash::Sha384),
        (Some(13), _) | (_, Some(4)) => Some(SignatureHash::Sha512),
        _ => None,
    }
}

/// The extensions, which stand last in the body: identifier and value of each.
fn each_extension(mut body: Der<'_>, mut with: impl FnMut(&[u8], &[u8])) -> Option<()> {
    let extensions = loop {
        if let (EXTENSIONS, content) = body.element()? {
            break Der(content).take(SEQUENCE)?;
        }
    };
    let mut extensions = Der(extensions);
    while let Some(extension) = extensions.take(SEQUENCE) {
        let mut extension = Der(extension);
        let oid = extension.take(OID)?;
        // Between them may stand whether it is critical.
        let value = loop {
            if let (OCTETS, value) = extension.element()? {
                break value;
            }
        };
        with(oid, value);
    }
    Some(())
}

fn names(value: &[u8]) -> Option<Vec<String>> {
    let (mut list, mut found) = (Der(Der(value).take(SEQUENCE)?), Vec::new());
    while let Some((tag, name)) = list.element() {
        found.extend(alternative(tag, name));
        if found.len() == MOST_NAMES {
            break;
        }
    }
    Some(found)
}

fn permitted(value: &[u8]) -> Option<Vec<Permitted>> {
    let (mut trees, mut found) = (Der(Der(Der(value).take(SEQUENCE)?).take(PERMITTED)?), Vec::new());
    while let Some(tree) = trees.take(SEQUENCE) {
        found.extend(match Der(tree).element()? {
            (DNS_NAME, name) => Some(Permitted::Name(String::from_utf8_lossy(name).into_owned())),
            (IP_ADDRESS, pair) => {
                let (address, mask) = pair.split_at(pair.len() / 2);
                Some(Permitted::Addresses(address.to_vec(), mask.to_vec()))
            }
            _ => None,
        });
    }
    Some(found)
}

fn alternative(tag: u8, name: &[u8]) -> Option<String> {
    match tag {
        DNS_NAME => Some(String::from_utf8_lossy(name).into_owned()),
        IP_ADDRESS => match <[u8; 4]>::try_from(name) {
            Ok(v4) => Some(IpAddr::from(v4).to_string()),
            Err(_) => <[u8; 16]>::try_from(name).ok().map(|v6| IpAddr::from(v6).to_string()),
        },
        _ => None,
    }
}

/// The value of the first attribute of that type in a Name.
fn attribute(name: &[u8], kind: &[u8]) -> Option<String> {
    let mut sets = Der(name);
    while let Some(set) = sets.take(SET) {
        let mut pair = Der(Der(set).take(SEQUENCE)?);
        if pair.take(OID)? == kind {
            return Some(String::from_utf8_lossy(pair.element()?.1).into_owned());
        }
    }
    None
}

/// `UTCTime` or `GeneralizedTime`, always in UTC and with seconds.
fn time((tag, text): (u8, &[u8])) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let text = match (tag, text.get(..2)?) {
        (UTC_TIME, year) if year >= "50" => format!("19{text}"),
        (UTC_TIME, _) => format!("20{text}"),
        _ => text.to_owned(),
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", &text).ok()?;
    // Dates before the epoch are as good as the epoch.
    let second = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    Some(u64::try_from(second).unwrap_or(0))
}
