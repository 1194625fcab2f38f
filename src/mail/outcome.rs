//! What became of a recipient, and what was seen on the way: replies, phases of
//! a session, failures. What follows from them is decided in `rules::trouble`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An enhanced status code (RFC 3463), such as 5.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Enhanced {
    /// 2, 4 or 5.
    pub class: u8,
    /// 0 to 999.
    pub subject: u16,
    /// 0 to 999.
    pub detail: u16,
}

impl Enhanced {
    /// Reads `5.1.1`; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = |t: &str, most: usize| (1..=most).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit());
        if parts.next().is_some() || !digits(subject, 3) || !digits(detail, 3) {
            return None;
        }
        let class = match class {
            "2" => 2,
            "4" => 4,
            "5" => 5,
            _ => return None,
        };
        Some(Self { class, subject: subject.parse().ok()?, detail: detail.parse().ok()? })
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// One complete SMTP reply (RFC 5321 section 4.2), cleaned for people:
/// lines joined by a blank, no control characters, bounded length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three digits, 200 to 599.
    pub code: u16,
    /// The enhanced code that opens the text, where there is one of the same class.
    pub enhanced: Option<Enhanced>,
    /// The text as sent, enhanced code included, code excluded.
    pub text: String,
}

impl Reply {
    /// 2yz.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// 4yz.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// 5yz.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

/// Where in a session something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Reading the account's credential, before anything is connected.
    Credential,
    /// Looking up the relay's addresses.
    Resolve,
    /// The TCP connection.
    Connect,
    /// Waiting for the 220 banner.
    Greeting,
    /// EHLO or HELO, before or after TLS.
    Ehlo,
    /// The STARTTLS command and its reply.
    StartTls,
    /// The TLS handshake and the certificate.
    Tls,
    /// The AUTH exchange.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, up to its 354.
    Data,
    /// Sending the content, up to the final dot.
    Content,
    /// After the final dot, waiting for its reply.
    FinalDot,
    /// Between transactions: RSET, NOOP, or nothing asked.
    Idle,
}

/// What is wrong with the other side's certificate, or with the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsProblem {
    /// The certificate or the chain does not verify.
    Certificate(Box<CertificateProblem>),
    /// The server does not take our own certificate, or wants one; our words, with the key to set.
    Ours(String),
    /// Anything else in the handshake.
    Handshake(String),
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(problem) => f.write_str(&problem.reason),
            Self::Ours(text) | Self::Handshake(text) => f.write_str(text),
        }
    }
}

/// A certificate that does not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateProblem {
    /// Why, and what would mend it: one sentence, for the log, `status` and bounces.
    pub reason: String,
    /// What the certificate says of itself, a line each, for `postrider test`.
    pub certificate: Vec<String>,
    /// The `tls_fingerprint` that would trust exactly this certificate; none where a wrong clock may be the reason.
    pub pin: Option<String>,
}

/// What was seen: a reply, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A complete reply.
    Reply(Reply),
    /// The connection was closed or reset.
    Closed,
    /// Nothing came within the phase's time.
    Timeout,
    /// The system said no (refused, no such host ...); its words.
    Failed(String),
    /// No network leads there; the system's words.
    Unreachable(String),
    /// What came is not SMTP, or breaks a bound.
    Garbage(String),
    /// TLS did not come about.
    Tls(TlsProblem),
    /// The server does not offer what the account demands (STARTTLS, a login mechanism); our words, with the way out.
    NotOffered(String),
    /// We do not send it, and never will: the server could not take it, or no command can carry it; our words, and the
    /// enhanced code for them.
    Refused(Enhanced, String),
    /// The issuer of our tokens refuses the login, before any server sees one; its words, with the way out.
    LoginRefused(String),
    /// The issuer of our tokens wants to be left alone for so long; our words.
    IssuerBusy(String, Duration),
    /// We did not go on, for a reason on this machine (an unreadable password ...); our words, with the way out.
    Local(String),
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(reply) => reply.fmt(f),
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Timeout => f.write_str("the server did not answer in time"),
            Self::Failed(text)
            | Self::Garbage(text)
            | Self::NotOffered(text)
            | Self::Refused(_, text)
            | Self::Unreachable(text)
            | Self::LoginRefused(text)
            | Self::IssuerBusy(text, _)
            | Self::Local(text) => f.write_str(text),
            Self::Tls(problem) => problem.fmt(f),
        }
    }
}

