//! What anybody on the machine may ask of the runner, over the socket on which mail is
//! handed in: one JSON line asks, JSON lines answer. Everybody gets what is theirs
//! (`viewer`); an id that is not theirs is as unknown as one that does not exist.

use std::collections::HashSet;
use std::io;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::connection::{Connection, TO_LISTEN};
use super::control_socket::{self, Asked};
use super::intake_state::IntakeState;
use super::per_uid_slots::Place;
use crate::control::access::AccessScope;
use crate::control::listing::{Item, ListEvent, Look, NotListed, Totals};
use crate::control::loaded::Loaded;
use crate::control::message_detail::Shown;
use crate::control::modify::{self, Change};
use crate::control::selection::Selection;
use crate::control::status::Standing;
use crate::control::verify::{self, Verify};
use crate::runner::context::Settings;
use crate::runner::queue_manager::watchers::Event;
use crate::runner::session_watchers::Told;
use crate::spool::{MessageId, SpoolError, history};
use crate::submit::admit::context::Entry;
use crate::sys::local_time;
use crate::sys::user::Caller;

/// Octets of one question.
const MAX_QUESTION: u64 = 64 << 10;

/// So long somebody's next question waits for the one before, whose answer nobody may read.
const TO_WAIT: Duration = TO_LISTEN.saturating_mul(2);

/// A loop that is busy is not waited for when only marks depend on it.
const GLANCE: Duration = Duration::from_millis(200);

/// Exit codes of sysexits(3) that a refusal has.
const USAGE: u8 = 64;
const NO_INPUT: u8 = 66;
const TEMPORARY: u8 = 75;
const NO_PERMISSION: u8 = 77;

/// A question. What the runner's loop answers itself is in [`control_socket::Question`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
pub enum Question {
    /// What waits?
    List {
        /// Of it, which.
        #[serde(flatten)]
        selection: Selection,
    },
    /// One message.
    Show {
        /// Its id.
        id: MessageId,
    },
    /// What was finished?
    History {
        /// Not before.
        since: Option<Timestamp>,
    },
    /// Is mail flowing?
    Status,
    /// What would become of this mail? Told by mail.
    Verify(Verify),
    /// For whom wants to hold an SMTP dialogue: by which name, for which domain, up to which size?
    Hello,
}

/// A line of an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "lowercase")]
pub enum Answer {
    /// A message that waits.
    Item(Box<Item>),
    /// One that cannot be read.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// All that waits, whoever may see it; the end.
    Totals(Totals),
    /// A message.
    Shown(Box<Shown>),
    /// A line of history, as it is stored.
    Record {
        /// JSON.
        line: String,
    },
    /// How things stand.
    Status(Box<Standing>),
    /// What the greeting says.
    Hello {
        /// The machine's name.
        hostname: String,
        /// What bare addresses get.
        origin: String,
        /// The longest message, in octets.
        size: u64,
    },
    /// Not answered.
    No {
        /// A code of sysexits(3).
        code: u8,
        /// Why.
        reason: String,
    },
    /// That was all.
    Finished,
}

/// What somebody came with.
enum Asking {
    OpenMessage(Question),
    Loop(control_socket::Question),
}

/// Answers one question of the peer with this uid.
pub(crate) fn answer(front: &IntakeState, uid: u32, seat: &Connection) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(seat.prompt().take(MAX_QUESTION)).read_line(&mut line)?;
    let settings = front.settings();
    let viewer = AccessScope::of(uid, settings.as_ref().ok().map(|settings| &settings.config));
    let visitor = QueryHandler { front, settings, viewer, uid };
    let mut out = BufWriter::new(seat.reply());
    let read = serde_json::from_str(&line).map(Asking::OpenMessage);
    match read.or_else(|_| serde_json::from_str(&line).map(Asking::Loop)) {
        Ok(Asking::OpenMessage(question)) => visitor.desk(question, &mut out)?,
        Ok(Asking::Loop(question)) => visitor.ask_loop(question, &mut out)?,
        Err(error) => say(&mut out, &no(USAGE, format!("invalid request: {error}")))?,
    }
    out.flush()
}

/// Answers nothing, and says why.
pub(crate) fn refuse(seat: &Connection, reason: String) -> io::Result<()> {
    let mut out = BufWriter::new(seat.reply());
    say(&mut out, &no(TEMPORARY, reason))?;
    out.flush()
}

