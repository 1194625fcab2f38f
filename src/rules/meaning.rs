//! The words in which a server's refusal is answered: what it means, at which stage of the session it came, and what
//! the session knew by then. How a reply gets its meaning is `classify`'s, what follows from it `consequence`'s,
//! and how to fix it `remedy`'s.

use std::time::Duration;

use crate::mail::outcome::Phase;

/// What a server means by a reply, whatever code it chose for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// User name or password is wrong.
    LoginRejected,
    /// The provider no longer accepts passwords from programs: OAuth 2.0 only.
    OauthWanted,
    /// The provider wants a password made for one program, not the one of its web site.
    AppPasswordWanted,
    /// The access token is expired, revoked, or made for something else.
    TokenExpired,
    /// The server cannot or will not do this login mechanism.
    MechanismRefused,
    /// The provider lets this account not log in until its owner acts there: SMTP switched off, a policy, a captcha.
    LoginBlocked,
    /// Too many logins in too short a time.
    TooManyLogins,
    /// The server wants a login before it accepts mail.
    LoginWanted,
    /// TLS is required, refused or too old.
    TlsSettings,
    /// The account may not send as this address.
    SenderNotOwned,
    /// The sender's domain, or the sender itself, does not exist.
    SenderDomainUnknown,
    /// The address in the From field is refused, by the provider or by its domain's policy (DMARC).
    HeaderFromRefused,
    /// `MAIL FROM:<>` is refused.
    NullSenderRefused,
    /// The account has sent as much as it may for now.
    SendingLimit,
    /// Too many sessions at once.
    TooManyConnections,
    /// The account is suspended, or was never activated.
    AccountSuspended,
    /// The account's own mailbox is full, and a copy of sent mail has no room in it.
    OwnMailboxFull,
    /// The IP address of this machine is refused.
    ClientAddressRefused,
    /// The name in EHLO is refused.
    HeloRefused,
    /// The server does not relay to this recipient, though the login was accepted.
    RelayingDenied,
    /// This is not the server that the account must submit to.
    WrongServer,
    /// The recipient is refused: it does not exist, is closed, or is refused without a reason that is known.
    RecipientUnknown,
    /// The recipient's mailbox is full.
    RecipientMailboxFull,
    /// The recipient gets more mail than it can take just now.
    RecipientBusy,
    /// More recipients than the server takes in one transaction.
    TooManyRecipients,
    /// The recipient or the message is refused by a rule that the reply does not name.
    PolicyRefused,
    /// The content is refused.
    ContentRefused,
    /// The message is larger than the server accepts.
    MessageTooLarge,
    /// A parameter of MAIL or RCPT is refused.
    ParameterRefused,
    /// The session is over or out of step: nothing is wrong with the message.
    SessionOver,
    /// The server has trouble of its own, which passes.
    ServerTrouble,
    /// First-time senders are asked to try again later.
    Greylisting,
}

impl Meaning {
    /// Every meaning.
    pub const ALL: [Self; 32] = [
        Self::LoginRejected,
        Self::OauthWanted,
        Self::AppPasswordWanted,
        Self::TokenExpired,
        Self::MechanismRefused,
        Self::LoginBlocked,
        Self::TooManyLogins,
        Self::LoginWanted,
        Self::TlsSettings,
        Self::SenderNotOwned,
        Self::SenderDomainUnknown,
        Self::HeaderFromRefused,
        Self::NullSenderRefused,
        Self::SendingLimit,
        Self::TooManyConnections,
        Self::AccountSuspended,
        Self::OwnMailboxFull,
        Self::ClientAddressRefused,
        Self::HeloRefused,
        Self::RelayingDenied,
        Self::WrongServer,
        Self::RecipientUnknown,
        Self::RecipientMailboxFull,
        Self::RecipientBusy,
        Self::TooManyRecipients,
        Self::PolicyRefused,
        Self::ContentRefused,
        Self::MessageTooLarge,
        Self::ParameterRefused,
        Self::SessionOver,
        Self::ServerTrouble,
        Self::Greylisting,
    ];

