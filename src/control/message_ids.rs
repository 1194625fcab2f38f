//! Which ids begin as somebody has typed them: a prefix that is unique stands for the message, as with Git's commits.

use serde::{Deserialize, Serialize};

use super::access::AccessScope;
use crate::spool::{IdPrefix, MessageId, Spool, SpoolError, Stored};

/// So many are named; who types one digit does not want them all.
const MOST: usize = 100;

/// Where messages are looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In queue/ and failed/.
    #[default]
    Anywhere,
    /// In failed/ only.
    Failed,
}

/// The messages that begin so, of those that the scope covers, oldest first.
pub fn find(spool: &Spool, scope: &AccessScope, prefix: &IdPrefix, place: Place) -> Result<Vec<MessageId>, SpoolError> {
    let is_covered = |opened: Result<Stored, SpoolError>| match opened {
        Ok(stored) => scope.covers(&stored.envelope.submitter),
        Err(_) => scope.is_everything(),
    };
    let in_queue = |id: &MessageId| scope.is_everything() || is_covered(spool.open_message(id));
    let in_failed = |id: &MessageId| scope.is_everything() || is_covered(spool.open_failed(id));
    let begins = |ids: Vec<MessageId>| ids.into_iter().filter(|id| prefix.begins(id));
    let mut found: Vec<MessageId> = match place {
        Place::Anywhere => begins(spool.ids()?).filter(in_queue).take(MOST).collect(),
        Place::Failed => Vec::new(),
    };
    found.extend(begins(spool.failed_ids()?).filter(in_failed).take(MOST));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
