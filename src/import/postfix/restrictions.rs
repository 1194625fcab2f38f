//! smtpd_*_restrictions: what each element means for clients that postrider's listeners serve. Most of them decide about strangers,
//! who can submit nothing at all; what decided about clients is a key of theirs, or is named as missing.

use super::main_cf::MainCf;
use super::tables;
use crate::import::draft::Draft;

/// In the order in which Postfix applies them.
const STAGES: [&str; 7] = [
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
];

/// What an element is in postrider.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    /// So anyway.
    Always(&'static str),
    /// A key decides it, for clients one by one.
    Key(&'static str),
    /// There is nothing like it.
    Missing(&'static str),
}

use Meaning::{Always, Key, Missing};

/// Who wants mail for elsewhere to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// One in mynetworks, without a login.
    OfMynetworks,
    /// One that logged in, from any address.
    LoggedIn,
}

/// What a list of restrictions does with a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// By this element.
    Permitted,
    Refused,
    /// Nothing at all, so that the next list decides.
    Undecided,
}

/// `smtpd_relay_restrictions` where it is not set.
const USUAL_RELAY_RESTRICTIONS: [&str; 3] =
    ["permit_mynetworks", "permit_sasl_authenticated", "defer_unauth_destination"];

/// Whether Postfix accepts mail of this client: a list that refuses it outweighs all that permit it, and one list at least must
/// permit it, since relays are closed.
pub(crate) fn admit(main: &MainCf<'_>, client: Client) -> bool {
    let classes = main.list("smtpd_restriction_classes");
    let verdicts = STAGES.map(|stage| {
        if stage == "smtpd_relay_restrictions" && !main.is_set(stage) {
            return verdict(&USUAL_RELAY_RESTRICTIONS.map(str::to_owned), client);
        }
        verdict(&without_classes(main, main.list(stage), &classes), client)
    });
    !verdicts.contains(&Verdict::Refused) && verdicts.contains(&Verdict::Permitted)
}

/// With the elements of each class in its place. A class within itself, which Postfix does not run, stays.
fn without_classes(main: &MainCf<'_>, elements: Vec<String>, classes: &[String]) -> Vec<String> {
    let inside = |element: String| {
        if !classes.contains(&element) {
            return vec![element];
        }
        let others: Vec<String> = classes.iter().filter(|class| **class != element).cloned().collect();
        without_classes(main, main.list(&element), &others)
    };
    elements.into_iter().flat_map(inside).collect()
}

/// The first element that decides about every message of the client counts. What depends on a table or a service may permit it as
/// well, which nobody knows here: a refusal that follows counts.
fn verdict(elements: &[String], client: Client) -> Verdict {
    let mut rest = elements.iter().map(|element| element.to_ascii_lowercase());
    let mut is_warning = false;
    while let Some(element) = rest.next() {
        let argument = if has_argument(&element) { rest.next() } else { None };
        let permits = match element.as_str() {
            "permit" => true,
            "permit_mynetworks" => client == Client::OfMynetworks,
            // The checks decide by the message, and not by where the client is.
            "permit_sasl_authenticated" | "check_sender_access" | "check_recipient_access" => {
                client == Client::LoggedIn
            }
            _ => false,
        };
        if permits {
            return Verdict::Permitted;
        }
        if !is_warning && (refuses(&element) || argument.as_deref().is_some_and(is_table_of_refusal)) {
            return Verdict::Refused;
        }
        is_warning = element == "warn_if_reject";
    }
    Verdict::Undecided
}

/// Whether it refuses all mail for elsewhere that has not been permitted.
fn refuses(element: &str) -> bool {
    let all = ["reject", "defer", "defer_if_permit"];
    let elsewhere = ["reject_unauth_destination", "defer_unauth_destination", "check_relay_domains"];
    all.contains(&element) || elsewhere.contains(&element)
}

/// `static:reject`, which says the same to everybody.
fn is_table_of_refusal(table: &str) -> bool {
    let said = table.strip_prefix("static:").unwrap_or_default().trim_start_matches(['{', ' ']);
    let said = said.split([' ', '}']).next().unwrap_or_default();
    refuses(said) || said.starts_with(['4', '5'])
}

const ONLY_CLIENTS: &str = "only clients that log in, or that `trust` names, can submit mail";
const HELO: &str = "a client is never refused because of its HELO name";
const DNS: &str = "clients are not looked up in DNS; `networks` says who may connect";
const SENDERS: &str = "`senders` of each client lists the addresses that it may send from";

