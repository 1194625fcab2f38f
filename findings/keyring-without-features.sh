#!/bin/bash
# The crate keyring without features stores passwords nowhere, and says that it did.
#
# Version: keyring 3.6.3.
# Guess: keyring = "3" in Cargo.toml uses the system's store, as "keyring" promises and as version 2 did by default; where
#   there is none, set_password() fails.
# Behaviour: no store is a default feature of version 3. Without one the crate falls back to its mock store, which keeps a
#   secret within one Entry value: set_password() is Ok, the same Entry gives the password back, so that a first test
#   passes, and another Entry of the same name, or the next run, finds nothing. A feature must be named, such as
#   linux-native, sync-secret-service, apple-native or windows-native.
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
keyring = "=3.6.3"
TOML
cat >src/main.rs <<'RUST'
use keyring::Entry;

fn main() -> keyring::Result<()> {
    let entry = Entry::new("mail.example.org", "jane")?;
    println!("set_password: {:?}", entry.set_password("open sesame"));
    println!("the same entry: {:?}", entry.get_password());
    println!("another entry of that name: {:?}", Entry::new("mail.example.org", "jane")?.get_password());
    Ok(())
}
RUST

echo 'guess: an error from set_password, or the password both times'
{
    cargo tree --quiet --depth 1 --prefix none | sed 1d
    nice cargo run --quiet
} | tee seen
cat >expected <<'TEXT'
keyring v3.6.3
set_password: Ok(())
the same entry: Ok("open sesame")
another entry of that name: Err(NoEntry)
TEXT
cmp -s expected seen || { echo "the behaviour has changed" >&2; exit 1; }
