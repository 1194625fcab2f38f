//! A transaction on an open session: its commands, and further transactions if the server accepts fewer recipients at
//! once. `pipeline` exchanges the commands, `data` sends the content, and `rules::trouble` decides what the facts
//! mean.
//!
//! What can be decided without the server is decided first: a message above its SIZE, content that it cannot accept,
//! and addresses that no command can carry safely are settled before a command is sent. Otherwise a server that slows
//! down or closes after errors would make other recipients pay for these.

use std::collections::HashMap;

use super::capabilities::{Extension, Size};
use super::command::{self, AddressRefused, EightBit, MailOptions, Utf8};
use super::connection::{LeftOut, Session, State, Transaction};
use super::data;
use super::dsn_parameters::DsnRequest;
use super::parameters;
use super::pipeline::{Broken, Command, Data, Envelope, Mail};
use super::prepare::Prepared;
use super::recipient_states::{RecipientState, RecipientStates};
use super::stream::{Keep, Pending};
use super::timeouts::LEFTOVER;
use crate::mail::address::Address;
use crate::mail::mime::Takes;
use crate::mail::outcome::{Enhanced, Fact, Phase, Seen};

/// Largest content that is sent before any reply, in bytes (`early_data` in postrider.toml(5)).
const EARLY: u64 = 64 << 10;
/// Most recipients of such a message.
const EARLY_RECIPIENTS: usize = 50;

/// Runs the transaction and returns a fact per recipient. Recipients that the server had no room for (452 4.5.3)
/// follow immediately in another transaction, as long as each delivers to some.
///
/// The loop ends: a round takes its recipients out of `waiting` and puts them back only if another recipient was
/// delivered in it, or if a parameter was left out that was not left out before. Recipients that no round reaches keep
/// the fact for that, which lets them go on in a new session.
pub(crate) fn run(session: &mut Session, transaction: &mut Transaction<'_>) -> Vec<Fact> {
    let eight_bit = session.capabilities.offers(Extension::EightBitMime);
    let prepared = match Prepared::new(transaction, if eight_bit { Takes::EightBit } else { Takes::SevenBit }) {
        Ok(prepared) => prepared,
        Err(fact) => return vec![fact; transaction.recipients.len()],
    };
    if prepared.is_converted() {
        session.stream.observer().note("re-encoding the content, because the server does not accept it unchanged");
    }
    session.ended_at = None;
    let first_of = first_of(transaction.recipients);
    let waiting = (0..first_of.len()).filter(|&at| first_of[at] == at).collect();
    let facts = rounds(session, transaction, &prepared, waiting);
    first_of.iter().map(|&at| facts[at].clone()).collect()
}

/// For each recipient the place of the first with the same address. `generic` gives several recipients one mailbox, and that
/// gets one copy.
fn first_of(recipients: &[Address]) -> Vec<usize> {
    let mut places = HashMap::with_capacity(recipients.len());
    recipients.iter().enumerate().map(|(at, address)| *places.entry(address).or_insert(at)).collect()
}

/// Transactions until none of these recipients waits for one. Has a fact for all recipients.
fn rounds(
    session: &mut Session,
    transaction: &mut Transaction<'_>,
    prepared: &Prepared,
    mut waiting: Vec<usize>,
) -> Vec<Fact> {
    let mut facts: Vec<Fact> = vec![not_reached(); transaction.recipients.len()];
    while !waiting.is_empty() && session.is_usable() {
        let round = session.capabilities.limits.take(&mut waiting, transaction.recipients);
        let before = session.left_out;
        let told = once(session, transaction, prepared, &round);
        let is_delivered = |fact: &Fact| fact.phase == Phase::FinalDot && is_positive(fact);
        let has_delivered = told.iter().any(is_delivered);
        let to_all = told.first().filter(|_| told.iter().all(|fact| fact.phase == Phase::Mail)).cloned();
        let mut left = Vec::new();
        for (&at, fact) in round.iter().zip(told) {
            let is_too_many = fact.phase == Phase::Rcpt && is_too_many(&fact) && has_delivered;
            if is_too_many || parameters::leave_out(session, before, transaction, at, &fact) {
                left.push(at);
            }
            facts[at] = fact;
        }
        if let (Some(fact), true) = (to_all, left.is_empty()) {
            // The reply to MAIL applies to all recipients of the message.
            for at in waiting {
                facts[at] = fact.clone();
            }
            return facts;
        }
        if !left.is_empty() && session.state != State::Broken {
            let words = format!("{} recipients go into another transaction", left.len());
            session.stream.observer().note(&words);
            waiting.splice(0..0, left);
        }
    }
    facts
}

fn is_positive(fact: &Fact) -> bool {
    matches!(&fact.seen, Seen::Reply(reply) if reply.is_positive())
}

