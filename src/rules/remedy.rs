//! The cure for what a reply means, in one sentence that names the key, row or command to use.

use super::meaning::Meaning;
use crate::config::Account;
use crate::mail::address::{Address, ReversePath};

/// What a reply was about, as far as the cure names it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The account that was used.
    pub account: &'a Account,
    /// The envelope sender as the message was accepted here.
    pub admitted: &'a ReversePath,
    /// The envelope sender as the provider saw it.
    pub outgoing: &'a ReversePath,
    /// The first address of the From field as the provider saw it.
    pub header_from: Option<&'a Address>,
    /// The name in EHLO.
    pub hostname: &'a str,
}

/// What to do about it.
#[must_use]
pub fn remedy(meaning: Meaning, about: &Subject<'_>) -> String {
    let name = &about.account.name;
    let own = about.account.own_address().map_or_else(|| OWN_UNKNOWN.to_owned(), |own| own.to_string());
    let own = own.as_str();
    match meaning {
        Meaning::LoginRejected => format!(
            "the server rejects the login of account {name}; check `username` and `password` (some providers require an \
             app password); store the right one with \"postrider password set {name}\""
        ),
        Meaning::OauthWanted => format!(
            "the provider no longer accepts passwords from programs: write `oauth` in place of `password` in [account.{name}], \
             see \"OAuth\" in postrider.toml(5), and run \"postrider login {name}\""
        ),
        Meaning::AppPasswordWanted => format!(
            "the provider requires an app password (created on its security page), not the one for its web site; store it with \
             \"postrider password set {name}\""
        ),
        Meaning::TokenExpired => format!(
            "the access token has expired, or was issued for another user or purpose: run the `command` in `password` of \
             [account.{name}] by hand, and sign in again if it prints no new token"
        ),
        Meaning::MechanismRefused => format!(
            "set `auth` in [account.{name}] to a mechanism that works on this server, such as auth = [\"plain\", \"login\"]"
        ),
        Meaning::LoginBlocked => format!(
            "sign in on the provider's web site and allow SMTP for this account there, or ask its administrator to do so, then run \
             \"postrider test {name}\""
        ),
        Meaning::TooManyLogins => {
            format!("{NO_CHANGE}; if it happens again, check what else logs in with the account of [account.{name}]")
        }
        Meaning::LoginWanted => login_wanted(about.account),
        Meaning::TlsSettings => format!(
            "set `tls` in [account.{name}] to what the server expects: \"starttls\" (usually port 587) or \"implicit\" (port 465)"
        ),
        Meaning::SenderNotOwned => sender_not_owned(about, own),
        Meaning::SenderDomainUnknown => {
            // An own address in that domain is as little use.
            let domain = |of: &str| of.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase());
            let outgoing = text(about.outgoing);
            let own = if domain(own) == domain(&outgoing) { OWN_UNKNOWN } else { own };
            format!("the domain of the sender {outgoing} does not exist on the Internet; {}", row(about, own))
        }
        Meaning::HeaderFromRefused => format!(
            "set from = \"{own}\" in [account.{name}], so that the From field names an address that the provider lets you use{}",
            about.header_from.map_or_else(String::new, |from| format!(" (it is {from} now)"))
        ),
        Meaning::NullSenderRefused => null_sender(about.account),
        Meaning::SendingLimit => format!(
            "no change needed: the provider limits how much account {name} may send, and postrider tries again later; set `max_per_minute` in \
             [account.{name}] to slow it down, or send part of the mail through another account"
        ),
        Meaning::TooManyConnections => {
            format!("set max_connections = 1 in [account.{name}], and check what else uses the same account")
        }
        Meaning::AccountSuspended => format!(
            "sign in at the provider and have the account activated or released, then run \"postrider flush --account {name}\""
        ),
        Meaning::OwnMailboxFull => format!(
            "make room in the account's own mailbox, where the provider keeps a copy of sent mail, then run \"postrider flush \
             --account {name}\""
        ),
        Meaning::ClientAddressRefused => format!(
            "have the provider allow this machine's IP address, or set `relay` in \
             [account.{name}] to its submission server with a login"
        ),
        Meaning::HeloRefused => format!(
            "set `hostname` to a full name that exists in DNS, such as box.example.net (it is {} now)",
            about.hostname
        ),
        Meaning::RelayingDenied => format!(
            "check that `relay` in [account.{name}] is the provider's submission server, and that the account may send to other \
             domains"
        ),
        Meaning::WrongServer => format!(
            "set `relay` in [account.{name}] to the provider's submission server for your account, such as smtp.isp.example:587"
        ),
        Meaning::RecipientUnknown => {
            "check the recipient's address; if it is correct, ask the recipient's mail administrator".into()
        }
        Meaning::RecipientMailboxFull => "no change needed here: the recipient must make room in that mailbox".into(),
        Meaning::PolicyRefused => "ask the provider which of its rules rejects this message or recipient".into(),
        Meaning::ContentRefused => {
            "change the content; the provider's support can say which rule the reply refers to".into()
        }
        Meaning::MessageTooLarge => "send less at once, or send a link".into(),
        Meaning::RecipientBusy
        | Meaning::TooManyRecipients
        | Meaning::ParameterRefused
        | Meaning::SessionOver
        | Meaning::ServerTrouble
        | Meaning::Greylisting => NO_CHANGE.into(),
    }
}

