#!/bin/bash
# rustls refuses a self-signed certificate that the program itself put among the trusted ones, if it is marked as a CA.
#
# Version: rustls 0.23.46 with its own verifier (WebPkiServerVerifier); rcgen 0.14.10 makes the certificates.
# Guess: a server's self-signed certificate, added to the RootCertStore, is trusted, as OpenSSL trusts the same file given
#   with -CAfile; "openssl req -x509" makes such certificates, with basicConstraints CA:TRUE.
# Behaviour: a certificate marked as a CA is never taken from a server, whatever the store says: CaUsedAsEndEntity. The
#   error is an Other, so code that looks for UnknownIssuer to say "not trusted" does not see it. Without the mark the same
#   certificate is trusted. The way out is a verifier of one's own that compares the certificate first.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export CARGO_TARGET_DIR="$folder/target" CARGO_BUILD_JOBS=1
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"
[dependencies]
rcgen = { version = "=0.14.10", default-features = false, features = ["ring", "pem"] }
rustls = { version = "=0.23.46", default-features = false, features = ["std", "ring"] }
TOML
cat >src/main.rs <<'RUST'
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::client::{WebPkiServerVerifier, danger::ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{ServerName, UnixTime};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (kind, is_ca) in [("plain", IsCa::NoCa), ("marked as CA", IsCa::Ca(BasicConstraints::Unconstrained))] {
        let mut parameters = CertificateParams::new(vec!["mail.example.org".to_owned()])?;
        parameters.is_ca = is_ca;
        let certificate = parameters.self_signed(&KeyPair::generate()?)?;
        let mut trusted = RootCertStore::empty();
        trusted.add(certificate.der().clone())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(trusted), Arc::new(default_provider())).build()?;
        let name = ServerName::try_from("mail.example.org")?;
        let verdict = verifier.verify_server_cert(certificate.der(), &[], &name, &[], UnixTime::now());
        println!("{kind}: rustls says {:?}", verdict.map(|_| "trusted"));
        std::fs::write(kind, certificate.pem())?;
    }
    Ok(())
}
RUST

echo "guess: both are trusted"
{
    cargo tree --quiet --depth 1 --prefix none | sed 1d
    nice cargo run --quiet
    for kind in plain "marked as CA"; do
        echo "OpenSSL says $(openssl verify -verify_hostname mail.example.org -CAfile "$kind" "$kind")"
    done
} | tee seen
cat >expected <<'TEXT'
rcgen v0.14.10
rustls v0.23.46
plain: rustls says Ok("trusted")
marked as CA: rustls says Err(InvalidCertificate(Other(OtherError(CaUsedAsEndEntity))))
OpenSSL says plain: OK
OpenSSL says marked as CA: OK
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
