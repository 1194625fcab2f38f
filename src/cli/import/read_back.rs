//! What was made of the other program's configuration, read and tried as delivery would: an import is done when its
//! result is known to work.

use std::collections::HashSet;

use crate::cli::exit::{Exit, Failure};
use crate::cli::route::{self, Goes, Way};
use crate::config::relay::Relay;
use crate::config::sender_pattern::is_pattern;
use crate::config::{Config, ConfigError};
use crate::import::draft::{Attempt, Draft, OwnMail};
use crate::import::origin::Texts;
use crate::import::said::{Encryption, FromField, Said};
use crate::mail::address::Address;
use crate::mail::printable::printable;
use crate::rules::route::Why;
use crate::sys::host;

/// Somebody at no provider of anybody's.
const ELSEWHERE: &str = "somebody@elsewhere.example";

/// No more senders than this are shown; a table may name thousands.
const SHOWN: usize = 20;

/// What the configuration refuses is taken out of the draft, if that is possible.
pub(super) fn without_refused(
    error: &ConfigError,
    text: &str,
    texts: &Texts,
    draft: &mut Draft,
) -> Result<(), Failure> {
    let attempt = match error {
        ConfigError::Faulty { faults, .. } => draft.without_refused(text, faults, texts),
        _ => Attempt::Vain,
    };
    if attempt == Attempt::Another {
        return Ok(());
    }
    let what = "this configuration cannot be converted, and nothing was written; set up an account with \
                \"postrider init\". The result would have been";
    Err(Failure::new(Exit::Config, format_args!("{what}: {error}")))
}

/// Whether mail goes as the source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Same,
    Different,
}

/// Shows what becomes of mail of and to the users that every machine has, and of each sender that the source names, beside
/// what the source says of it.
pub(super) fn routes(config: &Config, draft: &Draft, program: &str) -> Comparison {
    print_line!("\nHow mail is routed now, and how {program} routed it:");
    let named = config.accounts.iter().flat_map(|account| &account.senders).map(String::as_str);
    let named = named.filter(|sender| !is_pattern(sender) && Address::parse(sender).is_ok()).take(SHOWN);
    let mut result = Comparison::Same;
    let elsewhere =
        draft.elsewhere.iter().map(|one| one.sender.as_str()).filter(|one| !one.starts_with('@')).take(SHOWN);
    let mut shown = HashSet::new();
    let senders = ["root", "postmaster"].into_iter().chain(elsewhere).chain(named);
    for sender in senders.filter(|sender| shown.insert(sender.to_lowercase())) {
        let way = match route::way(config, sender, ELSEWHERE) {
            Ok(way) => way,
            Err(failure) => {
                print_line!("- from {sender}: {}", printable(&failure.message));
                // A table that cannot answer stops here what has an account.
                if config.accounts.len() == 1 || draft.top.sets("default_account") {
                    result = Comparison::Different;
                    print_line!("    different: {program} would send it");
                }
                continue;
            }
        };
        print_line!("- from {sender}: {}", printable(&now(&way)));
        if let Some(otherwise) = without_account(config, draft, &way) {
            result = Comparison::Different;
            print_line!("    {program}: {}", printable(otherwise));
            print_line!("    different: sent through account {}", printable(&way.account));
            continue;
        }
        if let Some(other) = draft.elsewhere.iter().find(|one| one.sender.eq_ignore_ascii_case(sender)) {
            result = Comparison::Different;
            print_line!("    {program}: {}", printable(&other.goes));
            print_line!("    different: sent through account {}", printable(&way.account));
            continue;
        }
        let Some(account) = draft.accounts.iter().find(|account| account.name == way.account) else { continue };
        print_line!("    {program}: {}", printable(&before(&account.said, &way)));
        let different = differences(&account.said, &way);
        if !different.is_empty() {
            result = Comparison::Different;
            print_line!("    different: {}", printable(&different.join(", ")));
        }
    }
    if recipients(config, draft, program) == Comparison::Different { Comparison::Different } else { result }
}

