//! `smtp_sasl_mechanism_filter` and `smtp_sasl_..._security_options` -> the mechanisms of an account.

use super::main_cf::{MainCf, elements};
use crate::config::Mechanism;
use crate::import::draft::Draft;

/// Mechanisms that show the password to the server.
const PLAIN_TEXT: [&str; 4] = ["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"];

/// The options of the list that postrider has a meaning for, or always keeps.
const KNOWN: [&str; 2] = ["noplaintext", "noanonymous"];

/// Where each of them is set, the last that is.
const SECURITY: [&str; 3] =
    ["smtp_sasl_security_options", "smtp_sasl_tls_security_options", "smtp_sasl_tls_verified_security_options"];

/// The mechanisms that Postfix would take, and the parameters that say so; `None`: any.
pub(crate) fn mechanisms(main: &MainCf<'_>, draft: &mut Draft) -> Option<(Vec<String>, String)> {
    if !main.is_yes("smtp_sasl_auth_enable") {
        return None;
    }
    let filter = filter(main, draft);
    let excluded: Vec<&str> = filter.iter().filter_map(|name| name.strip_prefix('!')).collect();
    let wanted: Vec<&str> = filter.iter().map(String::as_str).filter(|name| !name.starts_with('!')).collect();
    let same = |names: &[&str], name: &str| names.iter().any(|other| other.eq_ignore_ascii_case(name));
    // Certificates are always verified: the options for such a session hold.
    let security = SECURITY.iter().rev().find(|name| main.is_set(name)).copied().unwrap_or(SECURITY[0]);
    if !main.is_set(security) {
        let how = "by default, Postfix never sends a plain password; postrider does over verified TLS if nothing safer is offered";
        draft.changed(security, how);
    }
    let options = elements(&main.or_default(security, "noanonymous"));
    for option in options.iter().filter(|option| !KNOWN.contains(&option.as_str())) {
        draft.left_out(format!("{security} = {option}"), "list suitable mechanisms in `auth` of the account");
    }
    let no_plain = options.iter().any(|option| option == "noplaintext");
    let fits = |one: &Mechanism| {
        let name = one.name();
        // A password is no token, unless somebody says so.
        let is_wanted = if wanted.is_empty() { !one.wants_token() } else { same(&wanted, name) };
        is_wanted && !same(&excluded, name) && !(no_plain && same(&PLAIN_TEXT, name))
    };
    let kept: Vec<Mechanism> = Mechanism::ALL.into_iter().filter(fits).collect();
    let both = format!("smtp_sasl_mechanism_filter, {security}");
    if kept.is_empty() {
        draft.changed(
            both,
            "postrider supports none of the allowed mechanisms; it uses the safest one that the server offers",
        );
        return None;
    }
    let names = kept.iter().map(|one| one.name().to_lowercase()).collect();
    (kept != Mechanism::usual()).then_some((names, both))
}

/// The filter's names; those that are files or tables are noted.
fn filter(main: &MainCf<'_>, draft: &mut Draft) -> Vec<String> {
    let (tables, names): (Vec<String>, Vec<String>) =
        main.list("smtp_sasl_mechanism_filter").into_iter().partition(|element| element.contains(['/', ':']));
    // Everything that was not excluded before.
    for table in tables.iter().filter(|table| !table.starts_with("static:")) {
        let why = "only mechanism names are imported; list them in `auth` of the account";
        draft.left_out(format!("smtp_sasl_mechanism_filter = {table}"), why);
    }
    names
}
