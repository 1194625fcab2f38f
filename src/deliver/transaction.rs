//! One transaction on an open session: MAIL, RCPT and DATA in groups where the server
//! takes them so, replies read in context, a fact per recipient. Sending the content is
//! `pump`'s; what the facts mean is decided in `rules::trouble`.

use std::time::Duration;

use super::capabilities::{Extension, Size};
use super::command::{self, AddressRefused, EightBit, MailOptions, Utf8};
use super::pump;
use super::session::{Session, State, Transaction};
use super::stream::{Keep, Pending};
use super::timeouts::Timeouts;
use crate::mail::outcome::{Enhanced, Fact, Phase, Reply, Seen};

/// Most RCPTs that are sent before their replies are read: both sides could else wait for each
/// other with full buffers.
const GROUP: usize = 50;
/// How long a reply may take that must have been sent before the connection failed.
pub(super) const LEFTOVER: Duration = Duration::from_secs(5);

/// Runs it; every recipient gets its fact.
pub(super) fn run(session: &mut Session, transaction: Transaction<'_>) -> Vec<Fact> {
    let mut ledger = Ledger::new(transaction.recipients.len());
    let commands = match commands(session, &transaction, &mut ledger) {
        Ok(commands) => commands,
        Err(fact) => return ledger.close(&fact),
    };
    if ledger.is_settled() {
        return ledger.close(&nothing_said());
    }
    if let Some(fact) = idle_news(session) {
        session.state = State::Broken;
        return ledger.close(&fact);
    }
    let mut envelope = Envelope { session, ledger: &mut ledger, mail: Mail::Unanswered, data: Data::Unanswered };
    let ended = envelope.exchange(&commands);
    let data = envelope.data;
    match (ended, data) {
        (Err(Broken), _) => session.state = State::Broken,
        (Ok(()), Data::Ready) if ledger.has_accepted() => {
            let outcome = pump::run(session, transaction);
            if outcome.leaves_broken() {
                session.state = State::Broken;
            }
            return ledger.close(&outcome.fact);
        }
        (Ok(()), Data::Ready) => {
            lone_dot(session);
            session.state = State::Broken;
        }
        (Ok(()), Data::Unanswered | Data::Refused) => {}
    }
    ledger.close(&nothing_said())
}

/// A command of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Reset,
    Mail,
    /// Of the recipient at that place.
    Rcpt(usize),
    Data,
}

impl Command {
    fn phase(self) -> Phase {
        match self {
            Self::Reset => Phase::Idle,
            Self::Mail => Phase::Mail,
            Self::Rcpt(_) => Phase::Rcpt,
            Self::Data => Phase::Data,
        }
    }

    fn limit(self, timeouts: &Timeouts) -> Duration {
        match self {
            Self::Reset | Self::Mail => timeouts.mail,
            Self::Rcpt(_) => timeouts.rcpt,
            Self::Data => timeouts.data,
        }
    }
}

/// The commands of the transaction with their lines. Recipients that cannot be sent are settled;
/// a fact is what stands against the whole transaction.
fn commands(
    session: &Session,
    transaction: &Transaction<'_>,
    ledger: &mut Ledger,
) -> Result<Vec<(Command, String)>, Fact> {
    let offers = |extension| session.capabilities.offers(extension);
    let mut lines = Vec::with_capacity(transaction.recipients.len() + 3);
    if session.state == State::Halfway {
        lines.push((Command::Reset, command::rset()));
    }
    let needs_utf8 = |local: &str| !local.is_ascii();
    let sender_utf8 = transaction.sender.mailbox().is_some_and(|a| needs_utf8(a.local()));
    if sender_utf8 && !offers(Extension::SmtpUtf8) {
        return Err(Fact { phase: Phase::Mail, seen: Seen::Reply(no_utf8("sender")) });
    }
    let utf8 = sender_utf8 || transaction.recipients.iter().any(|a| needs_utf8(a.local()));
    let options = MailOptions {
        size: size(session.capabilities.size, transaction.size)?,
        eight_bit: (transaction.eight_bit && offers(Extension::EightBitMime)).then_some(EightBit),
        utf8: (utf8 && offers(Extension::SmtpUtf8)).then_some(Utf8),
    };
    let mail = command::mail(transaction.sender, options)
        .map_err(|error| Fact { phase: Phase::Mail, seen: Seen::Reply(unsendable(error)) })?;
    lines.push((Command::Mail, mail));
    for (at, recipient) in transaction.recipients.iter().enumerate() {
        let refused = |reply| Standing::Settled(Fact { phase: Phase::Rcpt, seen: Seen::Reply(reply) });
        if needs_utf8(recipient.local()) && !offers(Extension::SmtpUtf8) {
            ledger.0[at] = refused(no_utf8("recipient"));
            continue;
        }
        match command::rcpt(recipient) {
            Ok(line) => lines.push((Command::Rcpt(at), line)),
            Err(error) => ledger.0[at] = refused(unsendable(error)),
        }
    }
    lines.push((Command::Data, command::data()));
    Ok(lines)
}

