//! What of main.cf has no part in postrider, by name and with the reason: whatever is set and was spoken of
//! nowhere else ends here.

use super::main_cf::MainCf;
use crate::import::draft::Draft;

const SERVER: &str = "postrider receives no mail over the network";
const BOXES: &str = "postrider keeps no mailboxes";
const OWN: &str = "it concerns Postfix's own files, processes or history";
const CONTENT: &str = "postrider changes no header but for addresses, and looks at no content";
const ALWAYS_SO: &str = "postrider always does so, or has no such choice";
const COPIES: &str = "postrider sends no copies beside the recipients that are named";

/// Reasons by the start of the name; the first that fits.
const REASONS: [(&str, &str); 68] = [
    ("smtp_tls_CApath", "the system's roots are used, or the one file `tls_ca`"),
    ("smtp_tls_ciphers", "all suites of TLS 1.2 and 1.3 that are spoken here are strong"),
    ("smtp_tls_mandatory_ciphers", "all suites of TLS 1.2 and 1.3 that are spoken here are strong"),
    ("smtp_tls_exclude_ciphers", "all suites of TLS 1.2 and 1.3 that are spoken here are strong"),
    ("smtp_tls_mandatory_exclude_ciphers", "all suites of TLS 1.2 and 1.3 that are spoken here are strong"),
    ("smtp_tls_protocols", "it concerns TLS that is not demanded; `tls_min` holds always"),
    ("smtp_tls_session_cache", "sessions are kept in memory while the runner lives"),
    ("smtp_tls_connection_reuse", "a session is used for as many messages as there are"),
    ("smtp_tls_loglevel", "\"postrider test\" shows what TLS does"),
    ("smtp_tls_note_starttls_offer", "\"postrider test\" shows what is offered"),
    ("smtp_tls_per_site", "it is of old; smtp_tls_policy_maps would be read"),
    ("smtp_tls_servername", "the name in the handshake is the relay's, or `tls_name`"),
    ("smtp_tls_trust_anchor_file", "set `tls_ca` to it if its certificates are roots"),
    ("smtp_tls_", "postrider has its own way of TLS: it always checks the certificate"),
    ("smtp_sasl_path", "the mechanisms are built in"),
    ("smtp_sasl_type", "the mechanisms are built in"),
    ("smtp_sasl_auth_cache", "an account whose login fails is not tried again at once, and says so"),
    ("smtp_sasl_auth_soft_bounce", "mail waits while a login fails"),
    ("smtp_header_checks", CONTENT),
    ("smtp_body_checks", CONTENT),
    ("smtp_mime_header_checks", CONTENT),
    ("smtp_nested_header_checks", CONTENT),
    ("smtp_address_preference", "addresses of both families are tried"),
    ("smtp_balance_inet_protocols", "addresses of both families are tried"),
    ("smtp_bind_address_enforce", "an address to connect from is always enforced"),
    ("smtp_connection_cache", "a session is used for as many messages as there are"),
    ("smtp_discard_ehlo_keyword", "what a relay offers and cannot do is found out by trying"),
    ("smtp_randomize_addresses", ALWAYS_SO),
    ("smtp_reply_filter", "replies are taken as they are"),
    ("smtp_delivery_status_filter", "replies are taken as they are"),
    ("smtpd_", SERVER),
    ("smtp_", "postrider has nothing like it"),
    ("tls", "TLS is built in, with settings of its own"),
    ("unknown_", SERVER),
    ("unverified_", SERVER),
    ("mynetworks", SERVER),
    ("inet_", "postrider receives no mail over the network, and sends by both families"),
    ("proxy_", SERVER),
    ("relay_domains", SERVER),
    ("relay_recipient_maps", SERVER),
    ("postscreen_", SERVER),
    ("virtual_alias_domains", "recipients are sent to the relay whatever their domain"),
    ("virtual_alias_", "the limits of aliases are postrider's own"),
    ("virtual_", BOXES),
    ("mailbox_", BOXES),
    ("home_mailbox", BOXES),
    ("mail_spool_directory", BOXES),
    ("biff", BOXES),
    ("luser_relay", "a recipient of this machine without an alias is sent to the relay, or returned"),
    ("local_", "postrider delivers nothing locally"),
    ("fallback_transport", "postrider delivers nothing locally"),
    ("lmtp_", "postrider delivers nothing locally"),
    ("alias_database", "tables are read from their text, there is no newaliases step"),
    ("always_bcc", COPIES),
    ("sender_bcc_maps", COPIES),
    ("recipient_bcc_maps", COPIES),
    ("relocated_maps", "tell senders by a virtual alias, or not at all"),
    ("content_filter", CONTENT),
    ("header_checks", CONTENT),
    ("body_checks", CONTENT),
    ("mime_header_checks", CONTENT),
    ("nested_header_checks", CONTENT),
    ("milter_", CONTENT),
    ("non_smtpd_milters", CONTENT),
    ("authorized_submit_users", "name who may send in `users` of the accounts"),
    ("defer_transports", "mail waits while there is no network, and leaves by itself or with \"postrider flush\""),
    ("queue_run_delay", "each message has its own time, from `retry_min` to `retry_max`"),
    ("compatibility_level", OWN),
];

/// Names, or starts of names, of Postfix's own affairs.
const AFFAIRS: [&str; 22] = [
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
            draft.changed(name, "it decides nothing here, or says what holds anyway");
            continue;
        }
        let reason = REASONS.iter().find(|(start, _)| name.starts_with(start)).map(|(_, why)| *why);
        let is_own = AFFAIRS.iter().any(|start| name.starts_with(start));
        let why = match reason {
            _ if main.get(name).is_none() => "it is set to nothing",
            Some(why) => why,
            None if is_own => OWN,
            None if main.is_referred_to(name) => "it stands in the values of others, which have it now",
            None => "postrider has nothing like it",
        };
        draft.left_out(name, why);
    }
}
