//! Optional parameters that a server offers and then refuses (SIZE, BODY, RET and ENVID of MAIL; NOTIFY and ORCPT of
//! RCPT): the command is said once more without them, and they stay away for the rest of the session.

use super::capabilities::{Extension, Size};
use super::connection::{LeftOut, Session, Transaction};
use crate::mail::outcome::{Fact, Phase, Seen};
use crate::rules::classify::{self, Situation};
use crate::rules::meaning::{EnvelopeSender, Login, Meaning, Parameters, Stage};

/// Whether the fact is the refusal of a parameter that can be left out. From then on it is, in this session.
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
        if stage == Stage::Mail {
            session.left_out.mail = true;
        } else {
            session.left_out.rcpt = true;
            // The server tells nobody of what it was not told.
            session.described.dsn = false;
        }
    }
    is_refused
}
