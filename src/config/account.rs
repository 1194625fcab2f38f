//! `[account.NAME]`: a named provider login, as checked values.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::ehlo_keywords::EhloKeywords;
use super::lmtp_server::LmtpServer;
use super::oauth::OAuth;
use super::relay::{Lookup, Relay};
use super::secret::Password;
use super::sender_pattern::is_pattern;
use crate::mail::address::Address;

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// By the STARTTLS command (RFC 3207), required.
    Starttls,
    /// With the first byte (RFC 8314).
    Implicit,
    /// Never; credentials then go only where `allow_plaintext` in postrider.toml(5) lets them.
    None,
}

/// The oldest TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMin {
    /// RFC 5246.
    #[default]
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// A SASL mechanism of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4422, appendix A: the client's certificate says who logs in.
    External,
    /// RFC 7677, bound to the TLS connection.
    ScramSha256Plus,
    /// RFC 5802, bound to the TLS connection.
    ScramSha1Plus,
    /// RFC 7677.
    ScramSha256,
    /// RFC 5802.
    ScramSha1,
    /// RFC 2195.
    CramMd5,
    /// RFC 7628; the password is a token.
    OAuthBearer,
    /// Google's and Microsoft's; the password is a token.
    XOAuth2,
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login.
    Login,
}

impl Mechanism {
    /// All of them, safest first.
    pub const ALL: [Self; 10] = [
        Self::External,
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::CramMd5,
        Self::OAuthBearer,
        Self::XOAuth2,
        Self::Plain,
        Self::Login,
    ];

    /// Those that are allowed where `auth` is not set: a password is not a token.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        Self::ALL.into_iter().filter(|mechanism| !mechanism.wants_token()).collect()
    }

    /// Those that are allowed where a token is the credential and `auth` is not set.
    #[must_use]
    pub fn for_tokens() -> Vec<Self> {
        Self::ALL.into_iter().filter(|mechanism| mechanism.wants_token()).collect()
    }

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::External => "EXTERNAL",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::CramMd5 => "CRAM-MD5",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// Whether what the password source gives is taken for an OAuth 2.0 access token.
    #[must_use]
    pub fn wants_token(self) -> bool {
        matches!(self, Self::OAuthBearer | Self::XOAuth2)
    }
}

/// What a To field says that a message did not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingTo {
    /// `undisclosed-recipients:;`, an empty group (RFC 5322 section 3.4).
    Undisclosed,
    /// The recipients, where all of them were arguments of sendmail; otherwise some may be secret.
    Recipients,
}

/// `[account.NAME.timeouts]`: limits of single steps; `None`: as `timeout` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepLimits {
    /// TCP, per address.
    pub connect: Option<Duration>,
    /// The 220 banner.
    pub greeting: Option<Duration>,
    /// EHLO and HELO.
    pub helo: Option<Duration>,
    /// The STARTTLS command, then the handshake.
    pub starttls: Option<Duration>,
    /// Each reply of the AUTH exchange.
    pub auth: Option<Duration>,
    /// MAIL, and RSET before it.
    pub mail: Option<Duration>,
    /// RCPT.
    pub rcpt: Option<Duration>,
    /// DATA, up to its 354.
    pub data: Option<Duration>,
    /// Each progress in sending.
    pub block: Option<Duration>,
    /// The reply to the end of the content.
    pub last: Option<Duration>,
    /// QUIT.
    pub quit: Option<Duration>,
}

/// The SHA-256 of a certificate or of a public key.
pub type Fingerprint = [u8; 32];

