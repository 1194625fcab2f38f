//! How long each step of a session may take (RFC 5321 section 4.5.3.2).

use std::time::Duration;

/// One limit per step; a reply must be complete within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP, per address.
    pub connect: Duration,
    /// The 220 banner.
    pub greeting: Duration,
    /// EHLO and HELO.
    pub ehlo: Duration,
    /// The STARTTLS command, then the handshake.
    pub starttls: Duration,
    /// Each reply of the AUTH exchange.
    pub auth: Duration,
    /// MAIL, and RSET before it.
    pub mail: Duration,
    /// RCPT.
    pub rcpt: Duration,
    /// DATA, up to its 354.
    pub data: Duration,
    /// Each progress in sending.
    pub block: Duration,
    /// The reply to the final dot.
    pub last: Duration,
    /// QUIT.
    pub quit: Duration,
}

/// Longest wait for the reply to QUIT: nothing depends on it.
const QUIT: Duration = Duration::from_secs(5);

impl Timeouts {
    /// The account's one limit for all, or the RFC's.
    #[must_use]
    pub fn new(one: Option<Duration>) -> Self {
        let minutes = |count: u64| one.unwrap_or(Duration::from_secs(60 * count));
        Self {
            connect: one.unwrap_or(Duration::from_secs(30)),
            greeting: minutes(5),
            ehlo: minutes(5),
            starttls: minutes(5),
            auth: minutes(5),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            block: minutes(3),
            last: minutes(10),
            quit: one.unwrap_or(QUIT).min(QUIT),
        }
    }
}
