//! One connection of a listener: reads, writes, the handshake, and the times within which a client must do what it does. What
//! is said is the dialogue's.
//!
//! Four times limit a client, and each stops a different way to occupy a connection: `idle_time` one that says
//! nothing, `command_time` one that sends a byte now and then, `login_time` one that never identifies itself, and
//! `session_time` one that does all of this correctly forever. They are checked where bytes are read, below TLS, so
//! that they hold within a handshake as well, where nothing above would notice the time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::smtp_policy::ConnectionPolicy;
use super::smtp_state::Shared;
use crate::config::Mechanism;
use crate::config::listener::{self, ListenTls, Listener};
use crate::config::scram::ScramHash;
use crate::control::loaded::Loaded;
use crate::log;
use crate::mail::submitter::ClientName;
use crate::rules::submission;
use crate::submit::smtp_server::dialogue::{
    Action, Clients, Dialogue, Limits, LineEnds, LoginRule, Offered, Refusal, Settings, TlsRule,
};
use crate::submit::smtp_server::serve::{Answer, Conversation, End, Progress};
use crate::tls::{self, RejectedClient};

/// A client that does not take a reply within this is gone.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// A connection that was accepted.
pub struct Session {
    /// What all connections share.
    pub shared: Arc<Shared>,
    /// The configuration at its beginning.
    pub loaded: Arc<Loaded>,
    /// Where it came in.
    pub listener: Arc<Listener>,
    /// When TLS begins there.
    pub tls: ListenTls,
    /// The certificate, where it can be read.
    pub server: Option<tls::Server>,
    /// From where.
    pub peer: IpAddr,
    /// The client that it is by its address.
    pub trusted: Option<ClientName>,
}

impl Session {
    /// Holds the conversation until one side ends it; `identified` is called once the client is known.
    pub fn serve(self, stream: TcpStream, identified: &dyn Fn()) {
        log::connected(self.peer);
        // Shared with the stream, which disappears into the TLS connection.
        let times = Rc::new(RefCell::new(Times::new(&self.listener)));
        let stream = Timed { stream, times: Rc::clone(&times) };
        let (peer, mut counts) = (self.peer, Counts::default());
        if let Some(client) = &self.trusted {
            self.shared.activity.logged_in(client, peer, None, None);
            times.borrow_mut().identify();
            identified();
        }
        // A client that goes away without a word needs no reply.
        let _ = self.converse(stream, &times, &mut counts, identified);
        log::disconnected(peer, &counts);
    }

    /// The handshake happens on this thread and within the limits of `Times`, so a client that connects and says
    /// nothing costs a thread until the first of them is reached.
    fn converse(
        self,
        mut stream: Timed,
        times: &Rc<RefCell<Times>>,
        counts: &mut Counts,
        identified: &dyn Fn(),
    ) -> io::Result<()> {
        let settings = self.settings();
        let Self { shared, listener, tls, server, peer, trusted, .. } = self;
        let rejected = {
            let (shared, listener) = (Arc::clone(&shared), listener.name.clone());
            move |error: RejectedClient| {
                log::client_tls_failed(peer, &error);
                // Whoever only looks whether a port is open has sent nothing.
                if !error.is_silent {
                    shared.activity.handshake_failed(&listener, peer, &error.offered, &error.reason);
                }
                io::Error::other(error)
            }
        };
        let policy = ConnectionPolicy { shared, listener, peer, trusted, logged_in: None, keys: Vec::new() };
        let mut conversation = Conversation::new(Dialogue::new(settings, policy));
        let needs_certificate = matches!(tls, ListenTls::Implicit | ListenTls::Starttls);
        let secure = |stream: Timed, dialogue: &mut Dialogue<ConnectionPolicy>| {
            let server = server.as_ref().ok_or_else(|| io::Error::other("no certificate"))?;
            let secure = server.accept(stream).map_err(&rejected)?;
            dialogue.secured(&secure.version(), secure.exporter_binding());
            Ok::<_, io::Error>(secure)
        };
        if tls == ListenTls::Implicit {
            let mut secure = secure(stream, &mut conversation.dialogue)?;
            secure.write_all(&conversation.dialogue.greeting())?;
            let end = talk(&mut secure, &mut conversation, times, counts, identified);
            secure.close();
            return end.map(|_| ());
        }
        // 421 and not a greeting without STARTTLS: a client that then logged in would send its password in the clear.
        if needs_certificate && server.is_none() {
            let refusal = Refusal::new(421, "4.3.5", "the server's certificate cannot be read; try again later");
            return stream.write_all(&refusal.to_wire());
        }
        stream.write_all(&conversation.dialogue.greeting())?;
        if let End::StartTls = talk(&mut stream, &mut conversation, times, counts, identified)? {
            let mut secure = secure(stream, &mut conversation.dialogue)?;
            let end = talk(&mut secure, &mut conversation, times, counts, identified);
            secure.close();
            return end.map(|_| ());
        }
        Ok(())
    }

