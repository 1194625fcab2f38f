//! What a listener's connection begins with: where it came in, who it is by its address, and what it is offered.

use std::net::{IpAddr, TcpStream};
use std::sync::Arc;

use super::accept_gate::Admitted;
use super::smtp_connection::{Connection, Handshakes, Stage, Stream, Then};
use super::smtp_counts::Counts;
use super::smtp_places::Place;
use super::smtp_policy::ConnectionPolicy;
use super::smtp_state::Shared;
use super::smtp_times::{TimedStream, Times};
use crate::config::Mechanism;
use crate::config::listener::{self, ListenTls, Listener};
use crate::config::scram::ScramHash;
use crate::control::loaded::Loaded;
use crate::log;
use crate::mail::submitter::ClientName;
use crate::rules::submission;
use crate::submit::smtp_server::dialogue::{
    Clients, Dialogue, Limits, LineEnds, LoginRule, Offered, Settings, TlsRule,
};
use crate::submit::smtp_server::serve::Conversation;
use crate::tls;

/// A connection that was accepted, and what is known of it.
pub struct Accepted {
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
    /// While it is open, the runner does not leave for lack of work.
    pub admitted: Admitted,
}

impl Accepted {
    /// The connection, before anything was said.
    #[must_use]
    pub fn connection(self, stream: TcpStream, mut place: Place) -> Connection {
        log::connected(self.peer);
        let settings = self.settings();
        let Self { shared, listener, tls, server, peer, trusted, admitted, .. } = self;
        let mut times = Times::new(&listener);
        if let Some(client) = &trusted {
            shared.activity.logged_in(client, peer, None, None);
            times.identify();
            place.identified();
        }
        let stage = match tls {
            ListenTls::Implicit => Stage::Handshake(Then::Greeting),
            // 421 and not a greeting without STARTTLS: a client that then logged in would send its password in the clear.
            ListenTls::Starttls if server.is_none() => Stage::NoCertificate,
            ListenTls::Starttls | ListenTls::Optional | ListenTls::None => Stage::Greeting,
        };
        let handshakes = Handshakes { server, shared: Arc::clone(&shared), listener: listener.name.clone(), peer };
        let policy = ConnectionPolicy { shared, listener, peer, trusted, logged_in: None, keys: Vec::new() };
        Connection {
            stream: Stream::Clear(TimedStream::new(stream, times)),
            stage,
            conversation: Conversation::new(Dialogue::new(settings, policy)),
            counts: Counts::default(),
            handshakes,
            place,
            admitted,
            transaction: None,
        }
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
