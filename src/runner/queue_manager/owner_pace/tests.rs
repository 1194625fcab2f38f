//! A flush in a loop attempts a message once a minute.

use super::*;

#[test]
fn a_message_is_due_once_a_minute_and_each_for_itself() {
    let mut pace = OwnerPace::default();
    let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
    let [one, other] = [1, 2].map(|number| MessageId::new(number, 0));
    let taken = [(&one, 0), (&one, 59), (&other, 59), (&one, 60), (&one, 61)];
    let taken = taken.map(|(id, seconds)| pace.take(id, at(seconds)));
    assert_eq!(taken, [true, false, true, true, false]);
}
