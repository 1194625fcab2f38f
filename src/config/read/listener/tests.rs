//! Each key of `[listen.NAME]` wrong in turn: one error, with line, column and what to do.

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::ConfigError;
use crate::config::keys::{Key, LISTEN_KEYS};
use crate::config::read::read;

/// What is read from a file of these lines: each fault as `LINE:COLUMN: MESSAGE`.
pub(in crate::config::read) fn faults(lines: &[&str]) -> Vec<String> {
    match read(Path::new("/etc/postrider/config.toml"), &lines.join("\n")) {
        Err(ConfigError::Faulty { faults, .. }) => {
            faults.iter().map(|fault| format!("{}:{}: {}", fault.line, fault.column, fault.message)).collect()
        }
        read => panic!("it is not faulty: {read:?}"),
    }
}

/// A key, the line that is wrong with it, and the error.
pub(in crate::config::read) type Wrong = (&'static str, &'static str, &'static str);

const WRONG: &[Wrong] = &[
    ("address", "address = 587", "4:11: `address` must be a string in quotes; this is a number"),
    (
        "address",
        "address = [\"127.0.0.1\"]",
        "4:12: `address` must be \"ADDRESS:PORT\", such as \"192.168.1.2:587\" or \"[fd00::2]:587\", \":PORT\" for all addresses, or \"systemd\"",
    ),
    (
        "tls",
        "tls = \"ssl\"",
        "4:7: `tls` must be \"starttls\" (port 587), \"implicit\" (port 465), \"optional\" or \"none\"",
    ),
    ("certificate", "certificate = 1", "4:15: `certificate` must be a string in quotes; this is a number"),
    ("key", "key = \"lan.key\"", "4:7: `key` without `certificate`: add the file with the certificate"),
    (
        "networks",
        "networks = [\"192.168.1.1/24\"]",
        "4:13: `networks`: the address has bits beyond the length after the slash; write 192.168.1.0/24",
    ),
    (
        "networks",
        "networks = [\"lan\"]",
        "4:13: `networks`: write an address such as 192.168.1.30 or fd00::30, or a network such as 192.168.1.0/24, or \"local\"",
    ),
    ("networks", "networks = [\"10.0.0.0/33\"]", "4:13: `networks`: the length after the slash must be 0 to 32"),
    (
        "trust",
        "trust = [\"scaner\"]",
        "4:9: `trust` names scaner, but there is no [client.scaner]; there are no clients yet, and \"postrider client add\" adds one",
    ),
    (
        "trust",
        "trust = [\"a b\"]",
        "4:10: `trust`: a client's name begins with a letter or digit, continues with letters, digits, \".\", \"_\" and \"-\", and has at most 64 characters",
    ),
    ("public", "public = \"yes\"", "4:10: `public` must be true or false, without quotes; this is a string"),
    (
        "public",
        "public = true",
        "6:7: a `public` listener needs TLS before the login: set tls = \"starttls\" or \"implicit\"",
    ),
    (
        "hide_clients",
        "hide_clients = 1",
        "4:16: `hide_clients` must be true or false, without quotes; this is a number",
    ),
    ("line_ends", "line_ends = \"lf\"", "4:13: `line_ends` must be \"normalize\" or \"strict\""),
    ("connections_per_address", "connections_per_address = 0", "4:27: `connections_per_address` must be at least 1"),
    (
        "connections_before_login",
        "connections_before_login = \"many\"",
        "4:28: `connections_before_login` must be a whole number, without quotes; this is a string",
    ),
    (
        "login_time",
        "login_time = 30",
        "4:14: `login_time`: the unit is missing: write \"90s\", \"5m\", \"1h30m\", \"5d\" or \"2w\"",
    ),
    ("idle_time", "idle_time = \"0s\"", "4:13: `idle_time` must not be zero"),
    (
        "command_time",
        "command_time = \"ten\"",
        "4:16: `command_time`: write whole numbers, each with its unit, as in \"1h30m\" or \"50MB\"",
    ),
    (
        "session_time",
        "session_time = \"\"",
        "4:16: `session_time`: it is empty: write a number with its unit, as in \"30s\" or \"50MB\"",
    ),
    ("failures", "failures = -1", "4:12: `failures` must be at least 1"),
    ("failure_time", "failure_time = \"0s\"", "4:16: `failure_time` must not be zero"),
    (
        "block_time",
        "block_time = true",
        "4:14: `block_time` must be a duration in quotes, such as \"1h30m\"; this is true or false",
    ),
    ("recipients", "recipients = 99", "4:14: `recipients` must be at least 100: clients may send so many (RFC 5321)"),
    ("", "adress = \":25\"", "4:1: unknown key `adress`; did you mean `address`?"),
];

/// Each row, in a section that has these lines otherwise, is one error, and each key of the section has a row.
pub(in crate::config::read) fn each_is_one_error(wrong: &[Wrong], keys: &[Key], section: &str, usual: [&str; 2]) {
    for (key, line, expected) in wrong {
        let usual = usual.iter().filter(|usual| usual.split(' ').next() != Some(key));
        let lines = ["[account.isp]", "relay = \"isp\"", section, line].into_iter().chain(usual.copied());
        assert_eq!(faults(&lines.collect::<Vec<_>>()), [*expected], "{line}");
    }
    let known: BTreeSet<&str> = keys.iter().map(|key| key.name).collect();
    assert_eq!(wrong.iter().map(|row| row.0).filter(|key| !key.is_empty()).collect::<BTreeSet<_>>(), known);
}

#[test]
fn each_key_that_is_wrong_is_one_error_with_its_place_and_what_to_do() {
    each_is_one_error(WRONG, LISTEN_KEYS, "[listen.lan]", ["address = \"127.0.0.1:2525\"", "tls = \"none\""]);
}
