//! Setting a provider up: what it knows, offers, limits and plays.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};

use super::Provider;
use super::identity::{Certificate, Identity};
use super::rule::{Rule, Script};
use super::shared::Shared;
use super::wire::Manners;

/// Whether mail is taken only after a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Logins {
    Wanted,
    NotWanted,
}

/// A provider being set up.
pub struct Setup {
    credentials: Vec<(String, String)>,
    logins: Logins,
    certificate: Certificate,
    implicit_tls: bool,
    lmtp: bool,
    clear: Vec<String>,
    secure: Vec<String>,
    after_login: Option<Vec<String>>,
    script: Script,
    manners: Manners,
    size_limit: usize,
    scram_iterations: u32,
    messages_per_connection: usize,
    recipients_per_message: usize,
    connections: usize,
    allows_clear_auth: bool,
    place: SocketAddr,
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

impl Setup {
    pub(super) fn new() -> Self {
        let always = ["PIPELINING", "SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES"];
        Self {
            credentials: Vec::new(),
            logins: Logins::Wanted,
            certificate: Certificate::For(owned(&["localhost", "127.0.0.1"])),
            implicit_tls: false,
            lmtp: false,
            clear: owned(&[&always[..], &["STARTTLS"]].concat()),
            secure: owned(&[&always[..], &["AUTH PLAIN LOGIN"]].concat()),
            after_login: None,
            script: Script::default(),
            manners: Manners::default(),
            size_limit: usize::MAX,
            scram_iterations: 4096,
            messages_per_connection: usize::MAX,
            recipients_per_message: usize::MAX,
            connections: usize::MAX,
            allows_clear_auth: false,
            place: (Ipv4Addr::LOCALHOST, 0).into(),
        }
    }

    /// Adds a login; the first is the one that a world's account uses.
    pub fn login(mut self, username: &str, password: &str) -> Self {
        self.credentials.push((username.to_owned(), password.to_owned()));
        self
    }

    /// Shows this certificate.
    pub fn certificate(self, certificate: Certificate) -> Self {
        Self { certificate, ..self }
    }

    /// Has a good certificate for this name only.
    pub fn named(self, name: &str) -> Self {
        self.certificate(Certificate::For(owned(&[name])))
    }

    /// Is reached over IPv6 only.
    pub fn over_ipv6(self) -> Self {
        Self { place: (Ipv6Addr::LOCALHOST, 0).into(), ..self }
    }

    /// Is at this port, in a network of its own.
    pub fn at(mut self, port: u16) -> Self {
        self.place.set_port(port);
        self
    }

    /// Speaks TLS from the first byte, as on port 465.
    pub fn implicit_tls(self) -> Self {
        Self { implicit_tls: true, ..self }
    }

    /// Keeps the mailboxes of a machine: LMTP, no TLS, no login.
    pub fn lmtp(self) -> Self {
        let offered = owned(&["8BITMIME", "CHUNKING", "ENHANCEDSTATUSCODES", "PIPELINING"]);
        Self { lmtp: true, clear: offered.clone(), secure: offered, ..self }
    }

    /// Does not announce this extension (its first word counts), before TLS or after.
    pub fn without(mut self, extension: &str) -> Self {
        for lines in [&mut self.clear, &mut self.secure] {
            lines.retain(|line| line.split([' ', '=']).next() != Some(extension));
        }
        self
    }

    /// Announces this too, once TLS is on.
    pub fn offers(mut self, line: &str) -> Self {
        self.secure.push(line.to_owned());
        self
    }

    /// Announces only this, once a client has logged in.
    pub fn offers_after_login(self, lines: &[&str]) -> Self {
        Self { after_login: Some(owned(lines)), ..self }
    }

    /// Announces this too, before TLS.
    pub fn offers_in_clear(mut self, line: &str) -> Self {
        self.clear.push(line.to_owned());
        self
    }

    /// Has no TLS and takes logins in the clear.
    pub fn plaintext(mut self) -> Self {
        self.allows_clear_auth = true;
        self.clear = self.secure.clone();
        self
    }

    /// Takes mail of everybody, as a smarthost does by their address.
    pub fn without_login(mut self) -> Self {
        self.logins = Logins::NotWanted;
        self.without("AUTH")
    }

    /// Announces this maximal message size and keeps to it.
    pub fn size(self, limit: usize) -> Self {
        let line = format!("SIZE {limit}");
        Self { size_limit: limit, ..self.without("SIZE").offers(&line).offers_in_clear(&line) }
    }

    /// Demands so many iterations in SCRAM.
    pub fn scram_iterations(self, scram_iterations: u32) -> Self {
        Self { scram_iterations, ..self }
    }

    /// Says 421 to the MAIL after so many messages.
    pub fn messages_per_connection(self, messages_per_connection: usize) -> Self {
        Self { messages_per_connection, ..self }
    }

    /// Says 452 4.5.3 to the RCPT after so many.
    pub fn recipients_per_message(self, recipients_per_message: usize) -> Self {
        Self { recipients_per_message, ..self }
    }

    /// Greets more connections than so many at once with 421.
    pub fn connections_at_once(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// Sends its replies one byte at a time.
    pub fn trickling(mut self) -> Self {
        self.manners.trickles = true;
        self
    }

    /// Reads at most 1 KiB in such a time.
    pub fn reading_slowly(mut self, slowness: Duration) -> Self {
        self.manners.slowness = slowness;
        self
    }

    /// Is far away: every flight of replies takes so long.
    pub fn far_away(mut self, distance: Duration) -> Self {
        self.manners.distance = distance;
        self
    }

    /// Adds a line to the script.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.script.add(rule);
        self
    }

    /// Opens its door.
    pub fn start(self) -> Provider {
        let provider = self.start_closed();
        provider.open();
        provider
    }

    /// Holds its port, but refuses connections until it is opened.
    pub fn start_closed(mut self) -> Provider {
        if self.credentials.is_empty() && self.logins == Logins::Wanted && !self.lmtp {
            self = self.login("hisaccount", "correct horse");
        }
        let family = if self.place.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let bound = rustix::net::socket(family, SocketType::STREAM, None).unwrap();
        rustix::io::fcntl_setfd(&bound, rustix::io::FdFlags::CLOEXEC).unwrap();
        rustix::net::bind(&bound, &self.place).unwrap();
        let address: SocketAddr = rustix::net::getsockname(&bound).unwrap().try_into().unwrap();
        let credential = self.credentials.first().cloned();
        let shared = Shared {
            identity: Identity::new(&self.certificate),
            manners: self.manners,
            implicit_tls: self.implicit_tls,
            lmtp: self.lmtp,
            allows_clear_auth: self.allows_clear_auth,
            size_limit: self.size_limit,
            scram_iterations: self.scram_iterations,
            messages_per_connection: self.messages_per_connection,
            recipients_per_message: self.recipients_per_message,
            offered: [self.clear, self.secure],
            after_login: self.after_login,
            credentials: Mutex::new(self.credentials),
            script: Mutex::new(self.script),
            heard: Mutex::default(),
            open: Mutex::default(),
            turns: Arc::default(),
        };
        Provider {
            shared: Arc::new(shared),
            address,
            bound,
            connections: self.connections,
            going: Arc::default(),
            listening: Mutex::default(),
            credential,
        }
    }
}
