//! One recipient as an envelope stores it. Its outcomes are in `state`.

use serde::{Deserialize, Serialize};

use crate::mail::address::{Address, Mailbox};

/// One recipient of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// The address after admission, that is, after aliases and rewriting.
    pub address: Mailbox,
    /// The address as the caller wrote it, for reports and the log.
    pub given: String,
    /// NOTIFY of RFC 3461, as given with -N.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<String>,
    /// ORCPT of RFC 3461.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orcpt: Option<String>,
    /// Why nothing is sent to this recipient: its alias names a file or a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Recipient {
    /// A recipient without DSN parameters.
    #[must_use]
    pub fn new(address: Mailbox, given: String) -> Self {
        Self { address, given, notify: None, orcpt: None, refused: None }
    }

    /// The same for an address that nothing has replaced.
    #[must_use]
    pub fn of(address: &Address) -> Self {
        Self::new(Mailbox::Valid(address.clone()), address.to_string())
    }
}

/// Whether what the caller wrote for this recipient stands for several: an alias or a table has expanded it.
#[must_use]
pub fn is_expanded(recipients: &[Recipient], index: usize) -> bool {
    let Some(one) = recipients.get(index) else { return false };
    let mut others = recipients.iter().enumerate().filter(|(at, _)| *at != index);
    others.any(|(_, other)| other.given.eq_ignore_ascii_case(&one.given))
}