/// Elements by the start of their names; the first that fits.
const MEANINGS: [(&str, Meaning); 40] = [
    ("permit_mynetworks", Always(ONLY_CLIENTS)),
    ("permit_sasl_authenticated", Always(ONLY_CLIENTS)),
    ("permit_tls_", Missing("client certificates are not checked; give the client a password")),
    ("permit_auth_destination", Always("mail is accepted for any recipient, from clients only")),
    ("permit_inet_interfaces", Missing("add a client with `networks` of this machine")),
    ("permit_naked_ip_address", Always(HELO)),
    ("permit", Always(ONLY_CLIENTS)),
    ("reject_unauth_destination", Always(ONLY_CLIENTS)),
    ("defer_unauth_destination", Always(ONLY_CLIENTS)),
    ("reject_plaintext_session", Always("`tls` decides whether TLS is required")),
    ("reject_unauth_pipelining", Always("commands that come too early are refused where RFC 2920 forbids them")),
    ("reject_multi_recipient_bounce", Always("only clients with `relay_for_others` may send from <>")),
    ("reject_sender_login_mismatch", Key(SENDERS)),
    ("reject_authenticated_sender_login_mismatch", Key(SENDERS)),
    ("reject_known_sender_login_mismatch", Key(SENDERS)),
    ("reject_unauthenticated_sender_login_mismatch", Key(SENDERS)),
    ("reject_non_fqdn_sender", Always(SENDERS)),
    ("reject_unknown_sender_domain", Always(SENDERS)),
    ("reject_unlisted_sender", Always(SENDERS)),
    ("reject_unverified_sender", Always(SENDERS)),
    ("reject_invalid_h", Always(HELO)),
    ("reject_non_fqdn_h", Always(HELO)),
    ("reject_unknown_h", Always(HELO)),
    ("reject_rhsbl_helo", Always(HELO)),
    ("check_helo_", Always(HELO)),
    ("reject_non_fqdn_recipient", Always("a bare recipient is completed with `origin`")),
    ("reject_unknown_recipient_domain", Always("the relay decides, and mail that it refuses bounces to the `owner`")),
    ("reject_unlisted_recipient", Always("an unknown local recipient is refused")),
    ("reject_unverified_recipient", Missing("recipients are not verified in advance")),
    (
        "check_recipient_",
        Key("`allowed_recipients` of each client limits whom it may write to, by addresses and domains"),
    ),
    ("check_client_", Missing("list the addresses that may connect in `networks`")),
    ("check_policy_service", Missing("policy services are not asked")),
    ("check_", Missing("not supported; `networks`, `senders` and `allowed_recipients` decide")),
    ("reject_unknown_client", Missing(DNS)),
    ("reject_unknown_reverse", Missing(DNS)),
    ("reject_rbl_client", Missing(DNS)),
    ("reject_rhsbl_", Missing(DNS)),
    ("reject", Always(ONLY_CLIENTS)),
    ("defer", Always(ONLY_CLIENTS)),
    ("sleep", Always("a rejected login is answered after a pause")),
];

/// Elements that are followed by a table, a service or a list.
fn has_argument(element: &str) -> bool {
    element.starts_with("check_")
        || element.starts_with("reject_rbl_")
        || element.starts_with("reject_rhsbl_")
        || element == "sleep"
}

/// Notes what each element of a service's restrictions becomes; the tables of senders, in TOML, that its clients are to have.
pub(crate) fn note(main: &MainCf<'_>, service: &str, draft: &mut Draft) -> Vec<String> {
    let mut senders = Vec::new();
    for stage in STAGES {
        let elements = main.list(stage);
        let mut rest = elements.iter();
        let mut is_for_strangers = false;
        while let Some(element) = rest.next() {
            let argument = if has_argument(element) { rest.next() } else { None };
            let shown = argument.map_or_else(|| element.clone(), |argument| format!("{element} {argument}"));
            let what = format!("{shown} ({stage}, {service})");
            let name = element.to_ascii_lowercase();
            if is_for_strangers && !name.starts_with("permit") {
                draft.no_effect(
                    what,
                    "it follows permit_sasl_authenticated, so it does not concern clients that log in",
                );
            } else if let ("check_sender_access", Some(table)) = (name.as_str(), argument) {
                let found = tables::source(main, &what, table, draft);
                if found.is_some() {
                    draft
                        .changed(what, "its addresses and domains are in `senders` of the clients; others are refused");
                }
                senders.extend(found);
            } else if let Some((_, meaning)) = MEANINGS.iter().find(|(start, _)| name.starts_with(start)) {
                match *meaning {
                    Always(how) => draft.no_effect(what, how),
                    Key(how) => draft.changed(what, how),
                    Missing(why) => draft.left_out(what, why),
                }
            } else {
                draft.left_out(what, "not supported; `networks`, `senders` and `allowed_recipients` decide");
            }
            is_for_strangers = is_for_strangers || name == "permit_sasl_authenticated" || name == "permit";
        }
    }
    senders
}
