//! Handshakes over loopback: what is trusted, and the words for what is not.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore};

use super::certificate::{Authority, Identity, Validity};
use super::{Client, HandshakeError, Roots, Server, provider};
use crate::mail::outcome::TlsProblem;

/// Connects as `name` to a server with that identity, trusting only `pem`.
fn shake(identity: Identity, pem: &str, name: &str) -> Result<String, HandshakeError> {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(identity).unwrap();
    let thread = std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        if let Ok(mut stream) = server.accept(socket) {
            let _ = stream.write_all(b"hello");
            stream.close();
        }
    });
    let client = Client::new(Roots::File(&ca)).unwrap();
    let result = client.connect(name, TcpStream::connect(address).unwrap()).map(|mut stream| {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        format!("{} {text}", stream.version())
    });
    thread.join().unwrap();
    result
}

fn refusal(identity: Identity, pem: &str, name: &str) -> String {
    shake(identity, pem, name).unwrap_err().to_string()
}

#[test]
fn names_and_addresses_of_a_trusted_issuer_pass() {
    let authority = Authority::generate("test root").unwrap();
    let identity = authority.issue(&["mail.isp.example", "127.0.0.1"], Validity::LONG).unwrap();
    for name in ["mail.isp.example", "MAIL.isp.example.", "127.0.0.1"] {
        assert_eq!(shake(identity.clone(), authority.pem(), name).unwrap(), "TLSv1.3 hello", "{name}");
    }
}

#[test]
fn a_self_signed_certificate_passes_only_where_it_is_named_itself() {
    let (identity, pem) = Identity::self_signed(&["nas.home.lan"], Validity::LONG).unwrap();
    assert!(shake(identity.clone(), &pem, "nas.home.lan").is_ok());
    assert!(refusal(identity.clone(), &pem, "other.home.lan").contains("nas.home.lan"));
    let authority = Authority::generate("other root").unwrap();
    let words = refusal(identity, authority.pem(), "nas.home.lan");
    assert!(words.contains("self-signed") && words.contains("tls_ca"), "{words}");
}

#[test]
fn a_self_signed_certificate_that_is_named_itself_still_has_dates() {
    let past = Validity { from: (2019, 1, 1), until: (2020, 2, 3) };
    let (identity, pem) = Identity::self_signed(&["nas.home.lan"], past).unwrap();
    let words = refusal(identity, &pem, "nas.home.lan");
    assert!(words.contains("expired on 2020-02-03"), "{words}");
    let future = Validity { from: (2080, 5, 6), until: (2081, 1, 1) };
    let (identity, pem) = Identity::self_signed(&["nas.home.lan"], future).unwrap();
    let words = refusal(identity, &pem, "nas.home.lan");
    assert!(words.contains("not valid before 2080-05-06"), "{words}");
}

#[test]
fn each_fault_of_a_certificate_is_named_with_its_cure() {
    let authority = Authority::generate("test root").unwrap();
    let words = |names: &[&str], validity, root: &Authority| {
        refusal(authority.issue(names, validity).unwrap(), root.pem(), "mail.isp.example")
    };
    let past = Validity { from: (2019, 1, 1), until: (2020, 2, 3) };
    let expired = words(&["mail.isp.example"], past, &authority);
    assert!(expired.contains("expired on 2020-02-03"), "{expired}");
    let future = Validity { from: (2080, 5, 6), until: (2081, 1, 1) };
    let early = words(&["mail.isp.example"], future, &authority);
    assert!(early.contains("not valid before 2080-05-06") && early.contains("clock"), "{early}");
    let wrong = words(&["a.example", "b.example"], Validity::LONG, &authority);
    assert!(wrong.contains("a.example, b.example") && wrong.contains("tls_name"), "{wrong}");
    let unknown = words(&["mail.isp.example"], Validity::LONG, &Authority::generate("another").unwrap());
    assert!(unknown.contains("\"test root\"") && unknown.contains("tls_ca"), "{unknown}");
}

#[test]
fn a_root_file_without_certificates_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let missing = Client::new(Roots::File(&file)).unwrap_err().to_string();
    assert!(missing.contains("tls_ca") && missing.contains("No such file"), "{missing}");
    std::fs::write(&file, "hello").unwrap();
    let empty = Client::new(Roots::File(&file)).unwrap_err().to_string();
    assert!(empty.contains("BEGIN CERTIFICATE"), "{empty}");
}

