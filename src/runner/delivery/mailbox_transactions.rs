//! Delivery to the mailboxes of this machine: a transaction for each recipient, so that each gets a `Delivered-To` field with its
//! own address and nobody sees another recipient's. A server adds that field only to mail for a single recipient, and
//! the field is how mail that comes round again is recognised (`rules::mail_loop`).

use super::mailbox_sessions::user;
use crate::deliver::outgoing::StoredBody;
use crate::deliver::plan::Planned;
use crate::deliver::smtp::capabilities::Extension;
use crate::deliver::smtp::dsn_parameters::DsnRequest;
use crate::deliver::smtp::session::{Session, Transaction};
use crate::mail::address::{Address, ReversePath};
use crate::mail::outcome::{Enhanced, Fact, Phase, Seen};
use crate::rules::mail_loop::MARK;
use crate::spool::Envelope;

/// One message for recipients with mailboxes here.
pub(super) struct LocalMail<'a> {
    pub(super) envelope: &'a Envelope,
    pub(super) sender: &'a ReversePath,
    /// The header, without the blank line.
    pub(super) header: &'a [u8],
    pub(super) body: &'a StoredBody<'a>,
    /// Size of both in bytes.
    pub(super) size: u64,
}

/// Delivers to these recipients and returns a fact for each, in their order. An address that occurs twice gets one copy: a
/// server says of both that it has saved them, and stores one. Recipients that the session cannot serve any more get the
/// fact for that, which lets them go on in a new one.
pub(super) fn deliver(session: &mut Session, mail: &LocalMail<'_>, recipients: &[&Planned]) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::with_capacity(recipients.len());
    let mut is_over = false;
    for (at, planned) in recipients.iter().enumerate() {
        let is_same = |other: &&Planned| other.address.same_mailbox(&planned.address);
        if let Some(known) = recipients[..at].iter().position(is_same) {
            facts.push(facts[known].clone());
            continue;
        }
        // Our own program serves one user, so nobody else need be asked for.
        let is_other = || is_ours(session) && user(&recipients[0].address) != user(&planned.address);
        if is_over || (at > 0 && (!session.is_usable() || is_other())) {
            facts.push(not_reached());
            continue;
        }
        let is_fresh = session.is_fresh();
        let fact = one(session, mail, planned);
        // A server that has become one user for good serves no other over this connection.
        is_over = !is_fresh && is_put_off(&fact);
        facts.push(if is_over { not_reached() } else { fact });
    }
    facts
}

fn one(session: &mut Session, mail: &LocalMail<'_>, planned: &Planned) -> Fact {
    // RFC 5321 section 4.4: whoever makes the final delivery writes Return-Path. Other servers do it themselves; the one that
    // knows our ids writes what it gets.
    let return_path = if is_ours(session) { format!("Return-Path: <{}>\r\n", mail.sender) } else { String::new() };
    let mark = format!("{return_path}{MARK}: {}\r\n", planned.address).into_bytes();
    let header = [&mark, mail.header].concat();
    let recipients: &[Address] = std::slice::from_ref(&planned.address);
    let wishes = DsnRequest::of(mail.envelope, std::iter::once(planned.index));
    let size = mail.size + mark.len() as u64;
    let (id, sender) = (Some(mail.envelope.id.as_str()), mail.sender);
    let transaction = Transaction { id, sender, recipients, wishes, header: &header, body: mail.body, size };
    session.send(transaction).into_iter().next().unwrap_or_else(not_reached)
}

/// Whether the server is postrider-mailbox.
fn is_ours(session: &Session) -> bool {
    session.capabilities().offers(Extension::Xid)
}

/// Whether the server has no room for the recipient in this session: it counts recipients of one user (Dovecot, 4.3.0), or
/// allows no further one (4.5.3).
fn is_put_off(fact: &Fact) -> bool {
    let Seen::Reply(reply) = &fact.seen else { return false };
    let is_about_the_session =
        matches!(reply.enhanced, Some(Enhanced { subject: 3, detail: 0, .. } | Enhanced { subject: 5, detail: 3, .. }));
    fact.phase == Phase::Rcpt && matches!(reply.code, 451 | 452) && is_about_the_session
}

fn not_reached() -> Fact {
    Fact { phase: Phase::Idle, seen: Seen::Closed }
}
