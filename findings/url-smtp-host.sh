#!/bin/bash
# The crate url does not treat the host of smtp:// as a host name.
#
# Version: url 2.5.8.
# Guess: the host of smtp://Mail.Bücher.example is read as that of https://: in small letters and with the non-ASCII
#   label in its xn-- form, "mail.xn--bcher-kva.example", ready for DNS and for the name in a certificate.
# Behaviour: that holds for http, https, ws, wss, ftp and file alone, which the URL standard calls special. Of any other
#   scheme the host is an opaque string: capitals stay and other letters are percent-encoded, in a value that is Host::Domain
#   all the same. Nothing fails until the name is looked up. An address is no Host::Ipv4 there either. host() has to be
#   decoded and given to domain_to_ascii, or the URL parsed as https://.
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
url = "=2.5.8"
TOML
cat >src/main.rs <<'RUST'
use url::{ParseError, Url};

fn main() -> Result<(), ParseError> {
    for rest in ["Mail.Bücher.example", "192.0.2.1"] {
        for scheme in ["https", "smtp"] {
            println!("{scheme}://{rest}: {:?}", Url::parse(&format!("{scheme}://{rest}"))?.host());
        }
    }
    Ok(())
}
RUST

echo "guess: the host is the same for both schemes"
{
    cargo tree --quiet --depth 1 --prefix none | sed 1d
    nice cargo run --quiet
} | tee seen
cat >expected <<'TEXT'
url v2.5.8
https://Mail.Bücher.example: Some(Domain("mail.xn--bcher-kva.example"))
smtp://Mail.Bücher.example: Some(Domain("Mail.B%C3%BCcher.example"))
https://192.0.2.1: Some(Ipv4(192.0.2.1))
smtp://192.0.2.1: Some(Domain("192.0.2.1"))
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
