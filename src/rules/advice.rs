//! What would mend a failure: the row or key to write, named. Pure; where the words go
//! (log, bounce, `status`, `postrider test`) is others' business.

use super::trouble;
use crate::config::Account;
use crate::mail::address::ReversePath;
use crate::mail::outcome::{Enhanced, Fact, Phase, Reply, Seen};

/// What mends a refusal that is about the sender, as the reply has it.
#[must_use]
pub fn sender_trouble(reply: &Reply, account: &Account, admitted: &ReversePath, outgoing: &ReversePath) -> String {
    if trouble::is_sending_limit(reply) {
        return format!(
            "the provider limits how much account {0} may send, which passes by itself; `max_per_minute` in [account.{0}] \
             slows it down, another account can carry a part of the mail",
            account.name
        );
    }
    refused_sender(account, admitted, outgoing)
}

/// What mends a sender that the provider refuses: `admitted` is the sender as the mail has it, `outgoing` as the
/// provider saw it.
#[must_use]
pub fn refused_sender(account: &Account, admitted: &ReversePath, outgoing: &ReversePath) -> String {
    let name = &account.name;
    let (Some(admitted), Some(outgoing)) = (admitted.mailbox(), outgoing.mailbox()) else {
        return format!(
            "the provider of account {name} refuses the empty sender of reports; ask it to take MAIL FROM:<> after login"
        );
    };
    let own = own_address(account).unwrap_or("YOU@PROVIDER");
    if own.eq_ignore_ascii_case(&outgoing.to_string()) {
        return format!(
            "account {name} is not allowed to send as {outgoing}, though that looks like its own address: check at the \
             provider that the address exists and may send"
        );
    }
    let row = format!("\"{admitted}\" = \"{own}\"");
    let change = if admitted == outgoing { "add the row" } else { "change the row that gave that address to" };
    format!(
        "the provider does not let account {name} send as {outgoing}: {change} {row} in `generic`, or list \"{admitted}\" in \
         `senders` of the account that owns it"
    )
}

/// The account's own address, as far as its settings tell.
#[must_use]
pub fn own_address(account: &Account) -> Option<&str> {
    let exact = |text: &&String| text.contains('@') && !text.starts_with('@');
    let login = account.username.as_deref().filter(|name| name.contains('@'));
    login.or_else(|| account.senders.iter().find(exact).map(String::as_str))
}

/// The likely cause of a failure in a session, and its cure; none where the fact's own words have both.
#[must_use]
pub fn likely_cause(fact: &Fact, account: &Account) -> Option<String> {
    let name = &account.name;
    match (&fact.phase, &fact.seen) {
        (_, Seen::Local(_) | Seen::NotOffered(_) | Seen::Tls(_)) | (Phase::Credential, _) => None,
        (Phase::Resolve, _) => Some(format!(
            "the host in `relay` of [account.{name}] is misspelt, or this machine has no working DNS or network"
        )),
        (Phase::Connect, Seen::Timeout) => Some(
            "a firewall or the internet provider blocks the port: try 587 or 465 (port 25 is often blocked), or another \
             network"
                .to_owned(),
        ),
        (Phase::Connect, _) => Some(format!(
            "nothing listens there: check host and port of `relay` in [account.{name}] (587 for STARTTLS, 465 for TLS at once)"
        )),
        (Phase::Greeting, Seen::Timeout) => Some(format!(
            "the port may speak TLS from the first byte: try tls = \"implicit\" in [account.{name}], with port 465"
        )),
        (Phase::Greeting | Phase::Ehlo | Phase::StartTls, Seen::Garbage(_) | Seen::Closed) => Some(
            "something else than a mail server answers at that port, or a proxy or virus scanner stands between".to_owned(),
        ),
        (Phase::Greeting, Seen::Reply(reply)) if reply.is_permanent() => Some(
            "the server does not serve this machine's address: use the provider's submission server, not its MX".to_owned(),
        ),
        (Phase::Ehlo, Seen::Reply(reply)) if reply.is_permanent() => {
            Some("the server does not like our name: set `hostname` to a full name, such as box.example.net".to_owned())
        }
        (Phase::Auth, Seen::Reply(reply)) => Some(login(reply, account)),
        (_, Seen::Reply(reply)) if trouble::is_too_big(reply) => Some(
            "the mail is larger than the provider takes at all: send less at once, or a link to it".to_owned(),
        ),
        (Phase::Mail, Seen::Reply(reply)) if reply.is_permanent() => Some(format!(
            "the provider does not let account {name} send as that address: give a sender that belongs to it (--from, a row \
             in `generic`)"
        )),
        (Phase::Rcpt, Seen::Reply(reply)) if reply.is_permanent() => {
            Some("the recipient's address is wrong, or the provider does not relay to it without a login".to_owned())
        }
        (Phase::Data | Phase::Content | Phase::FinalDot, Seen::Reply(reply)) if reply.is_permanent() => Some(
            "the provider refuses the content, for the reason that its words give; its support can say which rule that is"
                .to_owned(),
        ),
        (_, Seen::Reply(reply)) if reply.is_transient() || reply.code == 421 => {
            Some("the server is busy or limits its clients: wait some minutes and try again".to_owned())
        }
        (_, Seen::Timeout) => Some("the server is slow or the connection is lost: try again; see `timeout`".to_owned()),
        (_, Seen::Reply(_) | Seen::Closed | Seen::Failed(_) | Seen::Garbage(_)) => None,
    }
}

fn login(reply: &Reply, account: &Account) -> String {
    let name = &account.name;
    let code = |subject, detail| matches!(reply.enhanced, Some(e @ Enhanced { .. }) if (e.subject, e.detail) == (subject, detail));
    if reply.is_transient() {
        return "the server cannot check logins just now: wait some minutes and try again".to_owned();
    }
    if account.auth.iter().any(|mechanism| mechanism.wants_token()) {
        return format!(
            "the access token is expired or for another account: check the password command of [account.{name}]"
        );
    }
    match reply.code {
        534 if code(7, 9) || code(7, 14) => format!(
            "the provider wants an app password here (made on its security page), not the one of its web site; put it into \
             `password` of [account.{name}]"
        ),
        538 => format!("the login wants TLS first: set tls = \"starttls\" or \"implicit\" in [account.{name}]"),
        _ => format!(
            "username or password of [account.{name}] is wrong; many providers want the whole address as username and an app \
             password; where PLAIN works and SCRAM or CRAM-MD5 does not, set auth = [\"plain\", \"login\"]"
        ),
    }
}

#[cfg(test)]
mod tests;
