//! Failures to open a session: which one ends the search for a relay, which is reported if several failed, and the
//! texts.

use std::net::SocketAddr;

use super::connection::NotOpened;
use crate::config::Account;
use crate::config::relay::Relay;
use crate::mail::outcome::{Fact, Phase, Seen, TlsProblem};
use crate::rules::consequence::Repeated;
use crate::rules::meaning::Meaning;
use crate::rules::trouble::{self, Verdict};

/// Whether no other relay of the account would help. A 4xx reply or a missing STARTTLS may concern one server (an
/// attacker in between may have removed the offer). But a provider counts failed logins over all its relays.
///
/// A lost connection at the login, and a 4xx reply without such a meaning, lead to the next relay: they do not say
/// that the password is wrong. A rejected login must not be repeated at the second relay of the same provider, where
/// it would be the second wrong login of one attempt.
pub(super) fn is_account_trouble(fact: &Fact, account: &Account) -> bool {
    match (&fact.phase, &fact.seen) {
        (_, Seen::Local(_) | Seen::LoginRefused(_) | Seen::IssuerBusy(..) | Seen::Tls(TlsProblem::Ours(_)))
        | (Phase::Auth, Seen::NotOffered(_)) => true,
        (Phase::Ehlo | Phase::StartTls | Phase::Auth, Seen::Reply(reply)) => {
            let classification = trouble::classify(fact, &trouble::Session::before_login(account), |_| Repeated::No);
            reply.is_permanent()
                || matches!(classification.verdict, Verdict::Account(_))
                || classification.meaning == Some(Meaning::TooManyLogins)
        }
        _ => false,
    }
}

/// The failure that got further is more useful; of two equal ones, the later.
pub(super) fn further(best: Option<NotOpened>, next: NotOpened) -> NotOpened {
    match best {
        Some(best) if progress(best.fact.phase) > progress(next.fact.phase) => best,
        Some(_) | None => next,
    }
}

fn progress(phase: Phase) -> u8 {
    match phase {
        Phase::Credential => 0,
        Phase::Resolve => 1,
        Phase::Connect => 2,
        Phase::Greeting => 3,
        Phase::Ehlo => 4,
        Phase::StartTls => 5,
        Phase::Tls => 6,
        Phase::Auth => 7,
        Phase::Mail | Phase::Rcpt | Phase::Data | Phase::Content | Phase::FinalDot | Phase::Idle => 8,
    }
}

pub(super) fn no_address(relay: &Relay) -> NotOpened {
    let fact = Fact { phase: Phase::Resolve, seen: Seen::Failed(format!("{} has no address", relay.host)) };
    NotOpened { relay: place(relay), fact, tried: Vec::new() }
}

/// `host:port`.
pub(super) fn place(relay: &Relay) -> String {
    format!("{}:{}", relay.host, relay.port)
}

/// `host[ip]:port`.
pub(super) fn described(relay: &Relay, address: &SocketAddr) -> String {
    format!("{}[{}]:{}", relay.host, address.ip(), address.port())
}

/// Adds the address to the system's error text, which lacks it, in Postfix's words.
pub(super) fn at_address(seen: Seen, relay: &Relay, address: &SocketAddr) -> Seen {
    let words = |text: String| format!("connect to {}: {text}", described(relay, address));
    match seen {
        Seen::Failed(text) => Seen::Failed(words(text)),
        Seen::Unreachable(text) => Seen::Unreachable(words(text)),
        other => other,
    }
}
