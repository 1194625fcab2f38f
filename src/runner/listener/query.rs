//! Answers requests on the submission socket, to which every user of the machine may connect. A client gets what its
//! [`AccessScope`] covers. An id outside of it looks like one that does not exist, so that nobody can probe for other
//! users' mail.
//!
//! What a client asks for is bound to its scope first. The functions that read or change messages take an authorised
//! selection or a scope and nothing less, so that a forgotten check cannot reach other users' mail.
//!
//! Reading the queue for one client is expensive, and the event loop is shared by all. So listing and searching happen
//! on the client's own thread and one at a time per user, and the loop gets only finished lists of ids.

use std::collections::HashSet;
use std::io;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use jiff::Timestamp;

use super::connection::{Connection, RESPONSE_TIME};
use super::intake_state::IntakeState;
use super::submitter_limits::{Refusal, ResponseTurn};
use crate::control::access::{AccessScope, AuthorisedSelection};
use crate::control::listing::QueueView;
use crate::control::loaded::Loaded;
use crate::control::message_detail::{MessageDetail, Part};
use crate::control::message_ids::{self, Place};
use crate::control::modify::{self, AuthorisedChange};
use crate::control::protocol::{Greeting, Request, Response};
use crate::control::selection::Selection;
use crate::control::status;
use crate::control::verify::{self, Verify};
use crate::mail::submitter::Submitter;
use crate::runner::event::Event;
use crate::spool::{IdPrefix, MessageId, SpoolError};
use crate::submit::admit::context::{Author, Entry};
use crate::submit::wire::reply::Refused;
use crate::sys::local_time;
use crate::sys::sysexits::Exit;
use crate::sys::user::Caller;

/// The longest request in bytes.
const MAX_REQUEST: u64 = 64 << 10;

/// How long a request waits for the response to the one before, whose client may not be reading it.
const TURN_TIME: Duration = RESPONSE_TIME.saturating_mul(2);

/// How long to wait for a busy event loop if only a mark in the listing depends on it.
///
/// A listing that cannot tell which message is being sent at this moment is still right about everything else.
const GLANCE: Duration = Duration::from_millis(200);

/// Answers the client's request.
pub(crate) fn answer(intake: &IntakeState, connection: &Connection) -> io::Result<()> {
    let request = Request::read(connection.request_reader(), MAX_REQUEST)?;
    let (uid, loaded) = (connection.uid(), intake.loaded());
    let scope = AccessScope::of_peer(uid, loaded.as_ref().ok().map(|loaded| &loaded.config));
    let handler = QueryHandler { intake, loaded, scope, uid, submitter: connection.submitter() };
    let mut out = BufWriter::new(connection.response_writer());
    let last = request.and_then(|request| handler.answer(request, &mut out));
    last.unwrap_or_else(Response::No).write(&mut out)?;
    out.flush()
}

/// Refuses a request without reading it.
///
/// Reading would mean doing the work that the limit is there to prevent.
pub(crate) fn refuse(connection: &Connection, refused: Refused) -> io::Result<()> {
    Response::No(refused).write(connection.response_writer())
}

/// Answers one request. If a response cannot be written, that is treated as a refusal, which cannot be written
/// either.
struct QueryHandler<'a> {
    intake: &'a IntakeState,
    loaded: Result<Arc<Loaded>, String>,
    scope: AccessScope,
    uid: u32,
    submitter: Submitter,
}

