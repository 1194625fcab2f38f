//! Sends MAIL, RCPT and DATA (or an early BDAT) in groups, if the server supports pipelining (RFC 2920), and reads
//! each reply in its context.
//!
//! With pipelining, RCPT and DATA are sent before the reply to MAIL is known. So a reply has a meaning only together
//! with the replies before it: after a refused MAIL, refusals of RCPT say nothing about the recipients, and if DATA
//! is accepted although no recipient was, the content must still be ended.
//!
//! Replies are matched to commands by their order alone (RFC 2920 section 3.1). A single reply too many or too few
//! would shift all that follow, so that one recipient gets the answer meant for another. Therefore any reply that does
//! not fit its command ends the session, and recipients without a reply of their own until then are settled as
//! unanswered.

use std::time::Duration;

use super::capabilities::Extension;
use super::connection::{Session, State};
use super::recipient_states::{RecipientState, RecipientStates};
use super::stream::Keep;
use super::timeouts::{LEFTOVER, Timeouts};
use crate::mail::outcome::{Fact, Phase, Reply, Seen};

/// The most RCPTs that are sent before their replies are read. With more, both sides could wait for each other with
/// full buffers.
const GROUP: usize = 50;

/// A command of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Reset,
    Mail,
    /// RCPT for the recipient at this position.
    Rcpt(usize),
    Data,
    /// BDAT with the whole content, sent before any reply.
    Early,
}

impl Command {
    fn phase(self) -> Phase {
        match self {
            Self::Reset => Phase::Idle,
            Self::Mail => Phase::Mail,
            Self::Rcpt(_) => Phase::Rcpt,
            Self::Data => Phase::Data,
            Self::Early => Phase::FinalDot,
        }
    }

    fn limit(self, timeouts: &Timeouts) -> Duration {
        match self {
            Self::Reset | Self::Mail => timeouts.mail,
            Self::Rcpt(_) => timeouts.rcpt,
            Self::Data => timeouts.data,
            Self::Early => timeouts.last,
        }
    }
}

/// The state of MAIL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mail {
    Unanswered,
    Accepted,
    Refused,
}

/// The state of DATA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    Unanswered,
    /// 354, or another 3xx code that a server uses instead.
    Ready,
    Refused,
}

/// The connection cannot be used any more.
pub(crate) struct Broken;

/// The envelope of a transaction.
pub(crate) struct Envelope<'s> {
    pub(crate) session: &'s mut Session,
    pub(crate) states: &'s mut RecipientStates,
    pub(crate) mail: Mail,
    pub(crate) data: Data,
    /// Whether the server accepted recipients of a MAIL that it had refused.
    pub(crate) has_stray_recipients: bool,
    /// The content that follows [`Command::Early`].
    pub(crate) early: &'s [u8],
    /// The recipient, by its place, in reply to whom the session ended.
    pub(crate) ended_at: Option<usize>,
}

