//! The socket on which the whole machine submits mail (`submit::wire`): a thread per connection, and one reply per
//! submission, sent after the message is on disk. `query` answers requests on the same socket.
//!
//! Any user may connect, so nothing a client does may block the others: each connection has its own thread and time
//! limits, and `submitter_limits` bounds connections, bytes and messages per user. A reply is sent only after the
//! message is on disk, because it makes the client forget its copy.
//!
//! What is counted or reserved for a submission is given back on every path, each at its time. The token is settled as
//! soon as the result is known. The message and its bytes are counted down before the reply, because the client may
//! submit the next message as soon as it has it. The held id is released after the reply, because until then the
//! client may submit the same message again.

use std::io;
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{RecvFlags, recv};

use super::accept_gate::Admitted;
use super::connection::Connection;
use super::intake_state::IntakeState;
use super::query;
use super::seen_tokens::SubmissionState;
use super::submitter_limits::Refusal;
use crate::config::{Limits, Queue, places};
use crate::control::loaded::Loaded;
use crate::log;
use crate::mail::submitter::Submitter;
use crate::runner::thread_pool::ThreadPool;
use crate::spool::MessageId;
use crate::submit::admit::complete::EnvelopeError;
use crate::submit::admit::context::{Author, Entry};
use crate::submit::admit::store::{self, AdmitError, MessageIds};
use crate::submit::frontend::header_reader::HeadError;
use crate::submit::wire::frame::{Bounds, WIDEST};
use crate::submit::wire::reply::{Refused, Reply};
use crate::submit::wire::submission::{self, Announced, NotRead, Submission};
use crate::sys::local_time;
use crate::sys::sysexits::Exit;
use crate::sys::user::Caller;

/// Connections of all clients together.
const ALTOGETHER: usize = 250;

/// How long a submission with many recipients waits for others. The client waits longer.
const ENVELOPE_PATIENCE: Duration = Duration::from_secs(20);

/// Bytes per read.
const PIECE: usize = 16 << 10;

/// Listens until the process ends: on the socket that the service manager passes, else on one of its own.
pub fn listen(intake: Arc<IntakeState>, passed: Option<UnixListener>) -> io::Result<()> {
    let listener = match passed {
        Some(listener) => listener,
        None => bind(Path::new(places::SOCKET))?,
    };
    listener.set_nonblocking(true)?;
    let threads = ThreadPool::for_clients();
    std::thread::Builder::new().name("listener".into()).spawn(move || {
        loop {
            accept_next(&intake, &threads, &listener);
        }
    })?;
    Ok(())
}

/// Waits for a client and not in accept(2), so that a runner that leaves can keep this thread from accepting.
fn accept_next(intake: &Arc<IntakeState>, threads: &Arc<ThreadPool>, listener: &UnixListener) {
    // An error shows at accept(2) as well.
    let _ = poll(&mut [PollFd::new(listener, PollFlags::IN)], None);
    match intake.gate.accept(|| listener.accept()) {
        Ok(((stream, _), admitted)) => accept(intake, threads, stream, admitted),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        // No file descriptors are left. Connections that end will free some.
        Err(_) => std::thread::sleep(Duration::from_millis(50)),
    }
}

/// The caller holds the runner's lock, so an existing socket was left by an earlier runner.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    // Every user may submit. Who connects is known from SO_PEERCRED (unix(7)), and not from the right to connect.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// A client that is not admitted gets no reply. For the front end that means that no runner is there, so it uses the
/// drop program.
///
/// Nothing in here waits for the client, because this thread accepts for the whole machine. `start` gives the client a
/// thread at once instead of queueing it: behind clients that send slowly it could wait for minutes.
fn accept(intake: &Arc<IntakeState>, threads: &Arc<ThreadPool>, stream: UnixStream, admitted: Admitted) {
    let Ok(connection) = Connection::new(stream) else { return };
    let most = intake.limits().connections;
    let Ok(connection) = intake.clients.connect(connection, most, ALTOGETHER) else { return };
    let (serving, served) = (Arc::clone(intake), Arc::clone(&connection));
    let begun = threads.start(move || {
        let session = Arc::new(ClientSession::new(Arc::clone(&serving), Arc::clone(&served)));
        // A client that is gone needs no reply.
        let _ = session.serve();
        serving.clients.disconnected(&served, session.in_transit.load(Ordering::Relaxed));
        drop(admitted);
    });
    if begun.is_err() {
        intake.clients.disconnected(&connection, 0);
    }
}

/// The client of a connection and its submission.
struct ClientSession {
    intake: Arc<IntakeState>,
    connection: Arc<Connection>,
    submitter: Submitter,
    /// Bytes counted as in transit.
    in_transit: AtomicU64,
    /// The message that is held until the reply was sent.
    held: Mutex<Option<MessageId>>,
    /// The limit that the submission exceeds.
    refusal: Mutex<Option<Refusal>>,
}

