//! The verifier of one connection's certificate: asks the verifier, lets a certificate
//! that `tls_ca` names itself pass, and keeps what is wrong in words.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::words;
use crate::mail::outcome::CertificateProblem;

/// Verifies, and remembers why not.
#[derive(Debug)]
pub struct RecordingVerifier {
    inner: Arc<dyn ServerCertVerifier>,
    pinned: Arc<[CertificateDer<'static>]>,
    file: Option<PathBuf>,
    verdict: Mutex<Option<CertificateProblem>>,
}

impl RecordingVerifier {
    /// `file` is the `tls_ca` that `pinned` is from.
    pub fn new(
        inner: Arc<dyn ServerCertVerifier>,
        pinned: Arc<[CertificateDer<'static>]>,
        file: Option<PathBuf>,
    ) -> Self {
        Self { inner, pinned, file, verdict: Mutex::new(None) }
    }

    /// What is wrong with the certificate, if it was refused.
    pub fn verdict(&self) -> Option<CertificateProblem> {
        self.verdict.lock().clone()
    }

    /// A self-signed certificate (of a NAS, say) is often marked as a CA, which no verifier accepts from a server.
    /// Named in `tls_ca` it is trusted all the same, for its names and dates. The dates are the verifier's to check,
    /// and it does so before it looks at who signed: any other complaint than one about signer or purpose stands.
    fn verify_pinned(
        verified: Result<ServerCertVerified, Error>,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
    ) -> Result<ServerCertVerified, Error> {
        match verified {
            Err(Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::InvalidPurpose | CertificateError::Other(_),
            )) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut verified = self.inner.verify_server_cert(certificate, intermediates, name, ocsp, now);
        if self.pinned.iter().any(|pinned| pinned.as_ref() == certificate.as_ref()) {
            verified = Self::verify_pinned(verified, certificate, name);
        }
        verified.inspect_err(|error| {
            *self.verdict.lock() = Some(words::problem(error, certificate, name, now, self.file.as_deref()));
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
