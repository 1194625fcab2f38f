//! The only door to rustls: client and server configurations and roots. What is wrong
//! with a certificate is told in `words`, and in `web` for web servers; certificates are made in `certificate` and, for
//! listeners, `private_ca`, and read in `x509`; `stream` is a connection.

pub mod certificate;
mod client_hello;
pub mod fingerprint;
pub mod private_ca;
mod stream;
mod verify;
pub mod web;
mod words;
mod x509;

use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::Ticketer;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};
use rustls_platform_verifier::Verifier;

use certificate::{Identity, IdentityError};
use fingerprint::Pins;
pub use stream::Binding;
pub use stream::{HandshakeError, OursRefused, RejectedClient, TlsStream};
use verify::RecordingVerifier;
pub use x509::Facts;

/// Whom to trust.
#[derive(Debug, Clone, Copy)]
pub enum Roots<'a> {
    /// Those of this machine, or of `$SSL_CERT_FILE` and `$SSL_CERT_DIR`.
    Platform,
    /// Only the certificates of this PEM file; one that is the server's own is enough, CA or not.
    File(&'a Path),
    /// Only certificates or public keys with one of these SHA-256 fingerprints, whatever else they say.
    Pins(&'a [[u8; 32]]),
}

/// The oldest TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oldest {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// Why TLS cannot be set up on this machine; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Nothing to verify a server with.
    #[error(
        "this machine has no root certificates to verify a server with{}; install the package ca-certificates, or name a PEM file with tls_ca",
        searched()
    )]
    NoPlatformRoots,
    /// `tls_ca` cannot be read.
    #[error("cannot read tls_ca {}: {error}; name a PEM file that this user can read", .path.display())]
    UnreadableRoots {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// `tls_ca` holds no certificate, or a broken one.
    #[error(
        "tls_ca {} is not a file of PEM certificates ({problem}); it must contain -----BEGIN CERTIFICATE----- blocks", .path.display()
    )]
    NoCertificates {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        problem: String,
    },
    /// `tls_client_cert` or its key cannot be used.
    #[error("cannot use the client certificate (tls_client_cert): {0}")]
    ClientCertificate(#[from] IdentityError),
    /// The name is neither a host name nor an address.
    #[error("\"{0}\" is not a name that a certificate can have; set tls_name (non-ASCII letters in their xn-- form)")]
    BadName(String),
    /// A key and a certificate that do not belong together.
    #[error("the private key is not the certificate's")]
    Mismatch,
    /// rustls refuses what it was given.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

fn searched() -> String {
    let set: Vec<String> = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter_map(|name| Some(format!("${name} is {}", std::env::var_os(name)?.display())))
        .collect();
    if set.is_empty() { String::new() } else { format!(" ({})", set.join(", ")) }
}

/// The client side: verifies every server, speaks TLS 1.2 and 1.3.
#[derive(Clone)]
pub struct Client {
    oldest: Oldest,
    shown: Option<Identity>,
    verifier: Arc<dyn ServerCertVerifier>,
    /// Certificates that are trusted as they are (`tls_ca` may hold a server's own).
    pinned: Arc<[CertificateDer<'static>]>,
    /// The `tls_ca`, for the words.
    file: Option<PathBuf>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Client {
    /// Loads the roots.
    pub fn new(roots: Roots<'_>) -> Result<Self, TlsError> {
        let (verifier, pinned, file) = match roots {
            Roots::Platform => (platform()?, Arc::default(), None),
            Roots::File(path) => {
                let certificates = read_certificates(path)?;
                (only(&certificates, path)?, certificates.into(), Some(path.to_owned()))
            }
            Roots::Pins(fingerprints) => {
                let pins: Arc<dyn ServerCertVerifier> = Arc::new(Pins::new(fingerprints, provider()));
                (pins, Arc::default(), None)
            }
        };
        Ok(Self { oldest: Oldest::Tls12, shown: None, verifier, pinned, file })
    }

    /// Speaks nothing older.
    #[must_use]
    pub fn at_least(self, oldest: Oldest) -> Self {
        Self { oldest, ..self }
    }

    /// Shows a certificate to servers that ask for one (PEM files; the chain and the key may share one).
    pub fn showing(self, chain: &Path, key: &Path) -> Result<Self, TlsError> {
        let identity = Identity::read(chain, key)?;
        Ok(Self { shown: Some(identity), ..self })
    }

    fn config(&self, recorder: Arc<RecordingVerifier>) -> Result<ClientConfig, TlsError> {
        let versions: &[&SupportedProtocolVersion] = match self.oldest {
            Oldest::Tls12 => &[&TLS13, &TLS12],
            Oldest::Tls13 => &[&TLS13],
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)?
            .dangerous()
            .with_custom_certificate_verifier(recorder);
        Ok(match self.shown.clone() {
            Some(identity) => builder.with_client_auth_cert(identity.chain, identity.key)?,
            None => builder.with_no_client_auth(),
        })
    }

    /// Shakes hands over `io` and verifies that the server is `name` (a host name or an IP address).
    pub fn connect<S: Read + Write>(&self, name: &str, io: S) -> Result<TlsStream<S>, HandshakeError> {
        let bare = name.strip_suffix('.').unwrap_or(name);
        let server = ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::BadName(name.to_owned()))?;
        let recorder = Arc::new(RecordingVerifier::new(self.verifier.clone(), self.pinned.clone(), self.file.clone()));
        let config = self.config(recorder.clone())?;
        let connection = ClientConnection::new(Arc::new(config), server).map_err(TlsError::Setup)?;
        TlsStream::handshake(connection.into(), io).map_err(|error| stream::explain(error, &recorder))
    }
}

/// The server side (demo, tests, listener).
#[derive(Debug, Clone)]
pub struct Server(Arc<ServerConfig>);

impl Server {
    /// Shows this certificate to every client.
    pub fn new(identity: Identity) -> Result<Self, TlsError> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(identity.chain, identity.key);
        match config {
            Ok(mut config) => {
                // A client comes back with a ticket, and the handshake needs no signature. Nothing of it is kept here, so that
                // connections at the same moment can use the same one; what keeps them secret is replaced every six hours.
                config.ticketer = Ticketer::new()?;
                config.session_storage = Arc::new(NoServerSessionStorage {});
                Ok(Self(Arc::new(config)))
            }
            Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::Mismatch),
            Err(error) => Err(error.into()),
        }
    }

    /// Shakes hands with a client over `io`.
    pub fn accept<S: Read + Write>(&self, io: S) -> Result<TlsStream<S>, RejectedClient> {
        match ServerConnection::new(self.0.clone()) {
            Ok(connection) => TlsStream::accept(connection.into(), io),
            Err(error) => {
                let reason = TlsError::Setup(error).to_string();
                Err(RejectedClient { offered: Vec::new(), is_silent: false, reason })
            }
        }
    }
}

/// Ring, named here: no default of the process is set or used.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The platform's roots are read anew each time, so that an update of them is seen.
fn platform() -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    match Verifier::new(provider()) {
        Ok(verifier) => Ok(Arc::new(verifier)),
        Err(rustls::Error::General(_)) => Err(TlsError::NoPlatformRoots),
        Err(error) => Err(TlsError::Setup(error)),
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = std::fs::read(path).map_err(|error| TlsError::UnreadableRoots { path: path.to_owned(), error })?;
    let bad = |problem: String| TlsError::NoCertificates { path: path.to_owned(), problem };
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|error| bad(error.to_string()))?;
    if certificates.is_empty() { Err(bad("it contains none".to_owned())) } else { Ok(certificates) }
}

fn only(certificates: &[CertificateDer<'static>], path: &Path) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let bad = |problem: String| TlsError::NoCertificates { path: path.to_owned(), problem };
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone()).map_err(|error| bad(error.to_string()))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider())
        .build()
        .map_err(|error| bad(error.to_string()))?;
    Ok(verifier)
}

#[cfg(test)]
mod tests;
