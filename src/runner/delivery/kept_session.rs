//! The session that a worker keeps open from message to message, and one transaction over it. What the server's
//! replies mean for the recipients is `outcome`'s.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::not_sent::NotBegun;
use crate::config::Account;
use crate::deliver::outgoing::Letter;
use crate::deliver::plan::{Plan, Planned};
use crate::deliver::smtp::dsn_parameters::DsnRequest;
use crate::deliver::smtp::login_history::LoginHistory;
use crate::deliver::smtp::session::{Session, Transaction};
use crate::mail::address::{Address, ReversePath};
use crate::mail::outcome::{Fact, Phase, Seen, Teller};
use crate::rules::consequence::Repeated;
use crate::rules::meaning::AuthOffer;
use crate::rules::trouble;
use crate::runner::message::OpenMessage;
use crate::runner::session_watchers::{CurrentMessage, SessionWatchers, WatchedSession};
use crate::spool::{Kind, MessageId};

/// One message for some of its recipients, ready to be sent.
pub(super) struct Exchange<'a> {
    pub(super) message: &'a OpenMessage<'a>,
    pub(super) plan: &'a Plan<'a>,
    pub(super) recipients: &'a [Planned],
    pub(super) letter: &'a Letter<'a>,
}

/// What was seen during a transaction.
pub(super) struct Exchanged {
    /// One for each recipient, in their order.
    pub(super) facts: Vec<Fact>,
    /// `host[ip]:port`.
    pub(super) relay: String,
    pub(super) teller: Teller,
    /// What is known of the session.
    pub(super) session: trouble::Session,
    pub(super) connecting: Duration,
    pub(super) sending: Duration,
}

/// At most one open session.
pub(super) struct KeptSession {
    session: Option<Session>,
    /// Transactions that the open session has run.
    transactions: usize,
    logins: Arc<LoginHistory>,
    watchers: Arc<SessionWatchers>,
    current: CurrentMessage,
}

impl KeptSession {
    /// None is open yet; these watch the ones to come.
    pub(super) fn new(watchers: Arc<SessionWatchers>, logins: Arc<LoginHistory>) -> Self {
        Self { session: None, transactions: 0, logins, watchers, current: CurrentMessage::default() }
    }

    /// From now on the session serves this message, and those who asked for it see what is said.
    pub(super) fn serve(&self, id: &MessageId) {
        self.current.set(id);
    }

    /// Runs one transaction, and another at once where the first failed through no fault of the message: the server
    /// had closed the kept connection meanwhile, or it accepts no null sender at all.
    pub(super) fn transact(&mut self, exchange: &Exchange<'_>) -> Result<Exchanged, NotBegun> {
        let started = Instant::now();
        let Exchange { message, plan, recipients, letter } = exchange;
        let addresses: Vec<Address> = recipients.iter().map(|planned| planned.address.clone()).collect();
        let (mut sender, mut is_own_sender) = (plan.sender.clone(), false);
        loop {
            let is_kept = self.session.is_some();
            let session = self.open(plan.account, &message.loaded.config.hostname)?;
            let connected = Instant::now();
            let facts = session.send(Transaction {
                sender: &sender,
                recipients: &addresses,
                header: &letter.header,
                wishes: DsnRequest::of(&message.stored.envelope, recipients.iter().map(|planned| planned.index)),
                body: &letter.body,
                size: letter.size,
            });
            let relay = session.described().relay.clone();
            let teller = if session.described().dsn { Teller::Relay } else { Teller::Us };
            let offer = if session.capabilities().auth.is_empty() { AuthOffer::NotOffered } else { AuthOffer::Offered };
            self.transactions += 1;
            if facts.iter().all(|fact| fact.phase == Phase::Idle) {
                self.session = None;
                if !is_kept {
                    let fact = facts.into_iter().next().unwrap_or(Fact { phase: Phase::Idle, seen: Seen::Closed });
                    let judgement =
                        trouble::judge(&fact, &trouble::Session::before_login(plan.account), |_| Repeated::No);
                    return Err(NotBegun { judgement, relay, fact, login: None });
                }
            } else if let Some(own) = own_address(exchange, &facts).filter(|_| !is_own_sender) {
                (sender, is_own_sender) = (ReversePath::Mailbox(own), true);
            } else {
                let (connecting, sending) = (connected - started, connected.elapsed());
                let known = trouble::Session::in_transaction(plan.account, offer, &sender);
                return Ok(Exchanged { facts, relay, teller, session: known, connecting, sending });
            }
        }
    }

    /// The open session, or a new one where it is used up or broken.
    fn open(&mut self, account: &Account, hostname: &str) -> Result<&mut Session, NotBegun> {
        let is_used_up = self.transactions >= account.max_messages_per_connection;
        let kept = match self.session.take() {
            Some(session) if is_used_up || !session.is_usable() => {
                session.quit();
                None
            }
            kept => kept,
        };
        let session = if let Some(session) = kept {
            session
        } else {
            self.transactions = 0;
            let (watchers, current) = (Arc::clone(&self.watchers), self.current.clone());
            let observer = Box::new(WatchedSession { watchers, current });
            Session::open(account, hostname, &self.logins, observer).map_err(|not| {
                let judgement = trouble::judge(&not.fact, &trouble::Session::before_login(account), |_| Repeated::No);
                NotBegun { judgement, login: not.login(), relay: not.relay, fact: not.fact }
            })?
        };
        Ok(self.session.insert(session))
    }

    /// Gives the session up without a word: the account that it logged in to is in trouble.
    pub(super) fn discard(&mut self) {
        self.session = None;
    }

    /// Ends the session as SMTP has it.
    pub(super) fn quit(self) {
        if let Some(session) = self.session {
            session.quit();
        }
    }
}

/// Where a relay refuses the null sender of a report of ours: the account's own address, for another try. Loops are
/// stopped by the spool's own mark, [`Kind`], and not by the address.
fn own_address(exchange: &Exchange<'_>, facts: &[Fact]) -> Option<Address> {
    let Exchange { message, plan, .. } = exchange;
    // 552 is about the message's size.
    let is_refused = |fact: &Fact| {
        fact.phase == Phase::Mail
            && matches!(&fact.seen, Seen::Reply(reply) if reply.is_permanent() && reply.code != 552)
    };
    let is_report = message.stored.envelope.kind != Kind::Mail && plan.sender == ReversePath::Null;
    if !is_report || !facts.iter().all(is_refused) {
        return None;
    }
    let mut names = plan.account.username.iter().chain(&plan.account.senders);
    names.find_map(|name| Address::parse(name).ok())
}
