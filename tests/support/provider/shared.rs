//! What all connections of one provider share: its settings, its script, and what it
//! has heard so far.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, TcpStream};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard};

use super::identity::Identity;
use super::mail::{Login, Mail};
use super::rule::{Cue, Moment, Script};
use super::wire::Manners;

/// A line that a client sent outside of content.
#[derive(Debug, Clone)]
pub struct Line {
    /// From 1.
    pub connection: usize,
    /// Whether it came over TLS.
    pub tls: bool,
    pub text: String,
}

/// What a provider has heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// Commands and AUTH answers, in order.
    pub lines: Vec<Line>,
    /// Logins tried, and whether they were right.
    pub logins: Vec<(Login, bool)>,
    /// Messages accepted.
    pub mails: Vec<Mail>,
    /// Messages whose final dot came, but which were not accepted (yet), by the number of the dot.
    pub unanswered: BTreeMap<usize, Mail>,
    /// What a client must not do.
    pub violations: Vec<String>,
    /// Handshakes that came to nothing.
    pub failed_handshakes: Vec<String>,
    pub connections: usize,
    /// Where each came from.
    pub callers: Vec<IpAddr>,
    /// Final dots read.
    pub dots: usize,
}

/// Settings, script, and what was heard.
pub struct Shared {
    pub identity: Identity,
    pub manners: Manners,
    pub implicit_tls: bool,
    /// Speaks LMTP (RFC 2033) instead of SMTP.
    pub lmtp: bool,
    pub allows_clear_auth: bool,
    pub size_limit: usize,
    pub scram_iterations: u32,
    pub messages_per_connection: usize,
    pub recipients_per_message: usize,
    /// What EHLO offers in the clear, and over TLS.
    pub offered: [Vec<String>; 2],
    /// And after a login, if that is something else.
    pub after_login: Option<Vec<String>>,
    pub credentials: Mutex<Vec<(String, String)>>,
    pub script: Mutex<Script>,
    pub heard: Mutex<Heard>,
    pub open: Mutex<HashMap<usize, TcpStream>>,
    /// Flights of replies, over all connections.
    pub turns: Arc<AtomicUsize>,
}

impl Shared {
    pub fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap()
    }

    pub fn cue(&self, moment: Moment, text: &str, connection: usize) -> Option<Cue> {
        self.script.lock().unwrap().cue(moment, text, connection)
    }

    /// The lines of EHLO's reply behind the first.
    pub fn offered(&self, tls: bool) -> &[String] {
        &self.offered[usize::from(tls)]
    }

    pub fn wants_login(&self) -> bool {
        !self.credentials.lock().unwrap().is_empty()
    }

    /// Whether this mechanism is announced.
    pub fn offers_login(&self, tls: bool, mechanism: &str) -> bool {
        let mut words =
            self.offered(tls).iter().filter(|line| line.starts_with("AUTH")).flat_map(|line| line.split([' ', '=']));
        words.any(|word| word == mechanism)
    }

    pub fn password_of(&self, username: &str) -> Option<String> {
        self.credentials.lock().unwrap().iter().find(|(name, _)| name == username).map(|(_, secret)| secret.clone())
    }

    pub fn accepts(&self, username: &str, password: &str) -> bool {
        self.credentials.lock().unwrap().iter().any(|(name, secret)| name == username && secret == password)
    }

    /// The ordinary reply to a MAIL with these parameters; `offers` knows what was announced last.
    pub fn judge_parameters(&self, offers: impl Fn(&str) -> bool, parameters: &[String]) -> &'static str {
        for parameter in parameters {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let extension = match name {
                "BODY" => "8BITMIME",
                "RET" | "ENVID" => "DSN",
                other => other,
            };
            if !offers(extension) {
                return "555 5.5.4 that was not offered";
            }
            if name == "SIZE" && value.parse().unwrap_or(0) > self.size_limit {
                return "552 5.3.4 too big";
            }
        }
        "250 2.1.0 ok"
    }
}
