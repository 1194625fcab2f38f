//! How often what a session has left unanswered may go on at once in a new one. Pure; the clock is the runner's.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// New sessions for one message within [`MINUTE`].
const MOST_OF_MESSAGE: usize = 5;
/// New sessions of one account within [`HOUR`]: each is a login, which providers count.
const MOST_OF_ACCOUNT: usize = 20;
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// The new sessions of an account within the last hour, each with the message that it was for.
#[derive(Debug, Default)]
pub struct SessionRestarts {
    begun: VecDeque<(Instant, String)>,
}

impl SessionRestarts {
    /// Whether another may be begun now for the message; counts it if so.
    pub fn begin(&mut self, message: &str, now: Instant) -> bool {
        let age = |begun: &Instant| now.saturating_duration_since(*begun);
        while self.begun.front().is_some_and(|(begun, _)| age(begun) >= HOUR) {
            self.begun.pop_front();
        }
        let of_message = self.begun.iter().filter(|(begun, id)| id == message && age(begun) < MINUTE).count();
        let may_begin = of_message < MOST_OF_MESSAGE && self.begun.len() < MOST_OF_ACCOUNT;
        if may_begin {
            self.begun.push_back((now, message.to_owned()));
        }
        may_begin
    }
}

#[cfg(test)]
mod tests;
