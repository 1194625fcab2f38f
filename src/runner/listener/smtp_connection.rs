//! One connection of a listener: greeting, handshake, commands. It goes on in steps for as long as the client says something, and
//! between them it is a value that waits for nothing and needs no thread. What is said is the dialogue's.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::accept_gate::Admitted;
use super::open_transactions::OpenTransaction;
use super::smtp_counts::Counts;
use super::smtp_places::Place;
use super::smtp_policy::ConnectionPolicy;
use super::smtp_state::Shared;
use super::smtp_times::{Patience, TimedStream, Times};
use crate::log;
use crate::submit::smtp_server::dialogue::Refusal;
use crate::submit::smtp_server::serve::{Answer, Conversation, End, Progress};
use crate::tls::{RejectedClient, Server, TlsStream};

/// A client that says nothing for so long is waited for without a thread. Most say the next thing sooner.
const LINGERING: Duration = Duration::from_millis(200);
const CHUNK: usize = 16 * 1024;
/// How much is read at first. Hundreds of clients may be waited for at the same moment, and most say a line.
const COMMAND: usize = 1024;

/// A connection between two of its steps.
pub struct Connection {
    pub(super) stream: Stream,
    pub(super) stage: Stage,
    pub(super) conversation: Conversation<ConnectionPolicy>,
    pub(super) counts: Counts,
    pub(super) handshakes: Handshakes,
    pub(super) place: Place,
    pub(super) admitted: Admitted,
    /// While the client is in one.
    pub(super) transaction: Option<OpenTransaction>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The greeting.
    Greeting,
    /// The client begins a handshake.
    Handshake(Then),
    /// The client says something.
    Commands,
    /// TLS is demanded, and there is no certificate for it.
    NoCertificate,
}

/// What follows a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The greeting, with implicit TLS.
    Greeting,
    /// Commands, after STARTTLS.
    Commands,
}

/// What a handshake needs.
pub struct Handshakes {
    /// The certificate, where it can be read.
    pub server: Option<Server>,
    /// What all connections share.
    pub shared: Arc<Shared>,
    /// The name of the listener.
    pub listener: String,
    /// The client.
    pub peer: IpAddr,
}

/// The bytes of a connection.
#[derive(Debug)]
pub enum Stream {
    /// As they are.
    Clear(TimedStream),
    /// Below TLS.
    Secure(Box<TlsStream<TimedStream>>),
}

impl Stream {
    fn times(&self) -> &Times {
        match self {
            Self::Clear(stream) => &stream.times,
            Self::Secure(stream) => &stream.io().times,
        }
    }

    fn timed(&mut self) -> &mut TimedStream {
        match self {
            Self::Clear(stream) => stream,
            Self::Secure(stream) => stream.io_mut(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(into),
            Self::Secure(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.write(bytes),
            Self::Secure(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.flush(),
            Self::Secure(stream) => stream.flush(),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Clear(stream) => stream.as_fd(),
            Self::Secure(stream) => stream.io().as_fd(),
        }
    }
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// There is another.
    Next,
    /// The client has begun a handshake.
    ShakeHands(Then),
    /// The client says nothing for now.
    Waits,
    /// The connection must be closed.
    Over,
}

impl Connection {
    /// Goes on for as long as the client says something. `None`: the connection is over.
    #[must_use]
    pub fn go_on(mut self) -> Option<Self> {
        loop {
            match self.step() {
                Ok(Step::Next) => {}
                Ok(Step::Waits) => return Some(self),
                Ok(Step::ShakeHands(then)) => self = self.secured(then)?,
                // A client that goes away without a word needs no reply.
                Ok(Step::Over) | Err(_) => break,
            }
        }
        if let Stream::Secure(stream) = &mut self.stream {
            stream.close();
        }
        log::disconnected(self.handshakes.peer, &self.counts);
        None
    }

    /// The socket, for those who wait for input.
    #[must_use]
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// How long that may still take; zero if the client is late.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.stream.times().left()
    }

    fn step(&mut self) -> io::Result<Step> {
        match self.stage {
            Stage::NoCertificate => {
                let refusal = Refusal::new(421, "4.3.5", "the server's certificate cannot be read; try again later");
                self.write(&refusal.to_wire()).map(|()| Step::Over)
            }
            Stage::Greeting => {
                let greeting = self.conversation.dialogue.greeting();
                self.stage = Stage::Commands;
                self.write(&greeting).map(|()| Step::Next)
            }
            Stage::Handshake(then) => {
                // One that is late is told apart by what it has sent, which the handshake sees.
                let has_begun = self.left().is_zero() || self.has_input()?;
                Ok(if has_begun { Step::ShakeHands(then) } else { Step::Waits })
            }
            Stage::Commands => self.commands(),
        }
    }

    fn has_input(&self) -> io::Result<bool> {
        let wait = Timespec::try_from(self.left().min(LINGERING)).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&self.stream, PollFlags::IN)];
        Ok(poll(&mut fds, Some(&wait))? > 0)
    }

