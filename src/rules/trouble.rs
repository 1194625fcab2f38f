//! What a fact of a session means: for the recipient, for the relay, for the account.
//! One pure function (src/README.md, "Three kinds of trouble"), and a table of
//! tests that says what a careful postmaster expects of it.

use std::time::Duration;

use super::classify::{self as replies, Provider, Situation};
use super::consequence::{self, Again, Consequence, Evidence, Fault, History, Mail, Repeated, Until};
use super::meaning::{AuthOffer, EnvelopeSender, Login, Meaning, Parameters, Secret, Stage};
use crate::config::Account;
use crate::mail::address::ReversePath;
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
    /// The message is held until somebody changes something or a limit passes. Its sender gets a notice with the
    /// second attempt, and the message back when this time is over.
    Held(Until),
    /// Relay trouble, or a pause that the provider demands: nothing is wrong with any message.
    Relay,
    /// The account has more sessions than the provider allows at once.
    TooManySessions,
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

/// What is known of the session in which a fact was seen.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    /// Whose server it is.
    pub provider: Option<Provider>,
    /// How far the login came.
    pub login: Login,
    /// What MAIL named.
    pub sender: EnvelopeSender,
    /// What the session had carried before.
    pub history: History,
}

impl Session {
    /// Before any command of a transaction.
    #[must_use]
    pub fn before_login(account: &Account) -> Self {
        let is_token = account.auth.iter().any(|mechanism| mechanism.wants_token());
        let secret = if is_token { Secret::Token } else { Secret::Password };
        let login = match account.username {
            Some(_) => Login::Configured(secret),
            None => Login::NotConfigured(AuthOffer::NotOffered),
        };
        Self { login, ..Self::logging_in(account, secret) }
    }

    /// While the account logs in with such a secret.
    #[must_use]
    pub fn logging_in(account: &Account, secret: Secret) -> Self {
        let (sender, history) = (EnvelopeSender::Mailbox, History::Fresh);
        Self { provider: provider(account), login: Login::Configured(secret), sender, history }
    }

    /// What is known where the server answers a command. That a parameter was refused shows where the session leaves it
    /// out, so that none is left to be refused here.
    #[must_use]
    pub fn at(&self, stage: Stage) -> Situation {
        let Self { provider, login, sender, history: _ } = *self;
        Situation { stage, provider, login, sender, parameters: Parameters::Absent }
    }

    /// In the first transaction, with this sender. A session with a login comes to MAIL only after the server has
    /// accepted it.
    #[must_use]
    pub fn in_transaction(account: &Account, offer: AuthOffer, sender: &ReversePath) -> Self {
        let login = if account.username.is_some() { Login::Accepted } else { Login::NotConfigured(offer) };
        let sender = if sender.mailbox().is_some() { EnvelopeSender::Mailbox } else { EnvelopeSender::Null };
        Self { provider: provider(account), login, sender, history: History::Fresh }
    }
}

fn provider(account: &Account) -> Option<Provider> {
    Provider::of(account.relays.iter().map(|relay| relay.host.as_str()))
}

/// Whose trouble a fact is, and what the server meant by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classification {
    /// Whose trouble it is.
    pub verdict: Verdict,
    /// What a refusal means; `None` for what is not the server's refusal.
    pub meaning: Option<Meaning>,
    /// How long the server, or the issuer of our tokens, says to wait; 24 hours at most.
    pub wait: Option<Duration>,
}

impl Classification {
    fn of(verdict: Verdict) -> Self {
        Self { verdict, meaning: None, wait: None }
    }
}

/// Whose trouble a fact is. A refusal is answered by what it means rather than by its code: after a login that worked,
/// the codes of a rejected login concern the message or its sender, providers refuse a sender with almost any code, and
/// nothing that only the owner can fix bounces at once. `repeated` says whether the account has got a reply of that
/// meaning for another message, which is what stops an account for a reply that may be the recipient's server's.
#[must_use]
pub fn classify(fact: &Fact, session: &Session, repeated: impl FnOnce(Meaning) -> Repeated) -> Classification {
    // A session that ends between messages means none of them.
    let stage = Stage::of(fact.phase).filter(|stage| *stage != Stage::Idle);
    let (Some(stage), Seen::Reply(reply)) = (stage, &fact.seen) else {
        let wait = match &fact.seen {
            Seen::IssuerBusy(_, wait) => Some(*wait),
            _ => None,
        };
        return Classification { wait, ..Classification::of(by_place(fact)) };
    };
    if !(400..600).contains(&reply.code) || is_about_the_address(stage, reply) {
        return Classification::of(by_place(fact));
    }
    let situation = session.at(stage);
    let classified = replies::classify(&situation, reply);
    let evidence = Evidence { of_account: repeated(classified.meaning), of_session: session.history };
    let verdict = verdict(consequence::consequence(&situation, &classified, evidence));
    Classification { verdict, meaning: Some(classified.meaning), wait: classified.wait }
}

