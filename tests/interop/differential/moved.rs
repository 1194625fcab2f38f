//! Null clients that move over: a Postfix folder in moves goes through `postrider import postfix`, and the same mails go through that
//! Postfix and through what was imported. Which relay took them and under which login is compared as well.

use std::fs;
use std::path::{Path, PathBuf};

use super::case::{self, Case};
use super::household::{Household, own};
use super::internet::Internet;
use super::recorder::Recorder;
use super::setups::{MASTER, MOUNTS, START};
use super::{ONLY, judge_all};
use crate::need;
use support::namespace::Namespace;

/// How many mails there must be at least.
const AT_LEAST: usize = 25;

/// What the machine needs of main.cf, whatever the set-up.
const SURROUNDINGS: &str = "\n\
    maillog_file = /var/log/maillog\n\
    inet_interfaces = loopback-only\n\
    inet_protocols = ipv4\n\
    in_flow_delay = 0\n";

/// The world as this machine sees it: a name server, providers whose authority is everybody's. $4 are tables for postmap.
const WORLD: &str = r#"
    echo 'nameserver 127.0.0.1' >"$1/resolv.conf"
    mount --bind "$1/resolv.conf" /etc/resolv.conf
    mount --bind "$1/ca.pem" /etc/ssl/certs/ca-certificates.crt
    if [ -e "$1/etc/aliases" ]; then mount --bind "$1/etc/aliases" /etc/aliases; fi
    for table in $4; do postmap "/etc/postfix/$table"; done
    if [ -e "$1/etc/aliases" ]; then newaliases; fi
    "$1/postrider" import postfix --in-place --output "$1/imported" >"$1/import.out" 2>&1 || [ $? = 78 ] \
        || { cat "$1/import.out"; exit 1; }
"#;

#[test]
fn generic_full_moves_over() {
    moves_over("generic-full");
}

#[test]
fn relay_by_name_moves_over() {
    moves_over("relay-by-name");
}

#[test]
fn relay_submission_moves_over() {
    moves_over("relay-submission");
}

#[test]
fn per_sender_moves_over() {
    moves_over("per-sender");
}

#[test]
fn patterns_moves_over() {
    if need::met(&[]) && need::tables("pcre") {
        moves_over("patterns");
    }
}

#[test]
fn canonical_moves_over() {
    moves_over("canonical");
}

#[test]
fn extensions_moves_over() {
    moves_over("extensions");
}

#[test]
fn domain_senders_moves_over() {
    moves_over("domain-senders");
}

#[test]
fn aliases_moves_over() {
    moves_over("aliases");
}

#[test]
fn null_client_moves_over() {
    moves_over("null-client");
}

fn moves_over(name: &str) {
    if !need::met(&["sendmail", "postmap", "ip"]) {
        return;
    }
    let cases = case::read("moving", include_str!("cases/moving.txt"));
    assert!(cases.len() >= AT_LEAST, "{} mails", cases.len());
    let only = std::env::var(ONLY).unwrap_or_default();
    let cases: Vec<&Case> = cases.iter().filter(|case| case.title.contains(&only)).collect();
    let household = household(&format!("moves/{name}"), ("", START), &cases);
    household.check();
    let theirs = household.reference(&cases);
    let ours = household.ours(&cases);
    let mut faults = String::new();
    judge_all(&cases, &theirs, &ours, &mut faults);
    assert!(faults.is_empty(), "{name}: ours, not Postfix's:\n{faults}");
}

/// A machine with a folder of Postfix's that lies beside this file, and what was imported from it; `first` and `last` are run around the import.
pub fn household(name: &str, (first, last): (&str, &str), cases: &[&Case]) -> Household {
    let folder = Household::folder(cases);
    let root = folder.path();
    let tables = etc(name, &root.join("etc"));
    let internet = Internet::new();
    fs::write(root.join("ca.pem"), &internet.authority).unwrap();
    let programs = [env!("CARGO_BIN_EXE_postrider"), env!("CARGO_BIN_EXE_sendmail")];
    let setup = format!("{MOUNTS}{first}{WORLD}{last}");
    let arguments = [root.to_str().unwrap(), programs[0], programs[1], &tables.join(" ")];
    let namespace = Namespace::with_own_network(&setup, &arguments);
    let recorder = Recorder::default();
    internet.open(&namespace, &recorder);
    for at in 0..cases.len() {
        give(root, at);
    }
    Household::of(namespace, folder, recorder.clone(), recorder)
}

/// The set-up's folder; its tables that Postfix wants compiled.
fn etc(name: &str, to: &Path) -> Vec<String> {
    let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interop/differential").join(name);
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    fs::write(to.join("master.cf"), MASTER).unwrap();
    let main = fs::read_to_string(to.join("main.cf")).unwrap();
    let tables = main.split([' ', ',', '\n']).filter_map(|word| word.strip_prefix("hash:/etc/postfix/"));
    let tables = tables.map(str::to_owned).collect();
    fs::write(to.join("main.cf"), main + SURROUNDINGS).unwrap();
    tables
}

/// What was imported, for the user of the case at that place.
fn give(root: &Path, at: usize) {
    let imported = root.join("imported");
    let spool = Household::home(root, at).join("spool");
    let config = fs::read_to_string(imported.join("config.toml")).unwrap();
    let config = format!("delivery = \"queue\"\nspool = \"{}\"\n{config}", spool.display());
    own(root, at, "config.toml", config.as_bytes());
    let Ok(secrets) = fs::read_dir(imported.join("secrets")) else { return };
    for secret in secrets.flatten() {
        let name = format!("secrets/{}", secret.file_name().to_string_lossy());
        own(root, at, &name, &fs::read(secret.path()).unwrap());
    }
}