/// A provider login: relays, TLS policy, credential, senders.
#[derive(Debug, Clone)]
pub struct Account {
    /// The NAME in `[account.NAME]`.
    pub name: String,
    /// The server of the mailboxes of this machine, which takes the place of relays and login.
    pub lmtp: Option<LmtpServer>,
    /// Tried in order.
    pub relays: Vec<Relay>,
    /// `None`: implicit on port 465, else STARTTLS.
    pub tls: Option<TlsMode>,
    /// A PEM file of the only roots to trust.
    pub tls_ca: Option<PathBuf>,
    /// The name that the certificate must match instead of the relay's.
    pub tls_name: Option<String>,
    /// Certificates or public keys to trust, whatever their names, dates and issuers; empty: not used.
    pub tls_fingerprint: Vec<Fingerprint>,
    /// PEM files of the client's certificate chain and of its key.
    pub tls_client: Option<(PathBuf, PathBuf)>,
    /// The oldest TLS that is spoken.
    pub tls_min: TlsMin,
    /// Login name; none: no AUTH.
    pub username: Option<String>,
    /// Where the password is.
    pub password: Option<Password>,
    /// How access tokens are got, in place of a password.
    pub oauth: Option<Box<OAuth>>,
    /// Allowed mechanisms, as listed; empty list in the file is an error, absent means the usual ones.
    pub auth: Vec<Mechanism>,
    /// Exact addresses, bare logins, patterns and `@domain`, as written.
    pub senders: Vec<String>,
    /// Local logins that may use it; `None`: everyone.
    pub users: Option<Vec<String>>,
    /// Network clients that may use it; `None`: all, unless `users` is set.
    pub clients: Option<Vec<String>>,
    /// The account whose relays and login are used while none of its own relays can be reached.
    pub fallback: Option<String>,
    /// How long a refused sender waits for its owner to mend it.
    pub sender_grace: Duration,
    /// One limit for every phase; none: those of RFC 5321 section 4.5.3.2.
    pub timeout: Option<Duration>,
    /// Limits of single steps.
    pub timeouts: StepLimits,
    /// Addresses of this machine to connect from, one of each family at most; empty: the system's choice.
    pub source_address: Vec<IpAddr>,
    /// Messages that may be begun in any minute, over all sessions.
    pub max_per_minute: Option<usize>,
    /// Whether small messages may be sent along with their envelope (BDAT), before any reply.
    pub early_data: bool,
    /// What the server offers and is not to be used.
    pub discard_ehlo_keywords: EhloKeywords,
    /// Sessions at once.
    pub max_connections: usize,
    /// Messages before a session is closed and opened anew.
    pub max_messages_per_connection: usize,
    /// The account accepts sending its credential without TLS.
    pub allow_plaintext: bool,
    /// Takes the place of the envelope sender (not of the null sender) and of the addresses in From.
    pub from: Option<Address>,
    /// The To field of mail without To and Cc; `None`: it gets none.
    pub missing_to: Option<MissingTo>,
}

impl Account {
    /// The account's own address, as far as its settings tell: its `from`, the user name, or the first of `senders` that
    /// is whole.
    #[must_use]
    pub fn own_address(&self) -> Option<Address> {
        let senders = self.senders.iter().filter(|sender| !is_pattern(sender));
        let named = || self.username.iter().chain(senders).find_map(|name| Address::parse(name).ok());
        self.from.clone().or_else(named)
    }

    /// The file whose change means that the owner has changed the credential.
    #[must_use]
    pub fn credential_file(&self) -> Option<PathBuf> {
        let password = || self.password.as_ref().and_then(Password::file).map(PathBuf::from);
        self.oauth.as_ref().map(|oauth| oauth.login_file()).or_else(password)
    }

    /// Where it logs in and as whom: what a server has shown holds for no other server and no other user.
    #[must_use]
    pub fn server_and_user(&self) -> String {
        format!("{} {}", self.servers().join(" "), self.username.as_deref().unwrap_or_default())
    }

    /// The servers that it delivers to, as they are written in the configuration.
    #[must_use]
    pub fn servers(&self) -> Vec<String> {
        let relays = self.relays.iter().map(ToString::to_string);
        self.lmtp.iter().map(ToString::to_string).chain(relays).collect()
    }

    /// The TLS mode for a relay of this account.
    #[must_use]
    pub fn tls_mode(&self, relay: &Relay) -> TlsMode {
        self.tls.unwrap_or(if relay.port == 465 || relay.lookup == Lookup::Submissions {
            TlsMode::Implicit
        } else {
            TlsMode::Starttls
        })
    }
}
