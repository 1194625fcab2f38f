//! What is counted, and where.

use super::*;
use crate::mail::submitter::Submitter;
use crate::spool::MessageId;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + hour * 3600).unwrap()
}

fn record(sender: &str, hour: i64, delay: i64, status: Ended) -> Record {
    let finished = at(hour);
    let recipient = Finished {
        address: "bob@away.example".to_owned(),
        relay: "none".to_owned(),
        account: "isp".to_owned(),
        status,
        dsn: if status == Ended::Refused { "5.1.1" } else { "2.0.0" }.to_owned(),
        reply: String::new(),
        sent_to: None,
    };
    Record {
        id: MessageId::fresh(finished),
        arrived: finished.saturating_sub(SignedDuration::from_secs(delay)).unwrap(),
        finished,
        sender: sender.to_owned(),
        submitted_sender: None,
        submitter: Submitter::ROOT,
        size: 1000,
        token: None,
        crc32: None,
        message_id: String::new(),
        subject: None,
        sent_from: None,
        recipients: vec![recipient],
    }
}

#[test]
fn a_period_is_counted_and_the_one_before_only_for_who_wrote() {
    let mut tally = Tally::new(at(100), at(200));
    assert_eq!(tally.earliest(), at(0));
    for (hour, delay) in [(99, 1), (100, 1), (150, 5), (199, 90), (200, 1), (-1, 1)] {
        tally.add(&record("a@home.lan", hour, delay, Ended::Delivered));
    }
    tally.add(&record("B@home.lan", 50, 1, Ended::Delivered));
    tally.add(&record("c@home.lan", 150, 1, Ended::Refused));
    assert_eq!((tally.total.messages, tally.total.delivered, tally.total.returned), (4, 3, 1));
    assert_eq!((tally.before["a@home.lan"].messages, tally.before["b@home.lan"].messages), (1, 1));
    assert_eq!(tally.returned, BTreeMap::from([("5.1.1".to_owned(), 1)]));
    assert_eq!(tally.delays.median_and_worst(), Some((1, 90)));
    assert_eq!(tally.accounts["isp"].0.messages, 4);
    assert_eq!(tally.days.values().map(|day| day.messages).sum::<usize>(), 4);
}

#[test]
fn more_senders_than_are_told_apart_count_in_the_totals() {
    let mut tally = Tally::new(at(0), at(100));
    for number in 0..MOST_SENDERS + 5 {
        tally.add(&record(&format!("s{number}@home.lan"), 1, 1, Ended::Delivered));
    }
    assert_eq!((tally.senders.len(), tally.total.messages), (MOST_SENDERS, MOST_SENDERS + 5));
    assert_eq!(Delays::default().median_and_worst(), None);
}
