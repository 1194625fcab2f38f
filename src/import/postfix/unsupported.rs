//! What of main.cf has no part in postrider, by name and with the reason: whatever is set and was spoken of
//! nowhere else ends here.

use super::main_cf::MainCf;
use crate::import::draft::Draft;

const SERVER: &str = "postrider receives no mail over the network";
const BOXES: &str = "`mailbox` alone says where local mail is kept";
const OWN: &str = "specific to Postfix's files, processes or history";
const CONTENT: &str = "postrider changes only addresses in headers, and does not inspect content";
const ALWAYS_SO: &str = "not configurable in postrider";
const COPIES: &str = "postrider sends no additional copies";

const REQUIRETLS: &str = "REQUIRETLS is not offered; all mail needs the TLS and the certificate of its account";
const SRV: &str = "relays are looked up by SRV only if written so: relay = \"srv:example.com\", without `tls`";

const NOT_SUPPORTED: &str = "not supported";

/// Parameters that decide something about mail that is sent. What the server, the mailboxes and the files of Postfix
/// are told makes no difference here.
const MATTER: [&str; 15] = [
    "smtp_tls_CApath",
    "smtp_tls_per_site",
    "smtp_tls_servername",
    "smtp_tls_trust_anchor_file",
    "smtp_discard_ehlo_keyword_address_maps",
    "smtp_address_preference",
    "smtp_reply_filter",
    "smtp_delivery_status_filter",
    "inet_protocols",
    "luser_relay",
    "fallback_transport",
    "relocated_maps",
    "authorized_submit_users",
    "defer_transports",
    "use_srv_lookup",
];

/// Reasons by the start of the name; the first that fits.
const REASONS: [(&str, &str); 83] = [
    ("smtp_tls_CApath", "postrider uses the system's root certificates, or the file in `tls_ca`"),
    ("smtp_tls_ciphers", "postrider uses only strong cipher suites of TLS 1.2 and 1.3"),
    ("smtp_tls_mandatory_ciphers", "postrider uses only strong cipher suites of TLS 1.2 and 1.3"),
    ("smtp_tls_exclude_ciphers", "postrider uses only strong cipher suites of TLS 1.2 and 1.3"),
    ("smtp_tls_mandatory_exclude_ciphers", "postrider uses only strong cipher suites of TLS 1.2 and 1.3"),
    ("smtp_tls_protocols", "only for optional TLS; in postrider, `tls_min` always applies"),
    ("smtp_tls_session_cache", "sessions are cached in memory while the runner runs"),
    ("smtp_tls_connection_reuse", "sessions are always reused"),
    ("smtp_tls_loglevel", "\"postrider test\" shows TLS details"),
    ("smtp_tls_note_starttls_offer", "\"postrider test\" shows what the server offers"),
    ("smtp_tls_per_site", "obsolete; use smtp_tls_policy_maps instead"),
    ("smtp_tls_servername", "the handshake uses the relay's name, or `tls_name`"),
    ("smtp_tls_trust_anchor_file", "set `tls_ca` to this file if its certificates are root certificates"),
    ("smtp_tlsrpt_", "no reports about TLS (RFC 8460) are sent"),
    ("smtp_tls_enable_rpk", "only certificates are verified, and no raw public keys"),
    (
        "smtp_tls_enforce_sts_mx_patterns",
        "MTA-STS is for servers of recipients; a relay's certificate is always verified",
    ),
    ("smtp_tls_", "not supported; postrider always verifies the certificate"),
    ("smtp_sasl_path", "the mechanisms are built in"),
    ("smtp_sasl_type", "the mechanisms are built in"),
    ("smtp_sasl_auth_cache", "after a rejected login, postrider pauses the account and reports it"),
    ("smtp_sasl_auth_soft_bounce", "mail always waits after a rejected login"),
    ("smtp_header_checks", CONTENT),
    ("smtp_body_checks", CONTENT),
    ("smtp_mime_header_checks", CONTENT),
    ("smtp_nested_header_checks", CONTENT),
    ("smtp_address_preference", "IPv4 and IPv6 addresses are both tried"),
    ("smtp_balance_inet_protocols", "IPv4 and IPv6 addresses are both tried"),
    ("smtp_bind_address_enforce", "the source address is always enforced"),
    ("smtp_connection_cache", "sessions are always reused"),
    ("smtp_discard_ehlo_keyword_address_maps", "list keywords in `discard_ehlo_keywords` of the account"),
    ("smtp_log_tls_feature_status", "\"postrider test\" shows TLS details"),
    ("smtp_requiretls_policy", REQUIRETLS),
    ("requiretls_", REQUIRETLS),
    ("tls_required_enable", "a TLS-Required field is sent as it is; `tls` always applies"),
    ("use_srv_lookup", SRV),
    ("allow_srv_lookup_fallback", SRV),
    ("ignore_srv_lookup_error", SRV),
    ("force_mime_input_conversion", "content is converted only where the relay needs it"),
    ("full_name_encoding_charset", "names are encoded in UTF-8"),
    ("non_empty_end_of_header_action", "the body begins at such a line, as by default"),
    ("relocated_prefix_enable", "it is used with relocated_maps"),
    ("socketmap_", "socketmap tables are not supported"),
    ("smtp_randomize_addresses", ALWAYS_SO),
    ("smtp_reply_filter", "replies are not rewritten"),
    ("smtp_delivery_status_filter", "replies are not rewritten"),
    ("smtpd_", SERVER),
    ("smtp_", NOT_SUPPORTED),
    ("tls", "TLS is built in and has its own settings"),
    ("unknown_", SERVER),
    ("unverified_", SERVER),
    ("mynetworks", SERVER),
    ("inet_", "postrider receives no mail over the network, and sends over IPv4 and IPv6"),
    ("proxy_", SERVER),
    ("relay_domains", SERVER),
    ("relay_recipient_maps", SERVER),
    ("postscreen_", SERVER),
    ("virtual_alias_domains", "recipients are sent to the relay whatever their domain"),
    ("virtual_alias_", "postrider has its own limits for aliases"),
    ("virtual_", BOXES),
    ("mailbox_", BOXES),
    ("home_mailbox", BOXES),
    ("mail_spool_directory", BOXES),
    ("biff", BOXES),
    ("luser_relay", "a local recipient without an alias is sent to the relay, or bounces"),
    ("local_", BOXES),
    ("fallback_transport", BOXES),
    ("lmtp_", BOXES),
    ("alias_database", "tables are read as text; there is no newaliases step"),
    ("always_bcc", COPIES),
    ("sender_bcc_maps", COPIES),
    ("recipient_bcc_maps", COPIES),
    ("relocated_maps", "not supported; use a virtual alias to redirect mail"),
    ("content_filter", CONTENT),
    ("header_checks", CONTENT),
    ("body_checks", CONTENT),
    ("mime_header_checks", CONTENT),
    ("nested_header_checks", CONTENT),
    ("milter_", CONTENT),
    ("non_smtpd_milters", CONTENT),
    ("authorized_submit_users", "list the permitted logins in `users` of each account"),
    ("defer_transports", "mail waits while there is no network, and is sent automatically or with \"postrider flush\""),
    ("queue_run_delay", "each message has its own schedule, between `retry_min` and `retry_max`"),
    ("compatibility_level", OWN),
];