/// What was seen, and where: the raw material of every decision about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Where.
    pub phase: Phase,
    /// What.
    pub seen: Seen,
}

/// What became of one recipient in one attempt (journal and log use these words).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The relay took responsibility.
    Delivered,
    /// To be tried again.
    Deferred,
    /// For good.
    Refused,
    /// The final dot was sent and no reply came: perhaps delivered.
    Unknown,
}

/// Who tells a sender who asked for it that a recipient's mail was delivered (RFC 3461, NOTIFY=SUCCESS).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DsnSender {
    /// We: the relay knows nothing of such wishes.
    #[default]
    Us,
    /// The relay, which offers DSN and was told of the wish.
    Relay,
}

/// The addresses that the server was given, each only where it is not the one in the envelope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SentAs {
    /// In MAIL; empty for the null sender.
    pub from: Option<String>,
    /// In RCPT.
    pub to: Option<String>,
}

/// A recipient's outcome with the server's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What became of it.
    pub status: Status,
    /// The reply code, where a reply came.
    pub code: Option<u16>,
    /// The enhanced code: the server's, or ours where there was no reply.
    pub enhanced: Enhanced,
    /// The server's reply without its code, or our words.
    pub reply: String,
    /// `host[ip]:port`, or `none` where none was reached.
    pub relay: String,
    /// Where it was delivered: who says so.
    pub dsn_sender: DsnSender,
    /// The row or key that would mend it, where that was known.
    pub cure: Option<String>,
    /// Between which addresses, where they were rewritten.
    pub sent_as: SentAs,
}

/// Not authorised (RFC 3463), said by us.
const NO_ACCESS: Enhanced = Enhanced { class: 4, subject: 7, detail: 1 };

impl Outcome {
    /// Unable to route (RFC 3463), said by us of mail whose account was asked for and is gone.
    pub const WITHOUT_ACCOUNT: Enhanced = Enhanced { class: 4, subject: 4, detail: 4 };
    /// Routing loop detected (RFC 3463), said by us.
    pub const LOOP: &str = "5.4.6";

    /// Whether the message has come round to a mailbox of this machine, by what we said of it.
    #[must_use]
    pub fn is_come_round(&self) -> bool {
        self.status == Status::Refused && self.cure.is_some() && Enhanced::parse(Self::LOOP) == Some(self.enhanced)
    }

    /// Whether it waits for somebody to change something, or for a limit to pass, rather than for a better moment.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.status == Status::Deferred && (self.cure.is_some() || self.code.is_some_and(|code| code >= 500))
    }

    /// That its submitter may not use the account.
    #[must_use]
    pub fn no_access(reason: String) -> Self {
        Self {
            status: Status::Deferred,
            code: None,
            enhanced: NO_ACCESS,
            reply: reason,
            relay: "none".to_owned(),
            dsn_sender: DsnSender::Us,
            cure: None,
            sent_as: SentAs::default(),
        }
    }

    /// Whether it is [`Self::no_access`], also from a journal.
    #[must_use]
    pub fn is_no_access(&self) -> bool {
        self.status == Status::Deferred && self.code.is_none() && self.enhanced == NO_ACCESS
    }

    /// Whether it waits for an account that was asked for and is gone, also from a journal.
    #[must_use]
    pub fn is_without_account(&self) -> bool {
        self.status == Status::Deferred && self.code.is_none() && self.enhanced == Self::WITHOUT_ACCOUNT
    }

    /// The server's reply with its code, or our words.
    #[must_use]
    pub fn said(&self) -> String {
        self.code.map_or_else(|| self.reply.clone(), |code| format!("{code} {}", self.reply))
    }
}
