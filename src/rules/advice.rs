//! What would mend a failure: the row or key to write, named. Pure; where the words go
//! (log, bounce, `status`, `postrider test`) is others' business.

use super::trouble;
use crate::config::Account;
use crate::mail::outcome::{Enhanced, Fact, Phase, Reply, Seen};

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
            "a firewall or the Internet provider blocks the port: try 587 or 465 (port 25 is often blocked), or another \
             network"
                .to_owned(),
        ),
        (Phase::Connect, _) => Some(format!(
            "nothing is listening there: check host and port of `relay` in [account.{name}] (587 for STARTTLS, 465 for implicit TLS)"
        )),
        (Phase::Greeting, Seen::Timeout) => Some(format!(
            "the port may expect TLS from the first byte: try tls = \"implicit\" in [account.{name}], with port 465"
        )),
        (Phase::Greeting | Phase::Ehlo | Phase::StartTls, Seen::Garbage(_) | Seen::Closed) => Some(
            "whatever answered on that port is not a mail server (or a proxy or virus scanner is in the way)".to_owned(),
        ),
        (Phase::Greeting, Seen::Reply(reply)) if reply.is_permanent() => Some(
            "the server rejects connections from this machine's address: use the provider's submission server, not its MX".to_owned(),
        ),
        (Phase::Ehlo, Seen::Reply(reply)) if reply.is_permanent() => {
            Some("the server rejects this machine's name: set `hostname` to a full name, such as box.example.net".to_owned())
        }
        (Phase::Auth, Seen::Reply(reply)) => Some(login(reply, account)),
        (_, Seen::Reply(reply)) if trouble::is_too_big(reply) => Some(
            "the message is larger than the provider accepts: send less at once, or send a link".to_owned(),
        ),
        (Phase::Rcpt, Seen::Reply(reply)) if reply.is_permanent() => {
            Some("the recipient's address is wrong, or the provider does not relay to it without a login".to_owned())
        }
        (Phase::Data | Phase::Content | Phase::FinalDot, Seen::Reply(reply)) if reply.is_permanent() => Some(
            "the provider rejects the content, for the reason in its reply; its support can say which rule applies"
                .to_owned(),
        ),
        (_, Seen::Reply(reply)) if reply.is_transient() || reply.code == 421 => {
            Some("the server is busy or limits its clients: wait a few minutes and try again".to_owned())
        }
        (_, Seen::Timeout) => Some("the server is slow or the connection was lost: try again, or raise `timeout`".to_owned()),
        (_, Seen::Reply(_) | Seen::Closed | Seen::Failed(_) | Seen::Garbage(_)) => None,
    }
}

fn login(reply: &Reply, account: &Account) -> String {
    let name = &account.name;
    let code = |subject, detail| matches!(reply.enhanced, Some(e @ Enhanced { .. }) if (e.subject, e.detail) == (subject, detail));
    if reply.is_transient() {
        return "the server cannot check logins at the moment: wait a few minutes and try again".to_owned();
    }
    if account.auth.iter().any(|mechanism| mechanism.wants_token()) {
        return format!(
            "the access token has expired or belongs to another account: check the password command of [account.{name}]"
        );
    }
    match reply.code {
        534 if code(7, 9) || code(7, 14) => format!(
            "the provider requires an app password (created on its security page), not the one for its web site; set it as \
             `password` in [account.{name}]"
        ),
        538 => {
            format!("the server requires TLS for the login: set tls = \"starttls\" or \"implicit\" in [account.{name}]")
        }
        _ => format!(
            "wrong user name or password for [account.{name}]; many providers require the full address as `username` and an app \
             password; if PLAIN works but SCRAM or CRAM-MD5 does not, set auth = [\"plain\", \"login\"]"
        ),
    }
}
