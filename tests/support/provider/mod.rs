//! A provider that does what its script says. Unscripted, it is a correct submission
//! server on loopback with TLS and AUTH; when it goes, it complains of clients that
//! broke the rules of SMTP.

mod auth;
mod blackhole;
pub mod identity;
mod login;
mod mail;
mod parse;
mod rule;
mod session;
mod setup;
mod shared;
mod wire;

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub use blackhole::Blackhole;
pub use identity::Certificate;
pub use mail::{Login, Mail};
pub use rule::{Gate, Rule, Verb, after_dot, auth_answer, during_content, greeting, handshake, idle, on};

use parse::decode;
pub use setup::Setup;
use shared::{Heard, Shared};

/// A provider at work, until it is dropped.
pub struct Provider {
    shared: Arc<Shared>,
    address: SocketAddr,
    bound: OwnedFd,
    connections: usize,
    going: Arc<AtomicBool>,
    listening: Mutex<Option<JoinHandle<()>>>,
    credential: Option<(String, String)>,
}

impl Provider {
    /// A correct one, at work.
    pub fn start() -> Self {
        Setup::new().start()
    }

    /// One to be set up.
    pub fn setup() -> Setup {
        Setup::new()
    }

    /// Opens the door of one that was started closed.
    pub fn open(&self) {
        rustix::net::listen(&self.bound, 128).unwrap();
        let listener = TcpListener::from(self.bound.try_clone().unwrap());
        let (shared, going, most) = (Arc::clone(&self.shared), Arc::clone(&self.going), self.connections);
        let thread = std::thread::spawn(move || accept(&listener, &shared, &going, most));
        *self.listening.lock().unwrap() = Some(thread);
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// As a config's `relay`.
    pub fn relay(&self) -> String {
        format!("[{}]:{}", self.address.ip(), self.port())
    }

    /// As a config's `mailbox`.
    pub fn mailbox(&self) -> String {
        format!("lmtp:{}", self.relay())
    }

    /// PEM of the authority behind its certificate.
    pub fn authority(&self) -> &str {
        &self.shared.identity.authority
    }

    /// SHA-256 of its certificate, in hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.shared.identity.fingerprint
    }

    /// The login of who shows a certificate, and PEM of that certificate and its key.
    pub fn customer(&self) -> (&str, &str) {
        let customer = &self.shared.identity.customer;
        (&customer.name, &customer.pem)
    }

    /// The login that works.
    pub fn credential(&self) -> (&str, &str) {
        self.credential.as_ref().map_or(("", ""), |(username, password)| (username, password))
    }

    /// Adds a line to the script of a provider at work.
    pub fn add(&self, rule: Rule) {
        self.shared.script.lock().unwrap().add(rule);
    }

    /// Forgets the script: from now on a correct provider.
    pub fn behave(&self) {
        self.shared.script.lock().unwrap().clear();
    }

    /// Takes another password from now on.
    pub fn change_password(&self, password: &str) {
        password.clone_into(&mut self.shared.credentials.lock().unwrap()[0].1);
    }

    /// Knows one more login.
    pub fn add_login(&self, username: &str, password: &str) {
        self.shared.credentials.lock().unwrap().push((username.to_owned(), password.to_owned()));
    }

