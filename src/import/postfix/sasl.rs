//! How Postfix's SMTP server verifies logins: `smtpd_sasl_*`, the configuration of Cyrus SASL, and `smtpd_sender_login_maps`.
//! Passwords cannot be carried over, since none of these stores keeps them as SCRAM keys; who logs in can.

use super::main_cf::MainCf;
use super::tables;
use crate::config::sender_pattern::exactly;
use crate::import::draft::Draft;
use crate::mail::submitter::ClientName;

/// Mechanisms that postrider does not offer: a reason, and what to use.
const NOT_OFFERED: [(&str, &str); 7] = [
    ("DIGEST-MD5", "obsolete (RFC 6331); use SCRAM-SHA-256, or PLAIN under TLS"),
    ("CRAM-MD5", "it needs the password in clear text on the server; use SCRAM-SHA-256, or PLAIN under TLS"),
    ("NTLM", "obsolete; use SCRAM-SHA-256, or PLAIN under TLS"),
    ("GSSAPI", "Kerberos is not supported; give the client a password and use SCRAM-SHA-256, or PLAIN under TLS"),
    ("GS2-KRB5", "Kerberos is not supported; give the client a password and use SCRAM-SHA-256, or PLAIN under TLS"),
    ("OTP", "one-time passwords are not supported; use SCRAM-SHA-256, or PLAIN under TLS"),
    ("EXTERNAL", "client certificates are not checked; give the client a password"),
];

/// Where Debian and others keep it.
const FOLDERS: [&str; 4] = ["/etc/postfix/sasl", "/etc/sasl2", "/usr/lib/sasl2", "/usr/lib64/sasl2"];

/// Somebody who logs in: the name, and the addresses that it may send from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) name: ClientName,
    pub(crate) senders: Vec<String>,
}

/// Notes what of it has no part in postrider.
pub(crate) fn note(main: &MainCf<'_>, draft: &mut Draft) {
    const NEW: &str = "postrider keeps its own passwords";
    if let Some(kind) = main.get("smtpd_sasl_type").filter(|kind| kind != "cyrus") {
        draft.left_out(
            format!("smtpd_sasl_type = {kind}"),
            format!("{NEW} and asks no other server; add a client for each login"),
        );
        return;
    }
    let name = main.get("smtpd_sasl_path").unwrap_or_else(|| "smtpd".to_owned());
    let own = main.get("cyrus_sasl_config_path");
    let folders = own.iter().flat_map(|path| path.split(':')).chain(FOLDERS);
    let mut paths = folders.map(|folder| main.place(folder).join(format!("{name}.conf")));
    let Some((path, text)) = paths.find_map(|path| Some((path.clone(), main.read(&path).ok()?))) else { return };
    let shown = path.display();
    let value = |key: &str| value(&text, key);
    for mechanism in value("mech_list").split_whitespace() {
        let known = NOT_OFFERED.iter().find(|(known, _)| known.eq_ignore_ascii_case(mechanism));
        if let Some((name, why)) = known {
            draft.left_out(format!("{name} (mech_list in {shown})"), *why);
        }
    }
    let (method, plugin) = (value("pwcheck_method"), value("auxprop_plugin"));
    let sasldb = "its passwords are not imported; \"sasldblistusers2\" lists its users: add a client for each, which then logs in as \
                  user or as user@realm, where the realm is a domain of this machine";
    match (method.as_str(), plugin.as_str()) {
        ("saslauthd" | "pam", _) => draft.left_out(
            format!("pwcheck_method: {method} ({shown})"),
            format!("{NEW} and asks neither saslauthd nor PAM; add a client for each user"),
        ),
        (_, "sql") => draft.left_out(
            format!("auxprop_plugin: sql ({shown})"),
            format!("{NEW} and asks no SQL database; add a client for each login"),
        ),
        (_, "ldapdb") => draft.left_out(
            format!("auxprop_plugin: ldapdb ({shown})"),
            format!("{NEW} and asks no LDAP server; add a client for each login"),
        ),
        _ => draft.left_out(format!("sasldb ({shown})"), sasldb),
    }
}

/// The value of `KEY: VALUE`.
fn value(text: &str, key: &str) -> String {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned());
    values.next().unwrap_or_default()
}

/// Who may log in, as far as `smtpd_sender_login_maps` tells.
pub(crate) fn logins(main: &MainCf<'_>, draft: &mut Draft) -> Vec<Login> {
    let mut logins: Vec<Login> = Vec::new();
    for (address, names) in tables::rows(main, "smtpd_sender_login_maps", draft) {
        for written in super::main_cf::elements(&names) {
            let bare = written.split('@').next().unwrap_or_default();
            let Ok(name) = ClientName::parse(bare) else {
                draft.left_out(
                    format!("smtpd_sender_login_maps entry {address}"),
                    format!("a client cannot be called \"{written}\"; add one with another name"),
                );
                continue;
            };
            match logins.iter_mut().find(|login| login.name == name) {
                Some(login) => login.senders.push(exactly(&address)),
                None => logins.push(Login { name, senders: vec![exactly(&address)] }),
            }
        }
    }
    logins
}
