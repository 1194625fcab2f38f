//! The socket on which the whole machine hands mail in (FORMATS.md, "Submission frame"): a
//! thread for each connection, who is there by the kernel's word, one answer for each
//! submission, after it is on disk.

use std::cell::Cell;
use std::fmt::Display;
use std::io;
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::client_limits::Refusal;
use super::connection::Connection;
use super::intake_state::{IntakeState, SubmissionState, Token};
use super::query;
use crate::runner::context::Settings;
use crate::runner::thread_pool::ThreadPool;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use rustix::net::{RecvFlags, recv};

use crate::config::{Limits, Queue, places};
use crate::spool::MessageId;
use crate::submit::admit::complete::EnvelopeError;
use crate::submit::admit::context::Entry;
use crate::submit::admit::store::{self, AdmitError, MessageIds};
use crate::submit::frontend::header_reader::HeadError;
use crate::submit::wire::frame::{Bounds, WIDEST};
use crate::submit::wire::submission::{self, NotRead, Submission};
use crate::sys::local_time;
use crate::sys::user::Caller;

/// Connections at once, of all together.
const ALTOGETHER: usize = 250;

/// Octets that are read at once.
const PIECE: usize = 16 << 10;

/// `EX_DATAERR` and `EX_TEMPFAIL` of sysexits(3).
const DATA_ERROR: u8 = 65;
const TEMPORARY: u8 = 75;

