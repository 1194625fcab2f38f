#!/bin/bash
# The crate toml_edit, made for edits that keep comments, loses comments when a value is set or a key removed.
#
# Version: toml_edit 0.25.18.
# Guess: document["port"] = value(465) changes the value and nothing else; document["smtp"]["host"] = value(..) on a
#   document without [smtp] makes a section [smtp]; document.remove("first") takes one line away.
# Behaviour: comments belong to values and keys. Setting a value replaces the old one with all that was around it, so the
#   comment behind it on its line is gone. A missing section comes as an inline table, smtp = { .. }. What stands above
#   the first key belongs to that key: removing it removes the comment at the top of the file. To keep them, change the
#   value in place and carry over its decor(), insert a Table, and move the key's leaf_decor() to the next key.
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
toml_edit = "=0.25.18"
TOML
cat >src/main.rs <<'RUST'
use toml_edit::{DocumentMut, value};

fn main() -> Result<(), toml_edit::TomlError> {
    let mut document: DocumentMut = "port = 587 # as the provider says\n\n[logs]\ndays = 7\n".parse()?;
    document["port"] = value(465);
    document["logs"]["days"] = value(8);
    document["smtp"]["host"] = value("mail.example.org");
    print!("{document}");
    println!("--");
    let mut document: DocumentMut = "# Written by hand.\n\n# The first.\nfirst = 1\nsecond = 2\n".parse()?;
    document.remove("first");
    print!("{document}");
    Ok(())
}
RUST

echo "guess: the comments stay, and [smtp] is a section"
{
    cargo tree --quiet --depth 1 --prefix none | sed 1d
    nice cargo run --quiet
} | tee seen
cat >expected <<'TEXT'
toml_edit v0.25.18+spec-1.1.0
port = 465
smtp = { host = "mail.example.org" }

[logs]
days = 8
--
second = 2
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
