//! The notices to the postmaster about mail that uses an account which its submitter may not use. `runner::held_notices` decides
//! which of them a message gets.

use std::fmt::Write;

use super::postmaster_notice::{self, Event};
use crate::config::{Account, Config};
use crate::control::loaded::Loaded;
use crate::mail::submitter::Submitter;
use crate::rules::route;
use crate::runner::held_notices::HeldMail;
use crate::spool::journal::Journal;
use crate::spool::{Envelope, MessageId, SpoolError};
use crate::sys::user::Caller;

/// Stores the notice of one message.
///
/// The notice is mail of its own and is returned for the event loop to schedule.
pub(crate) fn of_one(
    loaded: &Loaded,
    envelope: &Envelope,
    login: &str,
    account: &str,
    reason: &str,
) -> Result<Option<MessageId>, SpoolError> {
    let text = format!(
        "The message {held} is held until you decide what to do with it.\n\
         \n\
         {reason}.\n\
         \n\
         Further messages from {login} for this account are held as well. What is held\n\
         within the next hour comes in one list.\n",
        held = envelope.id,
    );
    store(loaded, "a message is held", &text, &envelope.submitter, account)
}

/// Stores the list of what was held since the last notice. `None` if nothing of it is held any more.
pub(crate) fn of_several(loaded: &Loaded, held: &HeldMail) -> Result<Option<MessageId>, SpoolError> {
    let still: Vec<&MessageId> = held.listed.iter().filter(|id| is_held(loaded, id)).collect();
    let unlisted = held.count.saturating_sub(held.listed.len() as u64);
    if still.is_empty() && unlisted == 0 {
        return Ok(None);
    }
    let HeldMail { login, account, count, .. } = held;
    let messages = if *count == 1 { "1 further message" } else { &format!("{count} further messages") };
    let mut text = format!(
        "In the last hour {messages} from {login} came for the account {account},\n\
         which {login} may not use, and were held until you decide what to do with them:\n\n"
    );
    for id in still {
        // Writing to a string does not fail.
        let _ = writeln!(text, "    {id}");
    }
    if unlisted > 0 {
        let _ = writeln!(text, "    and {unlisted} more; \"postrider queue list\" has all of them");
    }
    text.push_str(
        "\n\"postrider queue show ID\" says why a message is held, \"postrider queue release ID\"\n\
         lets it go, and \"postrider queue delete ID\" deletes it.\n",
    );
    let subject = if *count == 1 { "a message is held" } else { &format!("{count} messages are held") };
    store(loaded, subject, &text, &held.submitter, account)
}

/// Whether it is in the queue and held. One that cannot be read may be.
fn is_held(loaded: &Loaded, id: &MessageId) -> bool {
    let envelope = match loaded.spool.open_message(id) {
        Ok(stored) => stored.envelope,
        Err(SpoolError::Gone(_)) => return false,
        Err(_) => return true,
    };
    let journal = Journal::open(&loaded.spool, id, envelope.recipients.len());
    journal.map_or(true, |journal| journal.state().held && !journal.state().done)
}

fn store(
    loaded: &Loaded,
    subject: &str,
    text: &str,
    submitter: &Submitter,
    account: &str,
) -> Result<Option<MessageId>, SpoolError> {
    let Some(through) = through(&loaded.config, submitter, account) else { return Ok(None) };
    let event = Event { what: "held", subject, text, through: &through.name };
    postmaster_notice::tell_postmaster(loaded, &event)
}

/// An account that the submitter may use, or else one that root may use: notices about held mail must not use up an
/// account that is reserved for others. If there is neither, the account itself, where it is still there.
fn through<'c>(config: &'c Config, submitter: &Submitter, account: &str) -> Option<&'c Account> {
    let caller = submitter.uid().map(Caller::of);
    let is_theirs =
        |account: &&Account| caller.as_ref().map_or(account.users.is_none(), |caller| route::may_use(account, caller));
    let is_roots = |account: &&Account| route::may_use(account, &Caller::of(0));
    let mut accounts = config.accounts.iter();
    accounts.clone().find(is_theirs).or_else(|| accounts.find(is_roots)).or_else(|| config.account(account))
}

#[cfg(test)]
mod tests;
