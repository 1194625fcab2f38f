//! SHA-256 fingerprints of certificates and public keys: computing, showing, and the
//! verifier that trusts nothing else (`tls_fingerprint`).

use std::fmt::Write as _;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut found = [0; 32];
    found.copy_from_slice(digest(&SHA256, bytes).as_ref());
    found
}

/// As openssl shows it: `AB:CD:...`.
#[must_use]
pub fn shown(fingerprint: &[u8; 32]) -> String {
    let mut text = String::with_capacity(95);
    for byte in fingerprint {
        let colon = if text.is_empty() { "" } else { ":" };
        // A String takes everything.
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

/// SHA-256 of the `SubjectPublicKeyInfo` as the verifier itself parses it, so that a pin can only match the key that
/// the handshake's signature is checked with. `None`: not a certificate that it reads.
#[must_use]
pub(super) fn of_key(certificate: &CertificateDer<'_>) -> Option<[u8; 32]> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    Some(sha256(&parsed.subject_public_key_info()))
}

/// Trusts a certificate by its own or its key's fingerprint, whatever else it says.
#[derive(Debug)]
pub(super) struct Pins {
    fingerprints: Vec<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl Pins {
    pub(super) fn new(fingerprints: &[[u8; 32]], provider: Arc<CryptoProvider>) -> Self {
        Self { fingerprints: fingerprints.to_vec(), provider }
    }
}

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let own = sha256(certificate);
        let key = of_key(certificate);
        if self.fingerprints.iter().any(|known| *known == own || Some(*known) == key) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