/// Names, or starts of names, of Postfix's own affairs.
const AFFAIRS: [&str; 24] = [
    "readme_directory",
    "html_directory",
    "manpage_directory",
    "sample_directory",
    "command_directory",
    "daemon_directory",
    "data_directory",
    "queue_directory",
    "config_directory",
    "meta_directory",
    "shlib_directory",
    "sendmail_path",
    "newaliases_path",
    "mailq_path",
    "mail_",
    "maillog_",
    "setgid_group",
    "debug",
    "syslog_",
    "default_process_limit",
    "default_cache_db_type",
    "non_bdb_",
    "import_environment",
    "in_flow_delay",
];

/// Parameters that are understood; who sets them to what they are anyway, or where they decide nothing, is told so.
const UNDERSTOOD: [&str; 27] = [
    "append_dot_mydomain",
    "bounce_queue_lifetime",
    "canonical_classes",
    "default_database_type",
    "default_transport",
    "disable_dns_lookups",
    "masquerade_classes",
    "mydestination",
    "recipient_canonical_classes",
    "relay_transport",
    "relayhost",
    "sender_canonical_classes",
    "smtp_dns_support_level",
    "smtp_enforce_tls",
    "smtp_helo_name",
    "smtp_sasl_auth_enable",
    "smtp_sasl_mechanism_filter",
    "smtp_sasl_security_options",
    "smtp_sasl_tls_security_options",
    "smtp_sasl_tls_verified_security_options",
    "smtp_sender_dependent_authentication",
    "smtp_tcp_port",
    "smtp_tls_enforce_peername",
    "smtp_tls_fingerprint_digest",
    "smtp_tls_security_level",
    "smtp_tls_wrappermode",
    "smtp_use_tls",
];

/// Notes all that nobody spoke of.
pub(crate) fn rest(main: &MainCf<'_>, draft: &mut Draft) {
    for name in main.names() {
        if draft.mentions(name) {
            continue;
        }
        if UNDERSTOOD.contains(&name) {
            draft.no_effect(name, "no effect in postrider");
            continue;
        }
        let reason = REASONS.iter().find(|(start, _)| name.starts_with(start)).map(|(_, why)| *why);
        let is_own = AFFAIRS.iter().any(|start| name.starts_with(start));
        let why = match reason {
            _ if main.get(name).is_none() => "empty",
            Some(why) => why,
            None if is_own => OWN,
            None if main.is_referred_to(name) => "used only in other values, which include it",
            None => NOT_SUPPORTED,
        };
        let matters =
            [CONTENT, COPIES, NOT_SUPPORTED].contains(&why) || MATTER.iter().any(|start| name.starts_with(start));
        if why == COPIES && main.get(name).is_some() {
            draft.changed(name, why);
        } else if matters && main.get(name).is_some() {
            draft.left_out(name, why);
        } else {
            draft.no_effect(name, why);
        }
    }
}