/// Shows what becomes of mail to the users that every machine has.
fn recipients(config: &Config, draft: &Draft, program: &str) -> Comparison {
    let mut result = Comparison::Same;
    for recipient in ["root", "postmaster"] {
        let way = match route::way(config, "root", recipient) {
            Ok(way) => way,
            Err(failure) => {
                print_line!("- to {recipient}: {}", printable(&failure.message));
                continue;
            }
        };
        let names: Vec<&str> = way.recipients.iter().map(|(name, _)| name.as_str()).collect();
        print_line!("- to {recipient}: {}", printable(&names.join(", ")));
        if let Some(different) = own_mail(draft, &way) {
            result = Comparison::Different;
            print_line!("    {program}: a mailbox on this machine");
            print_line!("    different: {different}");
        }
    }
    result
}

/// What becomes of mail to a user of this machine that the source keeps on it, if that is something else. Aliases and `virtual`
/// hold in both.
fn own_mail(draft: &Draft, way: &Way) -> Option<&'static str> {
    way.recipients.iter().filter(|_| draft.own_mail == OwnMail::Stays).find_map(|(_, goes)| match goes {
        Goes::Here | Goes::Away => None,
        Goes::AwayFromOwnName => Some("it leaves this machine"),
        Goes::Waits => Some("it waits, since there is no mailbox"),
        Goes::Refused => Some("it is refused"),
    })
}

/// What the source did with mail that is sent through an account although the source has that for others alone: an only account
/// is the default for all senders.
fn without_account<'d>(config: &Config, draft: &'d Draft, way: &Way) -> Option<&'d str> {
    if way.why != Why::Default {
        return None;
    }
    let is_for_some = config.account(&way.account).is_some_and(|account| !account.senders.is_empty());
    match &draft.others {
        Some(otherwise) => Some(otherwise),
        None if !is_for_some || draft.top.sets("default_account") => None,
        None if draft.is_direct => Some("delivered without a relay"),
        None => Some("no account for this sender"),
    }
}

fn now(way: &Way) -> String {
    let relays = way.relays.iter().map(|(name, tls)| format!("{name}, {}", route::tls_words(*tls)));
    let relays = relays.collect::<Vec<_>>().join(", then ");
    format!("<{}>, account {}, {relays}, {}", way.sender, way.account, login(way.login.as_deref()))
}

fn before(said: &Said, way: &Way) -> String {
    let sender = said.sender.as_deref().unwrap_or(&way.sender);
    let relays = said.relays.iter();
    let relays = relays.map(|one| format!("{}, {}, {}", one.name, tls(one.tls), login(one.login.as_deref())));
    format!("<{sender}>, {}", relays.collect::<Vec<_>>().join(", then "))
}

/// A relay with the number of its port, which the source may have by name.
fn relay(name: &str) -> String {
    Relay::parse(name, host::service).map_or_else(|_| name.to_owned(), |relay| relay.to_string())
}

fn login(name: Option<&str>) -> String {
    name.map_or_else(|| "no login".to_owned(), |name| format!("login {name}"))
}

fn tls(encryption: Encryption) -> &'static str {
    match encryption {
        Encryption::Clear => "no TLS",
        Encryption::Optional => "STARTTLS if offered",
        Encryption::Starttls => "STARTTLS",
        Encryption::Implicit => "implicit TLS",
    }
}

/// Each with what was and what is.
fn differences(said: &Said, way: &Way) -> Vec<String> {
    let mut different = Vec::new();
    let mut compare = |what: &str, was: &str, is: &str| {
        if !was.eq_ignore_ascii_case(is) {
            different.push(format!("{what} ({was}, now {is})"));
        }
    };
    for at in 0..said.relays.len().max(way.relays.len()) {
        let (was, is) = (said.relays.get(at), way.relays.get(at));
        let name_of = |name: Option<&str>| name.unwrap_or("none").to_owned();
        compare(
            "relay",
            &name_of(was.map(|was| relay(&was.name)).as_deref()),
            &name_of(is.map(|(name, _)| name.as_str())),
        );
        if let (Some(was), Some((_, is))) = (was, is) {
            compare("TLS", tls(was.tls), route::tls_words(*is));
            compare("login", &login(was.login.as_deref()), &login(way.login.as_deref()));
        }
    }
    compare("envelope sender", said.sender.as_deref().unwrap_or(&way.sender), &way.sender);
    if let Some(forced) = way.forced.as_deref().filter(|_| said.from == FromField::Unchanged) {
        compare("From", "as written", forced);
    }
    different
}