/// What a refusal of this machine's own LMTP server means, from MAIL on. Nobody has logged in there, and its words are about the
/// mailbox or the message alone: "account disabled" is the recipient's account. So the code decides, and nothing is held for
/// an owner. `None`: the server itself is in trouble.
#[must_use]
pub fn by_own_server(fact: &Fact) -> Option<Classification> {
    let is_in_transaction = matches!(fact.phase, Phase::Mail | Phase::Rcpt | Phase::Data | Phase::FinalDot);
    match &fact.seen {
        Seen::Reply(reply) if is_in_transaction && reply.is_permanent() => Some(Classification::of(Verdict::Refused)),
        Seen::Reply(reply) if fact.phase != Phase::Mail && is_in_transaction && reply.is_transient() => {
            Some(Classification::of(Verdict::Deferred)).filter(|_| reply.code != 421)
        }
        _ => None,
    }
}

/// Whether the recipient goes on at once in a new session: this one is over or out of step, which is no fault of the
/// message. Without a reply after the content was sent, nobody knows.
#[must_use]
pub fn goes_on_in_new_session(fact: &Fact, session: &Session) -> bool {
    let stage = Stage::of(fact.phase).filter(|stage| stage.is_in_transaction());
    let (Some(stage), Seen::Reply(reply)) = (stage, &fact.seen) else {
        let is_closed = matches!(fact.seen, Seen::Closed) && fact.phase != Phase::FinalDot;
        return session.history == History::Used && is_closed;
    };
    if !(400..600).contains(&reply.code) {
        return false;
    }
    let situation = session.at(stage);
    let evidence = Evidence { of_account: Repeated::No, of_session: session.history };
    let what = replies::classify(&situation, reply);
    consequence::consequence(&situation, &what, evidence).mail == Mail::GoesOn(Again::NewSession)
}

/// Whether the recipient is refused because the mail has no sender.
#[must_use]
pub fn wants_a_sender(fact: &Fact, session: &Session) -> bool {
    let stage = Stage::of(fact.phase).filter(|stage| stage.is_in_transaction());
    let (Some(stage), Seen::Reply(reply)) = (stage, &fact.seen) else { return false };
    session.sender == EnvelopeSender::Null
        && (400..600).contains(&reply.code)
        && !is_about_the_address(stage, reply)
        && replies::classify(&session.at(stage), reply).meaning == Meaning::NullSenderRefused
}

/// An address that cannot be written, or needs SMTPUTF8 (also in our own words): no owner can change that.
fn is_about_the_address(stage: Stage, reply: &Reply) -> bool {
    stage.is_in_transaction()
        && reply.is_permanent()
        && matches!(
            reply.enhanced,
            Some(Enhanced { subject: 1, detail: 3, .. } | Enhanced { subject: 6, detail: 7, .. })
        )
}

fn verdict(consequence: Consequence) -> Verdict {
    match (consequence.mail, consequence.account, consequence.session) {
        (Mail::Bounces, ..) => Verdict::Refused,
        (Mail::Held(until), ..) => Verdict::Held(until),
        (Mail::GoesOn(Again::FromOwnAddress), ..) => Verdict::Held(Until::SenderGrace),
        (Mail::Waits, consequence::Account::NeedsOwner(Fault::Login), _) => Verdict::Account(AccountTrouble::Login),
        (Mail::Waits, consequence::Account::NeedsOwner(Fault::Setup), _) => Verdict::Account(AccountTrouble::Setup),
        (Mail::Waits, consequence::Account::FewerSessions, _) => Verdict::TooManySessions,
        (Mail::Waits, consequence::Account::Works | consequence::Account::Pauses, _) => Verdict::Relay,
        (Mail::Retried | Mail::GoesOn(_), _, consequence::Session::Ends) => Verdict::Charged,
        (Mail::Retried | Mail::GoesOn(_), _, consequence::Session::Stays) => Verdict::Deferred,
    }
}

/// What follows from a fact that no meaning is known for. Total: every phase with everything that can be seen there.
fn by_place(fact: &Fact) -> Verdict {
    match fact.phase {
        // An issuer of tokens that cannot be reached.
        Phase::Credential if matches!(fact.seen, Seen::Failed(_) | Seen::IssuerBusy(..)) => Verdict::Relay,
        Phase::Credential if matches!(fact.seen, Seen::LoginRefused(_)) => Verdict::Account(AccountTrouble::Login),
        Phase::Credential => Verdict::Account(AccountTrouble::Setup),
        // What some servers do in place of a 421 to one connection more than they allow. Where no other is open, it is
        // the relay's trouble after all.
        Phase::Tls if fact.seen == Seen::Closed => Verdict::TooManySessions,
        // The same, by a firewall that drops or rejects one more, or by a server whose queue of new connections is full.
        Phase::Connect | Phase::Greeting if matches!(fact.seen, Seen::Closed | Seen::Timeout | Seen::Failed(_)) => {
            Verdict::TooManySessions
        }
        Phase::Resolve
        | Phase::Connect
        | Phase::Greeting
        | Phase::Tls
        | Phase::Idle
        | Phase::Ehlo
        | Phase::StartTls => outside_login_and_transaction(&fact.seen),
        Phase::Auth => at_login(&fact.seen),
        Phase::Mail | Phase::Rcpt | Phase::Data | Phase::Content | Phase::FinalDot => in_transaction(fact),
    }
}

