#!/bin/bash
# The crate mail-parser decodes the header fields that it knows; any other comes raw, folds and encoded words included.
#
# Version: mail-parser 0.11.9.
# Guess: message.header("X-Report") gives the field's text as header("Subject") and header("Comments") do: unfolded
#   (RFC 5322 section 2.2.3) and with its encoded words decoded, which are allowed in X- fields (RFC 2047 section 5).
#   Both are HeaderValue::Text, after all.
# Behaviour: any field but those the crate has a rule for is taken as HeaderForm::Raw: the text still has "=?utf-8?q?" and
#   the CRLF of the folds, so a comparison fails for whoever sends a long or accented value, and only then. What looks
#   like the switch, MessageParser::default().default_header_text(), changes nothing there. header_as("X-Report",
#   HeaderForm::Text) gives the text.
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
mail-parser = { version = "=0.11.9", default-features = false }
TOML
cat >src/main.rs <<'RUST'
use mail_parser::{HeaderForm, MessageParser};

fn main() {
    let value = "=?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?q?_aus_K=C3=B6ln?=";
    let text = format!("From: jane@example.org\r\nSubject: {value}\r\nComments: {value}\r\nX-Report: {value}\r\n\r\nHello\r\n");
    for (parser, name) in [(MessageParser::default(), "default"), (MessageParser::default().default_header_text(), "default_header_text")] {
        let Some(message) = parser.parse(&text) else { return println!("{name}: no message") };
        for field in ["Subject", "Comments", "X-Report"] {
            println!("{name}: {field} is {:?}", message.header(field).and_then(|value| value.as_text()));
        }
        println!("{name}: header_as: {:?}", message.header_as("X-Report", HeaderForm::Text));
    }
}
RUST

echo "guess: the same text for the three"
{
    cargo tree --quiet --depth 1 --prefix none | sed 1d
    nice cargo run --quiet
} | tee seen
cat >expected <<'TEXT'
mail-parser v0.11.9
default: Subject is Some("Grüße aus Köln")
default: Comments is Some("Grüße aus Köln")
default: X-Report is Some("=?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?q?_aus_K=C3=B6ln?=")
default: header_as: [Text("Grüße aus Köln")]
default_header_text: Subject is Some("Grüße aus Köln")
default_header_text: Comments is Some("Grüße aus Köln")
default_header_text: X-Report is Some("=?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?q?_aus_K=C3=B6ln?=")
default_header_text: header_as: [Text("Grüße aus Köln")]
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