impl ClientSession {
    fn new(intake: Arc<IntakeState>, connection: Arc<Connection>) -> Self {
        let (in_transit, held, refusal) = (AtomicU64::default(), Mutex::default(), Mutex::default());
        Self { submitter: connection.submitter(), intake, connection, in_transit, held, refusal }
    }

    fn serve(self: &Arc<Self>) -> io::Result<()> {
        if is_request(self.connection.stream())? {
            // Requests are counted, too, so that a client cannot send them without limit.
            return match self.intake.clients.count_request(&self.submitter, self.intake.limits().per_minute) {
                Ok(()) => query::answer(&self.intake, &self.connection),
                Err(refusal) => query::refuse(&self.connection, self.over(refusal)),
            };
        }
        let reply = self.receive().map_or_else(Reply::Refused, Reply::Stored);
        // The message is released whether or not the reply arrived. If it did not, the client submits again and is
        // recognised by its token.
        let replied = (&*self.connection).write_all(reply.to_string().as_bytes());
        if let Some(id) = take(&self.held) {
            self.intake.release(&id);
        }
        replied
    }

    fn over(&self, refusal: Refusal) -> Refused {
        Refused::later(refusal.explain_to(&self.submitter))
    }

    /// Receives the submission and stores it, within the client's limits.
    fn receive(self: &Arc<Self>) -> Result<MessageId, Refused> {
        let IntakeState { clients, .. } = &*self.intake;
        let (limits, usage) = (self.intake.limits(), self.intake.usage_of(&self.submitter));
        // First, since a message that is turned away here leaves nothing to be taken back.
        clients.count_message(&self.submitter, limits.per_minute).map_err(|refusal| self.over(refusal))?;
        clients.begin_message(&self.submitter, usage, &limits).map_err(|refusal| self.over(refusal))?;
        let stored = self.read_and_store(limits);
        // Before the reply: once the client has it, it may submit the next message.
        clients.end_message(&self.submitter, self.in_transit.swap(0, Ordering::Relaxed));
        // Content that stops because it exceeds a limit looks truncated to its reader. The limit is the real reason.
        stored.map_err(|refused| take(&self.refusal).map_or(refused, |refusal| self.over(refusal)))
    }

    fn read_and_store(self: &Arc<Self>, limits: Limits) -> Result<MessageId, Refused> {
        let loaded = self.intake.loaded();
        // Bounds what is read. The allowance is for what admission removes or adds, so that the message is measured as
        // it is stored.
        let content = loaded.as_ref().map_or(WIDEST.content, |loaded| {
            // The size is checked again when the message is stored.
            loaded.config.queue.max_message_size.saturating_add(1 << 20).min(WIDEST.content)
        });
        // Most submissions arrive in one piece.
        let counted = BufReader::with_capacity(PIECE, Counted { session: Arc::clone(self), limits });
        let announced =
            Announced::read(counted, Bounds { content, ..WIDEST }).map_err(|error| not_read(error.into()))?;
        let length = announced.envelope_length;
        let share = self.intake.envelopes.wait_for_share(self.connection.uid(), length, ENVELOPE_PATIENCE);
        // Returned once the message is stored: until then its recipients are in memory.
        let share =
            share.ok_or_else(|| Refused::later("too many recipients are being submitted at once; try again later"))?;
        if !share.is_counted() {
            return self.store_announced(announced, &limits, &loaded);
        }
        let ((stored, result), session) = (sync_channel(1), Arc::clone(self));
        // The client's thread waits for the result.
        let store = move || drop(stored.send(session.store_announced(announced, &limits, &loaded)));
        self.intake.large_envelopes.submit(store);
        result.recv().unwrap_or_else(|_| Err(Refused::later("a thread of the runner ended; try again later")))
    }

    fn store_announced(
        &self,
        announced: Announced<impl Read>,
        limits: &Limits,
        loaded: &Result<Arc<Loaded>, String>,
    ) -> Result<MessageId, Refused> {
        let mut submission = announced.submission(limits.recipients()).map_err(not_read)?;
        let (tokens, token) = (&self.intake.tokens, submission.token.clone());
        let is_being_stored = || Refused::later("the same submission is being stored");
        if let Some(state) = tokens.reserve(&self.submitter, &token) {
            return state.stored_as().ok_or_else(is_being_stored);
        }
        let stored = match loaded {
            Ok(loaded) => self.store(&mut submission, loaded),
            Err(_) => self.keep_raw(&mut submission),
        };
        // On failure this forgets the token, so that the same submission may come again.
        tokens.settle(&self.submitter, &token, stored.as_ref().ok().cloned());
        // Not earlier: pickup skips a submission that is being stored.
        if matches!(stored, Ok(SubmissionState::Raw(_))) {
            self.intake.kept_raw();
        }
        stored?.stored_as().ok_or_else(is_being_stored)
    }

