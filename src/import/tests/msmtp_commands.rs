//! All commands of msmtp 1.8.33, as `read_conffile` knows them: none of them changes nothing without a word.

use super::{secrets, translated};
use crate::import::Program;

/// Each with lines that set it to something else than it is.
const COMMANDS: [(&str, &str); 52] = [
    ("account", "account other\nhost other.example\n"),
    ("add_missing_date_header", "add_missing_date_header on\n"),
    ("add_missing_from_header", "add_missing_from_header on\n"),
    ("aliases", "aliases /a\n"),
    ("allow_from_override", "allow_from_override off\nfrom me@isp.example\n"),
    ("auth", "auth off\n"),
    ("auto_from", "auto_from on\nmaildomain isp.example\n"),
    ("connect_timeout", "connect_timeout 7\n"),
    ("defaults", "defaults\nport 26\naccount other\nhost other.example\n"),
    ("domain", "domain box.example\n"),
    ("dsn_notify", "dsn_notify on\n"),
    ("dsn_return", "dsn_return on\n"),
    ("eval", "eval echo password x\n"),
    ("from", "from me@isp.example\n"),
    ("from_full_name", "from_full_name on\n"),
    ("host", "host other.example\n"),
    ("keepbcc", "keepbcc on\n"),
    ("logfile", "logfile on\n"),
    ("logfile_time_format", "logfile_time_format %s\n"),
    ("maildomain", "maildomain on\n"),
    ("ntlmdomain", "ntlmdomain on\n"),
    ("password", "password y\n"),
    ("passwordeval", "passwordeval pass isp\n"),
    ("port", "port 26\n"),
    ("protocol", "account other\nhost other.example\nprotocol lmtp\n"),
    ("proxy_host", "proxy_host on\n"),
    ("proxy_port", "proxy_port on\n"),
    ("remove_bcc_headers", "remove_bcc_headers on\n"),
    ("set_date_header", "set_date_header on\n"),
    ("set_from_header", "set_from_header on\n"),
    ("set_msgid_header", "set_msgid_header on\n"),
    ("set_to_header", "set_to_header on\n"),
    ("socket", "socket on\n"),
    ("source_ip", "source_ip 192.0.2.1\n"),
    ("syslog", "syslog on\n"),
    ("timeout", "timeout 7\n"),
    ("tls", "tls off\n"),
    ("tls_cert_file", "tls_cert_file /c.pem\n"),
    ("tls_certcheck", "tls_certcheck off\n"),
    ("tls_crl_file", "tls_crl_file on\n"),
    ("tls_fingerprint", "tls_fingerprint 00:11\n"),
    ("tls_force_sslv3", "tls_force_sslv3 on\n"),
    ("tls_host_override", "tls_host_override other.example\n"),
    ("tls_key_file", "tls_cert_file /c.pem\ntls_key_file /k.pem\n"),
    ("tls_min_dh_prime_bits", "tls_min_dh_prime_bits on\n"),
    ("tls_nocertcheck", "tls_nocertcheck\n"),
    ("tls_nostarttls", "tls_nostarttls\n"),
    ("tls_priorities", "tls_priorities NORMAL\n"),
    ("tls_starttls", "tls_starttls off\n"),
    ("tls_trust_file", "tls_trust_file /ca.pem\n"),
    ("undisclosed_recipients", "undisclosed_recipients on\n"),
    ("user", "user you\n"),
];

const ACCOUNT: &str = "account default\nhost mail.isp.example\ntls on\nauth on\nuser me\npassword x\n";

/// The configuration and its secrets.
fn becomes(lines: &str) -> String {
    let files = [("/c/msmtprc", &*format!("{ACCOUNT}{lines}")), ("/a", "root: me@isp.example\n")];
    let (_, draft, text) = translated(Program::Msmtp, "/c/msmtprc", &files);
    format!("{text}\n{:?}", secrets(&draft))
}

#[test]
fn no_command_of_msmtp_is_dropped_silently() {
    for (name, lines) in COMMANDS {
        let (own, others): (Vec<&str>, Vec<&str>) =
            lines.lines().partition(|line| line.split(' ').next() == Some(name));
        assert_eq!(own.len(), 1, "{name}: {lines}");
        let (with, without) = (becomes(lines), becomes(&others.join("\n")));
        assert!(with != without, "{name} is dropped:\n{with}");
        assert!(!with.contains("msmtp has no such command"), "{name} is not known:\n{with}");
    }
}