impl Envelope<'_> {
    /// Sends all commands group by group, and sets the state of the session.
    ///
    /// The state is set to `Halfway` before anything is written. Wherever this ends early, a transaction may be open
    /// at the server, and the next one begins with RSET; RFC 5321 section 4.1.4 forbids a second MAIL within it.
    pub(crate) fn exchange(&mut self, commands: &[(Command, String)]) -> Result<(), Broken> {
        for group in self.groups(commands) {
            if self.is_pointless(group) {
                break;
            }
            self.session.state = State::Halfway;
            self.session.mails += group.iter().filter(|(command, _)| *command == Command::Mail).count();
            self.send_group(group)?;
        }
        match (self.mail, self.data) {
            // A refused MAIL opens nothing. With early content the server may have read some of it as commands.
            (Mail::Refused, _) if self.early.is_empty() => self.session.state = State::Ready,
            (Mail::Accepted | Mail::Unanswered | Mail::Refused, _) => {}
        }
        Ok(())
    }

    /// The groups of commands that are sent together.
    fn groups<'c>(&self, commands: &'c [(Command, String)]) -> Vec<&'c [(Command, String)]> {
        if !self.session.capabilities.offers(Extension::Pipelining) {
            return commands.chunks(1).collect();
        }
        if !self.session.is_cautious {
            // RSET, MAIL, a group of recipients, and DATA as the last of its group, which RFC 2920 section 3.1
            // demands.
            return commands.chunks(GROUP + 3).collect();
        }
        // MAIL first, then the recipients, then DATA.
        let rank = |command: Command| match command {
            Command::Reset | Command::Mail => 0,
            Command::Rcpt(_) => 1,
            Command::Data | Command::Early => 2,
        };
        let parts = commands.chunk_by(|(one, _), (next, _)| rank(*one) == rank(*next));
        parts.flat_map(|part| part.chunks(GROUP + 3)).collect()
    }

    /// Nothing may follow a refused MAIL. DATA must not follow if all recipients were refused.
    ///
    /// Within one group this comes too late: DATA is then sent along, and a server that answers 354 without a
    /// recipient gets an empty message (`lone_dot`).
    fn is_pointless(&self, group: &[(Command, String)]) -> bool {
        match (self.mail, group.first()) {
            (Mail::Refused, _) | (_, None) => true,
            (_, Some((Command::Data, _))) => !self.states.has_accepted(),
            (_, Some(_)) => false,
        }
    }

    /// A failed write does not end this at once. The server may have answered the first commands, or said why it
    /// closes the connection, and these replies may have arrived already.
    fn send_group(&mut self, group: &[(Command, String)]) -> Result<(), Broken> {
        let timeouts = self.session.timeouts;
        let is_early = group.last().is_some_and(|(command, _)| *command == Command::Early);
        let behind = if is_early { self.early } else { &[] };
        let lines = group.iter().map(|(_, line)| line.as_str());
        let sent = self.session.stream.send_lines_and(lines, behind, timeouts.block);
        let went = match (&sent, is_early) {
            (_, false) => Went::Commands,
            (Err(_), true) => Went::PartOfContent,
            (Ok(()), true) => Went::Content,
        };
        for (command, _) in group {
            // The server may have sent a reason before it closed the connection.
            let limit = if sent.is_ok() { command.limit(&timeouts) } else { LEFTOVER };
            let reply = match (self.session.stream.reply(limit, Keep::Text), &sent) {
                (Ok(reply), _) => reply,
                (Err(_), Err(seen)) => {
                    return self.broken_at(*command, command.phase_without_reply(went), seen.clone());
                }
                (Err(seen), Ok(())) => return self.broken_at(*command, command.phase_without_reply(went), seen),
            };
            self.answered(*command, reply)?;
        }
        Ok(())
    }

    /// Handles a reply in its context.
    ///
    /// 421 may come instead of any reply, and says that the connection is closed (RFC 5321 section 3.8). It concerns
    /// the command that it answers and all that follow.
    fn answered(&mut self, command: Command, reply: Reply) -> Result<(), Broken> {
        if reply.code == 421 {
            return self.broken_at(command, command.phase(), Seen::Reply(reply));
        }
        let phase = command.phase();
        match (command, reply.code) {
            (Command::Reset, 200..300) => {}
            (Command::Reset, _) => return self.broken(phase, Seen::Reply(reply)),
            (Command::Mail, 200..300) => self.mail = Mail::Accepted,
            (Command::Mail, 400..) => {
                self.mail = Mail::Refused;
                self.session.is_cautious = true;
                self.states.settle_rest(&Fact { phase, seen: Seen::Reply(reply) });
            }
            // After a refused MAIL, the recipients are already settled.
            (Command::Rcpt(_), 200..300 | 400..) if self.mail == Mail::Refused => {
                self.has_stray_recipients |= reply.is_positive();
            }
            (Command::Rcpt(at), 200..300) => self.states.0[at] = RecipientState::Accepted,
            (Command::Rcpt(at), 400..) => {
                self.states.0[at] = RecipientState::Settled(Fact { phase, seen: Seen::Reply(reply) });
            }
            // 334 is a login challenge. Any other code counts by its first digit (RFC 5321 section 4.2.1).
            (Command::Data, 300..400) if reply.code != 334 => self.data = Data::Ready,
            (Command::Data, 400..) => {
                self.data = Data::Refused;
                self.states.settle_rest(&Fact { phase, seen: Seen::Reply(reply) });
            }
            // The server read the content as commands, with unknown effect.
            (Command::Early, 500 | 502 | 504) => {
                let words = format!(
                    "the server offers CHUNKING, but replies \"{reply}\" to BDAT; set early_data = false in the account"
                );
                return self.broken(Phase::Mail, Seen::Garbage(words));
            }
            (Command::Early, 200..300 | 400..) => {
                self.data = Data::Refused;
                // A rejected chunk leaves the transaction open (RFC 3030 section 2).
                if reply.is_positive() {
                    self.session.state = State::Ready;
                }
                self.states.settle_rest(&Fact { phase, seen: Seen::Reply(reply) });
            }
            (Command::Mail | Command::Rcpt(_) | Command::Data | Command::Early, _) => {
                return self.broken(phase, out_of_step(&reply, command));
            }
        }
        Ok(())
    }

    /// The same where the session ends with this command.
    fn broken_at(&mut self, command: Command, phase: Phase, seen: Seen) -> Result<(), Broken> {
        // Where content went along, the server may have the message for those that it has accepted.
        if let Command::Rcpt(at) = command
            && self.early.is_empty()
        {
            self.ended_at = Some(at);
        }
        self.broken(phase, seen)
    }

    /// Settles all recipients without a reply of their own.
    fn broken(&mut self, phase: Phase, seen: Seen) -> Result<(), Broken> {
        self.states.settle_rest(&Fact { phase, seen });
        Err(Broken)
    }
}

/// How much of a group was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Went {
    /// The commands, without any content.
    Commands,
    /// Perhaps not the whole content.
    PartOfContent,
    /// The whole content: the server may have delivered it although no reply arrives.
    Content,
}

impl Command {
    /// The phase of a recipient if the reply is missing.
    ///
    /// With early content the phase is not that of the command: when the connection is lost before the reply to MAIL,
    /// the server may have all of the message already. It may deliver it, so the outcome is unknown.
    fn phase_without_reply(self, went: Went) -> Phase {
        match (self, went) {
            (Self::Early, Went::PartOfContent) => Phase::Content,
            (Self::Reset, _) | (_, Went::Commands | Went::PartOfContent) => self.phase(),
            (_, Went::Content) => Phase::FinalDot,
        }
    }
}

fn out_of_step(reply: &Reply, command: Command) -> Seen {
    let name = match command {
        Command::Reset => "RSET",
        Command::Mail => "MAIL",
        Command::Rcpt(_) => "RCPT",
        Command::Data => "DATA",
        Command::Early => "BDAT",
    };
    Seen::Garbage(format!("unexpected reply to {name}: \"{reply}\""))
}
