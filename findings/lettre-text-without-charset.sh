#!/bin/bash
# A message that the crate lettre builds from a String has no charset, no MIME-Version and no Message-ID.
#
# Version: lettre 0.11.23, with the feature builder. Python 3's email package reads the result.
# Guess: Message::builder() makes a complete message: a String is UTF-8, so .body(String) says text/plain; charset=utf-8
#   when it is not ASCII; where a transfer encoding is chosen, MIME-Version stands too (RFC 2045 section 4); and like
#   Date, which is added, Message-ID is.
# Behaviour: .body() adds Content-Transfer-Encoding and Date only. Without Content-Type text is US-ASCII (RFC 2045 section
#   5.2), so a reader that keeps to it shows rubbish for umlauts. .singlepart(SinglePart::plain(text)) brings Content-Type
#   and MIME-Version; .message_id(None) has to be called for a Message-ID.
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
lettre = { version = "=0.11.23", default-features = false, features = ["builder"] }
TOML
cat >src/main.rs <<'RUST'
use std::io::Write;

use lettre::message::{Message, SinglePart};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let builder = Message::builder().from("jane@example.org".parse()?).to("john@example.org".parse()?).subject("a note");
    let text = String::from("Größe: 5 µm, wie üblich vermerkt\n");
    let message = match std::env::args().nth(1) {
        Some(_) => builder.singlepart(SinglePart::plain(text))?,
        None => builder.body(text)?,
    };
    Ok(std::io::stdout().write_all(&message.formatted())?)
}
RUST
cat >read.py <<'PY'
import sys
from email import message_from_bytes, policy

message = message_from_bytes(sys.stdin.buffer.read(), policy=policy.default)
print(", ".join(message.keys()))
print("text:", ascii(message.get_content().strip()))
PY

echo "guess: Content-Type, MIME-Version and Message-ID are there, and the text is readable"
nice cargo build --quiet
{
    cargo tree --quiet --depth 1 --prefix none | sed 1d
    target/debug/finding | python3 read.py
    echo "-- with singlepart()"
    target/debug/finding single | python3 read.py
} | tee seen
cat >expected <<'TEXT'
lettre v0.11.23
From, To, Subject, Content-Transfer-Encoding, Date
text: 'Gr\ufffd\ufffd\ufffd\ufffde: 5 \ufffd\ufffdm, wie \ufffd\ufffdblich vermerkt'
-- with singlepart()
From, To, Subject, MIME-Version, Date, Content-Type, Content-Transfer-Encoding
text: 'Gr\xf6\xdfe: 5 \xb5m, wie \xfcblich vermerkt'
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
