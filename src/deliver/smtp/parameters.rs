//! Optional parameters that a server offers but then rejects (SIZE, BODY, RET and ENVID of MAIL; NOTIFY and ORCPT of
//! RCPT). The command is repeated without them, and they are omitted from then on, in this session and in those that follow it.
//!
//! RFC 5321 section 4.1.1.11 gives 555 for a parameter that is not recognised; some servers give it for one that they
//! offer themselves. Without the repetition such a server would never get any mail. What cannot be left out without
//! harm stays: SMTPUTF8 is part of the address, and 8-bit content goes unchanged, without BODY, to a server that
//! offered 8BITMIME.

use super::capabilities::{Extension, Size};
use super::connection::{LeftOut, Session, Transaction};
use crate::mail::outcome::{Fact, Phase, Seen};
use crate::rules::classify::{self, Situation};
use crate::rules::meaning::{EnvelopeSender, Login, Meaning, Parameters, Stage};

/// Whether the fact is the rejection of an optional parameter. If so, the parameter is omitted from now on in this
/// session.
///
/// `before` is what was left out when the command was sent. A parameter that was not sent cannot have been refused,
/// and without this check a server that always answers 555 would be asked forever.
pub(super) fn leave_out(
    session: &mut Session,
    before: LeftOut,
    transaction: &Transaction<'_>,
    at: usize,
    fact: &Fact,
) -> bool {
    let Seen::Reply(reply) = &fact.seen else { return false };
    let offers_dsn = session.capabilities.offers(Extension::Dsn);
    let (stage, is_sent) = match fact.phase {
        Phase::Mail => {
            let is_offered = session.capabilities.size != Size::Absent
                || session.capabilities.offers(Extension::EightBitMime)
                || offers_dsn;
            (Stage::Mail, is_offered && !before.mail)
        }
        Phase::Rcpt => (Stage::Rcpt, offers_dsn && !before.rcpt && !transaction.wishes.rcpt(at).is_empty()),
        _ => return false,
    };
    let situation = Situation {
        stage,
        provider: session.provider,
        login: Login::Accepted,
        sender: if transaction.sender.mailbox().is_some() { EnvelopeSender::Mailbox } else { EnvelopeSender::Null },
        parameters: Parameters::Sent,
    };
    let is_refused =
        is_sent && !reply.is_positive() && classify::classify(&situation, reply).meaning == Meaning::ParameterRefused;
    if is_refused {
        session.stream.observer().note("the server refuses a parameter that it offers; leaving out what is not needed");
        let LeftOut { mail, rcpt } = session.left_out();
        session.leave_out(LeftOut { mail: mail || stage == Stage::Mail, rcpt: rcpt || stage == Stage::Rcpt });
    }
    is_refused
}