/// One who asks.
struct QueryHandler<'a> {
    front: &'a IntakeState,
    settings: Result<Arc<Settings>, String>,
    viewer: AccessScope,
    uid: u32,
}

impl QueryHandler<'_> {
    /// One's turn to have the queue read; those who may read all of it need not wait.
    fn turn(&self) -> Result<Option<Place<'_>>, Answer> {
        if self.viewer == AccessScope::Everything {
            return Ok(None);
        }
        let late = || no(TEMPORARY, "another request of yours is being answered; try again in a moment".to_owned());
        self.front.counter.wait(self.uid, TO_WAIT).map(Some).ok_or_else(late)
    }

    fn desk(&self, question: Question, out: &mut impl Write) -> io::Result<()> {
        // Whoever begins an SMTP dialogue has asked for nothing that takes time.
        let turn = if question == Question::Hello { Ok(None) } else { self.turn() };
        let _turn = match turn {
            Ok(turn) => turn,
            Err(answer) => return say(out, &answer),
        };
        let answer = match question {
            Question::List { selection } => self.list(selection, out),
            Question::Show { id } => match Shown::read(&self.front.spool, &id, self.viewer) {
                Ok(shown) => Answer::Shown(Box::new(shown)),
                Err(error) => of_spool(&error),
            },
            Question::History { since } => self.history(since, out),
            Question::Status => self.status(),
            Question::Verify(question) => self.verify(&question),
            Question::Hello => match &self.settings {
                Ok(settings) => Answer::Hello {
                    hostname: settings.config.hostname.clone(),
                    origin: settings.config.origin.clone(),
                    size: settings.config.queue.max_message_size,
                },
                Err(why) => no(TEMPORARY, why.clone()),
            },
        };
        say(out, &answer)
    }

    fn list(&self, selection: Selection, out: &mut impl Write) -> Answer {
        let selection = Selection { viewer: self.viewer, ..selection };
        let settings = || self.settings.as_ref().ok().map(|settings| Arc::clone(&settings.loaded));
        let look = Look::at(&self.front.spool, selection, self.active(), settings);
        let listed = look.list(&self.front.spool, |met| match met {
            ListEvent::Item(item) => say(out, &Answer::Item(item)),
            ListEvent::Unreadable(error) => say(out, &Answer::Unreadable { reason: error.to_string() }),
        });
        match listed {
            Ok(totals) => Answer::Totals(totals),
            Err(NotListed::Spool(error)) => of_spool(&error),
            Err(NotListed::Output(error)) => no(TEMPORARY, error.to_string()),
        }
    }

    fn history(&self, since: Option<Timestamp>, out: &mut impl Write) -> Answer {
        let read = history::read(&self.front.spool, since, |record, line| {
            !self.viewer.sees(record.uid) || say(out, &Answer::Record { line: line.to_owned() }).is_ok()
        });
        read.map_or_else(|error| of_spool(&error), |()| Answer::Finished)
    }

    fn status(&self) -> Answer {
        let unreadable = self.front.unreadable();
        let config = match &self.settings {
            Ok(settings) => Some(&settings.config),
            Err(_) if unreadable.is_some() => None,
            Err(why) => return no(TEMPORARY, why.clone()),
        };
        match Standing::look(config, Some(&self.front.spool)).map(|standing| standing.without_config(unreadable)) {
            Ok(standing) if self.viewer == AccessScope::Everything => Answer::Status(Box::new(standing)),
            Ok(standing) => Answer::Status(Box::new(standing.without_reasons())),
            Err(error) => of_spool(&error),
        }
    }

    fn verify(&self, question: &Verify) -> Answer {
        let settings = match &self.settings {
            Ok(settings) => settings,
            Err(why) => return no(TEMPORARY, why.clone()),
        };
        let (limits, guests) = (&settings.config.limits, &self.front.guests);
        // The report is a message of theirs like any other.
        let counted = guests.count_message(self.uid, limits.per_minute);
        let load = self.front.load_of(self.uid);
        if let Err(refusal) = counted.and_then(|()| guests.expect(self.uid, load, limits)) {
            return no(TEMPORARY, refusal.said_to(self.uid));
        }
        let answer = match guests.count_octets(self.uid, 0, load, limits) {
            Ok(()) => self.report(settings, question),
            Err(refusal) => no(TEMPORARY, refusal.said_to(self.uid)),
        };
        guests.arrived(self.uid, 0);
        answer
    }

    fn report(&self, settings: &Settings, question: &Verify) -> Answer {
        let (caller, now) = (Caller::of(self.uid), local_time::now());
        let (config, spool, tables) = (&settings.config, &settings.spool, settings.arriving());
        let reserve = config.limits.reserve_from(self.uid);
        let place = Entry { config, spool, caller: &caller, now: &now, tables, reserve };
        match verify::verify(&place, question) {
            Ok(_) => Answer::Finished,
            Err(error) => no(error.code(), error.to_string()),
        }
    }

    /// Has the runner's loop answer.
    fn ask_loop(&self, question: control_socket::Question, out: &mut impl Write) -> io::Result<()> {
        if let Err(why) = &self.settings {
            return say(out, &no(TEMPORARY, why.clone()));
        }
        let question = match (question, self.viewer) {
            (control_socket::Question::Change { change, selection }, AccessScope::Everything) => {
                control_socket::Question::Change { change, selection }
            }
            (control_socket::Question::Change { change: Change::Delete, selection }, _) => {
                let change = Change::Delete;
                match self.own(&selection, |settings, own| modify::chosen(settings, change, own)) {
                    Ok(selection) => control_socket::Question::Change { change, selection },
                    Err(answer) => return say(out, &answer),
                }
            }
            (control_socket::Question::Change { .. }, _) => {
                let reason = "permission denied: only root and `operators` may hold, release or retry mail; you may delete your own";
                return say(out, &no(NO_PERMISSION, reason.to_owned()));
            }
            (control_socket::Question::Flush { selection }, AccessScope::Everything) => {
                control_socket::Question::Flush { selection }
            }
            (control_socket::Question::Flush { selection }, _) => match self.own(&selection, modify::queued) {
                Ok(selection) => control_socket::Question::Flush { selection },
                Err(answer) => return say(out, &answer),
            },
            (control_socket::Question::Active, AccessScope::Everything) => control_socket::Question::Active,
            (control_socket::Question::Active, _) => return say(out, &Answer::Finished),
        };
        for told in self.put(question) {
            // What servers and others say to each other is not for everybody.
            if matches!(told, Told::Step(_)) && self.viewer != AccessScope::Everything {
                continue;
            }
            let is_last = matches!(told, Told::Finished);
            say(out, &control_socket::Answer::from_told(told))?;
            out.flush()?;
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// What is meant and is theirs, by ids: the loop, which works for all, does not read the queue for one. Where there is
    /// nothing, that is the answer.
    fn own(
        &self,
        selection: &Selection,
        find: impl FnOnce(&Loaded, &Selection) -> Result<Vec<MessageId>, SpoolError>,
    ) -> Result<Selection, Answer> {
        let _turn = self.turn()?;
        let settings = self.settings.as_ref().map_err(|why| no(TEMPORARY, why.clone()))?;
        let own = Selection { viewer: self.viewer, ..selection.clone() };
        let ids = find(settings, &own).map_err(|error| of_spool(&error))?;
        if ids.is_empty() {
            return Err(Answer::Finished);
        }
        Ok(Selection { ids: ids.into_iter().collect(), viewer: self.viewer, ..Selection::default() })
    }

    fn put(&self, question: control_socket::Question) -> mpsc::Receiver<Told> {
        let (answers, told) = mpsc::channel();
        self.front.wake(Event::Asked(Asked { question, answers }));
        told
    }

    /// What is being sent just now, where the loop says so at once.
    fn active(&self) -> HashSet<String> {
        let told = self.put(control_socket::Question::Active);
        match told.recv_timeout(GLANCE) {
            Ok(Told::Active(ids)) => ids.into_iter().collect(),
            _ => HashSet::new(),
        }
    }
}

fn say(out: &mut impl Write, answer: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, answer)?;
    out.write_all(b"\n")
}

fn no(code: u8, reason: String) -> Answer {
    Answer::No { code, reason }
}

fn of_spool(error: &SpoolError) -> Answer {
    let code = if matches!(error, SpoolError::Gone(_)) { NO_INPUT } else { TEMPORARY };
    no(code, error.to_string())
}