/// Connects as `mail.isp.example` to a server with that identity, trusting only these fingerprints.
fn shake_pinned(identity: Identity, pins: &[[u8; 32]]) -> Result<(Vec<String>, bool), HandshakeError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(identity).unwrap();
    let thread = std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        drop(server.accept(socket));
    });
    let client = Client::new(Roots::Pins(pins)).unwrap().at_least(super::Oldest::Tls13);
    let result = client.connect("mail.isp.example", TcpStream::connect(address).unwrap()).map(|stream| {
        (stream.described(), stream.binding().is_some_and(|b| b.kind == "tls-exporter" && b.data.len() == 32))
    });
    thread.join().unwrap();
    result
}

#[test]
fn a_fingerprint_of_certificate_or_key_is_trusted_whatever_the_rest_says() {
    let authority = Authority::generate("test root").unwrap();
    let past = Validity { from: (2019, 1, 1), until: (2020, 2, 3) };
    let identity = authority.issue(&["other.example", "192.0.2.1"], past).unwrap();
    let certificate = super::fingerprint::sha256(&identity.chain[0]);
    let facts = super::x509::Facts::read(&identity.chain[0]).unwrap();
    assert_eq!(facts.names, ["other.example", "192.0.2.1"]);
    let key = super::fingerprint::of_key(&identity.chain[0]).unwrap();
    for pin in [certificate, key] {
        let (described, bound) = shake_pinned(identity.clone(), &[[7; 32], pin]).unwrap();
        let text = described.join("\n");
        for part in [
            "TLSv1.3",
            "other.example, 192.0.2.1",
            "test root",
            "2019-01-01 to 2020-02-03",
            &super::fingerprint::shown(&key),
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(bound);
    }
    let Err(HandshakeError::Problem(TlsProblem::Certificate(problem))) = shake_pinned(identity, &[[7; 32]]) else {
        panic!("it is refused")
    };
    assert!(problem.reason.contains("does not match tls_fingerprint"), "{problem:?}");
    assert_eq!(problem.pin, Some(super::fingerprint::shown(&certificate)));
    assert!(
        problem.certificate.iter().any(|line| line == "the certificate is for other.example, 192.0.2.1"),
        "{problem:?}"
    );
}

#[test]
fn the_key_is_hashed_as_openssl_does() {
    // The SubjectPublicKeyInfo as rcgen writes it is the one that must be found in the certificate.
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    let facts = super::x509::Facts::read(certificate.der()).unwrap();
    let known = super::fingerprint::sha256(&rcgen::PublicKeyData::subject_public_key_info(&key));
    assert_eq!(super::fingerprint::of_key(certificate.der()), Some(known));
    assert_eq!(facts.signature_hash, Some(super::x509::SignatureHash::Sha256));
}

#[test]
fn a_certificate_chain_that_is_too_long_is_named_as_such() {
    // TLS 1.2 records: a handshake message that claims to be a certificate chain of 65,536 octets.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut hello = [0; 64];
        let _ = socket.read(&mut hello);
        let _ = socket.write_all(&[22, 3, 3, 0, 4, 11, 1, 0, 0]);
        let _ = socket.read_to_end(&mut Vec::new());
    });
    let (_, pem) = Identity::self_signed(&["nas.home.lan"], Validity::LONG).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    let client = Client::new(Roots::File(&ca)).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    let words = client.connect("nas.home.lan", socket.try_clone().unwrap()).err().unwrap().to_string();
    assert!(words.contains("certificate chain is larger than 64 KiB") && !words.contains("not TLS"), "{words}");
    socket.shutdown(std::net::Shutdown::Both).unwrap();
    thread.join().unwrap();
}

#[test]
fn a_client_that_comes_back_with_a_ticket_is_resumed() {
    let authority = Authority::generate("test root").unwrap();
    let server = Server::new(authority.issue(&["nas.home.lan"], Validity::LONG).unwrap()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        for _ in 0..3 {
            let mut stream = server.accept(listener.accept().unwrap().0).unwrap();
            stream.write_all(b"hello").unwrap();
            stream.close();
        }
    });
    let kinds = [(); 3].map(|()| {
        let name = ServerName::try_from("nas.home.lan").unwrap();
        let mut connection = ClientConnection::new(Arc::clone(&config), name).unwrap();
        let (mut socket, mut text) = (TcpStream::connect(address).unwrap(), String::new());
        rustls::Stream::new(&mut connection, &mut socket).read_to_string(&mut text).unwrap();
        connection.handshake_kind()
    });
    thread.join().unwrap();
    assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed].map(Some));
}
