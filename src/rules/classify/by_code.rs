//! The rules by code and class, for replies whose words no row of the table knows.
//!
//! Until the login is accepted a final refusal is the account's; at MAIL it is the sender's; at RCPT it is the
//! recipient's, unless the reply speaks of something else; after that it is the content's.

use super::Situation;
use super::pattern::Folded;
use crate::mail::outcome::Reply;
use crate::rules::meaning::{AuthOffer, Login, Meaning, Parameters, Stage};

/// What a reply to RCPT speaks of, where its code does not say it.
const SENDER_WORDS: [&str; 6] = ["sender", "mail from", "from address", "return path", "return-path", "originator"];
const LIMIT_WORDS: [&str; 6] = ["limit", "throttl", "too many", "too much mail", "allowance", "rate "];
const RELAY_WORDS: [&str; 3] = ["relay", "gateway", "rcpthosts"];
const LOGIN_WORDS: [&str; 5] = ["authenticat", "log in", "login", "logged in", "smtp auth"];

/// The reply codes that say "log in (otherwise)" (RFC 4954 section 6). After an accepted login they say nothing of it.
const LOGIN_CODES: [u16; 4] = [530, 534, 535, 538];

/// Mail system full, and system not accepting mail (RFC 3463 section 3.4): the server's trouble, whose mail it is.
const SYSTEM_FULL: (u16, u16) = (3, 1);
const SYSTEM_CLOSED: (u16, u16) = (3, 2);

/// What a refused parameter may be called (RFC 3463 sections 3.6 and 3.7).
const SYNTAX_ERROR: (u16, u16) = (5, 2);
const INVALID_ARGUMENTS: (u16, u16) = (5, 4);
const NO_CONVERSION: (u16, u16) = (6, 3);

/// What the code says.
pub(super) fn meaning(situation: &Situation, reply: &Reply, folded: &Folded) -> Meaning {
    let code =
        Code { number: reply.code, enhanced: reply.enhanced.map(|e| (e.subject, e.detail)).or_else(|| inside(folded)) };
    if !(400..600).contains(&code.number) {
        return Meaning::SessionOver;
    }
    match situation.stage {
        Stage::Greeting | Stage::StartTls if code.is_transient() => Meaning::ServerTrouble,
        Stage::Greeting => Meaning::ClientAddressRefused,
        Stage::Ehlo => at_ehlo(code),
        Stage::StartTls => Meaning::TlsSettings,
        Stage::Auth => at_auth(code),
        Stage::Idle => Meaning::SessionOver,
        Stage::Mail | Stage::Rcpt | Stage::Data | Stage::FinalDot if code.number == 421 => Meaning::SessionOver,
        Stage::Mail if code.is_transient() => at_mail_for_now(code),
        Stage::Mail => at_mail(situation, code),
        Stage::Rcpt if code.is_transient() => at_rcpt_for_now(code),
        Stage::Rcpt => at_rcpt(situation, code, folded),
        Stage::Data | Stage::FinalDot if code.is_transient() => Meaning::ServerTrouble,
        Stage::Data | Stage::FinalDot => of_content(situation, code),
    }
}

/// A code and the subject and detail of its enhanced code, whose first digit some servers get wrong.
#[derive(Debug, Clone, Copy)]
struct Code {
    number: u16,
    enhanced: Option<(u16, u16)>,
}

impl Code {
    fn is_transient(self) -> bool {
        self.number < 500
    }

    fn says(self, subject: u16, detail: u16) -> bool {
        self.enhanced == Some((subject, detail))
    }

    fn subject(self) -> Option<u16> {
        self.enhanced.map(|(subject, _)| subject)
    }
}

/// The enhanced code at the beginning of a text, of whatever class, or in it as `(#5.7.1)`.
fn inside(folded: &Folded) -> Option<(u16, u16)> {
    let number = |word: &str| {
        let mut parts = word.trim_matches(|c: char| !c.is_ascii_digit()).split('.');
        let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
        let fits = parts.next().is_none() && ["4", "5"].contains(&class);
        fits.then(|| Some((subject.parse().ok()?, detail.parse().ok()?))).flatten()
    };
    let first = folded.text().split(' ').nth(1).and_then(number);
    first.or_else(|| folded.text().split_once("(#").and_then(|(_, rest)| number(rest.split(')').next()?)))
}

fn at_ehlo(code: Code) -> Meaning {
    match code.number {
        400..500 => Meaning::ServerTrouble,
        530 | 538 => Meaning::TlsSettings,
        _ if code.says(7, 10) || code.says(7, 11) => Meaning::TlsSettings,
        _ => Meaning::HeloRefused,
    }
}

fn at_auth(code: Code) -> Meaning {
    match code.number {
        534 if code.says(7, 14) => Meaning::LoginBlocked,
        432 | 500..505 | 534 => Meaning::MechanismRefused,
        400..500 => Meaning::ServerTrouble,
        523 | 530 | 538 => Meaning::TlsSettings,
        _ if code.says(7, 10) || code.says(7, 11) => Meaning::TlsSettings,
        _ if code.says(7, 13) => Meaning::AccountSuspended,
        526 | 535 => Meaning::LoginRejected,
        _ => Meaning::LoginBlocked,
    }
}

fn at_mail_for_now(code: Code) -> Meaning {
    match code.enhanced {
        Some((1, 7)) => Meaning::SenderNotOwned,
        Some((1, 8)) => Meaning::SenderDomainUnknown,
        // At MAIL there is no other mailbox yet.
        Some((2, 2)) => Meaning::OwnMailboxFull,
        // At MAIL there is no recipient yet: these are the messages of the connection.
        Some((5, 3)) => Meaning::SessionOver,
        Some((5, 4)) => Meaning::ParameterRefused,
        _ if code.number == 455 => Meaning::ParameterRefused,
        _ => Meaning::ServerTrouble,
    }
}

