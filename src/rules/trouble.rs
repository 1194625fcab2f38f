//! What a fact of a session means: for the recipient, for the relay, for the account.
//! One pure function (DESIGN section 7, "three kinds of trouble"), and a table of
//! tests that says what a careful postmaster expects of it.

use crate::mail::outcome::{Enhanced, Fact, Phase, Reply, Seen, Status, TlsProblem};

/// What a fact means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The relay took responsibility for the recipient.
    Delivered,
    /// Message trouble: this recipient later.
    Deferred,
    /// Message trouble: this recipient never.
    Refused,
    /// The final dot was sent, no reply came.
    Unknown,
    /// The connection ended inside the message's transaction: charged to the message, which goes behind the others.
    Charged,
    /// Account trouble of this sender alone: the provider does not let the account send as him.
    Sender,
    /// Relay trouble: nothing is wrong with any message.
    Relay,
    /// Account trouble: its owner must mend it.
    Account(AccountTrouble),
}

/// What the owner of an account must mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountTrouble {
    /// The login was rejected: probed gently, against lock-outs.
    Login,
    /// Anything else: a credential that cannot be read, a command that the server refuses for good.
    Setup,
}

/// The reply codes that say "log in (otherwise)", whenever they come (RFC 4954 section 6).
const LOGIN_CODES: [u16; 4] = [530, 534, 535, 538];

/// What follows from a fact. Total: every phase with everything that can be seen there.
#[must_use]
pub fn classify(fact: &Fact) -> Verdict {
    match fact.phase {
        Phase::Credential => Verdict::Account(AccountTrouble::Setup),
        Phase::Resolve | Phase::Connect | Phase::Greeting | Phase::Tls | Phase::Idle => match &fact.seen {
            // A reason on this machine, such as a `tls_ca` that cannot be read: no relay can mend it.
            Seen::Local(_) | Seen::Tls(TlsProblem::Ours(_)) => Verdict::Account(AccountTrouble::Setup),
            Seen::Reply(_)
            | Seen::Closed
            | Seen::Timeout
            | Seen::Failed(_)
            | Seen::Garbage(_)
            | Seen::Tls(_)
            | Seen::NotOffered(_) => Verdict::Relay,
        },
        Phase::Ehlo | Phase::StartTls => before_login(&fact.seen),
        Phase::Auth => at_login(&fact.seen),
        Phase::Mail | Phase::Rcpt | Phase::Data | Phase::Content | Phase::FinalDot => in_transaction(fact),
    }
}

fn before_login(seen: &Seen) -> Verdict {
    match seen {
        Seen::Reply(reply) if reply.is_permanent() => Verdict::Account(setup_or_login(reply)),
        // The server judges our certificate when the handshake is over for us.
        Seen::Local(_) | Seen::Tls(TlsProblem::Ours(_)) => Verdict::Account(AccountTrouble::Setup),
        // A STARTTLS that is missing today may be an attacker's or a proxy's doing: wait for the relay.
        Seen::Reply(_)
        | Seen::NotOffered(_)
        | Seen::Closed
        | Seen::Timeout
        | Seen::Failed(_)
        | Seen::Garbage(_)
        | Seen::Tls(_) => Verdict::Relay,
    }
}

fn at_login(seen: &Seen) -> Verdict {
    match seen {
        Seen::Reply(reply) if reply.is_permanent() => Verdict::Account(AccountTrouble::Login),
        Seen::NotOffered(_) | Seen::Local(_) | Seen::Tls(TlsProblem::Ours(_)) => {
            Verdict::Account(AccountTrouble::Setup)
        }
        Seen::Reply(_) | Seen::Closed | Seen::Timeout | Seen::Failed(_) | Seen::Garbage(_) | Seen::Tls(_) => {
            Verdict::Relay
        }
    }
}

fn in_transaction(fact: &Fact) -> Verdict {
    match &fact.seen {
        Seen::Reply(reply) => reply_in_transaction(fact.phase, reply),
        Seen::Local(_) | Seen::NotOffered(_) => Verdict::Deferred,
        Seen::Closed | Seen::Timeout | Seen::Failed(_) | Seen::Garbage(_) | Seen::Tls(_) => match fact.phase {
            Phase::FinalDot => Verdict::Unknown,
            _ => Verdict::Charged,
        },
    }
}

