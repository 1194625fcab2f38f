//! What msmtp does about senders: `from` with its patterns, `auto_from`, `set_from_header` and `allow_from_override`.

use super::{Commands, OwnNames, Rank};
use crate::config::providers::Provider;
use crate::config::sender_pattern;
use crate::import::ImportContext;
use crate::import::draft::{Draft, DraftAccount, Section, is_this_machine, names_of, quoted};
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
            if rank == Rank::Default && own_mail(context, commands) == OwnNames::AtTheRelay {
                goes_to_relay(draft);
            }
            if rank == Rank::Default && overrides && !sets_header {
                let comment = format!("from: replaces the addresses of this machine in account {name}");
                draft.rewrites(context.hostname, &address, &[], &comment);
                if is_own(context, &address) {
                    draft.generic_is_for_senders(&[], "mail to the names of this machine goes to the relay as it is");
                    return;
                }
                let how = "it also replaces the addresses of this machine in the header, and mail to those addresses \
                           goes there";
                draft.changed(format!("from (account {name})"), how);
            }
            return;
        }
        From::Domain { domain, is_login } => {
            serves(name, &format!("@{domain}"), by, keys, draft);
            if rank == Rank::Default && is_login {
                local_users(context, &domain, by, commands, draft);
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

/// What becomes of mail to the names of this machine, by what the default account says.
pub(super) fn own_mail(context: &ImportContext<'_>, commands: &Commands) -> OwnNames {
    // A mail server on this machine has mailboxes for them.
    let is_server = || commands.get("host").is_some_and(is_this_machine) && commands.get("user").is_none();
    let is_at_relay = match written(context, commands) {
        Some(From::Address(address)) => Address::parse(&address).is_ok() && is_own(context, &address),
        Some(From::Domain { is_login: true, .. }) => is_server(),
        _ => false,
    };
    if is_at_relay { OwnNames::AtTheRelay } else { OwnNames::OnThisMachine }
}

/// Mail that names no sender has the default account, also where another account is for the address that it gets. Accounts are
/// asked for the sender as it was given first, which is an address of this machine.
pub(super) fn keeps_default(context: &ImportContext<'_>, commands: &Commands, draft: &mut Draft) {
    let domain = match written(context, commands) {
        Some(From::Address(address) | From::Pattern(address)) => {
            address.rsplit_once('@').map_or(String::new(), |(_, domain)| domain.to_lowercase())
        }
        Some(From::Domain { domain, .. }) => domain.to_lowercase(),
        None => context.hostname.to_lowercase(),
    };
    let is_met = |of: &DraftAccount| of.keys.contains("senders", &domain) || of.keys.contains("senders", "*");
    let is_another = |of: &DraftAccount| !draft.top.has("default_account", &quoted(&of.name)) && is_met(of);
    if !draft.accounts.iter().any(is_another) {
        return;
    }
    draft.default_account_keeps(&names_of(context.hostname), "mail that names no other sender");
}

/// Whether an address is of this machine.
fn is_own(context: &ImportContext<'_>, address: &str) -> bool {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    names_of(context.hostname).iter().any(|name| name.eq_ignore_ascii_case(domain))
}

/// The relay had the mail for this machine's names, whatever was made of the name in EHLO.
fn goes_to_relay(draft: &mut Draft) {
    draft.top.unset("own_domains");
    draft.top.list("own_domains", &[], "mail to the names of this machine goes to the relay");
}

/// What becomes of mail to names without a domain, which msmtp gives to the relay as they are.
fn local_users(context: &ImportContext<'_>, domain: &str, by: &str, commands: &Commands, draft: &mut Draft) {
    let host = commands.get("host").unwrap_or_default();
    let is_own = is_own(context, &format!("x@{domain}"));
    if own_mail(context, commands) == OwnNames::AtTheRelay {
        goes_to_relay(draft);
    }
    if is_own {
        return;
    }
    draft.sends_as(context.hostname, domain, &[], by);
    // Through a tunnel, its certificate has the server's name.
    if is_server_of(commands.get("tls_host_override").unwrap_or(host), domain) {
        let how = format!(
            "a recipient without a domain, like root, was given to the relay as it is, to complete it; it is now root@{domain}"
        );
        draft.changed("mail to local users", how);
        return;
    }
    let why = "msmtp completes no recipients";
    draft.generic_is_for_senders(&[], why);
    if !draft.top.contains("own_domains", "[]") && !draft.top.contains("aliases", "\"static:") {
        let how = format!(
            "msmtp gave a recipient without a domain, like root, to the relay as it is, which most relays refuse; such mail now \
             waits, until aliases has a row for it, as in \"root: you@{domain}\""
        );
        draft.changed("mail to local users", how);
    }
}

/// Whether a server may complete names with this domain: somebody's own, and not that of a provider, where they are strangers.
fn is_server_of(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_lowercase(), domain.to_lowercase());
    let is_within = host.strip_suffix(&domain).is_some_and(|before| before.is_empty() || before.ends_with('.'));
    is_within && Provider::of_domain(&domain).is_none() && Provider::of_server(&host).is_none()
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
        let how =
            format!("account {} is used for mail that names {sender} as its sender, since it comes first", first.name);
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
