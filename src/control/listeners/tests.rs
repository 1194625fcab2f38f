//! Certificates that nobody accepts, and those that fit.

use super::*;
use crate::config::read;
use crate::tls::certificate::{Identity, Validity};

/// A listener with a certificate of these names and dates, on a machine that is called box.home.lan.
fn config(dir: &std::path::Path, names: &[&str], validity: Validity) -> Config {
    let (identity, pem) = Identity::self_signed(names, validity).unwrap();
    std::fs::write(dir.join("lan.pem"), [pem, identity.key_pem()].concat()).unwrap();
    let text = "hostname = \"box.home.lan\"\nspool = \"/nowhere\"\n[account.isp]\nrelay = \"isp\"\n\
                [listen.lan]\naddress = [\"192.168.1.2:587\", \":465\"]\ncertificate = \"lan.pem\"\n";
    read::read(&dir.join("config.toml"), text).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_certificate_is_accepted_within_its_dates() {
    let dir = tempfile::tempdir().unwrap();
    let validity = Validity { from: (2026, 1, 1), until: (2026, 12, 31) };
    let config = config(dir.path(), &["box.home.lan"], validity);
    let said = |now: &str| certificates(&config, at(now)).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(said("2026-06-01T00:00:00Z").is_empty());
    assert!(said("2027-06-01T00:00:00Z").concat().contains("expired on 2026-12-31, so clients refuse it (renew it)"));
    assert!(said("2025-06-01T00:00:00Z").concat().contains("not valid before 2026-01-01"));
}

#[test]
fn a_certificate_fits_by_this_machines_name_or_an_address_of_the_listener() {
    let dir = tempfile::tempdir().unwrap();
    for (names, fits) in [
        (&["box.home.lan"][..], true),
        (&["other.example", "BOX.home.lan"], true),
        (&["*.home.lan"], true),
        (&["192.168.1.2"], true),
        (&["other.example"], false),
        (&["*.box.home.lan"], false),
        (&["192.168.1.3"], false),
    ] {
        let config = config(dir.path(), names, Validity::LONG);
        assert_eq!(misfits(&config).is_empty(), fits, "{names:?}");
        assert!(certificates(&config, at("2026-06-01T00:00:00Z")).is_empty());
    }
}
