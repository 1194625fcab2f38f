//! One recipient as an envelope stores it. What became of it is `state`'s.

use serde::{Deserialize, Serialize};

use crate::mail::address::Mailbox;

/// One recipient of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// The address that admission came to, after aliases and rewriting.
    pub address: Mailbox,
    /// The address as the caller wrote it, for reports and the log.
    pub given: String,
    /// RFC 3461 NOTIFY, as given with -N.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<String>,
    /// RFC 3461 ORCPT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orcpt: Option<String>,
    /// Why nothing is sent to it: admission found that its alias names a file or program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Recipient {
    /// Without DSN parameters.
    #[must_use]
    pub fn new(address: Mailbox, given: String) -> Self {
        Self { address, given, notify: None, orcpt: None, refused: None }
    }
}