    /// Taken once: what the client has been told in the greeting and in reply to EHLO must stay true for its whole
    /// connection.
    fn settings(&self) -> Settings {
        let config = &self.loaded.config;
        let offered = self.offered();
        let tls = match self.tls {
            ListenTls::Starttls => TlsRule::Starttls,
            ListenTls::Optional if self.server.is_some() => TlsRule::Optional,
            ListenTls::Implicit | ListenTls::Optional | ListenTls::None => TlsRule::Absent,
        };
        Settings {
            hostname: config.hostname.clone(),
            tls,
            login: if self.trusted.is_some() { LoginRule::Possible(offered) } else { LoginRule::Required(offered) },
            clients: Clients::Network,
            line_ends: match self.listener.line_ends {
                listener::LineEnds::Normalize => LineEnds::Normalized,
                listener::LineEnds::Strict => LineEnds::Strict,
            },
            limits: Limits {
                recipients: self.listener.limits.recipients,
                size: config.queue.max_message_size,
                ..Limits::default()
            },
        }
    }

    /// A mechanism is offered where every client that may log in from there can use it.
    ///
    /// The list is sent before the client has said its name, and most clients take the strongest mechanism in it
    /// without trying another. If one client has no keys for a hash, offering SCRAM with that hash would lock it out;
    /// so only what all of them have is offered.
    fn offered(&self) -> Offered {
        let clients = &self.loaded.config.clients;
        let candidates: Vec<_> =
            clients.iter().filter(|client| submission::may_log_in_from(client, self.peer)).collect();
        let of = |clients: &[&crate::config::client::Client]| {
            let have = |hash| clients.iter().all(|client| client.scram.iter().any(|keys| keys.hash == hash));
            let scram = [
                (ScramHash::Sha256, [Mechanism::ScramSha256Plus, Mechanism::ScramSha256]),
                (ScramHash::Sha1, [Mechanism::ScramSha1Plus, Mechanism::ScramSha1]),
            ];
            let scram = scram.into_iter().filter(|(hash, _)| have(*hash)).flat_map(|(_, mechanisms)| mechanisms);
            scram.chain([Mechanism::Plain, Mechanism::Login]).collect::<Vec<_>>()
        };
        // Where TLS comes before the login, no client's word is needed for a login without it.
        let is_clear =
            |client: &&crate::config::client::Client| client.allow_plaintext && self.tls != ListenTls::Starttls;
        let in_the_clear: Vec<_> = candidates.iter().copied().filter(is_clear).collect();
        // Without TLS there is nothing to bind a mechanism to.
        let unbound =
            |mechanism: &Mechanism| !matches!(mechanism, Mechanism::ScramSha256Plus | Mechanism::ScramSha1Plus);
        Offered {
            secured: of(&candidates),
            in_the_clear: if in_the_clear.is_empty() {
                Vec::new()
            } else {
                of(&in_the_clear).into_iter().filter(unbound).collect()
            },
        }
    }
}

/// Holds the dialogue over a stream until it ends or TLS begins.
fn talk<S: Read + Write>(
    stream: &mut S,
    conversation: &mut Conversation<ConnectionPolicy>,
    times: &Rc<RefCell<Times>>,
    counts: &mut Counts,
    identified: &dyn Fn(),
) -> io::Result<End> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let filled = match stream.read(&mut buffer) {
            Ok(0) => return Ok(End::Closed),
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                let late = late(conversation, &times.borrow());
                return stream.write_all(&late.to_wire()).and_then(|()| stream.flush()).map(|()| End::Closed);
            }
            Err(error) => return Err(error),
        };
        // Everything that one read brought is answered by one write, as RFC 2920 section 3.2 asks of a server with
        // PIPELINING.
        let Answer { replies, end } = conversation.answer(&buffer[..filled], |progress| match progress {
            Progress::Login(decided) => counts.login(decided),
            Progress::Command(reply) => {
                counts.reply(reply);
                // A complete command is what shows progress. Bytes of an unfinished one do not move the limit.
                times.borrow_mut().command_done();
            }
        });
        if conversation.dialogue.client().login.is_some() && times.borrow_mut().identify() {
            identified();
        }
        stream.write_all(&replies)?;
        stream.flush()?;
        if let Some(end) = end {
            return Ok(end);
        }
    }
}

