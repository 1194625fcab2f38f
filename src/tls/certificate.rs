//! Certificates of our own making, for the demo and the tests, and those of a server
//! read from PEM. None of this is on the way of real mail out.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::x509::Facts;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It could not be made.
    #[error("cannot create a certificate: {0}")]
    Making(#[from] rcgen::Error),
    /// No serial number.
    #[error("cannot create a certificate: the system provides no random numbers")]
    NoRandomness,
    /// There is none where one must be.
    #[error("it contains no certificate (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// There is no key where one must be.
    #[error("it contains no private key (-----BEGIN PRIVATE KEY-----)")]
    NoKey,
    /// A CA's certificate and a key that do not belong together.
    #[error("the private key is not that of the CA's certificate")]
    OtherKey,
}

/// Why PEM files hold no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// One of them cannot be read.
    #[error("cannot read {}: {kind}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        kind: io::ErrorKind,
    },
    /// The first has no certificate.
    #[error("{} contains no certificate (-----BEGIN CERTIFICATE-----)", .path.display())]
    NoCertificate {
        /// Which.
        path: PathBuf,
    },
    /// The second has no private key.
    #[error("{} contains no private key (-----BEGIN PRIVATE KEY-----)", .path.display())]
    NoKey {
        /// Which.
        path: PathBuf,
    },
}

/// From which day to which day (year, month, day) a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub struct Validity {
    /// First day.
    pub from: (i32, u8, u8),
    /// Last day.
    pub until: (i32, u8, u8),
}

impl Validity {
    /// Longer than any test or demo lives.
    pub const LONG: Self = Self { from: (2020, 1, 1), until: (2090, 1, 1) };
}

/// A certificate chain and its key: what a server shows.
pub struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

impl Identity {
    /// From PEM files: the owner's certificate first, then what signed it; and the key, which may be in the same file.
    pub fn read(chain: &Path, key: &Path) -> Result<Self, IdentityError> {
        let read = |path: &Path| {
            std::fs::read(path)
                .map(Zeroizing::new)
                .map_err(|error| IdentityError::Unreadable { path: path.to_owned(), kind: error.kind() })
        };
        Self::parse((chain, &read(chain)?), (key, &read(key)?))
    }

    /// From the contents of such files.
    pub fn parse(chain: (&Path, &[u8]), key: (&Path, &[u8])) -> Result<Self, IdentityError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.1).collect();
        let certificates = certificates.ok().filter(|chain| !chain.is_empty());
        let no_certificate = || IdentityError::NoCertificate { path: chain.0.to_owned() };
        let private = PrivateKeyDer::from_pem_slice(key.1);
        Ok(Self {
            chain: certificates.ok_or_else(no_certificate)?,
            key: private.map_err(|_| IdentityError::NoKey { path: key.0.to_owned() })?,
        })
    }

    /// Its key as tests write it into a file.
    #[cfg(test)]
    pub(crate) fn key_pem(&self) -> String {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(self.key.secret_der());
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    /// What the first certificate says of itself.
    #[must_use]
    pub fn facts(&self) -> Option<Facts> {
        Facts::read(self.chain.first()?)
    }

    /// From DER: the chain, server's first, and a PKCS #8 key.
    #[must_use]
    pub fn from_der(chain: Vec<Vec<u8>>, key: Vec<u8>) -> Self {
        Self { chain: chain.into_iter().map(CertificateDer::from).collect(), key: PrivatePkcs8KeyDer::from(key).into() }
    }

    /// Signed by itself, marked as a CA as `openssl req -x509` does; its PEM comes with it.
    pub fn self_signed(names: &[&str], validity: Validity) -> Result<(Self, String), CertificateError> {
        let key = KeyPair::generate()?;
        let mut params = leaf(names, validity)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key)?;
        Ok((Self::from_der(vec![certificate.der().to_vec()], key.serialize_der()), certificate.pem()))
    }
}

/// A certificate authority with a fresh key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes one with that common name.
    pub fn generate(name: &str) -> Result<Self, CertificateError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        dates(&mut params, Validity::LONG);
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// Its certificate, for `tls_ca` or `$SSL_CERT_FILE`.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server's certificate for host names and IP addresses.
    pub fn issue(&self, names: &[&str], validity: Validity) -> Result<Identity, CertificateError> {
        let key = KeyPair::generate()?;
        let certificate = leaf(names, validity)?.signed_by(&key, &self.issuer)?;
        Ok(Identity::from_der(vec![certificate.der().to_vec()], key.serialize_der()))
    }
}

fn leaf(names: &[&str], validity: Validity) -> Result<CertificateParams, CertificateError> {
    let mut params = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, names.first().copied().unwrap_or("nameless"));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    dates(&mut params, validity);
    Ok(params)
}

fn dates(params: &mut CertificateParams, validity: Validity) {
    let day = |(year, month, day)| rcgen::date_time_ymd(year, month, day);
    params.not_before = day(validity.from);
    params.not_after = day(validity.until);
}
