//! One TLS connection over any byte stream, client or server side: reads and writes
//! that need nothing of each other (a reply can be read though writing failed).

use std::io::{self, ErrorKind, Read, Write};

use ring::digest::{SHA256, SHA384, SHA512, digest};
use rustls::{AlertDescription, Connection, InvalidMessage, ProtocolVersion};

use super::TlsError;
use super::client_hello;
use super::verify::RecordingVerifier;
use super::words;
use super::x509::{Facts, SignatureHash};
use crate::mail::outcome::TlsProblem;

/// Why there is no TLS connection.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// Nothing was tried: this machine is not set up for it.
    #[error(transparent)]
    Local(#[from] TlsError),
    /// The byte stream failed or ran out of time.
    #[error("{0}")]
    Io(io::Error),
    /// The other side is not what it must be.
    #[error("{0}")]
    Problem(TlsProblem),
}

/// Why a client got no TLS connection.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct RejectedClient {
    /// The versions that it offered, highest first, as in `TLS 1.2`; none: it has not come so far, or does not speak TLS.
    pub offered: Vec<&'static str>,
    /// It sent nothing at all.
    pub is_silent: bool,
    /// Why, and what to do.
    pub reason: String,
}

/// What a read ends with when the server refuses our certificate: with TLS 1.3 the handshake is over for us by then.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OursRefused(String);

/// The label of RFC 9266's exporter.
const EXPORTER_KIND: &str = "tls-exporter";
const EXPORTER: &[u8] = b"EXPORTER-Channel-Binding";

/// Channel binding (RFC 5056) of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// As in `tls-exporter`.
    pub kind: &'static str,
    /// The bytes that both sides know.
    pub data: Vec<u8>,
}

/// A connection whose handshake is done.
#[derive(Debug)]
pub struct TlsStream<S> {
    connection: Connection,
    io: S,
}

impl<S: Read + Write> TlsStream<S> {
    /// Completes the handshake.
    pub(super) fn handshake(mut connection: Connection, mut io: S) -> io::Result<Self> {
        while connection.is_handshaking() {
            connection.complete_io(&mut io)?;
        }
        while connection.wants_write() {
            connection.write_tls(&mut io)?;
        }
        Ok(Self { connection, io })
    }

    /// The same on the server's side.
    pub(super) fn accept(mut connection: Connection, io: S) -> Result<Self, RejectedClient> {
        let mut noted = Noted { io, first: Vec::new() };
        let mut handshake = || {
            while connection.is_handshaking() {
                connection.complete_io(&mut noted)?;
            }
            while connection.wants_write() {
                connection.write_tls(&mut noted)?;
            }
            Ok(())
        };
        match handshake() {
            Ok(()) => Ok(Self { connection, io: noted.io }),
            Err(error) => {
                let offered = client_hello::versions(&noted.first);
                let reason = rejected(&error, &offered);
                Err(RejectedClient { offered, reason, is_silent: noted.first.is_empty() })
            }
        }
    }

    /// As in `TLSv1.3`.
    #[must_use]
    pub fn version(&self) -> String {
        match self.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
            Some(other) => format!("{other:?}"),
            None => "TLS".to_owned(),
        }
    }

    /// The other side's certificate in words: version and cipher, names, dates, issuer, fingerprints; a line each.
    #[must_use]
    pub fn described(&self) -> Vec<String> {
        let cipher = self.connection.negotiated_cipher_suite().map(|suite| format!(", {:?}", suite.suite()));
        let mut lines = vec![format!("{}{}", self.version(), cipher.unwrap_or_default())];
        if let Some(certificate) = self.connection.peer_certificates().and_then(<[_]>::first) {
            lines.extend(words::facts(certificate));
        }
        lines
    }

    /// When the server's certificate ends, in seconds since the epoch.
    #[must_use]
    pub fn certificate_end(&self) -> Option<u64> {
        Some(Facts::read(self.connection.peer_certificates()?.first()?)?.not_after)
    }

    /// What ties a login to this very connection (RFC 9266; RFC 5929 section 4 below TLS 1.3).
    #[must_use]
    pub fn binding(&self) -> Option<Binding> {
        if self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            let data = self.connection.export_keying_material(vec![0; 32], EXPORTER, None).ok()?;
            return Some(Binding { kind: EXPORTER_KIND, data });
        }
        let certificate = self.connection.peer_certificates()?.first()?;
        let hash = match Facts::read(certificate)?.signature_hash? {
            SignatureHash::Sha256 => &SHA256,
            SignatureHash::Sha384 => &SHA384,
            SignatureHash::Sha512 => &SHA512,
        };
        Some(Binding { kind: "tls-server-end-point", data: digest(hash, certificate).as_ref().to_vec() })
    }

    /// The same, where it takes no certificate to compute it (TLS 1.3): also on the server's side.
    #[must_use]
    pub fn exporter_binding(&self) -> Option<Binding> {
        self.binding().filter(|binding| binding.kind == EXPORTER_KIND)
    }

    /// The stream below.
    #[must_use]
    pub fn io(&self) -> &S {
        &self.io
    }

    /// The stream below, for its settings only.
    pub fn io_mut(&mut self) -> &mut S {
        &mut self.io
    }

    /// Says that no more will be sent; failures do not matter any more.
    pub fn close(&mut self) {
        self.connection.send_close_notify();
        let _ = self.send_all();
    }

    fn send_all(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            if self.connection.write_tls(&mut self.io)? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        self.io.flush()
    }
}