    /// After the handshake, all of which happens on this thread and within the times: from here on the client is in the middle of
    /// something. `None`: it failed, and the connection is over.
    fn secured(self, then: Then) -> Option<Self> {
        let Self { stream, mut conversation, counts, handshakes, place, admitted, transaction, .. } = self;
        let secure = match stream {
            Stream::Clear(mut stream) => {
                stream.patience = Patience::Full;
                handshakes.accept(stream)
            }
            // The dialogue offers no second one.
            Stream::Secure(_) => None,
        };
        let Some(secure) = secure else {
            log::disconnected(handshakes.peer, &counts);
            return None;
        };
        conversation.dialogue.secured(&secure.version(), secure.exporter_binding());
        let stage = match then {
            Then::Greeting => Stage::Greeting,
            Then::Commands => Stage::Commands,
        };
        Some(Self {
            stream: Stream::Secure(Box::new(secure)),
            stage,
            conversation,
            counts,
            handshakes,
            place,
            admitted,
            transaction,
        })
    }

    /// Reads and answers until the client says nothing for a while.
    fn commands(&mut self) -> io::Result<Step> {
        let mut buffer = vec![0; COMMAND];
        self.stream.timed().patience = Patience::Brief(LINGERING);
        loop {
            if self.conversation.dialogue.has_message() {
                // What follows is content.
                buffer.resize(CHUNK, 0);
            }
            let filled = match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(Step::Over),
                Ok(filled) => filled,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if !self.left().is_zero() {
                        return Ok(Step::Waits);
                    }
                    let late = self.late();
                    return self.write(&late.to_wire()).map(|()| Step::Over);
                }
                Err(error) => return Err(error),
            };
            if let Some(end) = self.answer(&buffer[..filled])? {
                self.stage = Stage::Handshake(Then::Commands);
                return Ok(if end == End::StartTls { Step::Next } else { Step::Over });
            }
            if filled == COMMAND {
                buffer.resize(CHUNK, 0);
            }
        }
    }

    /// Everything that one read brought is answered by one write, as RFC 2920 section 3.2 asks of a server with
    /// PIPELINING.
    ///
    /// A runner that stops answers what belongs to an open transaction, and nothing else (RFC 5321 section 3.8).
    fn answer(&mut self, input: &[u8]) -> io::Result<Option<End>> {
        let kept = self.transaction.take();
        let Some(transaction) = kept.or_else(|| self.handshakes.shared.intake.transactions.begin()) else {
            let refusal = Refusal::new(421, "4.3.2", "the service is stopping; try again later");
            return self.write(&refusal.to_wire()).map(|()| Some(End::Closed));
        };
        let (counts, times) = (&mut self.counts, &mut self.stream.timed().times);
        let Answer { replies, end } = self.conversation.answer(input, |progress| match progress {
            Progress::Login(decided) => counts.login(decided),
            Progress::Command(reply) => {
                counts.reply(reply);
                times.command_done();
            }
        });
        if self.conversation.dialogue.client().login.is_some() && times.identify() {
            self.place.identified();
        }
        self.write(&replies)?;
        self.transaction = Some(transaction).filter(|_| self.conversation.dialogue.is_in_transaction());
        Ok(end)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// What is said to a client that took too long, and logged.
    ///
    /// RFC 5321 section 3.8 lets a server close with 421 after a timeout. The reply names the most likely mistake, because
    /// a device that ends its message with LF only would otherwise wait in silence, and its owner would look for a network
    /// problem.
    fn late(&mut self) -> Refusal {
        let exceeded = self.stream.times().exceeded();
        let dialogue = &mut self.conversation.dialogue;
        let (stage, seems_ended) = (dialogue.stage(), dialogue.seems_ended());
        let text = if seems_ended {
            "timeout: the client ends its message with LF . LF, but only CR LF . CR LF ends one"
        } else {
            exceeded
        };
        let refusal = Refusal::new(421, "4.4.2", text);
        let question = dialogue.question();
        question.policy.timed_out(question.client, stage, &refusal);
        refusal
    }
}

impl Handshakes {
    fn accept(&self, stream: TimedStream) -> Option<TlsStream<TimedStream>> {
        let failed = |error: RejectedClient| {
            log::client_tls_failed(self.peer, &error);
            // Whoever only looks whether a port is open has sent nothing.
            if !error.is_silent {
                self.shared.activity.handshake_failed(&self.listener, self.peer, &error.offered, &error.reason);
            }
        };
        self.server.as_ref()?.accept(stream).map_err(failed).ok()
    }
}
