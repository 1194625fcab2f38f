//! What would mend a failure: the row or key to write, named. Pure; where the words go
//! (log, bounce, `status`, `postrider test`) is others' business.

use super::trouble;
use crate::config::Account;
use crate::mail::outcome::{Fact, Phase, Seen};

/// Where it is written which server to talk to.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// In the section of this account.
    Account(&'a Account),
    /// On the command line: there is no account yet.
    CommandLine,
}

impl Place<'_> {
    /// The host.
    fn host(self) -> String {
        match self {
            Self::Account(account) => format!("the host in `relay` of [account.{}]", account.name),
            Self::CommandLine => "the host of --server".to_owned(),
        }
    }

    /// The host and port.
    fn relay(self) -> String {
        match self {
            Self::Account(account) => format!("`relay` in [account.{}]", account.name),
            Self::CommandLine => "--server".to_owned(),
        }
    }
}

/// The likely cause of a failure in a session, and its cure; none where the fact's own words have both.
#[must_use]
pub fn likely_cause(fact: &Fact, place: Place<'_>) -> Option<String> {
    match (&fact.phase, &fact.seen) {
        (_, Seen::Local(_) | Seen::LoginRefused(_) | Seen::NotOffered(_) | Seen::Tls(_)) | (Phase::Credential, _) => None,
        (Phase::Resolve, _) => Some(format!(
            "{} is misspelt, or this machine has no working DNS or network",
            place.host()
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
            "nothing is listening there: check host and port of {} (587 for STARTTLS, 465 for implicit TLS)",
            place.relay()
        )),
        (Phase::Greeting, Seen::Timeout) => Some(match place {
            Place::Account(Account { name, .. }) => format!(
                "the port may expect TLS from the first byte: try tls = \"implicit\" in [account.{name}], with port 465"
            ),
            Place::CommandLine => "the port may expect TLS from the first byte: try port 465".to_owned(),
        }),
        (Phase::Greeting | Phase::Ehlo | Phase::StartTls, Seen::Garbage(_) | Seen::Closed) => Some(
            "whatever answered on that port is not a mail server (or a proxy or virus scanner is in the way)".to_owned(),
        ),
        // What a refusal before the login means, `remedy` says better; here is the one that means the credential.
        (Phase::Auth, Seen::Reply(_)) => match place {
            Place::Account(Account { name, .. }) => Some(format!(
                "wrong user name or password for [account.{name}]; many providers require the full address as `username` and an app \
                 password; if PLAIN works but SCRAM or CRAM-MD5 does not, set auth = [\"plain\", \"login\"]"
            )),
            // Without an account there is no login.
            Place::CommandLine => None,
        },
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
        (_, Seen::Reply(_) | Seen::Refused(..) | Seen::Closed | Seen::Failed(_) | Seen::IssuerBusy(..) | Seen::Unreachable(_) | Seen::Garbage(_)) => None,
    }
}