/// A stream that notes the first bytes that are read.
struct Noted<S> {
    io: S,
    first: Vec<u8>,
}

impl<S: Read> Read for Noted<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.io.read(buffer)?;
        let room = client_hello::LONGEST - self.first.len();
        self.first.extend_from_slice(&buffer[..count.min(room)]);
        Ok(count)
    }
}

impl<S: Write> Write for Noted<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.io.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.io.flush()
    }
}

impl<S: Read + Write> Read for TlsStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            self.connection.read_tls(&mut self.io)?;
            let state = self
                .connection
                .process_new_packets()
                .map_err(|error| io::Error::new(ErrorKind::InvalidData, io_cause(error)));
            if self.connection.wants_write() {
                // An alert or a key update; whether it gets out says nothing about what can be read.
                let _ = self.send_all();
            }
            state?;
        }
    }
}

impl<S: Read + Write> Write for TlsStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.connection.writer().write(bytes)?;
        self.send_all()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_all()
    }
}

/// A failed handshake with the verdict on the certificate, where there was one.
pub(super) fn explain(error: io::Error, recorder: &RecordingVerifier) -> HandshakeError {
    match recorder.verdict() {
        Some(problem) => HandshakeError::Problem(TlsProblem::Certificate(Box::new(problem))),
        None => not_verified(error),
    }
}

/// A failed handshake in which no certificate was refused.
pub(super) fn not_verified(error: io::Error) -> HandshakeError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => HandshakeError::Problem(match ours_refused(inner) {
            Some(OursRefused(words)) => TlsProblem::Ours(words),
            None => TlsProblem::Handshake(handshake_words(inner)),
        }),
        None => HandshakeError::Io(error),
    }
}

/// Why a client's handshake failed.
fn rejected(error: &io::Error, offered: &[&str]) -> String {
    let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => "the client closed the connection".to_owned(),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => "the client did not finish in time".to_owned(),
            _ => error.to_string(),
        };
    };
    match inner {
        _ if !offered.is_empty() && !offered.iter().any(|version| ["TLS 1.3", "TLS 1.2"].contains(version)) => {
            "the client is too old: postrider supports TLS 1.2 and 1.3; such a device needs a listener with tls = \"none\"".to_owned()
        }
        rustls::Error::InvalidMessage(_) if offered.is_empty() => {
            "what the client sent is not TLS; it may expect STARTTLS or none: compare its settings with `tls` of the listener".to_owned()
        }
        rustls::Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate,
        ) => format!("the client does not accept the listener's certificate ({inner}); install its CA on the device, or check the server name that it uses"),
        rustls::Error::PeerIncompatible(_) => format!("the client and postrider have no cipher in common: {inner}"),
        other => format!("the handshake failed: {other}"),
    }
}

/// What broke a connection.
fn io_cause(error: rustls::Error) -> Box<dyn std::error::Error + Send + Sync> {
    match ours_refused(&error) {
        Some(refused) => Box::new(refused),
        None => Box::new(error),
    }
}

fn ours_refused(error: &rustls::Error) -> Option<OursRefused> {
    let rustls::Error::AlertReceived(alert) = error else { return None };
    about_our_certificate(*alert).map(|words| OursRefused(format!("{words} ({error})")))
}

fn about_our_certificate(alert: AlertDescription) -> Option<&'static str> {
    match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            Some("the server requires a client certificate; set tls_client_cert and tls_client_key")
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError => Some(
            "the server rejects the client certificate; check tls_client_cert, its dates, and whether this provider issued it",
        ),
        _ => None,
    }
}

fn handshake_words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge | InvalidMessage::CertificatePayloadTooLarge,
        ) => "the server's certificate chain is larger than 64 KiB, which no TLS client has to accept; the provider must \
              send a shorter one"
            .to_owned(),
        rustls::Error::InvalidMessage(_) => {
            "the server's answer is not TLS; \"implicit\" is for port 465, \"starttls\" for 587: \
             check `tls` and the port of `relay`"
                .to_owned()
        }
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure) => {
            format!(
                "the server and postrider have no TLS version and cipher in common (postrider supports TLS 1.2 and 1.3, subject to tls_min): {error}"
            )
        }
        other => format!("the TLS handshake failed: {other}"),
    }
}