/// The SIZE parameter (RFC 1870): a message over the announced limit is not even tried.
fn size(announced: Size, size: u64) -> Result<Option<u64>, Fact> {
    match announced {
        Size::Absent => Ok(None),
        Size::Limit(limit) if size > limit => {
            let text =
                format!("5.3.4 the message has {size} octets; the server announces that it takes {limit} at most");
            Err(Fact { phase: Phase::Mail, seen: Seen::Reply(own(552, (5, 3, 4), text)) })
        }
        Size::Limit(_) | Size::Unlimited => Ok(Some(size)),
    }
}

fn no_utf8(whose: &str) -> Reply {
    let text = format!("5.6.7 the {whose}'s address is beyond ASCII, which the server does not take (no SMTPUTF8)");
    own(553, (5, 6, 7), text)
}

fn unsendable(error: AddressRefused) -> Reply {
    own(553, (5, 1, 3), format!("5.1.3 {error}"))
}

/// A refusal of ours in the shape of a reply: it is as final as one.
fn own(code: u16, (class, subject, detail): (u8, u16, u16), text: String) -> Reply {
    Reply { code, enhanced: Some(Enhanced { class, subject, detail }), text }
}

/// What came while no transaction was open: a 421 that nobody asked for, or the end.
fn idle_news(session: &mut Session) -> Option<Fact> {
    let seen = match session.stream.pending() {
        Ok(Pending::Quiet) => return None,
        Ok(Pending::Bytes) => match session.stream.reply(LEFTOVER, Keep::Text) {
            Ok(reply) if reply.is_transient() || reply.is_permanent() => Seen::Reply(reply),
            Ok(reply) => Seen::Garbage(format!("the server said \"{reply}\" without being asked")),
            Err(seen) => seen,
        },
        Err(seen) => seen,
    };
    Some(Fact { phase: Phase::Idle, seen })
}

/// The server wants content that nobody has accepted: an empty message ends that, nobody gets it.
fn lone_dot(session: &mut Session) {
    if session.stream.send_lines([".\r\n"].into_iter(), session.timeouts.block).is_ok() {
        let _ = session.stream.reply(session.timeouts.last.min(LEFTOVER), Keep::Text);
    }
}

/// The fact for recipients that none was found for; there are none of these.
fn nothing_said() -> Fact {
    Fact { phase: Phase::Mail, seen: Seen::Closed }
}

/// How MAIL stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mail {
    Unanswered,
    Accepted,
    Refused,
}

/// How DATA stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    Unanswered,
    /// 354.
    Ready,
    Refused,
}

/// The connection is of no more use.
struct Broken;

/// The envelope part of a transaction.
struct Envelope<'s> {
    session: &'s mut Session,
    ledger: &'s mut Ledger,
    mail: Mail,
    data: Data,
}