impl QueryHandler<'_> {
    /// Writes the response except for its last line, which it returns.
    fn answer(&self, request: Request, out: &mut impl Write) -> Result<Response, Refused> {
        match request {
            Request::List { selection } => self.list(selection, out),
            Request::Show { id, place, part } => self.show(&id, place, part),
            Request::Ids { prefix, place } => self.ids(&prefix, place),
            Request::History { since } => self.history(since, out),
            Request::Status => self.status(),
            Request::Verify(verify) => self.verify(&verify),
            Request::Hello => self.hello(),
            Request::Flush { selection, detail } => {
                let selection = self.scope.authorise(selection);
                let selection = self.own(selection, modify::queued, AuthorisedSelection::narrowed_to)?;
                self.ask_loop(selection.map(|selection| |responses| Event::Flush { selection, detail, responses }), out)
            }
            Request::Change { change, selection } => {
                let change = AuthorisedChange::new(&self.scope, change, selection)?;
                let change = self.own(change, |loaded, all| all.messages(loaded), AuthorisedChange::narrowed_to)?;
                self.ask_loop(change.map(|change| |responses| Event::Change { change, responses }), out)
            }
            Request::Metrics if !self.scope.is_everything() => {
                let text = "only root and operators see the figures of everybody's mail".to_owned();
                Err(Refused { exit: Exit::NoPermission, text })
            }
            Request::Metrics => self.ask_loop(Some(|responses| Event::Metrics { responses }), out),
            Request::Active => {
                let is_seen = self.scope.is_everything();
                self.ask_loop(is_seen.then_some(|responses| Event::Active { responses }), out)
            }
        }
    }

    /// Waits until the client's other request is answered. Clients with access to everything do not wait.
    ///
    /// Callers bind the guard to `_turn` so that it lives until the response is written. `_` would drop it at once.
    fn wait_for_turn(&self) -> Result<Option<ResponseTurn<'_>>, Refused> {
        if self.scope.is_everything() {
            return Ok(None);
        }
        let turn = self.intake.clients.wait_for_turn(&self.submitter, TURN_TIME);
        let late = || Refused::later("another request of yours is being answered; try again in a moment");
        turn.map(Some).ok_or_else(late)
    }

    fn loaded(&self) -> Result<&Loaded, Refused> {
        self.loaded.as_deref().map_err(Refused::later)
    }

    fn list(&self, selection: Selection, out: &mut impl Write) -> Result<Response, Refused> {
        let _turn = self.wait_for_turn()?;
        let (selection, loaded) = (self.scope.authorise(selection), self.loaded.as_deref().ok());
        let view = QueueView::new(&self.intake.spool, selection, self.active(), loaded);
        Ok(Response::Totals(view.list(|listed| Response::from(listed).write(&mut *out))?))
    }

    fn show(&self, id: &MessageId, place: Place, part: Part) -> Result<Response, Refused> {
        let _turn = self.wait_for_turn()?;
        Ok(Response::Shown(Box::new(MessageDetail::read(&self.intake.spool, (id, place), part, &self.scope)?)))
    }

    fn ids(&self, prefix: &IdPrefix, place: Place) -> Result<Response, Refused> {
        let _turn = self.wait_for_turn()?;
        Ok(Response::Ids { ids: message_ids::find(&self.intake.spool, &self.scope, prefix, place)? })
    }

    /// Line by line as it is read: years of history would not fit into memory.
    fn history(&self, since: Option<Timestamp>, out: &mut impl Write) -> Result<Response, Refused> {
        let _turn = self.wait_for_turn()?;
        self.scope.read_history(&self.intake.spool, since, |_, line| {
            Response::Record { line: line.to_owned() }.write(&mut *out)
        })?;
        Ok(Response::Finished)
    }

    fn status(&self) -> Result<Response, Refused> {
        let _turn = self.wait_for_turn()?;
        let unreadable = self.intake.unreadable();
        let config = match self.loaded() {
            Ok(loaded) => Some(&loaded.config),
            Err(_) if unreadable.is_some() => None,
            Err(starting) => return Err(starting),
        };
        let mut report = status::look(config, Some(&self.intake.spool))?;
        report.extend(unreadable.map(status::unreadable));
        Ok(Response::Status(Box::new(if self.scope.is_everything() { report } else { report.public() })))
    }

    fn hello(&self) -> Result<Response, Refused> {
        Ok(Response::Hello(Greeting::from(&self.loaded()?.config)))
    }

    /// Stores the report, which counts as a message of the client.
    fn verify(&self, request: &Verify) -> Result<Response, Refused> {
        let _turn = self.wait_for_turn()?;
        let loaded = self.loaded()?;
        let (limits, clients, usage) =
            (&loaded.config.limits, &self.intake.clients, self.intake.usage_of(&self.submitter));
        let over = |refusal: Refusal| Refused::later(refusal.explain_to(&self.submitter));
        clients.count_message(&self.submitter, limits.per_minute).map_err(over)?;
        clients.begin_message(&self.submitter, usage, limits).map_err(over)?;
        // Zero bytes more: this asks whether the user is over the limit already.
        let room = clients.count_octets(&self.submitter, 0, usage, limits).map_err(over);
        let stored = room.and_then(|()| self.report(loaded, request));
        clients.end_message(&self.submitter, 0);
        stored
    }

    fn report(&self, loaded: &Loaded, request: &Verify) -> Result<Response, Refused> {
        let (caller, now) = (Caller::of(self.uid), local_time::now());
        let Loaded { config, spool, .. } = loaded;
        let reserve = config.limits.reserve_from(&self.submitter, spool.dir());
        let entry =
            Entry { config, spool, author: Author::User(&caller), now: &now, tables: loaded.arriving(), reserve };
        match verify::verify(&entry, request) {
            Ok(_) => Ok(Response::Finished),
            Err(error) => Err(Refused { exit: error.exit(), text: error.to_string() }),
        }
    }

    /// Narrows an authorised selection to the ids of the client's own messages: the event loop serves all clients and
    /// must not read the whole queue for one of them. `None` if the client has no such message.
    fn own<T>(
        &self,
        authorised: T,
        find: impl FnOnce(&Loaded, &T) -> Result<Vec<MessageId>, SpoolError>,
        narrow: impl FnOnce(&T, Vec<MessageId>) -> T,
    ) -> Result<Option<T>, Refused> {
        let loaded = self.loaded()?;
        if self.scope.is_everything() {
            return Ok(Some(authorised));
        }
        let _turn = self.wait_for_turn()?;
        let ids = find(loaded, &authorised)?;
        Ok((!ids.is_empty()).then(|| narrow(&authorised, ids)))
    }

    /// Lets the event loop answer, if there is an event.
    ///
    /// Each response is flushed as it comes, since a flush may take minutes between two of them. If the client is
    /// gone, writing fails here and the receiver is dropped; the loop's next send fails too, and it ignores that.
    fn ask_loop(
        &self,
        event: Option<impl FnOnce(Sender<Response>) -> Event>,
        out: &mut impl Write,
    ) -> Result<Response, Refused> {
        self.loaded()?;
        let Some(event) = event else { return Ok(Response::Finished) };
        for response in self.send(event) {
            if response.is_last() {
                return Ok(response);
            }
            response.write(&mut *out).and_then(|()| out.flush()).map_err(Refused::later)?;
        }
        Err(Refused::later("the runner is stopping; try again"))
    }

    fn send(&self, event: impl FnOnce(Sender<Response>) -> Event) -> mpsc::Receiver<Response> {
        let (responses, answered) = mpsc::channel();
        self.intake.send(event(responses));
        answered
    }

    /// The messages that are being sent, if the event loop answers quickly.
    fn active(&self) -> HashSet<MessageId> {
        match self.send(|responses| Event::Active { responses }).recv_timeout(GLANCE) {
            Ok(Response::Active { ids }) => ids.into_iter().collect(),
            _ => HashSet::new(),
        }
    }
}