fn outside_login_and_transaction(seen: &Seen) -> Verdict {
    match seen {
        // A reason on this machine, such as a `tls_ca` that cannot be read: no relay can mend it. The server judges our
        // certificate when the handshake is over for us.
        Seen::LoginRefused(_) => Verdict::Account(AccountTrouble::Login),
        Seen::Local(_) | Seen::Tls(TlsProblem::Ours(_)) => Verdict::Account(AccountTrouble::Setup),
        // A STARTTLS that is missing today may be an attacker's or a proxy's doing: wait for the relay.
        Seen::Reply(_)
        | Seen::NotOffered(_)
        | Seen::Refused(..)
        | Seen::Closed
        | Seen::Timeout
        | Seen::Failed(_)
        | Seen::IssuerBusy(..)
        | Seen::Unreachable(_)
        | Seen::Garbage(_)
        | Seen::Tls(_) => Verdict::Relay,
    }
}

fn at_login(seen: &Seen) -> Verdict {
    match seen {
        Seen::LoginRefused(_) => Verdict::Account(AccountTrouble::Login),
        Seen::NotOffered(_) | Seen::Local(_) | Seen::Tls(TlsProblem::Ours(_)) => {
            Verdict::Account(AccountTrouble::Setup)
        }
        Seen::Reply(_)
        | Seen::Refused(..)
        | Seen::Closed
        | Seen::Timeout
        | Seen::Failed(_)
        | Seen::IssuerBusy(..)
        | Seen::Unreachable(_)
        | Seen::Garbage(_)
        | Seen::Tls(_) => Verdict::Relay,
    }
}

fn in_transaction(fact: &Fact) -> Verdict {
    match &fact.seen {
        Seen::Reply(reply) => reply_in_transaction(fact.phase, reply),
        Seen::Refused(..) => Verdict::Refused,
        Seen::Local(_) | Seen::LoginRefused(_) | Seen::IssuerBusy(..) | Seen::NotOffered(_) => Verdict::Deferred,
        Seen::Closed | Seen::Timeout | Seen::Failed(_) | Seen::Unreachable(_) | Seen::Garbage(_) | Seen::Tls(_) => {
            match fact.phase {
                Phase::FinalDot => Verdict::Unknown,
                _ => Verdict::Charged,
            }
        }
    }
}

fn reply_in_transaction(phase: Phase, reply: &Reply) -> Verdict {
    match reply.code {
        200..300 if phase == Phase::FinalDot => Verdict::Delivered,
        // What is left is settled by its class: an address that cannot be written. The rest has a meaning, see [`classify`].
        // A success or a 354 in the wrong place: after the dot nobody knows, before it the server is confused.
        200..400 if phase == Phase::FinalDot => Verdict::Unknown,
        200..400 | 421 => Verdict::Charged,
        400..500 => Verdict::Deferred,
        _ => Verdict::Refused,
    }
}

/// The message is larger than the server takes.
#[must_use]
pub fn is_too_big(seen: &Seen) -> bool {
    let is_code = |enhanced: &Enhanced| matches!(enhanced, Enhanced { class: 5, subject: 3, detail: 4 });
    match seen {
        Seen::Reply(reply) => reply.enhanced.as_ref().map_or(reply.code == 552, is_code),
        Seen::Refused(enhanced, _) => is_code(enhanced),
        _ => false,
    }
}

/// The recipient's status that a verdict amounts to.
#[must_use]
pub fn status(verdict: Verdict) -> Status {
    match verdict {
        Verdict::Delivered => Status::Delivered,
        Verdict::Refused => Status::Refused,
        Verdict::Unknown => Status::Unknown,
        Verdict::Deferred
        | Verdict::Charged
        | Verdict::Held(_)
        | Verdict::Relay
        | Verdict::TooManySessions
        | Verdict::Account(_) => Status::Deferred,
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
        Seen::Refused(given, _) => *given,
        Seen::Timeout | Seen::Closed => own(4, 2),
        Seen::Failed(_) if fact.phase == Phase::Resolve => own(4, 3),
        Seen::Failed(_) | Seen::IssuerBusy(..) | Seen::Unreachable(_) => own(4, 1),
        Seen::Garbage(_) => own(5, 0),
        Seen::Tls(TlsProblem::Certificate(_) | TlsProblem::Ours(_) | TlsProblem::Handshake(_)) => own(7, 5),
        Seen::NotOffered(_) => own(7, 4),
        Seen::LoginRefused(_) => own(7, 8),
        Seen::Local(_) => own(3, 0),
    }
}

#[cfg(test)]
mod tests;