    fn store<R: Read>(&self, submission: &mut Submission<R>, loaded: &Loaded) -> Result<SubmissionState, Refused> {
        let (caller, now) = (Caller::of(self.connection.uid()), local_time::now());
        let naming = MessageIds::by_chance(&now).map_err(Refused::later)?;
        let naming = MessageIds { token: submission.token.clone(), ..naming };
        // If the runner dies before the reply, the submission comes again. The first copy must not have left by then.
        self.intake.hold_until_replied(&naming.id);
        put(&self.held, naming.id.clone());
        let Loaded { config, spool, .. } = loaded;
        let reserve = config.limits.reserve_from(&self.submitter, spool.dir());
        let entry =
            Entry { config, spool, author: Author::User(&caller), now: &now, tables: loaded.arriving(), reserve };
        match store::admit_as(&mut submission.collected, naming, &entry) {
            Ok(id) => Ok(SubmissionState::Message(id)),
            // A table that cannot be read must not cost a message.
            Err(AdmitError::Envelope(EnvelopeError::Table(_))) => self.keep_raw(submission),
            Err(error) => {
                if matches!(error, AdmitError::NoRoom { .. }) && self.intake.may_tell_of_room() {
                    log::alert(format_args!("{error}; mail is refused until then"));
                }
                Err(refused(&error))
            }
        }
    }

    /// Stores the submission unprocessed, until the configuration and its tables can be read.
    ///
    /// The id in the reply is only for the caller's log: the message gets its own when pickup admits it, derived from
    /// the file.
    fn keep_raw<R: Read>(&self, submission: &mut Submission<R>) -> Result<SubmissionState, Refused> {
        let IntakeState { spool, .. } = &*self.intake;
        let least = self.intake.loaded().map_or(Queue::MIN_FREE_SPACE, |loaded| loaded.config.queue.min_free_space);
        store::check_room(spool, least, self.intake.limits().reserve_from(&self.submitter, spool.dir()))
            .map_err(|error| refused(&error))?;
        let kept = MessageIds::by_chance(&local_time::now()).map_err(|error| error.to_string()).and_then(|naming| {
            let file = spool.begin_raw().map_err(|error| error.to_string())?;
            let out = BufWriter::new(file.file());
            submission::write(&mut submission.collected, &submission.token, out)
                .map_err(|error| error.to_string())?
                .flush()
                .map_err(|error| error.to_string())?;
            spool.keep_raw(file, self.connection.uid(), &naming.token).map_err(|error| error.to_string())?;
            Ok(SubmissionState::Raw(naming.id))
        });
        kept.map_err(|why| {
            Refused::later(format_args!("cannot store the message: {why}; it was not accepted, try again later"))
        })
    }
}

/// Takes a note.
fn take<T>(noted: &Mutex<Option<T>>) -> Option<T> {
    noted.lock().take()
}

fn put<T>(noted: &Mutex<Option<T>>, what: T) {
    *noted.lock() = Some(what);
}

fn refused(error: &AdmitError) -> Refused {
    Refused { exit: error.exit(), text: error.to_string() }
}

fn not_read(error: NotRead) -> Refused {
    match error {
        NotRead::Head(HeadError::Read(error)) => Refused::later(error),
        error => Refused { exit: Exit::DataError, text: error.to_string() },
    }
}

/// Whether the client sends a request: a line of JSON. A frame never starts with a brace.
///
/// Peeked and not read, so that the byte is still there for the parser that it decides on.
fn is_request(stream: &UnixStream) -> io::Result<bool> {
    let mut first = [0];
    rustix::io::retry_on_intr(|| recv(stream, &mut first[..], RecvFlags::PEEK))?;
    Ok(first == *b"{")
}

/// Reads a submission and counts its bytes against its user's limits.
///
/// Counting in the reader covers everything that arrives, whichever part of the frame it belongs to, before any of it
/// is parsed.
struct Counted {
    session: Arc<ClientSession>,
    limits: Limits,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let ClientSession { intake, connection, submitter, in_transit, refusal, .. } = &*self.session;
        let length = (&**connection).read(into)?;
        let octets = length as u64;
        in_transit.fetch_add(octets, Ordering::Relaxed);
        intake.clients.count_octets(submitter, octets, intake.usage_of(submitter), &self.limits).map_err(|over| {
            put(refusal, over);
            io::Error::other("over a limit")
        })?;
        Ok(length)
    }
}
