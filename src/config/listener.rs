//! `[listen.NAME]`: where SMTP clients connect, as checked values, and the limits on them. Opening sockets is the runner's.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::network::Network;
use crate::mail::submitter::ClientName;

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The NAME in `[listen.NAME]`.
    pub name: String,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// Whether the service manager opens sockets for it, named like it.
    pub is_passed: bool,
    /// When TLS begins; `None`: as the port says.
    pub tls: Option<ListenTls>,
    /// PEM files of the certificate chain and of its key; `None`: one of the private CA.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Who may connect; empty: loopback only.
    pub networks: Vec<Network>,
    /// Clients that are known by their address here.
    pub trust: Vec<ClientName>,
    /// Whether it is meant to be reached from outside: every client logs in under TLS.
    pub public: bool,
    /// Whether the Received field leaves out names and addresses of clients; `None`: those of private networks.
    pub hide_clients: Option<bool>,
    /// How strictly the ends of lines are taken.
    pub line_ends: LineEnds,
    /// Bounds on its clients.
    pub limits: ListenLimits,
}

/// What an LF without CR is in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnds {
    /// In DATA a line end, but never part of the end of the message; in BDAT refused.
    Normalize,
    /// Refused.
    Strict,
}

/// When TLS begins on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenTls {
    /// By STARTTLS, required before AUTH and MAIL.
    Starttls,
    /// With the first byte.
    Implicit,
    /// By STARTTLS where the client wants it.
    Optional,
    /// Never.
    None,
}

impl Listener {
    /// When TLS begins on one of its addresses.
    #[must_use]
    pub fn tls_at(&self, address: SocketAddr) -> ListenTls {
        match self.tls.unwrap_or_else(|| ListenTls::of_port(address.port())) {
            // A socket that is passed may have any port.
            ListenTls::Optional if self.public => ListenTls::Starttls,
            // Programs that only speak SMTP to this machine take STARTTLS where they see it, and many verify the certificate:
            // with one of the private CA they would stop working, on a way that nobody can listen to.
            ListenTls::Optional if self.is_plain_loopback(address) => ListenTls::None,
            tls => tls,
        }
    }

    /// Whether it shows a certificate of the private CA on one of these addresses.
    #[must_use]
    pub fn needs_private_certificate(&self, addresses: &[SocketAddr]) -> bool {
        self.certificate.is_none() && addresses.iter().any(|address| self.tls_at(*address) != ListenTls::None)
    }

    /// The same where the addresses of sockets that the service manager passes are not known.
    #[must_use]
    pub fn may_need_private_certificate(&self) -> bool {
        let is_any = self.is_passed && self.certificate.is_none() && self.tls != Some(ListenTls::None);
        is_any || self.needs_private_certificate(&self.addresses)
    }

    fn is_plain_loopback(&self, address: SocketAddr) -> bool {
        self.tls.is_none() && self.certificate.is_none() && address.ip().to_canonical().is_loopback()
    }
}

impl ListenTls {
    /// The usual one of a port (RFC 8314).
    #[must_use]
    pub fn of_port(port: u16) -> Self {
        match port {
            465 => Self::Implicit,
            587 => Self::Starttls,
            _ => Self::Optional,
        }
    }
}

/// Bounds on the clients of one listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenLimits {
    /// Connections of one address (of an IPv6 /64).
    pub connections_per_address: usize,
    /// Connections that have not logged in, of all addresses.
    pub connections_before_login: usize,
    /// From the connection to the login.
    pub login_time: Duration,
    /// Without anything from the client.
    pub idle_time: Duration,
    /// For one command to be complete.
    pub command_time: Duration,
    /// Of a connection.
    pub session_time: Duration,
    /// Rejected logins within `failure_time`, after which an address is refused for `block_time`.
    pub failures: usize,
    /// See `failures`.
    pub failure_time: Duration,
    /// See `failures`.
    pub block_time: Duration,
    /// Recipients of one message.
    pub recipients: usize,
}

impl Default for ListenLimits {
    fn default() -> Self {
        Self {
            connections_per_address: 10,
            connections_before_login: 50,
            login_time: Duration::from_secs(30),
            idle_time: Duration::from_mins(5),
            command_time: Duration::from_mins(10),
            session_time: Duration::from_hours(1),
            failures: 5,
            failure_time: Duration::from_mins(10),
            block_time: Duration::from_mins(15),
            recipients: 1000,
        }
    }
}

impl ListenLimits {
    /// Of a listener that strangers reach. An address is blocked for as long as elsewhere.
    #[must_use]
    pub fn of_public() -> Self {
        let usual = Self::default();
        Self {
            connections_per_address: usual.connections_per_address / 2,
            connections_before_login: usual.connections_before_login / 2,
            login_time: usual.login_time / 2,
            idle_time: usual.idle_time / 2,
            command_time: usual.command_time / 2,
            session_time: usual.session_time / 2,
            failures: usual.failures.div_ceil(2),
            recipients: usual.recipients / 2,
            ..usual
        }
    }
}

/// Fewer recipients break clients that are right to send so many (RFC 5321 section 4.5.3.1.8).
pub const FEWEST_RECIPIENTS: usize = 100;