    /// All messages accepted so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.heard().mails.clone()
    }

    /// The one message accepted so far.
    #[track_caller]
    pub fn mail(&self) -> Mail {
        let mut mails = self.mails();
        assert_eq!(mails.len(), 1, "exactly one message at the provider, which heard:\n{}", self.transcript());
        mails.remove(0)
    }

    /// The one message accepted for this recipient.
    #[track_caller]
    pub fn mail_to(&self, recipient: &str) -> Mail {
        let mut mails = self.mails();
        mails.retain(|mail| mail.to.iter().any(|to| to == recipient));
        assert_eq!(
            mails.len(),
            1,
            "exactly one message for {recipient} at the provider, which heard:\n{}",
            self.transcript()
        );
        mails.remove(0)
    }

    /// Messages whose final dot came and that were refused, or got no answer.
    pub fn unanswered(&self) -> Vec<Mail> {
        self.shared.heard().unanswered.values().cloned().collect()
    }

    /// How many messages were accepted.
    pub fn received(&self) -> usize {
        self.shared.heard().mails.len()
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.shared.heard().connections
    }

    /// Where each connection came from.
    pub fn callers(&self) -> Vec<IpAddr> {
        self.shared.heard().callers.clone()
    }

    /// How many final dots came.
    pub fn dots(&self) -> usize {
        self.shared.heard().dots
    }

    /// How many flights of replies were sent: what each round trip costs one of.
    pub fn turns(&self) -> usize {
        self.shared.turns.load(Ordering::SeqCst)
    }

    /// How often a command came.
    pub fn count(&self, verb: Verb) -> usize {
        self.shared.heard().lines.iter().filter(|line| Verb::of(&line.text) == verb).count()
    }

    /// Logins that were tried, and whether they were right.
    pub fn logins(&self) -> Vec<(Login, bool)> {
        self.shared.heard().logins.clone()
    }

    /// Everything that came without TLS, AUTH answers decoded as well.
    pub fn heard_in_clear(&self) -> String {
        let heard = self.shared.heard();
        let clear = heard.lines.iter().filter(|line| !line.tls);
        let decoded = |text: &str| text.split(' ').next_back().and_then(decode).unwrap_or_default();
        let told: Vec<String> = clear.map(|line| format!("{} {}\n", line.text, decoded(&line.text))).collect();
        told.concat()
    }

    /// What clients did that they must not.
    pub fn violations(&self) -> Vec<String> {
        self.shared.heard().violations.clone()
    }

    /// Forgives what clients did so far (for tests that break the rules themselves).
    pub fn forgive(&self) {
        self.shared.heard().violations.clear();
    }

    /// All commands, for people.
    pub fn transcript(&self) -> String {
        let Heard { lines, mails, failed_handshakes, .. } = &*self.shared.heard();
        let seal = |tls| if tls { "tls  " } else { "clear" };
        let lines: Vec<String> =
            lines.iter().map(|line| format!("  {} {} {}\n", line.connection, seal(line.tls), line.text)).collect();
        let lines = lines.concat();
        format!("{lines}  {} messages accepted, failed handshakes: {failed_handshakes:?}", mails.len())
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, going: &Arc<AtomicBool>, most: usize) {
    for tcp in listener.incoming() {
        if going.load(Ordering::SeqCst) {
            return;
        }
        let Ok(tcp) = tcp else { continue };
        let number = {
            let mut heard = shared.heard();
            heard.connections += 1;
            heard.callers.extend(tcp.peer_addr().map(|peer| peer.ip()));
            heard.connections
        };
        let mut open = shared.open.lock().unwrap();
        if open.len() >= most {
            drop(std::io::Write::write_all(&mut &tcp, b"421 4.7.0 too many connections\r\n"));
            continue;
        }
        open.insert(number, tcp.try_clone().unwrap());
        drop(open);
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // How a session ended is of no interest; what it heard is written down.
            drop(session::Session::serve(&shared, tcp, number));
            shared.open.lock().unwrap().remove(&number);
        });
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.going.store(true, Ordering::SeqCst);
        if let Some(thread) = self.listening.lock().unwrap().take() {
            drop(TcpStream::connect(self.address));
            drop(thread.join());
        }
        for tcp in self.shared.open.lock().unwrap().values() {
            drop(tcp.shutdown(std::net::Shutdown::Both));
        }
        let violations = self.violations();
        if !std::thread::panicking() {
            assert!(violations.is_empty(), "the client broke the rules: {violations:#?}\n{}", self.transcript());
        }
    }
}
