//! What msmtp does about senders: `from` with its patterns, `auto_from`, `set_from_header` and `allow_from_override`.

use super::{Commands, Rank};
use crate::config::sender_pattern;
use crate::import::ImportContext;
use crate::import::draft::{Draft, Section, quoted};
use crate::mail::address::Address;

/// What `from` means.
enum From {
    /// One address.
    Address(String),
    /// The login, or anybody, at this domain.
    Domain { domain: String, is_login: bool },
    /// Several addresses that no entry of `senders` means.
    Pattern(String),
}

const HEADER_STAYS: &str = "a From field with an address that is not of this machine is sent unchanged; `from` of the account would replace it";

pub(super) fn carry(
    context: &ImportContext<'_>,
    name: &str,
    commands: &Commands,
    rank: Rank,
    keys: &mut Section,
    draft: &mut Draft,
) {
    let sets_header = commands.get("set_from_header").is_some_and(|value| value.eq_ignore_ascii_case("on"));
    let Some(from) = written(context, commands) else {
        if sets_header {
            draft.changed(format!("set_from_header on (account {name})"), HEADER_STAYS);
        }
        return;
    };
    let by = if is_automatic(commands) { "auto_from, maildomain" } else { "from" };
    let template = commands.get("from").filter(|from| from.contains("%H") && !is_automatic(commands));
    if let Some(template) = template.filter(|_| context.hostname.contains('.')) {
        let how = format!(
            "%H is now {}, the full name of this machine; to msmtp it is what \"hostname\" prints",
            context.hostname
        );
        draft.changed(format!("from {template} (account {name})"), how);
    }
    let overrides = commands.is_on("allow_from_override", "on");
    match from {
        From::Address(address) if Address::parse(&address).is_err() => {
            let why = "not a complete address; set `from` or `senders` in the account";
            draft.left_out(format!("from {address} (account {name})"), why);
            return;
        }
        From::Address(address) => {
            serves(name, &address, by, keys, draft);
            forced(name, &address, commands, keys, draft);
            if rank == Rank::Default && overrides && !sets_header {
                let comment = format!("from: replaces the addresses of this machine in account {name}");
                draft.rewrites(context.hostname, &address, &[], &comment);
                let how = "it also replaces the addresses of this machine in the header, and mail to those addresses \
                           goes there";
                draft.changed(format!("from (account {name})"), how);
            }
            return;
        }
        From::Domain { domain, is_login } => {
            serves(name, &format!("@{domain}"), by, keys, draft);
            if rank == Rank::Default && is_login && !domain.eq_ignore_ascii_case(context.hostname) {
                draft.sends_as(context.hostname, &domain, &[], by);
            }
        }
        From::Pattern(pattern) if is_carried(&pattern) => serves(name, &pattern, by, keys, draft),
        From::Pattern(_) => draft.left_out(
            format!("from {} (account {name})", commands.get("from").unwrap_or_default()),
            "list the addresses it matches in the account's `senders`; of patterns, only \"*\" is known there",
        ),
    }
    if !overrides {
        draft.changed(
            format!("allow_from_override off (account {name})"),
            "a sender given by a program is used unchanged; `from` of the account would replace it",
        );
    }
    if sets_header {
        draft.changed(format!("set_from_header on (account {name})"), HEADER_STAYS);
    }
}

/// Whether it means the same in `senders`: only stars, a domain, and not everybody.
fn is_carried(pattern: &str) -> bool {
    let is_narrow = |part: &str| part.contains(|c| c != '*');
    let is_plain = !pattern.contains(['%', '?', '[', '\\']);
    let domain = pattern.rsplit_once('@').map(|(_, domain)| domain);
    is_plain && domain.is_some_and(is_narrow) && sender_pattern::check(pattern).is_ok()
}

/// The one address that mail without a sender gets.
pub(super) fn address(context: &ImportContext<'_>, commands: &Commands) -> Option<String> {
    match written(context, commands)? {
        From::Address(address) => Some(address).filter(|address| Address::parse(address).is_ok()),
        From::Domain { .. } | From::Pattern(_) => None,
    }
}

/// An account with one address for all of its mail.
fn forced(name: &str, address: &str, commands: &Commands, keys: &mut Section, draft: &mut Draft) {
    let overrides = commands.is_on("allow_from_override", "on");
    if commands.get("set_from_header").is_some_and(|value| value.eq_ignore_ascii_case("on")) {
        keys.text("from", address, "set_from_header on");
        if overrides {
            draft.changed(
                format!("set_from_header (account {name})"),
                format!("<{address}> now replaces From and the envelope sender, also one that a program gives"),
            );
        }
    } else if !overrides {
        keys.text("from", address, "allow_from_override off; in postrider it also replaces From");
        draft.changed(format!("from (account {name})"), "it now replaces From as well");
    }
}

/// A sender belongs to the first account that names it.
fn serves(name: &str, sender: &str, by: &str, keys: &mut Section, draft: &mut Draft) {
    let entry = format!("[{}]", quoted(sender));
    if let Some(first) = draft.accounts.iter().find(|account| account.keys.has("senders", &entry)) {
        let how = format!("account {} is used for {sender}, since it comes first", first.name);
        draft.changed(format!("{by} (account {name})"), how);
    } else {
        keys.list("senders", &[sender.to_owned()], by);
    }
}

fn is_automatic(commands: &Commands) -> bool {
    commands.is_on("auto_from", "off")
}

fn written(context: &ImportContext<'_>, commands: &Commands) -> Option<From> {
    if is_automatic(commands) {
        let domain = commands.get("maildomain").unwrap_or(context.hostname).to_owned();
        return Some(From::Domain { domain, is_login: true });
    }
    let mailname = || (context.read)("/etc/mailname".as_ref()).ok();
    let mailname = mailname().and_then(|text| Some(text.lines().next()?.trim().to_owned()));
    let mailname = mailname.unwrap_or_else(|| context.hostname.to_owned());
    let from = commands.get("from")?.replace("%H", context.hostname).replace("%C", context.hostname);
    let from = from.replace("%M", &mailname);
    let is_pattern = |text: &str| text.contains(['%', '*', '?', '[']);
    let (local, domain) = from.split_once('@').unwrap_or((&from, ""));
    Some(match local {
        "%U" | "*" if !domain.is_empty() && !is_pattern(domain) => {
            From::Domain { domain: domain.to_owned(), is_login: local == "%U" }
        }
        _ if is_pattern(&from) => From::Pattern(from),
        _ => From::Address(from),
    })
}
