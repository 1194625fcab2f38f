//! Unit tests of `tls::private_ca`.

use jiff::civil::date;

use super::*;
use crate::tls::certificate::Identity;
use crate::tls::{Client, Roots, Server};

fn days() -> Days {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    Days { from: today.yesterday().unwrap(), until: today.saturating_add(jiff::Span::new().days(300)) }
}

fn ca(key: &str) -> PrivateCa {
    let networks = [("192.168.0.0".parse().unwrap(), 16), ("fc00::".parse().unwrap(), 7)];
    PrivateCa::generate(key.as_bytes(), "private CA of box", &["box.lan".to_owned()], &networks, days()).unwrap()
}

/// What a client with this CA alone says of a server with that certificate, which it calls by this name.
fn verify(ca: &PrivateCa, pem: &str, name: &str) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let (root, own) = (dir.path().join("ca.pem"), dir.path().join("own.pem"));
    std::fs::write(&root, &ca.certificate.pem).unwrap();
    std::fs::write(&own, pem).unwrap();
    let server = Server::new(Identity::read(&own, &own).unwrap()).unwrap();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let thread = std::thread::spawn(move || server.accept(theirs).map(|_| ()));
    let connected = Client::new(Roots::File(&root)).unwrap().connect(name, ours).map(|_| ());
    thread.join().unwrap().ok();
    connected.map_err(|error| error.to_string())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn what_it_signs_is_verified_by_each_of_its_names_and_stays_so_when_it_is_signed_again() {
    let (ca_key, key) = (new_key().unwrap(), new_key().unwrap());
    let ca = ca(&ca_key);
    let first = ca.issue(&names(&["box.lan", "192.168.1.2", "fd00::2"]), key.as_bytes(), days()).unwrap();
    for name in ["box.lan", "192.168.1.2", "fd00::2"] {
        verify(&ca, &first, name).unwrap();
    }
    verify(&ca, &first, "other.lan").unwrap_err();
    // From the files of the first, as after a restart.
    let read = CaCertificate::parse(ca.certificate.pem.as_bytes()).unwrap();
    let again = PrivateCa::with_key(read, ca_key.as_bytes()).unwrap();
    let second = again.issue(&names(&["box.lan"]), first.as_bytes(), days()).unwrap();
    verify(&ca, &second, "box.lan").unwrap();
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    // Behind the heads of two sequences, the version, and its own head.
    assert_ne!(der(&first)[15..31], der(&second)[15..31], "each has a serial number of its own");
    let key_of = |pem: &str| fingerprint::of_key(&CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    assert_eq!(key_of(&first), key_of(&second));
    let other = new_key().unwrap();
    let mixed = PrivateCa::with_key(ca.certificate, other.as_bytes()).unwrap_err().to_string();
    assert_eq!(mixed, "the private key is not that of the CA's certificate");
}

#[test]
fn names_that_it_was_not_made_for_are_worth_nothing() {
    let key = new_key().unwrap();
    let ca = ca(&key);
    let own = new_key().unwrap();
    for name in ["bank.example", "notbox.lan", "203.0.113.5"] {
        assert!(!ca.certificate.permits(name), "{name}");
        let pem = ca.issue(&names(&[name]), own.as_bytes(), days()).unwrap();
        verify(&ca, &pem, name).unwrap_err();
    }
    for name in ["box.lan", "a.BOX.lan", "192.168.9.9", "fd00::1"] {
        assert!(ca.certificate.permits(name), "{name}");
    }
}

#[test]
fn it_says_until_when_it_is_valid_and_has_the_fingerprint_of_its_der() {
    let key = new_key().unwrap();
    let days = Days { from: date(2026, 11, 28), until: date(2036, 11, 28) };
    let ca = PrivateCa::generate(key.as_bytes(), "private CA of box", &["box".to_owned()], &[], days).unwrap();
    let until = jiff::Timestamp::from_second(i64::try_from(ca.certificate.facts.not_after).unwrap()).unwrap();
    assert_eq!(until.to_string(), "2036-11-28T00:00:00Z");
    assert_eq!(ca.certificate.facts.issuer.as_deref(), Some("private CA of box"));
    assert_eq!(ca.certificate.fingerprint().len(), 95);
    assert!(CaCertificate::parse(b"nothing").is_none());
}
