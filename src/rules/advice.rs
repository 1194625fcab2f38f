//! What would mend a failure: the row or key to write, named. Pure; where the words go
//! (log, bounce, `status`, `postrider test`) is others' business.

use super::trouble;
use crate::config::Account;
use crate::mail::outcome::{Fact, Phase, Seen};

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
        (Phase::Connect, Seen::Unreachable(_)) => Some(
            "this machine has no route to the relay: check its connection (cable, Wi-Fi, VPN) and default route"
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
        // What a refusal before the login means, `remedy` says better; here is the one that means the credential.
        (Phase::Auth, Seen::Reply(_)) => Some(format!(
            "wrong user name or password for [account.{name}]; many providers require the full address as `username` and an app \
             password; if PLAIN works but SCRAM or CRAM-MD5 does not, set auth = [\"plain\", \"login\"]"
        )),
        (_, seen) if trouble::is_too_big(seen) => Some(
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
        (_, Seen::Reply(_) | Seen::Refused(..) | Seen::Closed | Seen::Failed(_) | Seen::Unreachable(_) | Seen::Garbage(_)) => None,
    }
}