    /// The word for it in the table of phrases, in logs and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LoginRejected => "login-rejected",
            Self::OauthWanted => "oauth-wanted",
            Self::AppPasswordWanted => "app-password-wanted",
            Self::TokenExpired => "token-expired",
            Self::MechanismRefused => "mechanism-refused",
            Self::LoginBlocked => "login-blocked",
            Self::TooManyLogins => "too-many-logins",
            Self::LoginWanted => "login-wanted",
            Self::TlsSettings => "tls-settings",
            Self::SenderNotOwned => "sender-not-owned",
            Self::SenderDomainUnknown => "sender-domain-unknown",
            Self::HeaderFromRefused => "header-from-refused",
            Self::NullSenderRefused => "null-sender-refused",
            Self::SendingLimit => "sending-limit",
            Self::TooManyConnections => "too-many-connections",
            Self::AccountSuspended => "account-suspended",
            Self::OwnMailboxFull => "own-mailbox-full",
            Self::ClientAddressRefused => "client-address-refused",
            Self::HeloRefused => "helo-refused",
            Self::RelayingDenied => "relaying-denied",
            Self::WrongServer => "wrong-server",
            Self::RecipientUnknown => "recipient-unknown",
            Self::RecipientMailboxFull => "recipient-mailbox-full",
            Self::RecipientBusy => "recipient-busy",
            Self::TooManyRecipients => "too-many-recipients",
            Self::PolicyRefused => "policy-refused",
            Self::ContentRefused => "content-refused",
            Self::MessageTooLarge => "message-too-large",
            Self::ParameterRefused => "parameter-refused",
            Self::SessionOver => "session-over",
            Self::ServerTrouble => "server-trouble",
            Self::Greylisting => "greylisting",
        }
    }

    /// The meaning of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|meaning| meaning.name() == name)
    }
}

/// Which command a reply answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// None: the server's first line.
    Greeting,
    /// EHLO or HELO.
    Ehlo,
    /// STARTTLS.
    StartTls,
    /// The AUTH exchange.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, before any content.
    Data,
    /// The end of the content: the final dot, or the last BDAT.
    FinalDot,
    /// RSET, or nothing at all: between two messages.
    Idle,
}

impl Stage {
    /// Every stage, in the order of a session.
    pub const ALL: [Self; 9] = [
        Self::Greeting,
        Self::Ehlo,
        Self::StartTls,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::FinalDot,
        Self::Idle,
    ];

    /// The stage of a phase; `None` where no server has answered yet.
    #[must_use]
    pub fn of(phase: Phase) -> Option<Self> {
        match phase {
            Phase::Credential | Phase::Resolve | Phase::Connect | Phase::Tls => None,
            Phase::Greeting => Some(Self::Greeting),
            Phase::Ehlo => Some(Self::Ehlo),
            Phase::StartTls => Some(Self::StartTls),
            Phase::Auth => Some(Self::Auth),
            Phase::Mail => Some(Self::Mail),
            Phase::Rcpt => Some(Self::Rcpt),
            Phase::Data => Some(Self::Data),
            Phase::Content | Phase::FinalDot => Some(Self::FinalDot),
            Phase::Idle => Some(Self::Idle),
        }
    }

    /// Whether the reply is part of a message's transaction.
    #[must_use]
    pub fn is_in_transaction(self) -> bool {
        matches!(self, Self::Mail | Self::Rcpt | Self::Data | Self::FinalDot)
    }

    /// The word for it in the table of phrases.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::StartTls => "starttls",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::FinalDot => "dot",
            Self::Idle => "idle",
        }
    }
}

/// What a login proves itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// A password, or a client certificate.
    Password,
    /// An OAuth 2.0 access token.
    Token,
}

/// Whether the server offers AUTH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthOffer {
    /// In its reply to EHLO.
    Offered,
    /// Not at all.
    NotOffered,
}

/// How far the login has come on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// The account has no `username`.
    NotConfigured(AuthOffer),
    /// The account has one, and the server has not accepted it yet.
    Configured(Secret),
    /// The server has accepted it.
    Accepted,
}

/// Who the envelope names as sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvelopeSender {
    /// Nobody: `MAIL FROM:<>`.
    Null,
    /// An address.
    Mailbox,
}

/// Whether the command that is answered carried parameters (SIZE, BODY, RET, NOTIFY ...).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameters {
    /// At least one.
    Sent,
    /// None: there is nothing to leave out.
    Absent,
}

/// The first digit, as far as it matters for a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 421: the server closes the connection, whatever else it means.
    Closing,
    /// Any other 4yz, and whatever is out of place.
    Transient,
    /// 5yz.
    Permanent,
}

/// What a meaning rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A row of the table that belongs to the provider of this very account.
    ProviderPhrase,
    /// A row of the table that holds for every server.
    Phrase,
    /// The code alone: no row knows the text.
    Code,
}

/// A reply and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classified {
    /// What the server means.
    pub meaning: Meaning,
    /// How long the server asks to wait, 24 hours at most; `None`: it names no time.
    pub wait: Option<Duration>,
    /// What that rests on.
    pub basis: Basis,
    /// The first digit of the reply.
    pub class: Class,
}