/// What is said to a client that took too long, and logged.
///
/// RFC 5321 section 3.8 lets a server close with 421 after a timeout. The reply names the most likely mistake, because
/// a device that ends its message with LF only would otherwise wait in silence, and its owner would look for a network
/// problem.
fn late(conversation: &mut Conversation<ConnectionPolicy>, times: &Times) -> Refusal {
    let (stage, seems_ended) = (conversation.dialogue.stage(), conversation.dialogue.seems_ended());
    let text = if seems_ended {
        "timeout: the client ends its message with LF . LF, but only CR LF . CR LF ends one"
    } else {
        times.exceeded()
    };
    let refusal = Refusal::new(421, "4.4.2", text);
    let question = conversation.dialogue.question();
    question.policy.timed_out(question.client, stage, &refusal);
    refusal
}

/// The times within which a client must do what it does.
#[derive(Debug)]
struct Times {
    idle: Duration,
    command_time: Duration,
    command: Instant,
    session: Instant,
    /// None: it is known who it is.
    login: Option<Instant>,
}

impl Times {
    fn new(listener: &Listener) -> Self {
        let (now, limits) = (Instant::now(), &listener.limits);
        Self {
            idle: limits.idle_time,
            command_time: limits.command_time,
            command: now + limits.command_time,
            session: now + limits.session_time,
            login: Some(now + limits.login_time),
        }
    }

    fn command_done(&mut self) {
        self.command = Instant::now() + self.command_time;
    }

    /// Whether the client was not known before.
    fn identify(&mut self) -> bool {
        self.login.take().is_some()
    }

    /// How long the next byte is waited for.
    ///
    /// The next limit to be reached. Zero means that one has passed: reading then fails without waiting.
    fn left(&self) -> Duration {
        let now = Instant::now();
        let until = self.login.into_iter().chain([self.command, self.session]).min().unwrap_or(now);
        until.saturating_duration_since(now).min(self.idle)
    }

    fn exceeded(&self) -> &'static str {
        let now = Instant::now();
        if self.session <= now {
            "the session takes too long; closing"
        } else if self.login.is_some_and(|login| login <= now) {
            "no login within the time allowed; closing"
        } else {
            "timeout; closing"
        }
    }
}

/// A stream that is read as long as the times allow, also within a handshake.
struct Timed {
    stream: TcpStream,
    times: Rc<RefCell<Times>>,
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.times.borrow().left();
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(into)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(WRITE_TIME))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What a client did, for the log: replies by what they were, in Postfix's words.
#[derive(Debug, Default)]
struct Counts {
    good: u32,
    all: u32,
    logins: (u32, u32),
    others: BTreeMap<&'static str, u32>,
}

impl Counts {
    fn reply(&mut self, reply: &[u8]) {
        // The last line says what it was.
        let last = reply.split_inclusive(|byte| *byte == b'\n').next_back().unwrap_or_default();
        self.all += 1;
        self.good += u32::from(matches!(last.first(), Some(b'2' | b'3')));
        if last.starts_with(b"221") {
            *self.others.entry("quit").or_default() += 1;
        }
    }

    /// A login was decided on: 334 brings the server's proof.
    fn login(&mut self, action: &Action) {
        let is_right = matches!(action, Action::Reply(reply) if reply.starts_with(b"235") || reply.starts_with(b"334"));
        self.logins.0 += u32::from(is_right);
        self.logins.1 += 1;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |(good, all): (u32, u32)| if good == all { all.to_string() } else { format!("{good}/{all}") };
        if self.logins.1 > 0 {
            write!(f, "auth={} ", share(self.logins))?;
        }
        for (name, count) in &self.others {
            write!(f, "{name}={count} ")?;
        }
        write!(f, "commands={}", share((self.good, self.all)))
    }
}
