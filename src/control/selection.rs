//! Which messages a request names: by id, account, sender, recipient, age. As it comes from a
//! command line or a socket it is a wish; `access` makes of it what may be applied to mail.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spool::MessageId;

/// The messages that are requested: each member that is given must hold; none means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    /// These ids.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ids: BTreeSet<MessageId>,
    /// This account's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// From this sender (after admission), ignoring case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// To this recipient (after admission or as given), ignoring case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// In the queue for longer than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older: Option<Duration>,
    /// Only what is in failed/, whatever it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

impl Selection {
    /// Only these ids.
    #[must_use]
    pub fn of_ids(ids: impl IntoIterator<Item = MessageId>) -> Self {
        Self { ids: ids.into_iter().collect(), ..Self::default() }
    }

    /// Whether nothing narrows it.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}
