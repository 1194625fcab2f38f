//! Parameters of Postfix that are newer than those in `postfix_parameters.txt`, and what is said of each.

use super::{case, secrets, translated};
use crate::import::Program;

/// By the release that brought them.
const NEW: [(&str, &str); 4] = [
    (
        "3.8",
        "allow_srv_lookup_fallback ignore_srv_lookup_error smtpd_client_ipv4_prefix_length \
     smtpd_client_ipv6_prefix_length tls_ffdhe_auto_groups use_srv_lookup",
    ),
    (
        "3.9",
        "force_mime_input_conversion lmtp_sasl_password_result_delimiter lmtp_tls_enable_rpk \
     maillog_file_permissions smtp_sasl_password_result_delimiter smtp_tls_enable_rpk \
     smtpd_tls_enable_rpk tlsproxy_tls_enable_rpk",
    ),
    (
        "3.10",
        "full_name_encoding_charset lmtp_tlsrpt_enable lmtp_tlsrpt_skip_reused_handshakes \
     lmtp_tlsrpt_socket_name smtp_tlsrpt_enable smtp_tlsrpt_skip_reused_handshakes \
     smtp_tlsrpt_socket_name smtpd_hide_client_session socketmap_max_reply_size tls_required_enable",
    ),
    (
        "3.11",
        "default_cache_db_type lmtp_log_tls_feature_status lmtp_requiretls_policy \
     lmtp_tls_enforce_sts_mx_patterns non_bdb_custom_mapping non_bdb_migration_allow_root_prefixes \
     non_bdb_migration_allow_user_prefixes non_bdb_migration_level non_bdb_migration_log_redirect \
     non_bdb_migration_service_name non_empty_end_of_header_action relocated_prefix_enable \
     requiretls_enable requiretls_esmtp_header requiretls_redact_dsn smtp_log_tls_feature_status \
     smtp_requiretls_policy smtp_tls_enforce_sts_mx_patterns smtpd_reject_filter_maps",
    ),
];

#[test]
fn parameters_that_are_newer_than_3_7_are_known_with_their_reason() {
    let names = || NEW.iter().flat_map(|(_, names)| names.split_whitespace());
    let main: Vec<String> = names().map(|name| format!("{name} = 1\n")).collect();
    let main = main.concat();
    let main = format!("relayhost = [smtp.isp.example]:587\nsmtp_sasl_auth_enable = yes\n{main}");
    let (.., text) = translated(Program::Postfix, "/c", &[("/c/main.cf", &main)]);
    for name in names() {
        let told = text.lines().find(|line| line.contains(&format!(": {name}: ")));
        assert!(told.is_some_and(|line| !line.ends_with(": not supported")), "{name}: {told:?}");
    }
    let matters =
        "# Not imported: use_srv_lookup: relays are looked up by SRV only if written so: relay = \"srv:example.com\"";
    assert!(text.contains(matters), "{text}");
}

#[test]
fn a_login_may_have_another_delimiter() {
    for (delimiter, row, login) in [("", "me:my:pw", "me"), ("|", "me:x|my:pw", "me:x"), ("|", "me:my:pw", "")] {
        let set = if delimiter.is_empty() {
            String::new()
        } else {
            format!("smtp_sasl_password_result_delimiter = {delimiter}\n")
        };
        let main = format!(
            "relayhost = [smtp.isp.example]:587\nsmtp_sasl_auth_enable = yes\nsmtp_tls_security_level = encrypt\n{set}\
             smtp_sasl_password_maps = inline:{{ {{ [smtp.isp.example]:587 = {row} }} }}\n"
        );
        if login.is_empty() {
            case(Program::Postfix, &[("/c/main.cf", &main)], &["no password after the delimiter"], &["username ="]);
            continue;
        }
        let (config, draft, text) = translated(Program::Postfix, "/c", &[("/c/main.cf", &main)]);
        assert_eq!(config.accounts[0].username.as_deref(), Some(login), "{text}");
        assert_eq!(secrets(&draft), [("isp", "my:pw")], "{text}");
    }
}
