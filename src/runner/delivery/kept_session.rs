//! The session that a worker keeps open between messages, and a transaction over it. `outcome` decides what the
//! server's replies mean for the recipients.
//!
//! A session is kept because a new one costs round trips, and because providers count logins. But servers close
//! sessions for reasons of their own: idle time, or a number of messages or errors. If the connection turns out to be
//! closed before MAIL is answered, nothing was sent, and the transaction is repeated at once in a new session.
//! Waiting for a retry instead would delay mail by minutes each time a server reaches its limit.
//!
//! Three things can send recipients into another transaction at once: the kept connection turns out to be closed
//! (`send`), the session ends or loses step while it carries the message, or the null sender is refused (`transact`).
//! In each case the server cannot have the message for these recipients. Where it might have it, after a final dot
//! without a reply, nothing is repeated here: a second copy would be worse than a delay. The number of restarts is
//! limited per message and per account (`rules::session_restarts`), since each is a login.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use super::carried::{Carried, EndedAfter};
use super::exchanged::{self, Exchanged};
use super::mailbox_sessions::{self, MailboxSessions, UserSession};
use super::mailbox_transactions::{self, LocalMail};
use super::not_sent::NotBegun;
use super::session_opener::{LoggedIn, SessionOpener};
use crate::config::Account;
use crate::config::lmtp_server::LmtpServer;
use crate::control::loaded::Loaded;
use crate::deliver::outgoing::OutgoingMessage;
use crate::deliver::plan::{Plan, Planned};
use crate::deliver::smtp::dsn_parameters::DsnRequest;
use crate::deliver::smtp::host_status::HostStatus;
use crate::deliver::smtp::interruption::Interruption;
use crate::deliver::smtp::login_history::LoginHistory;
use crate::deliver::smtp::session::{LeftOut, Server, Session, Transaction};
use crate::mail::address::{Address, ReversePath};
use crate::mail::outcome::{DsnSender, Fact, Phase, Seen};
use crate::rules::consequence::History;
use crate::rules::meaning::AuthOffer;
use crate::rules::null_sender;
use crate::rules::trouble;
use crate::runner::context::Context;
use crate::runner::fallbacks::Fallbacks;
use crate::runner::message::OpenMessage;
use crate::runner::null_senders::NullSenders;
use crate::runner::session_restarts::AccountRestarts;
use crate::runner::session_watchers::{CurrentMessage, SessionWatchers, WatchedSession};
use crate::spool::MessageId;

/// One message for some of its recipients, ready to be sent.
pub(super) struct Exchange<'a> {
    pub(super) message: &'a OpenMessage<'a>,
    pub(super) plan: &'a Plan<'a>,
    pub(super) recipients: &'a [Planned],
    pub(super) outgoing: &'a OutgoingMessage<'a>,
}

/// At most one open session.
pub(super) struct KeptSession {
    session: Option<Session>,
    /// What was sent over the open session.
    carried: Carried,
    /// Outlives the session, so that what two sessions showed serves the third.
    ended_after: EndedAfter,
    /// Parameters that the server refused, so that the next session begins without them.
    left_out: LeftOut,
    logins: Arc<LoginHistory>,
    hosts: Arc<HostStatus>,
    restarts: Arc<AccountRestarts>,
    null_senders: Arc<NullSenders>,
    fallbacks: Arc<Fallbacks>,
    /// Who logged in, from the opening of the session to its end.
    logged_in: Option<LoggedIn>,
    watchers: Arc<SessionWatchers>,
    current: CurrentMessage,
    /// Ends the waiting for a server while a session opens.
    interruption: Interruption,
    /// Sessions of single users that wait for the next message, and whose the open one is.
    mailboxes: Arc<MailboxSessions>,
    user: Option<String>,
    /// Tells that a session was opened.
    on_open: Box<dyn Fn() + Send>,
}

/// The start of a transaction.
#[derive(Clone)]
struct Opening<'a> {
    /// The address for MAIL FROM.
    sender: ReversePath,
    /// The header, without the blank line.
    header: Cow<'a, [u8]>,
}

impl KeptSession {
    /// Without a session yet.
    pub(super) fn new(context: &Context, on_open: Box<dyn Fn() + Send>) -> Self {
        let Context { watchers, logins, hosts, restarts, null_senders, fallbacks, gate, mailboxes, .. } =
            context.clone();
        let (interruption, mailboxes) = (gate.interruption(), mailboxes.hold());
        let (carried, ended_after, left_out, current) = Default::default();
        Self {
            session: None,
            carried,
            ended_after,
            left_out,
            logins,
            hosts,
            restarts,
            null_senders,
            fallbacks,
            logged_in: None,
            watchers,
            current,
            interruption,
            mailboxes,
            user: None,
            on_open,
        }
    }

