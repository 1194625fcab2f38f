//! What follows from a meaning: for the recipient or the message, its sender, the account and the session. One match
//! over all meanings, and a table as its test.
//!
//! Two mistakes are kept apart. Relays pass on the words of the recipient's server, so a reply that comes after MAIL
//! holds its own message and stops the account only when a second message gets the same, or when the words are the
//! provider's own. And what only the owner of an account can fix bounces nothing at once.

use super::classify::Situation;
use super::meaning::{Basis, Class, Classified, Login, Meaning, Stage};

/// What a reply leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consequence {
    /// What becomes of the recipient that RCPT named; at every other stage, of all recipients of the message.
    pub mail: Mail,
    /// What becomes of other mail with the same envelope sender.
    pub sender: Sender,
    /// What becomes of the account.
    pub account: Account,
    /// What becomes of the connection.
    pub session: Session,
}

/// What becomes of a recipient or a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mail {
    /// It returns to its sender.
    Bounces,
    /// It is tried again by its age; the attempt is charged to it.
    Retried,
    /// It goes on at once, uncharged.
    GoesOn(Again),
    /// It is held, its sender gets a notice, and it is tried again by its age, once an hour in the end, whatever time the
    /// reply names; when this time is over, it bounces.
    Held(Until),
    /// It waits, uncharged, until the account works again.
    Waits,
}

/// How a message goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// In a new session.
    NewSession,
    /// In another transaction of the same session.
    NextTransaction,
    /// By the same command without parameters.
    WithoutParameters,
    /// From the account's own address instead of the null sender; where it has none, held for `sender_grace`.
    FromOwnAddress,
}

/// How long a message is held at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The account's `sender_grace`.
    SenderGrace,
    /// The queue's `lifetime`.
    Lifetime,
}

/// What becomes of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The reply says nothing of it.
    Unaffected,
    /// The account may not send as it until its owner changes something.
    Refused,
}

/// What becomes of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// It works.
    Works,
    /// It works with fewer sessions at once.
    FewerSessions,
    /// It pauses, for [`Classified::wait`] where the reply names a time; one probe an hour ends that early.
    Pauses,
    /// Its owner must fix something.
    NeedsOwner(Fault),
}

/// What the owner of an account must fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The login: probed gently, against lock-outs.
    Login,
    /// Anything else.
    Setup,
}

/// What becomes of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// It can carry the next command or message.
    Stays,
    /// It is closed.
    Ends,
}

/// What else has been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Of the account, since it last delivered anything.
    pub of_account: Repeated,
    /// Of the session.
    pub of_session: History,
}

/// Whether the account has got a reply of the same meaning before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    /// Not yet, or for this message, its recipient or its sender only.
    No,
    /// For another message with another recipient (in reply to MAIL, where it is about logging in, with another sender), or for two
    /// others.
    ForAnotherMessage,
}

/// What the session has carried before this reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// Nothing.
    Fresh,
    /// Messages, or recipients that were refused.
    Used,
}

/// Whom a meaning concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Concern {
    /// The account, until its owner fixes something.
    Owner(Fault),
    /// The account, until time has passed.
    Time,
    /// The number of its sessions.
    Sessions,
    /// The envelope sender.
    Sender,
    /// One message or recipient, until somebody changes something.
    Rule,
    /// The null sender.
    NullSender,
    /// The recipient or the content: final if the code says so.
    Mail,
    /// The recipient, until time has passed.
    Recipient,
    /// How many recipients one transaction has.
    Transaction,
    /// The parameters of a command.
    Parameters,
    /// The connection.
    Connection,
    /// The server, until time has passed.
    Server,
}

