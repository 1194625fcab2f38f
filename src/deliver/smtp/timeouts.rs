//! The timeouts of each step of a session (RFC 5321 section 4.5.3.2).
//!
//! Servers take minutes for some steps on purpose: a delayed greeting drives away spammers, and content is scanned
//! before the final reply. So the limits are those of the RFC and not what a fast server needs; `timeout` and its
//! relatives in postrider.toml(5) shorten them.

use std::time::Duration;

use crate::config::StepLimits;

/// The limit for a reply that the server must have sent before the connection failed.
pub(crate) const LEFTOVER: Duration = Duration::from_secs(5);

/// One limit per step. The complete reply must arrive within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Connecting, per address.
    pub connect: Duration,
    /// The greeting.
    pub greeting: Duration,
    /// EHLO and HELO.
    pub ehlo: Duration,
    /// The STARTTLS command; then, again, the handshake.
    pub starttls: Duration,
    /// Each reply of the AUTH exchange.
    pub auth: Duration,
    /// MAIL, and RSET before it.
    pub mail: Duration,
    /// RCPT.
    pub rcpt: Duration,
    /// DATA, until its 354.
    pub data: Duration,
    /// The longest time without progress while sending.
    pub block: Duration,
    /// The reply to the final dot. RFC 5321 asks for a long limit: giving up here may cause a duplicate.
    pub last: Duration,
    /// QUIT.
    pub quit: Duration,
}

/// The longest wait for the reply to QUIT, on which nothing depends.
const QUIT: Duration = Duration::from_secs(5);

impl Timeouts {
    /// The account's limit for a step, or else its limit for all steps, or else the RFC's.
    #[must_use]
    pub fn new(one: Option<Duration>, steps: &StepLimits) -> Self {
        let minutes = |own: Option<Duration>, count: u64| own.or(one).unwrap_or(Duration::from_secs(60 * count));
        Self {
            connect: steps.connect.or(one).unwrap_or(Duration::from_secs(30)),
            greeting: minutes(steps.greeting, 5),
            ehlo: minutes(steps.helo, 5),
            starttls: minutes(steps.starttls, 5),
            auth: minutes(steps.auth, 5),
            mail: minutes(steps.mail, 5),
            rcpt: minutes(steps.rcpt, 5),
            data: minutes(steps.data, 2),
            block: minutes(steps.block, 3),
            last: minutes(steps.last, 10),
            quit: steps.quit.unwrap_or_else(|| one.unwrap_or(QUIT).min(QUIT)),
        }
    }
}
