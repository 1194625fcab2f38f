//! What a server means by a reply. One pure function, no clock, no network.
//!
//! A reply is decided in this order:
//!
//! 1. **The text is folded**: lower case, one blank between words and lines, `@` in place of every address, so that
//!    neither spelling nor an address decides anything. Only its first 4 KiB are looked at.
//! 2. **The table of phrases** (`phrases.tsv`) is searched for the first row that fits the stage and the text: the rows
//!    of the account's own provider, which is known by the name of its relay, then the general ones. Words say more
//!    than codes: providers refuse a sender with 501, 530, 550 to 554 and 451, and a limit with most of them.
//! 3. **The code** decides where no row knows the text (`by_code`): by the stage, then by the enhanced code, then by
//!    the first digits. Until a login is accepted a final refusal is the account's, at MAIL the sender's, at RCPT the
//!    recipient's unless the reply speaks of something else, after that the content's.
//! 4. **The session corrects the meaning.** Relaying is denied for the lack of a login where there was none; a sender
//!    that nobody owns is the null sender where the envelope has none; a rejected login is an expired token where a
//!    token was tried; a parameter cannot be refused where none was sent.
//! 5. **The time to wait** is the one in place of the row's `{wait}`, else one that the text names ("in 300 seconds",
//!    "tomorrow"), else the row's own, else the period of the limit that the text describes ("daily", "per hour"); never more
//!    than 24 hours.
//!
//! What follows from a meaning is `consequence`'s business.

mod by_code;
mod pattern;
mod phrases;
mod wait;

#[cfg(test)]
mod tests;

use std::time::Duration;

use self::pattern::Folded;
use self::phrases::{Hit, Owner};
use crate::mail::outcome::Reply;
use crate::rules::meaning::{Basis, Class, Classified, EnvelopeSender, Login, Meaning, Parameters, Secret, Stage};

pub use self::phrases::Provider;

/// What is known where a reply comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// The command that it answers.
    pub stage: Stage,
    /// Whose server it is.
    pub provider: Option<Provider>,
    /// How far the login has come on this connection.
    pub login: Login,
    /// The sender that MAIL named, where there was a MAIL.
    pub sender: EnvelopeSender,
    /// Whether the command carried parameters.
    pub parameters: Parameters,
}

/// What the server means by a reply that is not the one hoped for.
#[must_use]
pub fn classify(situation: &Situation, reply: &Reply) -> Classified {
    let folded = Folded::new(reply.code, &reply.text);
    let hit = phrases::first(situation.provider, situation.stage, &folded);
    let (meaning, basis) = match hit {
        Some(Hit { meaning, owner: Owner::Provider, .. }) => (meaning, Basis::ProviderPhrase),
        Some(Hit { meaning, owner: Owner::Anyone, .. }) => (meaning, Basis::Phrase),
        None => (by_code::meaning(situation, reply, &folded), Basis::Code),
    };
    let meaning = corrected(meaning, situation);
    let wait = waiting(meaning, hit, &folded);
    let class = match reply.code {
        421 => Class::Closing,
        500..600 => Class::Permanent,
        _ => Class::Transient,
    };
    Classified { meaning, wait, basis, class }
}

/// The meaning in the light of what the session knows.
fn corrected(meaning: Meaning, situation: &Situation) -> Meaning {
    let Situation { stage, login, sender, parameters, .. } = *situation;
    let of_sender = |refused| if sender == EnvelopeSender::Null { Meaning::NullSenderRefused } else { refused };
    match (meaning, stage) {
        // Nobody can have logged in yet: the connection itself is refused.
        (Meaning::RelayingDenied | Meaning::LoginWanted, Stage::Greeting) => Meaning::ClientAddressRefused,
        (Meaning::RelayingDenied, _) if login != Login::Accepted => Meaning::LoginWanted,
        (Meaning::ParameterRefused, Stage::Mail) if parameters == Parameters::Absent => {
            of_sender(Meaning::SenderNotOwned)
        }
        (Meaning::ParameterRefused, Stage::Rcpt) if parameters == Parameters::Absent => Meaning::RecipientUnknown,
        (Meaning::SenderNotOwned | Meaning::SenderDomainUnknown, Stage::Mail | Stage::Rcpt) => of_sender(meaning),
        // The envelope has no sender that the content's could be compared with: it is the field.
        (Meaning::SenderNotOwned, Stage::FinalDot) if sender == EnvelopeSender::Null => Meaning::HeaderFromRefused,
        (Meaning::LoginRejected, Stage::Auth) if login == Login::Configured(Secret::Token) => Meaning::TokenExpired,
        _ => meaning,
    }
}

/// How long to wait, for meanings that pass by themselves.
fn waiting(meaning: Meaning, hit: Option<Hit>, folded: &Folded) -> Option<Duration> {
    let text = folded.text();
    let named = || hit.and_then(|hit| hit.wait).or_else(|| wait::named(text)).or(hit.and_then(|hit| hit.usual_wait));
    match meaning {
        Meaning::SendingLimit | Meaning::TooManyLogins | Meaning::RecipientBusy => {
            named().or_else(|| wait::period(text))
        }
        Meaning::TooManyConnections
        | Meaning::AccountSuspended
        | Meaning::ClientAddressRefused
        | Meaning::ServerTrouble
        | Meaning::Greylisting => named(),
        _ => None,
    }
}