impl Envelope<'_> {
    /// Says all that there is to say, group by group, and leaves the session's state behind.
    fn exchange(&mut self, commands: &[(Command, String)]) -> Result<(), Broken> {
        let most = if self.session.capabilities.offers(Extension::Pipelining) { GROUP + 3 } else { 1 };
        for group in commands.chunks(most) {
            if self.is_pointless(group) {
                break;
            }
            self.session.state = State::Halfway;
            self.group(group)?;
        }
        match (self.mail, self.data) {
            (Mail::Refused, _) => self.session.state = State::Ready,
            (Mail::Accepted | Mail::Unanswered, _) => {}
        }
        Ok(())
    }

    /// Nothing may follow a refused MAIL, and no DATA refused recipients.
    fn is_pointless(&self, group: &[(Command, String)]) -> bool {
        match (self.mail, group.first()) {
            (Mail::Refused, _) | (_, None) => true,
            (_, Some((Command::Data, _))) => !self.ledger.has_accepted(),
            (_, Some(_)) => false,
        }
    }

    fn group(&mut self, group: &[(Command, String)]) -> Result<(), Broken> {
        let timeouts = self.session.timeouts;
        let sent = self.session.stream.send_lines(group.iter().map(|(_, line)| line.as_str()), timeouts.block);
        for (command, _) in group {
            // The server may have said why before it closed.
            let limit = if sent.is_ok() { command.limit(&timeouts) } else { LEFTOVER };
            let reply = match (self.session.stream.reply(limit, Keep::Text), &sent) {
                (Ok(reply), _) => reply,
                (Err(_), Err(seen)) => return self.broken(*command, seen.clone()),
                (Err(seen), Ok(())) => return self.broken(*command, seen),
            };
            self.answered(*command, reply)?;
        }
        Ok(())
    }

    /// Takes one reply in its context.
    fn answered(&mut self, command: Command, reply: Reply) -> Result<(), Broken> {
        if reply.code == 421 {
            return self.broken(command, Seen::Reply(reply));
        }
        let phase = command.phase();
        match (command, reply.code) {
            (Command::Reset, 200..300) => {}
            (Command::Reset, _) => return self.broken(command, Seen::Reply(reply)),
            (Command::Mail, 200..300) => self.mail = Mail::Accepted,
            (Command::Mail, 400..) => {
                self.mail = Mail::Refused;
                self.ledger.settle_rest(&Fact { phase, seen: Seen::Reply(reply) });
            }
            // What follows a refused MAIL was settled with it.
            (Command::Rcpt(_), 200..300 | 400..) if self.mail == Mail::Refused => {}
            (Command::Rcpt(at), 200..300) => self.ledger.0[at] = Standing::Accepted,
            (Command::Rcpt(at), 400..) => {
                self.ledger.0[at] = Standing::Settled(Fact { phase, seen: Seen::Reply(reply) });
            }
            (Command::Data, 354) => self.data = Data::Ready,
            (Command::Data, 400..) => {
                self.data = Data::Refused;
                self.ledger.settle_rest(&Fact { phase, seen: Seen::Reply(reply) });
            }
            (Command::Mail | Command::Rcpt(_) | Command::Data, _) => {
                return self.broken(command, out_of_step(&reply, command));
            }
        }
        Ok(())
    }

    /// Every recipient without an answer of its own gets this one.
    fn broken(&mut self, command: Command, seen: Seen) -> Result<(), Broken> {
        self.ledger.settle_rest(&Fact { phase: command.phase(), seen });
        Err(Broken)
    }
}

fn out_of_step(reply: &Reply, command: Command) -> Seen {
    let name = match command {
        Command::Reset => "RSET",
        Command::Mail => "MAIL",
        Command::Rcpt(_) => "RCPT",
        Command::Data => "DATA",
    };
    Seen::Garbage(format!("the server answered {name} with \"{reply}\", which is no answer to that"))
}

/// How a recipient stands.
#[derive(Debug, Clone)]
enum Standing {
    /// Nothing is known yet.
    Open,
    /// Its RCPT was accepted: what becomes of the content becomes of it.
    Accepted,
    /// That is it.
    Settled(Fact),
}

/// The recipients in their order.
struct Ledger(Vec<Standing>);

impl Ledger {
    fn new(count: usize) -> Self {
        Self(vec![Standing::Open; count])
    }

    fn has_accepted(&self) -> bool {
        self.0.iter().any(|standing| matches!(standing, Standing::Accepted))
    }

    fn is_settled(&self) -> bool {
        self.0.iter().all(|standing| matches!(standing, Standing::Settled(_)))
    }

    fn settle_rest(&mut self, fact: &Fact) {
        for standing in &mut self.0 {
            match standing {
                Standing::Open | Standing::Accepted => *standing = Standing::Settled(fact.clone()),
                Standing::Settled(_) => {}
            }
        }
    }

    /// The facts; whoever has none gets this one.
    fn close(mut self, fact: &Fact) -> Vec<Fact> {
        self.settle_rest(fact);
        self.0
            .into_iter()
            .map(|standing| match standing {
                Standing::Settled(own) => own,
                Standing::Open | Standing::Accepted => fact.clone(),
            })
            .collect()
    }
}