    /// Sets the message for which the session's steps are reported.
    pub(super) fn serve(&self, id: &MessageId) {
        self.current.set(id);
    }

    /// Runs a transaction. Where the account has several servers, what one of them turns away for now goes to the next at
    /// once (RFC 5321 section 5.1), so that one that is broken delays nothing.
    ///
    /// Each server that has turned the message away comes last from now on. If another one takes it, this stays so for a
    /// while; if all agree, it is the message, and their order is what it was.
    pub(super) fn transact(&mut self, exchange: &Exchange<'_>) -> Result<Exchanged, Box<NotBegun>> {
        let mut exchanged = self.transact_with_one(exchange)?;
        let mut refused_by: Vec<String> = Vec::new();
        while exchanged.is_turned_away() {
            let Server { place, others, .. } = exchanged.server.clone();
            let is_known = refused_by.contains(&place);
            self.hosts.failed(&place);
            refused_by.push(place);
            if is_known || refused_by.len() > others {
                for place in &refused_by {
                    self.hosts.works(place);
                }
                break;
            }
            let (account, id) = (&exchange.plan.account.name, &exchange.message.stored.envelope.id);
            if !self.restarts.begin(account, id) {
                break;
            }
            self.end_session();
            let Ok(next) = self.transact_with_one(exchange) else { break };
            exchanged = next;
        }
        Ok(exchanged)
    }

    /// Runs a transaction with one server. Recipients that remain unanswered because the session ended or lost synchronisation are
    /// tried again at once in a new session, within limits: they must not wait for a retry because an earlier message
    /// used up the session. If the null sender is refused, the message is sent from the account's own address.
    fn transact_with_one(&mut self, exchange: &Exchange<'_>) -> Result<Exchanged, Box<NotBegun>> {
        let started = Instant::now();
        let (account, id) = (&exchange.plan.account.name, &exchange.message.stored.envelope.id);
        let mut waiting: Vec<usize> = (0..exchange.recipients.len()).collect();
        let mut opening = self.opening(exchange);
        let mut exchanged = self.send(exchange, &waiting, &opening)?;
        // Those behind a recipient in reply to whom a session ended, while those that it had accepted go on first.
        let (mut behind, mut ended_at_first) = (Vec::new(), 0);
        loop {
            // A reply to RCPT or later shows that the session worked before it ended. Its end is then put down to what
            // it carried, and the recipients without a reply go on in a new one.
            let is_answered = |fact: &Fact| matches!(&fact.seen, Seen::Reply(reply) if reply.code != 421);
            if waiting.iter().any(|&at| exchanged.facts[at].phase != Phase::Mail && is_answered(&exchanged.facts[at])) {
                exchanged.session.history = History::Used;
            }
            let wants = |at: &usize| trouble::wants_a_sender(&exchanged.facts[*at], &exchanged.session);
            let without_sender: Vec<usize> = waiting.iter().copied().filter(wants).collect();
            if without_sender.is_empty() {
                let goes_on = |at: &usize| trouble::goes_on_in_new_session(&exchanged.facts[*at], &exchanged.session);
                let (accepted, after) = exchanged.others_than_ended_it(&waiting, exchange.recipients);
                let is_at_first = exchanged.ended_at.is_some() && exchanged.ended_at == waiting.first().copied();
                ended_at_first = if is_at_first { ended_at_first + 1 } else { 0 };
                waiting.retain(goes_on);
                let mut has_ended = true;
                if waiting.is_empty() {
                    has_ended = exchanged.ended_at.is_some();
                    behind.splice(0..0, after);
                    waiting = if accepted.is_empty() { std::mem::take(&mut behind) } else { accepted };
                    exchanged.not_reached = [&waiting[..], &behind].concat();
                    // Two sessions in a row that ended with the first recipient are the server's end, whoever is named.
                    if ended_at_first > 1 && exchange.plan.account.lmtp.is_none() {
                        break;
                    }
                }
                // A session with this machine's own server costs no login, and each serves at least one recipient.
                let may_go_on =
                    || !has_ended || exchange.plan.account.lmtp.is_some() || self.restarts.begin(account, id);
                if waiting.is_empty() || !may_go_on() {
                    break;
                }
                // A session that is out of step must not carry the next command. That of a single user waits for their mail.
                if has_ended && self.user.is_none() {
                    self.end_session();
                }
            } else {
                // Remembered for the account, so that the next bounce begins with the account's own address and is not
                // refused first.
                self.null_senders.note_refused(exchange.plan.account, exchange.message.loaded);
                let Some(own) = from_own_address(exchange) else { break };
                (opening, waiting) = (own, without_sender);
            }
            // If no new session can be opened, the last results count.
            let Ok(more) = self.send(exchange, &waiting, &opening) else { break };
            for (&at, fact) in waiting.iter().zip(&more.facts) {
                exchanged.facts[at] = fact.clone();
            }
            // Relay, sender and session are those of the last transaction, the facts those of all.
            exchanged = Exchanged { facts: exchanged.facts, ..more };
        }
        exchanged.sending = started.elapsed().saturating_sub(exchanged.connecting);
        Ok(exchanged)
    }