fn concern(meaning: Meaning) -> Concern {
    match meaning {
        Meaning::LoginRejected
        | Meaning::OauthWanted
        | Meaning::AppPasswordWanted
        | Meaning::TokenExpired
        | Meaning::MechanismRefused
        | Meaning::LoginBlocked => Concern::Owner(Fault::Login),
        Meaning::LoginWanted
        | Meaning::TlsSettings
        | Meaning::AccountSuspended
        | Meaning::OwnMailboxFull
        | Meaning::ClientAddressRefused
        | Meaning::HeloRefused
        | Meaning::RelayingDenied
        | Meaning::WrongServer => Concern::Owner(Fault::Setup),
        Meaning::SendingLimit | Meaning::TooManyLogins => Concern::Time,
        Meaning::TooManyConnections => Concern::Sessions,
        Meaning::SenderNotOwned | Meaning::SenderDomainUnknown => Concern::Sender,
        Meaning::HeaderFromRefused | Meaning::PolicyRefused => Concern::Rule,
        Meaning::NullSenderRefused => Concern::NullSender,
        Meaning::RecipientUnknown
        | Meaning::RecipientMailboxFull
        | Meaning::ContentRefused
        | Meaning::MessageTooLarge => Concern::Mail,
        Meaning::RecipientBusy => Concern::Recipient,
        Meaning::TooManyRecipients => Concern::Transaction,
        Meaning::ParameterRefused => Concern::Parameters,
        Meaning::SessionOver => Concern::Connection,
        Meaning::ServerTrouble | Meaning::Greylisting => Concern::Server,
    }
}

/// Whether it matters that a second message gets a reply of the same meaning.
#[must_use]
pub fn is_worth_remembering(meaning: Meaning) -> bool {
    matches!(
        concern(meaning),
        Concern::Owner(_) | Concern::Time | Concern::Sessions | Concern::Server | Concern::Connection
    )
}

/// What follows from a reply.
#[must_use]
pub fn consequence(situation: &Situation, what: &Classified, evidence: Evidence) -> Consequence {
    if !situation.stage.is_in_transaction() {
        return outside(situation.stage, what);
    }
    let found = in_transaction(situation, what, evidence);
    match (what.class, found.mail, evidence.of_session) {
        // The session is the reason: this message may not be to blame.
        (Class::Closing, Mail::Retried, History::Used) => over(Mail::GoesOn(Again::NewSession), found.account),
        (Class::Closing, _, _) => Consequence { session: Session::Ends, ..found },
        (Class::Transient | Class::Permanent, _, _) => found,
    }
}

/// Before MAIL and between messages: no message is to blame.
fn outside(stage: Stage, what: &Classified) -> Consequence {
    let account = match concern(what.meaning) {
        // An address or an account that is let in again by itself, at a time that the server names.
        Concern::Owner(Fault::Setup) if what.wait.is_some() => Account::Pauses,
        Concern::Owner(fault) => Account::NeedsOwner(fault),
        Concern::Sessions => Account::FewerSessions,
        Concern::Connection if stage == Stage::Idle => return over(Mail::GoesOn(Again::NewSession), Account::Works),
        Concern::Time | Concern::Connection | Concern::Server | Concern::Recipient | Concern::Transaction => {
            Account::Pauses
        }
        // Words that belong to a message, where there is none: a refusal all the same.
        Concern::Sender | Concern::Rule | Concern::NullSender | Concern::Mail | Concern::Parameters => match what.class
        {
            Class::Permanent => Account::NeedsOwner(Fault::Setup),
            Class::Transient | Class::Closing => Account::Pauses,
        },
    };
    over(Mail::Waits, account)
}