/// RFC 5321 section 4.5.3.1.10. Older servers use 552.
fn is_too_many(fact: &Fact) -> bool {
    let Seen::Reply(reply) = &fact.seen else { return false };
    let named = matches!(reply.enhanced, Some(Enhanced { subject: 5, detail: 3, .. }));
    matches!(reply.code, 452 | 552) && (named || reply.text.to_lowercase().contains("too many recipients"))
}

/// How the content is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ContentMethod {
    /// DATA.
    Data,
    /// BDAT together with the envelope, with this content.
    Early(Vec<u8>),
}

/// Runs one transaction for these recipients.
///
/// Whatever can be settled without the server has been settled when the first command is sent, and the connection has
/// been checked for a reply that nobody asked for. An unsolicited 421 would otherwise be read as the reply to MAIL,
/// and be charged to this message.
fn once(session: &mut Session, transaction: &mut Transaction<'_>, prepared: &Prepared, round: &[usize]) -> Vec<Fact> {
    let mut states = RecipientStates::new(round.len());
    let way = match way(session, transaction, prepared, round.len()) {
        Ok(way) => way,
        Err(fact) => return states.close(&fact),
    };
    let commands = match commands(session, transaction, prepared, round, &way, &mut states) {
        Ok(commands) => commands,
        Err(fact) => return states.close(&fact),
    };
    if states.is_settled() {
        return states.close(&nothing_said());
    }
    if let Some(fact) = unsolicited_reply(session) {
        session.state = State::Broken;
        return states.close(&fact);
    }
    let early: &[u8] = if let ContentMethod::Early(bytes) = &way { bytes } else { &[] };
    let (mail, data) = (Mail::Unanswered, Data::Unanswered);
    let mut envelope =
        Envelope { session, states: &mut states, mail, data, has_stray_recipients: false, early, ended_at: None };
    let ended = envelope.exchange(&commands);
    let (data, has_stray_recipients, ended_at) = (envelope.data, envelope.has_stray_recipients, envelope.ended_at);
    session.ended_at = ended_at.and_then(|at| round.get(at).copied());
    match (ended, data) {
        (Err(Broken), _) => session.state = State::Broken,
        (Ok(()), Data::Ready) if states.has_accepted() => {
            let sent = data::data(session, transaction, prepared, states.accepted());
            session.state = sent.state;
            states.settle_accepted(sent.facts);
            return states.close(&nothing_said());
        }
        // An empty message would be delivered to them; one that is cut off is to nobody (RFC 5321 section 4.1.1.4).
        (Ok(()), Data::Ready) if has_stray_recipients => session.state = State::Broken,
        // Broken afterwards: the reply to the empty message is not worth waiting for, and the next transaction must
        // not read it as its own.
        (Ok(()), Data::Ready) => {
            lone_dot(session);
            session.state = State::Broken;
        }
        (Ok(()), Data::Unanswered | Data::Refused) => {}
    }
    states.close(&nothing_said())
}

/// DATA, normally: its content is sent only after the server asked for it, so no server can mistake it for commands.
/// BDAT (RFC 3030) is used only for small messages of accounts with `early_data`, and saves a round trip.
///
/// Early content is sent only where nothing suggests that the envelope will be refused: a server that refuses MAIL
/// after it has read the content may count each of its lines as a bad command.
fn way(
    session: &Session,
    transaction: &mut Transaction<'_>,
    prepared: &Prepared,
    recipients: usize,
) -> Result<ContentMethod, Fact> {
    let offers = |extension| session.capabilities.offers(extension);
    let fits = prepared.size <= EARLY && recipients <= EARLY_RECIPIENTS;
    if session.is_cautious
        || !(session.early_data && fits && offers(Extension::Chunking) && offers(Extension::Pipelining))
    {
        return Ok(ContentMethod::Data);
    }
    let bytes = data::whole(transaction, prepared).map_err(|seen| Fact { phase: Phase::Content, seen })?;
    Ok(if bytes.len() as u64 > EARLY { ContentMethod::Data } else { ContentMethod::Early(bytes) })
}

