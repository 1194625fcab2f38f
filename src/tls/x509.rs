//! The little of a certificate that people are told and that rustls keeps to itself:
//! dates, issuer, whether it signed itself. Nothing is trusted for what is read here.

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
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];

impl Facts {
    /// `None`: not DER of a certificate.
    pub fn read(certificate: &CertificateDer<'_>) -> Option<Self> {
        let mut outer = Der(Der(certificate.as_ref()).take(SEQUENCE)?);
        let mut body = Der(outer.take(SEQUENCE)?);
        if body.0.first() == Some(&VERSION) {
            body.take(VERSION)?;
        }
        body.take(INTEGER)?;
        body.take(SEQUENCE)?;
        let issuer = body.take(SEQUENCE)?;
        let mut validity = Der(body.take(SEQUENCE)?);
        let subject = body.take(SEQUENCE)?;
        Some(Self {
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
