#!/bin/bash
# The crate quoted_printable makes one line of a text whose lines end with LF.
#
# Version: quoted_printable 0.5.2.
# Guess: encode() of "one\ntwo\n" keeps the line break, as a line break (CRLF or LF), since line breaks of a text must be
#   line breaks in quoted-printable (RFC 2045 section 6.7 rule 4); a String in Rust has LF.
# Behaviour: only CRLF is a line break to it; each LF becomes =0A, so a text of many short lines is one long line with soft
#   breaks, of which a reader without MIME sees soup, and which decodes to bare LFs in a text/plain part. The text has to
#   be given CRLF first.
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
quoted_printable = "=0.5.2"
TOML
cat >src/main.rs <<'RUST'
fn main() {
    for text in ["Grüße\naus Köln\n", "Grüße\r\naus Köln\r\n"] {
        println!("{text:?} -> {:?}", quoted_printable::encode_to_str(text));
    }
}
RUST

echo "guess: two lines each time"
{
    cargo tree --quiet --depth 1 --prefix none | sed 1d
    nice cargo run --quiet
} | tee seen
cat >expected <<'TEXT'
quoted_printable v0.5.2
"Grüße\naus Köln\n" -> "Gr=C3=BC=C3=9Fe=0Aaus K=C3=B6ln=0A"
"Grüße\r\naus Köln\r\n" -> "Gr=C3=BC=C3=9Fe\r\naus K=C3=B6ln\r\n"
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
