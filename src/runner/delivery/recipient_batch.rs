//! Which recipients of a message are tried together: an attempt at many goes on group by
//! group, each recorded before the next, so that a crash costs one group a second copy,
//! no server meets more recipients at once than it must take, and others get their turn.

use crate::spool::journal::State;

/// As many as Postfix puts into one transaction; RFC 5321 section 4.5.3.1.8 has servers take 100.
const MOST_TOGETHER: usize = 50;
/// Groups of one message that are tried before another message has its turn.
pub const IN_A_ROW: usize = 20;

/// Recipients to be tried together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientBatch {
    /// Indices in the envelope.
    pub recipients: Vec<usize>,
    /// Those that the attempt is to reach after them.
    pub rest: Vec<usize>,
    /// Whether they are the first of their attempt.
    pub begins: bool,
}

impl RecipientBatch {
    /// Those that the attempt in hand has not reached; without one, those who wait for longest.
    #[must_use]
    pub fn next(state: &State) -> Self {
        let mut recipients = state.pending();
        let is_left = |index: &usize| state.attempt.is_some_and(|attempt| state.attempt_of[*index] < attempt);
        let begins = !recipients.iter().any(is_left);
        if !begins {
            recipients.retain(is_left);
        }
        recipients.sort_by_key(|index| state.attempt_of[*index]);
        let rest = recipients.split_off(recipients.len().min(MOST_TOGETHER));
        Self { recipients, rest, begins }
    }

    /// Whether the attempt is over after them.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(attempts: u32, attempt: Option<u32>, attempt_of: &[u32]) -> State {
        State { attempts, attempt, attempt_of: attempt_of.to_vec(), ..State::new(attempt_of.len()) }
    }

    #[test]
    fn an_attempt_goes_on_where_it_was_and_reaches_everybody_once() {
        let mut state = state(0, None, &[0; 120]);
        let mut sizes = Vec::new();
        for _ in 0..3 {
            let group = RecipientBatch::next(&state);
            sizes.push((group.recipients.len(), group.begins, group.ends()));
            (state.attempts, state.attempt) = (1, Some(1));
            group.recipients.iter().for_each(|index| state.attempt_of[*index] = 1);
        }
        assert_eq!(sizes, [(50, true, false), (50, false, false), (20, false, true)]);
        assert!(RecipientBatch::next(&state).begins, "all were reached: this would be another attempt");
    }

    #[test]
    fn whoever_was_not_reached_comes_first_in_the_next_attempt() {
        let mut attempt_of = [1; 60];
        attempt_of[59] = 0;
        let group = RecipientBatch::next(&state(1, None, &attempt_of));
        assert_eq!((group.recipients.len(), group.recipients[0], group.begins), (50, 59, true));
        let group = RecipientBatch::next(&state(1, Some(1), &attempt_of));
        assert_eq!((group.recipients, group.begins, group.rest), (vec![59], false, vec![]));
    }
}
