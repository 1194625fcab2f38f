//! The private CA of a machine, which vouches for the certificates of its listeners where the owner has none. Making and signing
//! only: where it is kept, for which names, and when a certificate is renewed is decided elsewhere.
//!
//! Whoever installs the CA on a device trusts its key for ten years, so it is limited to the names that it was made for
//! (RFC 5280 section 4.2.1.10) and to server certificates directly below it: a key that is stolen opens no bank's page.

use std::fmt;
use std::net::IpAddr;

use jiff::civil::Date;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData as _, SerialNumber,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::certificate::CertificateError;
use super::fingerprint;
use super::x509::Facts;

/// The first and the last day on which a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub from: Date,
    /// The last, until its midnight begins.
    pub until: Date,
}

/// A CA's certificate, which everybody may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaCertificate {
    /// For devices.
    pub pem: String,
    /// What it says of itself.
    pub facts: Facts,
    der: CertificateDer<'static>,
}

/// A CA with its key.
pub struct PrivateCa {
    /// Its certificate.
    pub certificate: CaCertificate,
    issuer: Issuer<'static, KeyPair>,
}

impl fmt::Debug for PrivateCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateCa").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// A key as PEM.
pub type KeyPem = Zeroizing<String>;

/// Makes a key.
pub fn new_key() -> Result<KeyPem, CertificateError> {
    Ok(Zeroizing::new(KeyPair::generate()?.serialize_pem()))
}

impl CaCertificate {
    /// `None`: it is none.
    #[must_use]
    pub fn parse(pem: &[u8]) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(pem).ok()?.into_owned();
        let facts = Facts::read(&der)?;
        Some(Self { pem: String::from_utf8(pem.to_vec()).ok()?, facts, der })
    }

    /// SHA-256, as openssl shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint::shown(&fingerprint::sha256(&self.der))
    }

    /// Whether it may vouch for a host name or an address.
    #[must_use]
    pub fn permits(&self, name: &str) -> bool {
        self.facts.permitted.is_empty() || self.facts.permitted.iter().any(|permitted| permitted.has(name))
    }

    fn name(&self) -> &str {
        self.facts.issuer.as_deref().unwrap_or_default()
    }
}

impl PrivateCa {
    /// Makes a CA with this key, for these host names, with those below them, and for addresses of these networks.
    pub fn generate(
        key: &[u8],
        name: &str,
        hosts: &[String],
        networks: &[(IpAddr, u8)],
        days: Days,
    ) -> Result<Self, CertificateError> {
        let key = read_key(key)?;
        let mut params = params_of_ca(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let hosts = hosts.iter().map(|host| GeneralSubtree::DnsName(host.clone()));
        let networks = networks
            .iter()
            .map(|(address, length)| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, *length)));
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: hosts.chain(networks).collect(),
            excluded_subtrees: Vec::new(),
        });
        params.serial_number = Some(new_serial()?);
        set_days(&mut params, days);
        let pem = params.self_signed(&key)?.pem();
        let certificate = CaCertificate::parse(pem.as_bytes()).ok_or(CertificateError::NoCertificate)?;
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// One that was made before, with its key.
    pub fn with_key(certificate: CaCertificate, key: &[u8]) -> Result<Self, CertificateError> {
        let key = read_key(key)?;
        let own = fingerprint::sha256(&key.subject_public_key_info());
        if fingerprint::of_key(&certificate.der) != Some(own) {
            return Err(CertificateError::OtherKey);
        }
        let issuer = Issuer::new(params_of_ca(certificate.name()), key);
        Ok(Self { certificate, issuer })
    }

    /// A server's certificate for these host names and addresses, with a key of its own: both and the CA's certificate, as PEM.
    pub fn issue(&self, names: &[String], key: &[u8], days: Days) -> Result<Zeroizing<String>, CertificateError> {
        let key = read_key(key)?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("nameless", String::as_str));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Two CAs of one machine have the same name, and a device may have both.
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(new_serial()?);
        set_days(&mut params, days);
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = Zeroizing::new(key.serialize_pem());
        Ok(Zeroizing::new([certificate.pem().as_str(), &self.certificate.pem, &key].concat()))
    }
}

/// What also counts for what it signs.
fn params_of_ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// rcgen takes it from the key, which a renewed certificate keeps: clients refuse two certificates of one CA with the same number
/// (RFC 5280 section 4.1.2.2).
fn new_serial() -> Result<SerialNumber, CertificateError> {
    let mut octets = [0; 16];
    SystemRandom::new().fill(&mut octets).map_err(|_| CertificateError::NoRandomness)?;
    // Positive, and not shortened.
    octets[0] = octets[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&octets))
}

fn set_days(params: &mut CertificateParams, days: Days) {
    let of = |date: Date| {
        let part = |number: i8| u8::try_from(number).unwrap_or(1);
        rcgen::date_time_ymd(date.year().into(), part(date.month()), part(date.day()))
    };
    (params.not_before, params.not_after) = (of(days.from), of(days.until));
}

/// The first private key in a PEM text.
fn read_key(pem: &[u8]) -> Result<KeyPair, CertificateError> {
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| CertificateError::NoKey)?;
    Ok(KeyPair::try_from(&key)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
