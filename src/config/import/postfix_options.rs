//! `smtp_tls_...` and `smtp_sasl_...` -> the keys of an account. Where Postfix did without TLS
//! or without a good certificate, we do not, and say so.

use std::net::IpAddr;

use super::draft::{Draft, Section};
use super::maincf::{MainCf, elements};
use super::postfix_accounts::host;
use crate::config::Mechanism;

/// Mechanisms that show the password to the server.
const PLAIN_TEXT: [&str; 4] = ["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"];

/// What holds for all accounts.
pub(super) struct Options {
    level: String,
    wrapper: bool,
    ca: Option<String>,
    /// Relay as written -> level and attributes.
    policies: Vec<(String, String)>,
    auth: Option<Vec<String>>,
}

/// Reads them, and notes what is not carried over.
pub(super) fn read(main: &MainCf<'_>, draft: &mut Draft) -> Options {
    let level = main.get("smtp_tls_security_level").unwrap_or_else(|| {
        let enforced = main.is_yes("smtp_enforce_tls");
        if enforced {
            "encrypt"
        } else if main.is_yes("smtp_use_tls") {
            "may"
        } else {
            "none"
        }
        .to_owned()
    });
    if main.get("smtp_tls_CApath").is_some() {
        draft.left_out("smtp_tls_CApath", "the system's roots are used, or the one file `tls_ca`");
    }
    for name in ["smtp_tls_cert_file", "smtp_tls_key_file", "smtp_tls_chain_files"] {
        if main.get(name).is_some() {
            draft.left_out(name, "no client certificate is sent");
        }
    }
    let policies = main.list("smtp_tls_policy_maps");
    let mut rows = Vec::new();
    for element in policies {
        match main.table(&element).and_then(|table| main.rows(&table)) {
            Ok(read) => rows.extend(read),
            Err(why) => draft.left_out(format!("smtp_tls_policy_maps = {element}"), why),
        }
    }
    let ca = main.get("smtp_tls_CAfile").filter(|path| !path.ends_with("/ca-certificates.crt"));
    let ca = ca.map(|path| main.place(&path).display().to_string());
    Options { level, wrapper: main.is_yes("smtp_tls_wrappermode"), ca, policies: rows, auth: mechanisms(main, draft) }
}

/// The mechanisms that Postfix would take; `None`: any.
fn mechanisms(main: &MainCf<'_>, draft: &mut Draft) -> Option<Vec<String>> {
    let filter = main.list("smtp_sasl_mechanism_filter");
    let excluded: Vec<&str> = filter.iter().filter_map(|name| name.strip_prefix('!')).collect();
    let wanted: Vec<&str> = filter.iter().map(String::as_str).filter(|name| !name.starts_with('!')).collect();
    let same = |names: &[&str], name: &str| names.iter().any(|other| other.eq_ignore_ascii_case(name));
    let usual = main.or_default("smtp_sasl_security_options", "noplaintext, noanonymous");
    let security = main.or_default("smtp_sasl_tls_security_options", &usual);
    let no_plain = main.is_yes("smtp_sasl_auth_enable") && elements(&security).iter().any(|one| one == "noplaintext");
    let fits = |name: &str| {
        !same(&excluded, name) && (wanted.is_empty() || same(&wanted, name)) && !(no_plain && same(&PLAIN_TEXT, name))
    };
    let kept: Vec<String> =
        Mechanism::ALL.iter().map(|one| one.name()).filter(|name| fits(name)).map(str::to_lowercase).collect();
    if kept.len() == Mechanism::ALL.len() || !main.is_yes("smtp_sasl_auth_enable") {
        return None;
    }
    if kept.is_empty() {
        let parameter = if no_plain { "smtp_sasl_security_options" } else { "smtp_sasl_mechanism_filter" };
        draft.changed(
            parameter,
            "none of the mechanisms it allows is known here: the safest that is offered is used, over TLS",
        );
        return None;
    }
    Some(kept)
}

impl Options {
    /// The TLS and login keys of one account.
    pub(super) fn write(&self, name: &str, relay: &str, login: bool, keys: &mut Section, draft: &mut Draft) {
        let policy =
            self.policies.iter().find(|(key, _)| *key == relay.to_lowercase() || *key == host(&relay.to_lowercase()));
        let words = policy.map(|(_, value)| elements(value));
        let level = words.as_ref().and_then(|words| words.first()).unwrap_or(&self.level).clone();
        let port = relay.rsplit_once(':').map(|(_, port)| port);
        let implicit = self.wrapper && level != "none";
        let here = host(relay).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if implicit {
            keys.text("tls", "implicit", "smtp_tls_wrappermode");
        } else if level == "none" && (here || !login) {
            keys.text("tls", "none", "as with Postfix; set \"starttls\" if the relay offers it");
            if login {
                keys.line("allow_plaintext", "true".to_owned(), "the relay is this machine");
            }
        } else {
            keys.text("tls", "starttls", "");
        }
        let what = format!("TLS for account {name}");
        match level.as_str() {
            "none" if !implicit && (here || !login) => {}
            "none" => draft.changed(what, "Postfix sent the password in the clear; TLS is now required"),
            "may" => draft.changed(
                what,
                "smtp_tls_security_level = may took TLS if offered and any certificate; both are now required",
            ),
            "encrypt" => draft.changed(
                what,
                "smtp_tls_security_level = encrypt took any certificate; it must now be valid for the relay",
            ),
            "verify" | "secure" => {}
            other => draft
                .changed(what, format!("level {other} is not known here; the certificate must be valid for the relay")),
        }
        if port == Some("465") && !implicit {
            draft.changed(
                format!("port 465 of account {name}"),
                "without smtp_tls_wrappermode Postfix cannot have talked to it",
            );
        }
        if let Some(name) = words.iter().flatten().find_map(|word| word.strip_prefix("match=")) {
            if name.contains(['.', ':']) && !name.contains(':') && !name.starts_with('.') {
                keys.text("tls_name", name, "smtp_tls_policy_maps");
            } else {
                draft.left_out(format!("smtp_tls_policy_maps match={name}"), "one name can be set, `tls_name`");
            }
        }
        if let Some(ca) = &self.ca {
            keys.text("tls_ca", ca, "smtp_tls_CAfile");
        }
        if let Some(auth) = self.auth.as_ref().filter(|_| login) {
            keys.list("auth", auth, "smtp_sasl_mechanism_filter, smtp_sasl_security_options");
        }
    }
}
