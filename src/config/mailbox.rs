//! `mailbox`: the server that takes the mail of this machine's users, as a checked value, and the account that stands for it.
//! Who such a user is decides `rules::locality`; reading the value is `config::read`'s business.

use std::time::Duration;

use super::account::{Account, Mechanism, StepLimits, TlsMin, TlsMode};
use super::ehlo_keywords::EhloKeywords;
use super::lmtp_server::LmtpServer;

/// The name of the account that stands for the mailboxes of this machine, as the spool stores it. No account in the
/// configuration can have it.
pub const LOCAL_ACCOUNT: &str = ":local";

/// The same as people see and write it.
const SHOWN: &str = "local";

/// The name of an account as people see it.
#[must_use]
pub fn shown_account(name: &str) -> &str {
    if name == LOCAL_ACCOUNT { SHOWN } else { name }
}

/// Whether an account in the configuration has the name under which the mailboxes are shown.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name == SHOWN
}

/// A server of this machine greets at once. One that has no process left for the connection never does (Dovecot's
/// `process_limit`), and the minutes of RFC 5321 would only keep mail waiting.
const GREETING: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);

/// The account of the mailboxes, without a login.
#[must_use]
pub fn account(server: LmtpServer) -> Account {
    Account {
        name: LOCAL_ACCOUNT.to_owned(),
        lmtp: Some(server),
        relays: Vec::new(),
        tls: Some(TlsMode::None),
        tls_ca: None,
        tls_name: None,
        tls_fingerprint: Vec::new(),
        tls_client: None,
        tls_min: TlsMin::default(),
        username: None,
        password: None,
        oauth: None,
        auth: Mechanism::usual(),
        senders: Vec::new(),
        users: None,
        clients: None,
        fallback: None,
        sender_grace: Duration::ZERO,
        timeout: None,
        timeouts: StepLimits { connect: Some(CONNECT), greeting: Some(GREETING), ..StepLimits::default() },
        source_address: Vec::new(),
        max_per_minute: None,
        early_data: false,
        discard_ehlo_keywords: EhloKeywords::default(),
        max_connections: 8,
        max_messages_per_connection: 100,
        allow_plaintext: false,
        from: None,
        missing_to: None,
    }
}
