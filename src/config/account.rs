//! `[account.NAME]`: a named provider login, as checked values.

use std::path::PathBuf;
use std::time::Duration;

use super::relay::Relay;
use super::secret::Password;

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// By the STARTTLS command (RFC 3207), required.
    Starttls,
    /// With the first byte (RFC 8314).
    Implicit,
    /// Never; credentials then go only where DESIGN section 8 allows it.
    None,
}

/// A SASL mechanism of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login.
    Login,
}

impl Mechanism {
    /// All of them, safest first.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Login];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }
}

/// A provider login: relays, TLS policy, credential, senders.
#[derive(Debug, Clone)]
pub struct Account {
    /// The NAME in `[account.NAME]`.
    pub name: String,
    /// Tried in order.
    pub relays: Vec<Relay>,
    /// `None`: implicit on port 465, else STARTTLS.
    pub tls: Option<TlsMode>,
    /// A PEM file of the only roots to trust.
    pub tls_ca: Option<PathBuf>,
    /// The name that the certificate must match instead of the relay's.
    pub tls_name: Option<String>,
    /// Login name; none: no AUTH.
    pub username: Option<String>,
    /// Where the password is.
    pub password: Option<Password>,
    /// Allowed mechanisms, as listed; empty list in the file is an error, absent means all.
    pub auth: Vec<Mechanism>,
    /// Exact addresses, bare logins, and `@domain`, as written.
    pub senders: Vec<String>,
    /// How long a refused sender waits for its owner to mend it.
    pub sender_grace: Duration,
    /// One limit for every phase; none: those of RFC 5321 section 4.5.3.2.
    pub timeout: Option<Duration>,
    /// Sessions at once.
    pub max_connections: usize,
    /// Messages before a session is closed and opened anew.
    pub max_messages_per_connection: usize,
    /// The account accepts sending its credential without TLS.
    pub allow_plaintext: bool,
}

impl Account {
    /// The TLS mode for a relay of this account.
    #[must_use]
    pub fn tls_mode(&self, relay: &Relay) -> TlsMode {
        self.tls.unwrap_or(if relay.port == 465 { TlsMode::Implicit } else { TlsMode::Starttls })
    }
}
