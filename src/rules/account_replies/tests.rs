//! Unit tests of `rules::account_replies`.

use super::*;

fn to(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn only_another_message_with_another_recipient_shows_that_the_account_is_meant() {
    let mut replies = AccountReplies::default();
    replies.note(Meaning::SendingLimit, "A", &to(&["a@x", "b@x"]));
    let table = [
        (Meaning::SendingLimit, "A", to(&["c@x"]), Repeated::No),
        (Meaning::SendingLimit, "B", to(&["b@x"]), Repeated::No),
        (Meaning::SendingLimit, "B", to(&["b@x", "c@x"]), Repeated::ForAnotherMessage),
        (Meaning::SendingLimit, "B", to(&[]), Repeated::ForAnotherMessage),
        (Meaning::SendingLimit, "A", to(&[]), Repeated::No),
        (Meaning::AccountSuspended, "B", to(&["c@x"]), Repeated::No),
    ];
    for (meaning, message, recipients, expected) in table {
        assert_eq!(replies.repeated(meaning, message, &recipients), expected, "{meaning:?} {message} {recipients:?}");
    }
    replies.clear();
    assert_eq!(replies.repeated(Meaning::SendingLimit, "B", &to(&["c@x"])), Repeated::No);
}

#[test]
fn a_flood_of_replies_is_not_kept() {
    let mut replies = AccountReplies::default();
    for number in 0..10_000 {
        replies.note(Meaning::SendingLimit, &number.to_string(), &to(&["a@x"; 100]));
    }
    assert_eq!((replies.seen.len(), replies.seen[0].recipients.len()), (MOST, MOST_RECIPIENTS));
}

#[test]
fn a_third_message_shows_it_whoever_it_is_for() {
    let mut replies = AccountReplies::default();
    let me = to(&["me@x"]);
    for (message, expected) in [("A", Repeated::No), ("B", Repeated::No), ("C", Repeated::ForAnotherMessage)] {
        assert_eq!(replies.repeated(Meaning::AccountSuspended, message, &me), expected, "{message}");
        replies.note(Meaning::AccountSuspended, message, &me);
    }
}

#[test]
fn what_turned_out_to_be_a_messages_own_is_no_evidence_any_more() {
    let mut replies = AccountReplies::default();
    replies.note(Meaning::AccountSuspended, "A", &to(&["a@x"]));
    replies.note(Meaning::AccountSuspended, "B", &to(&["b@x"]));
    // Another one was delivered.
    replies.clear();
    replies.note(Meaning::AccountSuspended, "A", &to(&["a@x"]));
    assert_eq!(replies.repeated(Meaning::AccountSuspended, "B", &to(&["b@x"])), Repeated::No);
    assert_eq!(replies.repeated(Meaning::AccountSuspended, "C", &to(&["c@x"])), Repeated::No);
    replies.note(Meaning::AccountSuspended, "C", &to(&["c@x"]));
    assert_eq!(replies.repeated(Meaning::AccountSuspended, "D", &to(&["d@x"])), Repeated::ForAnotherMessage);
    for number in 0..1000 {
        replies.note(Meaning::SendingLimit, &number.to_string(), &to(&["a@x"]));
        replies.clear();
    }
    assert_eq!(replies.own.len(), MOST);
}
