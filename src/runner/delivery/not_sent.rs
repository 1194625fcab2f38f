//! What keeps a message from being attempted, noted with it: no session, or no plan.

use super::outcome::{kind_of, outcome};
use super::worker::{NotBegun, log, queued};
use crate::deliver::plan::{NoPlan, Plan};
use crate::log::{self, Delays};
use crate::mail::outcome::{Enhanced, Outcome, Status, Teller};
use crate::rules::trouble::{AccountTrouble, Verdict};
use crate::runner::completion::settle::{self, OpenMessage};
use crate::runner::event::Told;
use crate::spool::SpoolError;
use crate::spool::account_health::Trouble;

/// No session came about: the reason is noted with the message for mailq, and nothing is charged.
pub(crate) fn not_sent(mut desk: OpenMessage<'_>, plan: &Plan<'_>, not: &NotBegun) -> Told {
    let trouble = match not.verdict {
        Verdict::Account(kind) => kind_of(kind),
        _ => Trouble::Relay,
    };
    let mut outcome = outcome(&not.fact, not.verdict, &not.relay, Teller::Us);
    if not.verdict == Verdict::Account(AccountTrouble::Login) {
        let account = &plan.account.name;
        outcome.reply = format!(
            "{}: the server rejects the login of account {account}; check `username` and `password` \
             (some providers require an app password)",
            outcome.reply
        );
    }
    let reason = outcome.said();
    let outcomes: Vec<_> = plan.recipients.iter().map(|p| (p.index, outcome.clone())).collect();
    log(&desk, &outcomes, Delays { queued: queued(&desk), ..Delays::default() });
    note(&mut desk, &outcomes);
    Told::Trouble { trouble, relay: not.relay.clone(), reason }
}

/// For mailq only: that it cannot be written must not hide the trouble from the runner, which would knock again at once.
pub(crate) fn note(desk: &mut OpenMessage<'_>, outcomes: &[(usize, Outcome)]) {
    if let Err(error) = settle::note(desk, outcomes) {
        log::warning(error);
    }
}

/// A table or account is missing: the mail waits for its owner, and nothing is charged.
pub(crate) fn cannot_plan(desk: OpenMessage<'_>, pending: &[usize], no: &NoPlan) -> Result<Told, SpoolError> {
    let outcome = Outcome {
        status: Status::Deferred,
        code: None,
        enhanced: Enhanced { class: 4, subject: 3, detail: 5 },
        reply: no.to_string(),
        relay: "none".to_owned(),
        teller: Teller::Us,
        cure: None,
    };
    let outcomes: Vec<_> = pending.iter().map(|i| (*i, outcome.clone())).collect();
    log(&desk, &outcomes, Delays { queued: queued(&desk), ..Delays::default() });
    settle::note_and_wait(desk, &outcomes).map(Told::Settled)
}
