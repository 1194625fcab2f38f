//! Unit tests of `runner::delivery::recipient_batch`.

use super::*;
use crate::spool::state::RecipientState;

fn state(attempts: u32, attempt: Option<u32>, attempt_of: &[u32]) -> State {
    let recipients = attempt_of.iter().map(|attempt| RecipientState { attempt: *attempt, ..RecipientState::default() });
    let recipients = recipients.collect();
    State { attempts, attempt, recipients, ..State::default() }
}

fn next(state: &State) -> RecipientBatch {
    RecipientBatch::next(state, "isp", state.pending())
}

#[test]
fn mailboxes_of_this_machine_have_attempts_of_their_own() {
    let begun = |account: &str| State { account: Some(account.to_owned()), ..state(1, Some(1), &[1, 0]) };
    let begins = |last: &str, next| RecipientBatch::next(&begun(last), next, vec![1]).begins;
    assert!(begins(LOCAL_ACCOUNT, "isp") && begins("isp", LOCAL_ACCOUNT));
    assert!(!begins("isp", "other") && !begins(LOCAL_ACCOUNT, LOCAL_ACCOUNT));
}

#[test]
fn an_attempt_goes_on_where_it_was_and_reaches_everybody_once() {
    let mut state = state(0, None, &[0; 120]);
    let mut sizes = Vec::new();
    for _ in 0..3 {
        let batch = next(&state);
        sizes.push((batch.recipients.len(), batch.begins, batch.ends()));
        (state.attempts, state.attempt) = (1, Some(1));
        batch.recipients.iter().for_each(|index| state.recipients[*index].attempt = 1);
    }
    assert_eq!(sizes, [(50, true, false), (50, false, false), (20, false, true)]);
    assert!(next(&state).begins, "all were reached: this would be another attempt");
}

#[test]
fn whoever_was_not_reached_comes_first_in_the_next_attempt() {
    let mut attempt_of = [1; 60];
    attempt_of[59] = 0;
    let batch = next(&state(1, None, &attempt_of));
    assert_eq!((batch.recipients.len(), batch.recipients[0], batch.begins), (50, 59, true));
    let batch = next(&state(1, Some(1), &attempt_of));
    assert_eq!((batch.recipients, batch.begins, batch.rest), (vec![59], false, vec![]));
}
