#!/bin/bash
# The crate roxmltree gives the text of an element only up to the first comment within it.
#
# Version: roxmltree 0.21.2.
# Guess: Node::text() of <hostname>smtp<!-- was: mail -->.example.org</hostname> is "smtp.example.org": comments are no part
#   of the character data (XML 1.0 section 2.5), and a CDATA section in the middle is put together with the text around it.
# Behaviour: text() looks at the first child alone: "smtp" before a comment, None when the comment comes first. Nothing
#   tells that more follows. All text nodes below the element, put together, are what was meant.
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
roxmltree = "=0.21.2"
TOML
cat >src/main.rs <<'RUST'
use roxmltree::{Document, Node};

fn main() -> Result<(), roxmltree::Error> {
    for inner in ["smtp<![CDATA[.example]]>.org", "smtp<!-- was: mail -->.example.org", "<!-- ours -->smtp.example.org"] {
        let xml = format!("<hostname>{inner}</hostname>");
        let document = Document::parse(&xml)?;
        let whole: String = document.root_element().children().filter(Node::is_text).filter_map(|n| n.text()).collect();
        println!("{inner}: text() is {:?}, the text nodes are {whole:?}", document.root_element().text());
    }
    Ok(())
}
RUST

echo 'guess: text() is "smtp.example.org" each time'
{
    cargo tree --quiet --depth 1 --prefix none | sed 1d
    nice cargo run --quiet
} | tee seen
cat >expected <<'TEXT'
roxmltree v0.21.2
smtp<![CDATA[.example]]>.org: text() is Some("smtp.example.org"), the text nodes are "smtp.example.org"
smtp<!-- was: mail -->.example.org: text() is Some("smtp"), the text nodes are "smtp.example.org"
<!-- ours -->smtp.example.org: text() is None, the text nodes are "smtp.example.org"
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
