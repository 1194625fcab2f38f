//! The part of a message that an account delivers: that of the mailboxes of this machine those who have theirs here, any other
//! account the rest.

use crate::config::mailbox::LOCAL_ACCOUNT;
use crate::control::loaded::Loaded;
use crate::deliver::plan::{self, NoPlan, Plan, Split};
use crate::runner::message::OpenMessage;
use crate::spool::Envelope;

/// Whose the pending recipients of a message are.
pub(super) enum Part {
    /// These are the account's own.
    Own(Vec<usize>),
    /// All belong to this other account.
    Of(String),
}

/// The pending recipients that the account delivers to.
pub(super) fn of(message: &OpenMessage<'_>, account: &str) -> Part {
    let (loaded, envelope) = (message.loaded, &message.stored.envelope);
    let pending = message.journal.state().pending();
    // A table that does not answer is reported by the plan for all of them.
    let Ok(split) = plan::split(&loaded.config, &loaded.leaving(), envelope, &pending) else {
        return Part::Own(pending);
    };
    match (split, account) {
        (Split { here, away }, LOCAL_ACCOUNT) if here.is_empty() && !away.is_empty() => {
            Part::Of(loaded.account_for(envelope, &away))
        }
        (Split { here, .. }, LOCAL_ACCOUNT) => Part::Own(here),
        (Split { here, away }, _) if away.is_empty() && !here.is_empty() => Part::Of(LOCAL_ACCOUNT.to_owned()),
        (Split { away, .. }, _) => Part::Own(away),
    }
}

/// Plans the delivery to these recipients, which are the account's. The tables are locked for this only: a reload must not
/// wait for a server.
pub(super) fn plan<'l>(
    loaded: &'l Loaded,
    envelope: &Envelope,
    account: &str,
    recipients: &[usize],
) -> Result<Plan<'l>, NoPlan> {
    let here = (account == LOCAL_ACCOUNT).then(|| plan::plan_here(&loaded.config, envelope, recipients)).flatten();
    here.map_or_else(|| plan::plan(&loaded.config, &loaded.leaving(), envelope, recipients), Ok)
}