/// The commands of the transaction. Recipients that cannot be sent are settled at once; an error concerns the whole
/// transaction.
fn commands(
    session: &Session,
    transaction: &Transaction<'_>,
    prepared: &Prepared,
    round: &[usize],
    way: &ContentMethod,
    states: &mut RecipientStates,
) -> Result<Vec<(Command, String)>, Fact> {
    let offers = |extension| session.capabilities.offers(extension);
    let mut lines = Vec::with_capacity(round.len() + 3);
    if session.state == State::Halfway {
        lines.push((Command::Reset, command::rset()));
    }
    let needs_utf8 = |local: &str| !local.is_ascii();
    let sender_utf8 = transaction.sender.mailbox().is_some_and(|a| needs_utf8(a.local()));
    if sender_utf8 && !offers(Extension::SmtpUtf8) {
        return Err(Fact { phase: Phase::Mail, seen: no_utf8("sender") });
    }
    let recipients = || round.iter().filter_map(|&at| transaction.recipients.get(at).map(|address| (at, address)));
    let utf8 = sender_utf8 || recipients().any(|(_, a)| needs_utf8(a.local()));
    let nothing = DsnRequest::default();
    let LeftOut { mail: no_options, rcpt: no_rcpt_wishes } = session.left_out;
    let wishes =
        |is_left_out: bool| if offers(Extension::Dsn) && !is_left_out { &transaction.wishes } else { &nothing };
    let options = MailOptions {
        size: size(session.capabilities.size, prepared.size)?.filter(|_| !no_options),
        eight_bit: (prepared.eight_bit && offers(Extension::EightBitMime) && !no_options).then_some(EightBit),
        utf8: (utf8 && offers(Extension::SmtpUtf8)).then_some(Utf8),
    };
    let id = transaction.id.filter(|_| offers(Extension::Xid)).map(|id| format!(" XID={id}")).unwrap_or_default();
    let mail = command::mail(transaction.sender, options, &format!("{}{id}", wishes(no_options).mail()))
        .map_err(|error| Fact { phase: Phase::Mail, seen: unsendable(error) })?;
    lines.push((Command::Mail, mail));
    for (place, (at, recipient)) in recipients().enumerate() {
        let refused = |seen| RecipientState::Settled(Fact { phase: Phase::Rcpt, seen });
        if needs_utf8(recipient.local()) && !offers(Extension::SmtpUtf8) {
            states.0[place] = refused(no_utf8("recipient"));
            continue;
        }
        match command::rcpt(recipient, &wishes(no_rcpt_wishes).rcpt(at)) {
            Ok(line) => lines.push((Command::Rcpt(place), line)),
            Err(error) => states.0[place] = refused(unsendable(error)),
        }
    }
    match way {
        ContentMethod::Data => lines.push((Command::Data, command::data())),
        ContentMethod::Early(bytes) => lines.push((Command::Early, command::bdat_last(bytes.len()))),
    }
    Ok(lines)
}

/// The SIZE parameter (RFC 1870). A message above the limit is not even tried.
///
/// RFC 1870 section 6.1 lets the server refuse by the announced size, so a message that is too large costs no
/// transfer.
fn size(announced: Size, size: u64) -> Result<Option<u64>, Fact> {
    match announced {
        Size::Absent => Ok(None),
        Size::Limit(limit) if size > limit => {
            let text = format!("the message has {size} bytes; the server accepts at most {limit}");
            Err(Fact { phase: Phase::Mail, seen: refused(3, 4, text) })
        }
        Size::Limit(_) | Size::Unlimited => Ok(Some(size)),
    }
}

fn no_utf8(whose: &str) -> Seen {
    refused(6, 7, format!("the {whose}'s address is not ASCII, which the server does not accept (no SMTPUTF8)"))
}

fn unsendable(error: AddressRefused) -> Seen {
    refused(1, 3, error.to_string())
}

fn refused(subject: u16, detail: u16, words: String) -> Seen {
    Seen::Refused(Enhanced { class: 5, subject, detail }, words)
}

/// What arrived outside a transaction: an unsolicited 421, or the end of the connection.
fn unsolicited_reply(session: &mut Session) -> Option<Fact> {
    let seen = match session.stream.pending() {
        Ok(Pending::Quiet) => return None,
        Ok(Pending::Bytes) => match session.stream.reply(LEFTOVER, Keep::Text) {
            Ok(reply) if reply.is_transient() || reply.is_permanent() => Seen::Reply(reply),
            Ok(reply) => Seen::Garbage(format!("the server sent \"{reply}\" unprompted")),
            Err(seen) => seen,
        },
        Err(seen) => seen,
    };
    Some(Fact { phase: Phase::Idle, seen })
}

/// The server asks for content although it accepted no recipient. An empty message ends this and is delivered to
/// nobody.
fn lone_dot(session: &mut Session) {
    if session.stream.send_lines([".\r\n"].into_iter(), session.timeouts.block).is_ok() {
        // Whatever the reply, there was no recipient.
        let _ = session.stream.reply(session.timeouts.last.min(LEFTOVER), Keep::Text);
    }
}

/// The fact for recipients that no transaction reached.
fn not_reached() -> Fact {
    Fact { phase: Phase::Idle, seen: Seen::Closed }
}

/// A fact for recipients without any; there are none at this point.
fn nothing_said() -> Fact {
    Fact { phase: Phase::Mail, seen: Seen::Closed }
}
