//! The commands of msmtp without a key of ours, each with what that means.

use super::Commands;
use crate::import::draft::Draft;

/// Commands that become keys, or of which more is said elsewhere.
const CARRIED: [&str; 22] = [
    "host",
    "port",
    "tls",
    "tls_starttls",
    "tls_trust_file",
    "tls_certcheck",
    "tls_host_override",
    "tls_fingerprint",
    "tls_cert_file",
    "tls_key_file",
    "source_ip",
    "protocol",
    "auth",
    "user",
    "password",
    "passwordeval",
    "from",
    "domain",
    "timeout",
    "aliases",
    "auto_from",
    "allow_from_override",
];

/// How much a command matters.
enum Weight {
    Changes,
    LeftOut,
    NoEffect,
}

use Weight::{Changes, LeftOut, NoEffect};

const CIPHERS: &str = "TLS 1.2 and 1.3 with strong cipher suites are always used; see `tls_min`";
const LOGS: &str = "deliveries are in the system log and in \"postrider history\"";
const PROXY: &str = "proxies are not supported; the relay is connected to directly";
const DSN: &str = "programs request it, with the options -N and -R of sendmail";
const UNDISCLOSED: &str =
    "To and Cc are sent as the program writes them; `missing_to` in the account adds To where there is neither";
const RECIPIENTS: &str = "the recipients in the header are sent as the program writes them";

/// Name, the value that is meant (empty: any), and what to say.
const OTHERS: [(&str, &str, Weight, &str); 26] = [
    ("eval", "", LeftOut, "import runs no command; set the option that it prints"),
    ("from_full_name", "", LeftOut, "`from_name` is the same for all accounts; set it"),
    ("ntlmdomain", "", LeftOut, "NTLM is not supported"),
    ("proxy_host", "", LeftOut, PROXY),
    ("proxy_port", "", LeftOut, PROXY),
    ("socket", "", LeftOut, "relays are connected to by TCP only"),
    ("tls_crl_file", "", LeftOut, "revocation lists are not used"),
    ("dsn_notify", "off", NoEffect, DSN),
    ("dsn_notify", "", LeftOut, DSN),
    ("dsn_return", "off", NoEffect, DSN),
    ("dsn_return", "", LeftOut, DSN),
    ("set_to_header", "off", NoEffect, RECIPIENTS),
    ("set_to_header", "", LeftOut, RECIPIENTS),
    ("undisclosed_recipients", "off", NoEffect, RECIPIENTS),
    ("undisclosed_recipients", "", LeftOut, UNDISCLOSED),
    ("remove_bcc_headers", "off", Changes, "Bcc fields are always removed"),
    ("keepbcc", "on", Changes, "Bcc fields are always removed"),
    ("set_from_header", "off", Changes, "a message without a From field gets one"),
    ("add_missing_from_header", "off", Changes, "a message without a From field gets one"),
    ("set_date_header", "off", Changes, "a message without a Date field gets one"),
    ("add_missing_date_header", "off", Changes, "a message without a Date field gets one"),
    ("set_msgid_header", "off", Changes, "a message without a Message-ID field gets one"),
    ("logfile", "", NoEffect, LOGS),
    ("logfile_time_format", "", NoEffect, LOGS),
    ("syslog", "", NoEffect, LOGS),
    ("maildomain", "", NoEffect, "it is used with auto_from"),
];

/// Further commands that decide nothing here, whatever they say.
const WITHOUT_EFFECT: [(&str, &str); 10] = [
    ("tls_min_dh_prime_bits", CIPHERS),
    ("tls_priorities", CIPHERS),
    ("tls_force_sslv3", CIPHERS),
    ("remove_bcc_headers", "this is always so"),
    ("keepbcc", "this is always so"),
    ("set_from_header", "this is always so"),
    ("add_missing_from_header", "this is always so"),
    ("set_date_header", "this is always so"),
    ("add_missing_date_header", "this is always so"),
    ("set_msgid_header", "this is always so"),
];

/// Says something of every command that nothing else speaks of.
pub(super) fn rest(account: &str, commands: &Commands, draft: &mut Draft) {
    for (name, value) in &commands.0 {
        // The last of a name counts.
        let is_last = commands.get(name).is_none_or(|last| last == value);
        if CARRIED.contains(&name.as_str()) || !is_last {
            continue;
        }
        // "password=x" is a name as well, of which the password is not shown.
        let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let is_automatic = commands.is_on("auto_from", "off");
        if name == "maildomain" && is_automatic || name == "set_from_header" && value.eq_ignore_ascii_case("on") {
            continue;
        }
        let what = format!("{name} (account {account})");
        let fits = |meant: &str| meant.is_empty() || value.eq_ignore_ascii_case(meant);
        match OTHERS.iter().find(|(known, meant, ..)| *known == name && fits(meant)) {
            Some((.., Changes, how)) => draft.changed(what, *how),
            Some((.., LeftOut, why)) => draft.left_out(what, *why),
            Some((.., NoEffect, why)) => draft.no_effect(what, *why),
            None => match WITHOUT_EFFECT.iter().find(|(known, _)| *known == name) {
                Some((_, why)) => draft.no_effect(what, *why),
                None => draft.left_out(what, "msmtp has no such command"),
            },
        }
    }
}