    /// The message as it is, or from the account's own address if the account is known to refuse the null sender.
    fn opening<'a>(&self, exchange: &Exchange<'a>) -> Opening<'a> {
        let Exchange { message, plan, outgoing, .. } = exchange;
        let is_refused =
            plan.sender == ReversePath::Null && self.null_senders.are_refused(plan.account, message.loaded);
        is_refused
            .then(|| from_own_address(exchange))
            .flatten()
            .unwrap_or_else(|| Opening { sender: plan.sender.clone(), header: Cow::Borrowed(&outgoing.header) })
    }

    /// Runs a transaction for these recipients. If the server had closed the kept connection in the meantime, a new
    /// session is opened.
    ///
    /// The loop ends: a further round uses a session that was opened for it, and if that one is closed as well before
    /// MAIL is sent, this is the relay's trouble and no message's. There are two kinds of parameters to leave out.
    fn send(
        &mut self,
        exchange: &Exchange<'_>,
        which: &[usize],
        opening: &Opening<'_>,
    ) -> Result<Exchanged, Box<NotBegun>> {
        let started = Instant::now();
        let Exchange { message, plan, recipients, outgoing } = exchange;
        let Opening { sender, header } = opening;
        let recipients: Vec<&Planned> = which.iter().filter_map(|&at| recipients.get(at)).collect();
        let addresses: Vec<Address> = recipients.iter().map(|planned| planned.address.clone()).collect();
        if let (Some(LmtpServer::Program(_)), Some(first)) = (&plan.account.lmtp, addresses.first()) {
            self.turn_to(&mailbox_sessions::user(first), &message.stored.envelope.id);
        }
        let hosts = Arc::clone(&self.hosts);
        loop {
            let is_kept = self.session.is_some();
            let session = self.open(plan.account, message.loaded)?;
            let server = session.server().clone();
            let _waiting = hosts.wait(&server.place);
            let connected = Instant::now();
            let (envelope, body) = (&message.stored.envelope, &outgoing.body);
            let size = outgoing.size + (header.len() - outgoing.header.len()) as u64;
            let facts = if plan.account.lmtp.is_some() {
                let mail = LocalMail { envelope, sender, header, body, size };
                mailbox_transactions::deliver(session, &mail, &recipients)
            } else {
                let wishes = DsnRequest::of(envelope, recipients.iter().map(|planned| planned.index));
                session.send(Transaction { id: None, sender, recipients: &addresses, header, wishes, body, size })
            };
            let relay = session.described().relay.clone();
            let dsn_sender = if session.described().dsn { DsnSender::Relay } else { DsnSender::Us };
            let offer = if session.capabilities().auth.is_empty() { AuthOffer::NotOffered } else { AuthOffer::Offered };
            // With this machine's own server each recipient has a transaction.
            let of_session =
                if plan.account.lmtp.is_some() { facts.iter().position(exchanged::is_end) } else { session.ended_at() };
            let ended_at = of_session.and_then(|at| which.get(at).copied());
            let (left_out, is_usable) = (session.left_out(), session.is_usable());
            // The connection could not go on after a parameter was refused. Nothing was sent, and without the parameter the
            // server takes the message.
            let is_refused = std::mem::replace(&mut self.left_out, left_out) != left_out && !is_usable;
            if is_refused
                && facts.iter().all(|fact| matches!(fact.phase, Phase::Mail | Phase::Rcpt))
                && self.restarts.begin(&plan.account.name, &message.stored.envelope.id)
            {
                continue;
            }
            let through = self.through();
            let account = through.as_ref().unwrap_or(plan.account);
            let history = if self.carried.transactions > 0 { History::Used } else { History::Fresh };
            let known = trouble::Session { history, ..trouble::Session::in_transaction(account, offer, sender) };
            self.carried.add(&facts, &known, &mut self.ended_after);
            if facts.iter().all(|fact| fact.phase == Phase::Idle) {
                (self.session, self.logged_in) = (None, None);
                if !is_kept {
                    hosts.failed(&server.place);
                    if server.others > 0 && self.restarts.begin(&plan.account.name, &envelope.id) {
                        continue;
                    }
                    let fact = facts.into_iter().next().unwrap_or(Fact { phase: Phase::Idle, seen: Seen::Closed });
                    return Err(Box::new(NotBegun::before_login(plan.account, relay, fact)));
                }
            } else {
                let (connecting, sending) = (connected - started, connected.elapsed());
                if facts.iter().any(|fact| matches!(&fact.seen, Seen::Reply(reply) if reply.is_positive())) {
                    hosts.works(&server.place);
                }
                let (sender, session) = (sender.clone(), known);
                return Ok(Exchanged {
                    facts,
                    relay,
                    through,
                    ended_at,
                    not_reached: Vec::new(),
                    sender,
                    dsn_sender,
                    session,
                    server,
                    connecting,
                    sending,
                });
            }
        }
    }

    /// Makes the session of this user the open one, if there is one; that of another user waits for mail to them.
    fn turn_to(&mut self, user: &str, id: &MessageId) {
        if self.user.as_deref() == Some(user) {
            return;
        }
        let transactions = std::mem::take(&mut self.carried).transactions;
        let current = std::mem::take(&mut self.current);
        match (self.session.take(), self.user.replace(user.to_owned())) {
            (Some(session), Some(user)) if session.is_usable() => {
                self.mailboxes.keep(UserSession { user, session, transactions, current });
            }
            (Some(session), _) => session.quit(),
            (None, _) => {}
        }
        if let Some(UserSession { session, transactions, current, .. }) = self.mailboxes.take(user) {
            (self.session, self.current) = (Some(session), current);
            self.carried.transactions = transactions;
        }
        self.current.set(id);
    }

    /// Ends the session with QUIT.
    fn end_session(&mut self) {
        self.logged_in = None;
        if let Some(session) = self.session.take() {
            session.quit();
        }
    }

    /// The account that logged in for the message's own.
    fn through(&self) -> Option<Account> {
        match &self.logged_in {
            Some(LoggedIn::Other(account)) => Some((**account).clone()),
            Some(LoggedIn::Own(_)) | None => None,
        }
    }

    /// The open session, or a new one if it has reached its limit or is broken.
    fn open(&mut self, account: &Account, loaded: &Loaded) -> Result<&mut Session, Box<NotBegun>> {
        let most = account.max_messages_per_connection.min(self.ended_after.limit.unwrap_or(usize::MAX));
        let is_used_up = self.carried.transactions >= most;
        // What follows goes to another server that answers in time.
        let lags = |session: &Session| session.server().equals > 0 && self.hosts.is_slow(&session.server().place);
        let kept = match self.session.take() {
            Some(session) if is_used_up || !session.is_usable() || lags(&session) => {
                session.quit();
                None
            }
            kept => kept,
        };
        let session = if let Some(session) = kept {
            session
        } else {
            self.carried = Carried::default();
            self.logged_in = None;
            let watched = || WatchedSession {
                watchers: Arc::clone(&self.watchers),
                current: self.current.clone(),
                interruption: self.interruption.clone(),
            };
            let (logins, hosts, fallbacks) = (&self.logins, &self.hosts, &self.fallbacks);
            let opener = SessionOpener { loaded, logins, hosts, fallbacks, watched: &watched };
            let (mut session, logged_in) = opener.open(account)?;
            self.logged_in = Some(logged_in);
            session.leave_out(self.left_out);
            (self.on_open)();
            session
        };
        Ok(self.session.insert(session))
    }

    /// Drops the session without QUIT, because its account is in trouble.
    ///
    /// A QUIT could wait for seconds for a server that no longer answers, while the event loop waits for the report.
    pub(super) fn discard(&mut self) {
        (self.session, self.logged_in) = (None, None);
    }

    /// Ends the session with QUIT.
    pub(super) fn quit(mut self) {
        self.end_session();
    }
}

/// Mail with the null sender, changed to come from the account's own address; `None` if that is not possible.
fn from_own_address<'a>(exchange: &Exchange<'a>) -> Option<Opening<'a>> {
    let Exchange { message, plan, outgoing, .. } = exchange;
    let hostname = &message.loaded.config.hostname;
    let own = null_sender::own_sender(plan.account, &outgoing.header, hostname).ok()?;
    let header =
        Cow::Owned(null_sender::header_from_own_address(&outgoing.header, outgoing.from.as_ref(), hostname, &own));
    Some(Opening { sender: ReversePath::Mailbox(own), header })
}
