//! Ids as they are typed on the command line: whole, or their first digits, in any case.

use super::format::QueueError;
use crate::control::message_ids::Place;
use crate::control::queue_access::QueueAccess;
use crate::spool::{IdPrefix, MessageId};

/// Reads what was typed.
pub(in crate::cli) fn prefix(typed: &str) -> Result<IdPrefix, QueueError> {
    IdPrefix::parse(typed).filter(|_| !typed.is_empty()).ok_or_else(|| QueueError::NoId(typed.to_owned()))
}

/// The message that is meant. A whole id is looked for by whatever it is for.
pub(super) fn resolve(access: &QueueAccess, typed: &str, place: Place) -> Result<MessageId, QueueError> {
    let prefix = prefix(typed)?;
    match prefix.whole() {
        Some(id) => Ok(id),
        None => only(typed, access.ids(&prefix, place)?),
    }
}

/// The one message that begins so.
pub(in crate::cli) fn only(typed: &str, mut found: Vec<MessageId>) -> Result<MessageId, QueueError> {
    match (found.len(), found.pop()) {
        (1, Some(id)) => Ok(id),
        (_, None) => Err(QueueError::NoneBegins(typed.to_owned())),
        (_, Some(last)) => {
            let candidates = found.iter().chain([&last]).map(MessageId::to_string).collect();
            Err(QueueError::Ambiguous(typed.to_owned(), candidates))
        }
    }
}