fn in_transaction(situation: &Situation, what: &Classified, evidence: Evidence) -> Consequence {
    match concern(what.meaning) {
        Concern::Time if is_perhaps_of_the_session(what, evidence) => {
            over(Mail::GoesOn(Again::NewSession), Account::Works)
        }
        Concern::Owner(_) | Concern::Time if !is_the_accounts(situation, what, evidence) => {
            goes_on(Mail::Held(Until::Lifetime))
        }
        Concern::Owner(Fault::Setup) if what.wait.is_some() => over(Mail::Waits, Account::Pauses),
        Concern::Owner(fault) => over(Mail::Waits, Account::NeedsOwner(fault)),
        Concern::Time => over(Mail::Waits, Account::Pauses),
        Concern::Sessions if situation.stage == Stage::Mail || is_the_accounts(situation, what, evidence) => {
            over(Mail::Waits, Account::FewerSessions)
        }
        // The recipient's server may have said it of the relay.
        Concern::Sessions if what.class == Class::Permanent => goes_on(Mail::Held(Until::Lifetime)),
        Concern::Sender => Consequence { sender: Sender::Refused, ..goes_on(Mail::Held(Until::SenderGrace)) },
        Concern::Rule => goes_on(Mail::Held(Until::SenderGrace)),
        Concern::NullSender => goes_on(Mail::GoesOn(Again::FromOwnAddress)),
        Concern::Mail => match what.class {
            Class::Permanent => goes_on(Mail::Bounces),
            Class::Transient | Class::Closing => goes_on(Mail::Retried),
        },
        Concern::Transaction if situation.stage == Stage::Rcpt => goes_on(Mail::GoesOn(Again::NextTransaction)),
        // Before any recipient is named, a second message that is put off shows that it is not the message.
        Concern::Server if situation.stage == Stage::Mail && evidence.of_account == Repeated::ForAnotherMessage => {
            over(Mail::Waits, Account::Pauses)
        }
        Concern::Sessions | Concern::Transaction | Concern::Recipient | Concern::Server => goes_on(Mail::Retried),
        Concern::Parameters => goes_on(Mail::GoesOn(Again::WithoutParameters)),
        Concern::Connection => at_the_end(what, evidence),
    }
}

/// Whether the reply is surely about the account, and not about this message or its recipient.
fn is_the_accounts(situation: &Situation, what: &Classified, evidence: Evidence) -> bool {
    match what.meaning {
        _ if what.basis == Basis::ProviderPhrase || evidence.of_account == Repeated::ForAnotherMessage => true,
        // After a login it is this sender who would have to log in as somebody else. At RCPT it may be the recipient's server
        // that speaks, or that recipient may be one of those for whom a login is wanted.
        Meaning::LoginWanted => situation.stage == Stage::Mail && situation.login != Login::Accepted,
        Meaning::TlsSettings => {
            situation.stage == Stage::Mail && situation.login != Login::Accepted && what.basis != Basis::Code
        }
        _ => false,
    }
}

/// Whether a limit without a time may be the number of messages in one session: the server ends a session that has
/// carried some. If it is the account's limit, the first message of the next session meets it again.
fn is_perhaps_of_the_session(what: &Classified, evidence: Evidence) -> bool {
    what.class == Class::Closing
        && evidence.of_session == History::Used
        && what.wait.is_none()
        && what.basis != Basis::ProviderPhrase
}

/// The session has ended or is out of step. If it has carried anything, that is why; in a fresh one a server that
/// says so for good means the commands before, one that says so for now may mean this message.
fn at_the_end(what: &Classified, evidence: Evidence) -> Consequence {
    match (evidence.of_account, evidence.of_session, what.class) {
        (_, History::Used, _) | (Repeated::No, History::Fresh, Class::Permanent) => {
            over(Mail::GoesOn(Again::NewSession), Account::Works)
        }
        (Repeated::ForAnotherMessage, History::Fresh, _) => over(Mail::Waits, Account::Pauses),
        (Repeated::No, History::Fresh, Class::Transient | Class::Closing) => over(Mail::Retried, Account::Works),
    }
}

/// The session stays, and nothing but the mail is concerned.
fn goes_on(mail: Mail) -> Consequence {
    Consequence { mail, sender: Sender::Unaffected, account: Account::Works, session: Session::Stays }
}

/// The session ends.
fn over(mail: Mail, account: Account) -> Consequence {
    Consequence { mail, sender: Sender::Unaffected, account, session: Session::Ends }
}

#[cfg(test)]
mod tests;