fn reply_in_transaction(phase: Phase, reply: &Reply) -> Verdict {
    match reply.code {
        200..300 if phase == Phase::FinalDot => Verdict::Delivered,
        // A success or a 354 in the wrong place: after the dot nobody knows, before it the server is confused.
        200..400 if phase == Phase::FinalDot => Verdict::Unknown,
        200..400 | 421 => Verdict::Charged,
        400..500 => Verdict::Deferred,
        code if LOGIN_CODES.contains(&code) => Verdict::Account(AccountTrouble::Login),
        _ if is_sending_limit(reply) => Verdict::Sender,
        _ if phase == Phase::Mail => refused_mail(reply),
        _ if phase == Phase::Rcpt && blames_sender(reply) => Verdict::Sender,
        _ => Verdict::Refused,
    }
}

/// A 5xx to MAIL is about the sender, unless it is about the message.
fn refused_mail(reply: &Reply) -> Verdict {
    // Too big; an address that cannot be written at all (also our own words for that): no owner can mend these.
    let about_message = |e: Enhanced| matches!((e.subject, e.detail), (3, 4) | (1, 3) | (6, 7));
    if reply.code == 552 || reply.enhanced.is_some_and(about_message) {
        return Verdict::Refused;
    }
    match reply.code {
        550 | 551 | 553 | 554 => Verdict::Sender,
        503 if mentions(reply, &["auth", "log in", "login"]) => Verdict::Account(AccountTrouble::Login),
        _ if blames_sender(reply) => Verdict::Sender,
        _ => Verdict::Refused,
    }
}

/// Providers that check the sender late say so at RCPT (Postfix delays its sender checks).
#[must_use]
pub fn blames_sender(reply: &Reply) -> bool {
    let code = matches!(reply.enhanced, Some(Enhanced { subject: 1, detail: 7 | 8, .. }));
    code || mentions(reply, &["sender address rejected", "not owned", "sender verify failed", "not allowed to send as"])
}

/// The provider's limit on how much an account may send: it passes, and no recipient is to blame.
#[must_use]
pub fn is_sending_limit(reply: &Reply) -> bool {
    matches!(reply.enhanced, Some(Enhanced { subject: 4, detail: 5, .. }))
        || mentions(reply, &["sending limit", "sending quota", "sending rate", "hourly limit", "daily limit"])
}

/// The message is larger than the server takes.
#[must_use]
pub fn is_too_big(reply: &Reply) -> bool {
    matches!(reply.enhanced, Some(Enhanced { class: 5, subject: 3, detail: 4 }))
        || (reply.code == 552 && reply.enhanced.is_none())
}

fn mentions(reply: &Reply, words: &[&str]) -> bool {
    let text = reply.text.to_lowercase();
    words.iter().any(|word| text.contains(word))
}

fn setup_or_login(reply: &Reply) -> AccountTrouble {
    if LOGIN_CODES.contains(&reply.code) { AccountTrouble::Login } else { AccountTrouble::Setup }
}

/// The recipient's status that a verdict amounts to.
#[must_use]
pub fn status(verdict: Verdict) -> Status {
    match verdict {
        Verdict::Delivered => Status::Delivered,
        Verdict::Refused => Status::Refused,
        Verdict::Unknown => Status::Unknown,
        Verdict::Deferred | Verdict::Charged | Verdict::Sender | Verdict::Relay | Verdict::Account(_) => {
            Status::Deferred
        }
    }
}

/// The enhanced code for a fact that brought none of its own (RFC 3463).
#[must_use]
pub fn enhanced(fact: &Fact, verdict: Verdict) -> Enhanced {
    let class = match status(verdict) {
        Status::Delivered => 2,
        Status::Deferred | Status::Unknown => 4,
        Status::Refused => 5,
    };
    let own = |subject, detail| Enhanced { class, subject, detail };
    match &fact.seen {
        Seen::Reply(reply) => match reply.enhanced {
            // A permanent reply that we only wait out keeps subject and detail, as Postfix does.
            Some(given) => Enhanced { class, ..given },
            None => own(0, 0),
        },
        Seen::Timeout | Seen::Closed => own(4, 2),
        Seen::Failed(_) if fact.phase == Phase::Resolve => own(4, 3),
        Seen::Failed(_) => own(4, 1),
        Seen::Garbage(_) => own(5, 0),
        Seen::Tls(TlsProblem::Certificate(_) | TlsProblem::Ours(_) | TlsProblem::Handshake(_)) => own(7, 5),
        Seen::NotOffered(_) => own(7, 4),
        Seen::Local(_) => own(3, 0),
    }
}

#[cfg(test)]
mod tests;