/// Whether somebody can do something about it.
#[must_use]
pub fn is_called_for(cure: &str) -> bool {
    !cure.starts_with(NO_CHANGE)
}

/// For what passes.
const NO_CHANGE: &str = "no change needed: postrider tries again automatically";

fn login_wanted(account: &Account) -> String {
    let name = &account.name;
    if account.username.is_some() {
        return format!(
            "the relay does not treat this session as logged in: check that `relay` in [account.{name}] is the provider's \
             submission server"
        );
    }
    format!("the relay requires a login: set `username` and `password` in [account.{name}]")
}

fn sender_not_owned(about: &Subject<'_>, own: &str) -> String {
    let name = &about.account.name;
    let outgoing = text(about.outgoing);
    match about.header_from.map(Address::to_string) {
        Some(from) if !from.eq_ignore_ascii_case(&outgoing) => format!(
            "account {name} may not send with the sender {outgoing} and with {from} in the From field: set from = \"{own}\" in \
             [account.{name}], which replaces both"
        ),
        Some(_) | None if own.eq_ignore_ascii_case(&outgoing) => format!(
            "account {name} is not allowed to send as {outgoing}, although that looks like its own address: check with the provider that \
             the address exists and may send"
        ),
        Some(_) | None => {
            format!("the provider does not let account {name} send as {outgoing}; {}", row(about, own))
        }
    }
}

fn null_sender(account: &Account) -> String {
    let name = &account.name;
    match account.own_address() {
        Some(own) => format!(
            "this message was sent from {own} already, because the provider rejects MAIL FROM:<>, and has come back: find what \
             forwards the mail of {own} to this machine, and stop that"
        ),
        None => format!(
            "list an address in `senders` of account {name}, so that mail without a sender can be sent from it, because the \
             provider rejects MAIL FROM:<>"
        ),
    }
}

/// The row that maps a sender to an address of the account; where it is that address, what maps it to another one must go.
fn row(about: &Subject<'_>, own: &str) -> String {
    let admitted = text(about.admitted);
    if admitted.eq_ignore_ascii_case(own) {
        return format!(
            "remove what replaces {admitted} by it: an entry of `generic`, or `from` in [account.{}]",
            about.account.name
        );
    }
    format!(
        "in `generic`, map {admitted} to an address of yours: \"{admitted}\" = \"{own}\"; or list \"{admitted}\" in `senders` \
         of the account that owns it"
    )
}

/// What stands for the account's own address where its settings do not tell it.
const OWN_UNKNOWN: &str = "you@provider.example";

fn text(path: &ReversePath) -> String {
    path.mailbox().map_or_else(|| "<>".to_owned(), Address::to_string)
}

#[cfg(test)]
mod tests;
