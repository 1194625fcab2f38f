#!/bin/bash
# serde: deny_unknown_fields on a struct is without effect once the struct is flattened into another.
#
# Version: serde 1.0.228, toml 1.2.1.
# Guess: a struct that denies unknown fields denies them wherever it is used: with #[serde(flatten)] in it, the outer struct
#   takes its own keys and the inner one complains of what is left over, so "prot = 587" is an error.
# Behaviour: the flattened struct picks the keys that it knows, and nobody looks at the rest: the misspelt key is dropped
#   without a word and the default is used. The compiler says nothing of the combination. With the attribute on the
#   outer struct the misspelt key is refused.
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
serde = { version = "=1.0.228", features = ["derive"] }
toml = "=1.2.1"
TOML
cat >src/main.rs <<'RUST'
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Server {
    host: String,
    port: u16,
}

impl Default for Server {
    fn default() -> Self {
        Server { host: "localhost".to_owned(), port: 25 }
    }
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only shown")]
struct Account {
    user: String,
    #[serde(flatten)]
    server: Server,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only shown")]
struct StrictAccount {
    user: String,
    #[serde(flatten)]
    server: Server,
}

fn shown<T: std::fmt::Debug>(read: Result<T, toml::de::Error>) -> String {
    read.map_or_else(|error| format!("refused: {}", error.message()), |value| format!("{value:?}"))
}

fn main() {
    let server = "host = \"mail.example.org\"\nprot = 587\n";
    println!("the struct itself: {}", shown(toml::from_str::<Server>(server)));
    println!("flattened: {}", shown(toml::from_str::<Account>(&format!("user = \"jane\"\n{server}"))));
    println!("flattened into a strict one: {}", shown(toml::from_str::<StrictAccount>(&format!("user = \"jane\"\n{server}"))));
}
RUST

echo "guess: each is refused"
{
    cargo tree --quiet --depth 1 --prefix none | sed 1d
    nice cargo run --quiet
} | tee seen
cat >expected <<'TEXT'
serde v1.0.228
toml v1.2.1+spec-1.1.0
the struct itself: refused: unknown field `prot`, expected `host` or `port`
flattened: Account { user: "jane", server: Server { host: "mail.example.org", port: 25 } }
flattened into a strict one: refused: unknown field `prot`
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
