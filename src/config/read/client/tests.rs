//! Each key of `[client.NAME]` wrong in turn: one error, with line, column and what to do.

use crate::config::keys::CLIENT_KEYS;
use crate::config::read::listener::tests::{Wrong, each_is_one_error};

const WRONG: &[Wrong] = &[
    ("owner", "owner = 1", "4:9: `owner` must be a string in quotes; this is a number"),
    ("owner", "", "3:9: this client has no `owner`: set it to the login of the user who gets its bounces"),
    (
        "scram",
        "scram = \"secret\"",
        "4:9: `scram`: write SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY (RFC 5803); \"postrider client password NAME\" makes it",
    ),
    (
        "scram",
        "scram = \"SCRAM-SHA-512$4096:c2FsdA==$a:b\"",
        "4:9: `scram`: only SCRAM-SHA-256 and SCRAM-SHA-1 are supported; \"postrider client password NAME\" makes new keys",
    ),
    (
        "scram",
        "scram = \"SCRAM-SHA-256$100:c2FsdA==$a:b\"",
        "4:9: `scram`: the number of iterations must be 4096 to 2000000",
    ),
    (
        "networks",
        "networks = [\"local\"]",
        "4:13: `networks`: write an address such as 192.168.1.30 or fd00::30, or a network such as 192.168.1.0/24",
    ),
    ("networks", "networks = 1", "4:12: `networks` must be a string in quotes; this is a number"),
    (
        "senders",
        "senders = [\"a b@c\"]",
        "4:12: `senders` must list addresses as \"user@domain\", \"user\" or \"@domain\", one per element: its quotes, brackets or first character are not valid in an address",
    ),
    (
        "senders",
        "senders = [\"mysql:/etc/x\"]",
        "4:12: `senders` has an unknown table type; the known ones are hash:, btree:, lmdb:, cdb:, dbm:, texthash:, regexp:, pcre:, static: and a bare path",
    ),
    (
        "from",
        "from = \"scanner\"",
        "4:8: `from` must be one address, \"user@domain\": it needs a domain, such as me@isp.example",
    ),
    ("account", "account = \"work\"", "4:11: `account` does not match any [account.NAME]; existing accounts: isp"),
    (
        "allowed_recipients",
        "allowed_recipients = [\"@\"]",
        "4:23: `allowed_recipients` must list addresses as \"user@domain\", \"user\" or \"@domain\", one per element: it needs a domain, such as me@isp.example",
    ),
    (
        "senders",
        "senders = [\"@*.lan\"]",
        "4:12: `senders` has an invalid pattern: write \"*@*.home.lan\" for all users of domains that match",
    ),
    (
        "allowed_recipients",
        "allowed_recipients = [\"*@x.lan\"]",
        "4:23: `allowed_recipients` takes no patterns: list \"user@domain\", \"user\" or \"@domain\"",
    ),
    (
        "relay_for_others",
        "relay_for_others = \"no\"",
        "4:20: `relay_for_others` must be true or false, without quotes; this is a string",
    ),
    (
        "allow_plaintext",
        "allow_plaintext = 1",
        "4:19: `allow_plaintext` must be true or false, without quotes; this is a number",
    ),
    (
        "behind_nat_ok",
        "behind_nat_ok = \"yes\"",
        "4:17: `behind_nat_ok` must be true or false, without quotes; this is a string",
    ),
    ("", "ower = \"alice\"", "4:1: unknown key `ower`; did you mean `owner`?"),
];

#[test]
fn each_key_that_is_wrong_is_one_error_with_its_place_and_what_to_do() {
    each_is_one_error(WRONG, CLIENT_KEYS, "[client.scanner]", ["owner = \"alice\"", "networks = [\"192.168.1.30\"]"]);
}