/// Listens until the process ends: at the socket that the service manager hands over, else at one of its own.
pub fn open(front: Arc<IntakeState>) -> io::Result<()> {
    let listener = match listenfd::ListenFd::from_env().take_unix_listener(0)? {
        Some(listener) => listener,
        None => bind(Path::new(places::SOCKET))?,
    };
    listener.set_nonblocking(false)?;
    let crew = ThreadPool::for_guests();
    std::thread::Builder::new().name("door".into()).spawn(move || {
        for stream in listener.incoming() {
            match stream {
                Ok(stream) => admit_guest(&front, &crew, stream),
                // No descriptors left: those who are inside give theirs back.
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    })?;
    Ok(())
}

/// Only the lock's holder comes here: an old socket file is replaced.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

fn admit_guest(front: &Arc<IntakeState>, crew: &Arc<ThreadPool>, stream: UnixStream) {
    // Not by rustix, whose process numbers cannot say that the peer is in a container: 0.
    let Ok(peer) = getsockopt(&stream, PeerCredentials) else { return };
    let uid = peer.uid();
    let limits = front.limits();
    let Ok(seat) = Connection::new(stream) else { return };
    // Whoever is not let in finds no answer, and has the drop program.
    let Ok(seat) = front.guests.enter(uid, seat, limits.connections, ALTOGETHER) else { return };
    let (inside, taken) = (Arc::clone(front), Arc::clone(&seat));
    let begun = crew.begin(move || {
        let visit = SubmissionConnection {
            front: &inside,
            uid,
            octets: Cell::new(0),
            held_back: Cell::new(None),
            refusal: Cell::new(None),
        };
        // A client that goes away has nothing to be told.
        let _ = visit.serve(&taken);
        inside.guests.leave(uid, &taken, visit.octets.get());
    });
    if begun.is_err() {
        front.guests.leave(uid, &seat, 0);
    }
}

/// One connection.
struct SubmissionConnection<'a> {
    front: &'a IntakeState,
    uid: u32,
    /// Octets that are counted as being handed in.
    octets: Cell<u64>,
    /// The message that waits for the answer.
    held_back: Cell<Option<MessageId>>,
    /// Why no more of them are taken.
    refusal: Cell<Option<Refusal>>,
}

/// What is answered.
enum Answer {
    Stored(MessageId),
    /// In raw/.
    Kept(MessageId),
    No(u8, String),
}

impl Answer {
    fn later(text: impl Display) -> Self {
        Self::No(TEMPORARY, text.to_string())
    }
}

impl SubmissionConnection<'_> {
    fn serve(&self, mut seat: &Connection) -> io::Result<()> {
        if asks(seat.stream())? {
            // Counted, so that nobody asks without end.
            return match self.front.guests.count_question(self.uid, self.front.limits().per_minute) {
                Ok(()) => query::answer(self.front, self.uid, seat),
                Err(refusal) => query::refuse(seat, refusal.said_to(self.uid)),
            };
        }
        let answer = self.take_in(seat);
        let line = match &answer {
            Answer::Stored(id) | Answer::Kept(id) => format!("ok {id}\n"),
            Answer::No(code, text) => format!("no {code} {}\n", text.replace(['\n', '\r'], " ")),
        };
        let answered = seat.write_all(line.as_bytes());
        if let Some(id) = self.held_back.take() {
            self.front.let_go(&id);
        }
        answered
    }

    fn take_in(&self, seat: &Connection) -> Answer {
        let (limits, load, guests) = (self.front.limits(), self.front.load_of(self.uid), &self.front.guests);
        let counted = guests.count_message(self.uid, limits.per_minute);
        if let Err(refusal) = counted.and_then(|()| guests.expect(self.uid, load, &limits)) {
            return Answer::later(refusal.said_to(self.uid));
        }
        let taken = self.take(seat, &limits);
        // Before the answer: whoever has it may come again at once.
        guests.arrived(self.uid, self.octets.take());
        match (self.refusal.take(), taken) {
            (_, Ok(stored @ (Answer::Stored(_) | Answer::Kept(_)))) => stored,
            (Some(refusal), _) => Answer::later(refusal.said_to(self.uid)),
            (None, Ok(answer)) => answer,
            (None, Err(NotRead::Head(HeadError::Read(error)))) => Answer::later(error),
            (None, Err(error)) => Answer::No(DATA_ERROR, error.to_string()),
        }
    }

    fn take(&self, seat: &Connection, limits: &Limits) -> Result<Answer, NotRead> {
        let settings = self.front.settings();
        let content = settings.as_ref().map_or(WIDEST.content, |settings| {
            // What is stored is measured again.
            settings.config.queue.max_message_size.saturating_add(1 << 20).min(WIDEST.content)
        });
        // Most submissions come in one piece.
        let counted = BufReader::with_capacity(PIECE, Counted { seat, visit: self, limits });
        let mut submission = Submission::read(counted, Bounds { content, ..WIDEST })?;
        let token = submission.token.clone();
        match self.front.reserve(self.uid, &token) {
            Token::Stored(id) => return Ok(Answer::Stored(id)),
            Token::BeingStored => return Ok(Answer::later("the same submission is being stored")),
            Token::Fresh => {}
        }
        let stored = match &settings {
            Ok(settings) => self.store(&mut submission, settings),
            Err(_) => self.keep_raw(&mut submission),
        };
        let fate = match &stored {
            Answer::Stored(id) => Some(SubmissionState::Message(id.clone())),
            Answer::Kept(id) => Some(SubmissionState::Raw(id.clone())),
            Answer::No(..) => None,
        };
        self.front.settle(self.uid, &token, fate);
        if matches!(stored, Answer::Kept(_)) {
            self.front.kept_raw();
        }
        Ok(stored)
    }

    fn store<R: Read>(&self, submission: &mut Submission<R>, settings: &Settings) -> Answer {
        let (caller, now) = (Caller::of(self.uid), local_time::now());
        let naming = match MessageIds::by_chance(&now) {
            Ok(naming) => MessageIds { token: submission.token.clone(), ..naming },
            Err(error) => return Answer::later(error),
        };
        // A crash before the answer has it come again: it must not be on its way by then.
        self.front.hold_until_answered(&naming.id);
        self.held_back.set(Some(naming.id.clone()));
        let reserve = settings.config.limits.reserve_from(self.uid);
        let (config, spool, tables) = (&settings.config, &settings.spool, settings.arriving());
        let entry = Entry { config, spool, caller: &caller, now: &now, tables, reserve };
        match store::admit_as(&mut submission.collected, naming, &entry) {
            Ok(id) => Answer::Stored(id),
            // A table that does not answer costs nobody a mail.
            Err(AdmitError::Envelope(EnvelopeError::Table(_))) => self.keep_raw(submission),
            Err(error) => Answer::No(error.code(), error.to_string()),
        }
    }

    /// Stores it as it came, for the day when the config or its tables can be read.
    fn keep_raw<R: Read>(&self, submission: &mut Submission<R>) -> Answer {
        let least =
            self.front.settings().map_or(Queue::MIN_FREE_SPACE, |settings| settings.config.queue.min_free_space);
        let reserve = self.front.limits().reserve_from(self.uid);
        if let Err(error) = store::check_room(&self.front.spool, least, reserve) {
            return Answer::No(error.code(), error.to_string());
        }
        let kept = MessageIds::by_chance(&local_time::now()).map_err(|error| error.to_string()).and_then(|naming| {
            let spool = &self.front.spool;
            let file = spool.begin_raw().map_err(|error| error.to_string())?;
            let out = BufWriter::new(file.file());
            submission::write(&mut submission.collected, &submission.token, out)
                .map_err(|error| error.to_string())?
                .flush()
                .map_err(|error| error.to_string())?;
            spool.keep_raw(file, self.uid, &naming.token).map_err(|error| error.to_string())?;
            Ok(naming.id)
        });
        match kept {
            Ok(id) => Answer::Kept(id),
            Err(why) => Answer::later(format!("cannot store the message: {why}; it was not accepted, try again later")),
        }
    }
}

/// A question is a line of JSON; no frame begins like one.
fn asks(stream: &UnixStream) -> io::Result<bool> {
    let mut first = [0];
    rustix::io::retry_on_intr(|| recv(stream, &mut first[..], RecvFlags::PEEK))?;
    Ok(first == *b"{")
}

/// What comes in counts as being handed in by its uid.
struct Counted<'a> {
    seat: &'a Connection,
    visit: &'a SubmissionConnection<'a>,
    limits: &'a Limits,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let SubmissionConnection { front, uid, octets, refusal, .. } = self.visit;
        let length = { self.seat }.read(into)?;
        octets.set(octets.get().saturating_add(length as u64));
        front.guests.count_octets(*uid, length as u64, front.load_of(*uid), self.limits).map_err(|over| {
            refusal.set(Some(over));
            io::Error::other("over a limit")
        })?;
        Ok(length)
    }
}