fn at_mail(situation: &Situation, code: Code) -> Meaning {
    match (code.number, code.enhanced) {
        (552, None) | (_, Some((3, 4) | (2, 3))) => Meaning::MessageTooLarge,
        (_, Some((2, 2))) => Meaning::OwnMailboxFull,
        (_, Some(SYSTEM_FULL | SYSTEM_CLOSED)) => Meaning::ServerTrouble,
        (_, Some((6, 7))) => Meaning::ContentRefused,
        (_, Some((4, 5))) => Meaning::SendingLimit,
        (_, Some((1, 7))) => Meaning::SenderNotOwned,
        (_, Some((1, 8))) => Meaning::SenderDomainUnknown,
        (_, Some((7, 10 | 11))) => Meaning::TlsSettings,
        _ if may_be_for_a_parameter(situation, code) => Meaning::ParameterRefused,
        (500 | 503, _) => Meaning::SessionOver,
        _ if wants_login(situation, code) => Meaning::LoginWanted,
        _ => Meaning::SenderNotOwned,
    }
}

/// A server that does not know a parameter may call the whole command a syntax error (500, 502, x.5.2), and one that offers
/// 8BITMIME may refuse BODY as a conversion that it cannot do (x.6.3). Repeating the command without parameters shows it.
fn may_be_for_a_parameter(situation: &Situation, code: Code) -> bool {
    let is_named = matches!(code.enhanced, Some(SYNTAX_ERROR | INVALID_ARGUMENTS | NO_CONVERSION));
    situation.parameters == Parameters::Sent && (is_named || matches!(code.number, 500..=502 | 504 | 555))
}

/// Without a login in this session, a refusal that may be for the lack of one is.
fn wants_login(situation: &Situation, code: Code) -> bool {
    match situation.login {
        Login::Accepted => false,
        Login::NotConfigured(AuthOffer::NotOffered) => LOGIN_CODES.contains(&code.number) || code.subject() == Some(7),
        Login::NotConfigured(AuthOffer::Offered) | Login::Configured(_) => !matches!(code.subject(), Some(1 | 2)),
    }
}

fn at_rcpt_for_now(code: Code) -> Meaning {
    match code.enhanced {
        Some((1, 7)) => Meaning::SenderNotOwned,
        Some((1, 8)) => Meaning::SenderDomainUnknown,
        Some((2, 2)) => Meaning::RecipientMailboxFull,
        Some((2, 1)) => Meaning::RecipientBusy,
        Some((5, 3)) => Meaning::TooManyRecipients,
        Some((5, 4)) => Meaning::ParameterRefused,
        Some((7, 1)) if matches!(code.number, 450 | 451) => Meaning::Greylisting,
        _ if code.number == 455 => Meaning::ParameterRefused,
        _ => Meaning::ServerTrouble,
    }
}

fn at_rcpt(situation: &Situation, code: Code, folded: &Folded) -> Meaning {
    let speaks_of = |words: &[&str]| words.iter().any(|word| folded.text().contains(word));
    match (code.number, code.enhanced) {
        (_, Some((1, 7))) => Meaning::SenderNotOwned,
        (_, Some((1, 8))) => Meaning::SenderDomainUnknown,
        (_, Some((2, 2))) | (552, None) => Meaning::RecipientMailboxFull,
        (_, Some((2, 3) | (3, 4))) => Meaning::MessageTooLarge,
        (_, Some(SYSTEM_FULL | SYSTEM_CLOSED)) => Meaning::ServerTrouble,
        (551, _) | (_, Some((2, _))) => Meaning::RecipientUnknown,
        (_, Some((4, 5))) => Meaning::SendingLimit,
        (_, Some((5, 3))) => Meaning::TooManyRecipients,
        (_, Some((7, 10 | 11))) => Meaning::TlsSettings,
        (503, _) => Meaning::SessionOver,
        _ if may_be_for_a_parameter(situation, code) => Meaning::ParameterRefused,
        _ if wants_login(situation, code) => Meaning::LoginWanted,
        _ if speaks_of(&LIMIT_WORDS) => Meaning::SendingLimit,
        _ if speaks_of(&SENDER_WORDS) => Meaning::SenderNotOwned,
        _ if speaks_of(&RELAY_WORDS) => Meaning::RelayingDenied,
        _ if speaks_of(&LOGIN_WORDS) => Meaning::LoginWanted,
        _ if code.subject() == Some(7) || LOGIN_CODES.contains(&code.number) => Meaning::PolicyRefused,
        _ => Meaning::RecipientUnknown,
    }
}

/// At DATA and after the content.
fn of_content(situation: &Situation, code: Code) -> Meaning {
    match (code.number, code.enhanced) {
        (552, None) | (_, Some((3, 4) | (2, 3))) => Meaning::MessageTooLarge,
        (_, Some(SYSTEM_FULL | SYSTEM_CLOSED)) => Meaning::ServerTrouble,
        (_, Some((2, 2))) => Meaning::RecipientMailboxFull,
        (_, Some((4, 5))) => Meaning::SendingLimit,
        (_, Some((1, 7))) => Meaning::SenderNotOwned,
        (_, Some((1, 8))) => Meaning::SenderDomainUnknown,
        (_, Some((1, 1 | 2 | 3 | 6 | 10) | (4, 4) | (7, 13))) => Meaning::RecipientUnknown,
        (503, _) => Meaning::SessionOver,
        (number, _) if LOGIN_CODES.contains(&number) && situation.login == Login::Accepted => Meaning::PolicyRefused,
        (number, _) if LOGIN_CODES.contains(&number) => Meaning::LoginWanted,
        _ => Meaning::ContentRefused,
    }
}
