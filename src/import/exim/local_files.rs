//! What an administrator adds to Debian's set-up of Exim beside the answers to its questions: a configuration of one's own, macros,
//! and hosts of single domains.

use super::lsearch;
use crate::import::ImportContext;
use crate::import::draft::Draft;

/// Macros for receiving mail, TLS as a server, and logs.
const WITHOUT_EFFECT: [&str; 11] = [
    "MAIN_TLS_",
    "MAIN_LOG_",
    "MAIN_ACL_",
    "MAIN_HOST_LOOKUP",
    "MAIN_SMTP_ACCEPT",
    "MAIN_TIMEOUT_FROZEN",
    "MAIN_IGNORE_BOUNCE",
    "CHECK_",
    "AUTH_SERVER_",
    "TEERGRUBE",
    "LOCAL_DELIVERY",
];

/// Says which of them are there; what decides otherwise than the answers is not read. Macros are in the file of this name.
pub(super) fn note(context: &ImportContext<'_>, name: &str, draft: &mut Draft) {
    let own = context.file("exim4.conf");
    if (context.read)(&own).is_ok() {
        draft.serves(format!(
            "is configured by {}, which is not read: it may receive mail, and send it otherwise than update-exim4.conf.conf says",
            own.display()
        ));
        draft.changed(
            "exim4.conf",
            "Exim used it in place of update-exim4.conf.conf, and it is not read: compare each relay and login with it",
        );
    }
    let macros = (context.read)(&context.file(name)).unwrap_or_default();
    let (idle, others): (Vec<&str>, Vec<&str>) = macros
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0.trim().trim_end_matches('=')))
        .filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))
        .partition(|name| WITHOUT_EFFECT.iter().any(|prefix| name.starts_with(prefix)));
    if !others.is_empty() {
        let how = format!("its {} changed what Exim does, and is not imported", others.join(", "));
        draft.changed(name, how);
    }
    if !idle.is_empty() {
        draft.no_effect(format!("{name}: {}", idle.join(", ")), "specific to Exim's server, files or logs");
    }
    for row in lsearch::rows(&(context.read)(&context.file("hubbed_hosts")).unwrap_or_default()) {
        let why = "postrider chooses the relay by sender, not by recipient";
        draft.left_out(format!("hubbed_hosts entry \"{}: {}\"", row.key, row.data), why);
    }
}
