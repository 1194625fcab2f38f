//! Tests of journals: round trips, what a replay says, torn and damaged files, failed
//! writes, bytes from anywhere.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::mail::address::{Address, Mailbox};
use crate::mail::outcome::{DsnSender, Enhanced, Outcome, SentAs, Status};
use crate::spool::Recipient;

fn spool() -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    (dir, spool)
}

fn id() -> MessageId {
    MessageId::new(1_795_000_000_000_000, 7)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-22T13:20:55.5Z")
}

fn outcome(recipient: usize, status: Status, code: Option<u16>) -> Line {
    let enhanced = Enhanced { class: 4, subject: 2, detail: 0 };
    let reply = "4.2.0 say \"later\" ü\u{1}".to_owned();
    Line::Outcome {
        recipient,
        outcome: Outcome {
            status,
            code,
            enhanced,
            reply,
            relay: "r[192.0.2.1]:587".to_owned(),
            dsn_sender: DsnSender::Us,
            cure: None,
            sent_as: SentAs::default(),
        },
    }
}

/// A delivery of which the relay tells.
fn told_by_relay(recipient: usize) -> Line {
    let enhanced = Enhanced { class: 2, subject: 0, detail: 0 };
    let (code, dsn_sender) = (Some(250), DsnSender::Relay);
    let outcome = Outcome {
        status: Status::Delivered,
        code,
        enhanced,
        reply: "ok".into(),
        relay: "r".into(),
        dsn_sender,
        cure: None,
        sent_as: SentAs::default(),
    };
    Line::Outcome { recipient, outcome }
}

fn attempt(number: u32) -> Line {
    Line::Attempt { number, account: "isp".to_owned(), relay: "r[192.0.2.1]:587".to_owned() }
}

fn every_line() -> Vec<Line> {
    vec![
        attempt(1),
        outcome(0, Status::Deferred, Some(450)),
        outcome(1, Status::Unknown, None),
        told_by_relay(2),
        Line::Next(at("2026-11-22T13:30:00.25Z")),
        Line::Hold,
        Line::Release,
        Line::Returned(MessageId::new(2, 0)),
        Line::Warned(MessageId::new(3, 0)),
        Line::Added(recipient("carol@x.example")),
        Line::Replaced(1),
        Line::Done,
    ]
}

#[test]
fn a_refusal_that_is_owed_in_a_digest_is_not_reported_by_the_bounce_about_another() {
    let bounce = || Line::Returned(MessageId::new(9, 9));
    for order in [[bounce(), Line::Owed(2)], [Line::Owed(2), bounce()]] {
        let refused = |recipient| outcome(recipient, Status::Refused, Some(550));
        let mut state = State::new(3);
        for line in [attempt(1), refused(0), attempt(2), refused(1)].iter().chain(&order).chain([&Line::Retry]) {
            state.apply(now(), line).unwrap();
        }
        assert_eq!(state.pending(), [1, 2], "{order:?}");
        assert!(state.recipients.iter().all(|recipient| !recipient.told_before), "{order:?}");
    }
}

fn recipient(address: &str) -> Recipient {
    Recipient::new(Mailbox::Valid(Address::parse(address).unwrap()), "root".to_owned())
}

#[test]
fn who_is_added_waits_and_who_is_replaced_does_not() {
    let (_dir, spool) = spool();
    let mut journal = Journal::open(&spool, &id(), 2).unwrap();
    journal
        .append(now(), &[attempt(1), outcome(0, Status::Delivered, Some(250)), outcome(1, Status::Unknown, None)])
        .unwrap();
    journal.append(now(), &[Line::Added(recipient("carol@x.example")), Line::Replaced(1)]).unwrap();
    assert!(journal.append(now(), &[Line::Replaced(3)]).is_err());
    let mut journal = Journal::open(&spool, &id(), 2).unwrap();
    assert_eq!(journal.state().pending(), [2]);
    journal.append(now(), &[attempt(2), outcome(2, Status::Deferred, Some(450))]).unwrap();
    let state = Journal::peek(&spool, &id(), 2).unwrap();
    let all = [recipient("a@x.example"), recipient("b@x.example"), state.added[0].clone()];
    let shown: Vec<_> =
        state.each(&all).map(|(one, outcome)| (one.address.to_string(), outcome.unwrap().status)).collect();
    assert_eq!(
        shown,
        [("a@x.example".to_owned(), Status::Delivered), ("carol@x.example".to_owned(), Status::Deferred)]
    );
}

fn written(lines: &[Line]) -> (tempfile::TempDir, Spool, Vec<u8>) {
    let (dir, spool) = spool();
    Journal::open(&spool, &id(), 3).unwrap().append(now(), lines).unwrap();
    let bytes = fs::read(spool.journal_path(&id())).unwrap();
    (dir, spool, bytes)
}

#[test]
fn lines_are_as_formats_says() {
    let (_dir, _spool, bytes) = written(&[attempt(1), Line::Next(now()), Line::Hold]);
    let text = String::from_utf8(bytes).unwrap();
    let mut lines = text.lines();
    let first = r#"{"t":"2026-11-22T13:20:55.500000Z","attempt":{"number":1,"account":"isp","relay":"r[192.0.2.1]:587"},"a":0}"#;
    let sum = crc32fast::hash(first.as_bytes());
    let stamped = format!("{},\"c\":\"{sum:08x}\"}}", first.strip_suffix('}').unwrap());
    assert_eq!(lines.next(), Some(&*stamped));
    assert!(lines.next().unwrap().contains(r#""next":"2026-11-22T13:20:55.500000Z","a":0,"c":""#));
    assert!(lines.next().unwrap().contains(r#""hold":true,"a":0,"c":""#));
}

#[test]
fn every_line_comes_back_with_its_time() {
    let (_dir, spool, _) = written(&every_line());
    let lines = Journal::lines(&spool, &id()).unwrap();
    assert_eq!(lines, every_line().into_iter().map(|line| (now(), line)).collect::<Vec<_>>());
    let reopened = Journal::open(&spool, &id(), 3).unwrap();
    assert_eq!(*reopened.state(), Journal::peek(&spool, &id(), 3).unwrap());
}

#[test]
fn a_delivery_says_whether_the_relay_tells_of_it_and_an_older_journal_still_reads() {
    let (_dir, spool, bytes) = written(&[told_by_relay(0), outcome(1, Status::Delivered, Some(250))]);
    let text = String::from_utf8(bytes).unwrap();
    let told: Vec<bool> = text.lines().map(|line| line.contains(r#""dsn":true},"#)).collect();
    assert_eq!(told, [true, false]);
    let old = r#"{"t":"2026-11-22T13:20:55.500000Z","outcome":{"recipient":0,"status":"delivered","code":250,"enhanced":"2.0.0","reply":"ok","relay":"r"}}"#;
    let sum = crc32fast::hash(old.as_bytes());
    fs::write(spool.journal_path(&id()), format!("{},\"c\":\"{sum:08x}\"}}\n", &old[..old.len() - 1])).unwrap();
    let state = Journal::peek(&spool, &id(), 3).unwrap();
    assert_eq!(state.outcome(0).unwrap().dsn_sender, DsnSender::Us);
}

fn unknowns(state: &State) -> Vec<u32> {
    state.recipients.iter().map(|recipient| recipient.unknowns).collect()
}

#[test]
fn the_state_sums_up_what_happened() {
    let (_dir, spool) = spool();
    let mut journal = Journal::open(&spool, &id(), 3).unwrap();
    assert_eq!((journal.state(), journal.state().pending()), (&State::new(3), vec![0, 1, 2]));
    assert!(!spool.journal_path(&id()).exists(), "opening creates nothing");
    journal.append(now(), &[attempt(1), outcome(0, Status::Deferred, None)]).unwrap();
    assert_eq!((journal.state().attempts, journal.state().heard), (1, 0));
    journal.append(now(), &[attempt(2), outcome(0, Status::Deferred, Some(450))]).unwrap();
    journal.append(now(), &[outcome(1, Status::Delivered, Some(250)), outcome(2, Status::Unknown, None)]).unwrap();
    journal.append(now(), &[Line::Hold, Line::Next(now())]).unwrap();
    let state = journal.state();
    assert_eq!((state.attempts, state.heard, state.held, state.next), (2, 1, true, Some(now())));
    assert_eq!((state.pending(), unknowns(state)), (vec![0, 2], vec![0, 0, 1]));
    journal.append(now(), &[attempt(3), outcome(0, Status::Refused, Some(550)), Line::Release]).unwrap();
    journal.append(now(), &[outcome(2, Status::Unknown, None), Line::Returned(MessageId::new(9, 9))]).unwrap();
    let state = journal.state().clone();
    assert_eq!((state.heard, state.held, state.pending(), state.recipients[2].unknowns), (2, false, vec![2], 1));
    assert_eq!(state.returned, [MessageId::new(9, 9)]);
    assert_eq!(*Journal::open(&spool, &id(), 3).unwrap().state(), state);
}

#[test]
fn a_release_and_a_retry_begin_counting_anew() {
    let (_dir, spool) = spool();
    let mut journal = Journal::open(&spool, &id(), 3).unwrap();
    journal.append(now(), &[outcome(0, Status::Deferred, None)]).unwrap();
    assert_eq!(journal.state().blocked_from, Some(now()), "no attempt, only something in its way");
    journal.append(now(), &[attempt(1), outcome(0, Status::Unknown, None), Line::Hold]).unwrap();
    assert_eq!((journal.state().blocked_from, journal.state().recipients[0].unknowns), (None, 1));
    journal.append(now(), &[Line::Release]).unwrap();
    assert_eq!((journal.state().held, journal.state().recipients[0].unknowns), (false, 0));
    journal.append(now(), &[attempt(2), outcome(1, Status::Delivered, Some(250))]).unwrap();
    journal.append(now(), &[outcome(2, Status::Refused, Some(550)), Line::Retry]).unwrap();
    assert_eq!((journal.state().pending(), journal.state().heard), (vec![0, 2], 0));
    let returned = [outcome(2, Status::Refused, Some(550)), Line::Returned(MessageId::new(9, 9)), Line::Retry];
    journal.append(now(), &returned).unwrap();
    assert_eq!(journal.state().pending(), [0], "what was returned is settled");
}

#[test]
fn a_journal_cut_at_any_byte_goes_on_behind_its_last_whole_line() {
    let lines = [attempt(1), outcome(0, Status::Delivered, Some(250)), Line::Next(now())];
    let (_dir, spool, whole) = written(&lines);
    let path = spool.journal_path(&id());
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let survivors = whole[..cut].split(|b| *b == b'\n').count() - 1;
        let peeked = Journal::peek(&spool, &id(), 3).unwrap();
        assert_eq!(fs::read(&path).unwrap(), &whole[..cut], "peeking changes nothing");
        let mut journal = Journal::open(&spool, &id(), 3).unwrap();
        assert_eq!(*journal.state(), peeked);
        journal.append(now(), &[Line::Hold]).unwrap();
        let after: Vec<_> = Journal::lines(&spool, &id()).unwrap().into_iter().map(|(_, line)| line).collect();
        assert_eq!(after, [&lines[..survivors], &[Line::Hold]].concat(), "{cut}");
    }
}

#[test]
fn a_torn_end_may_be_more_than_a_line_but_damage_in_the_middle_is_told() {
    let (_dir, spool, whole) = written(&[attempt(1), Line::Hold]);
    let path = spool.journal_path(&id());
    fs::write(&path, [&whole[..], &[0; 5000], b"\n{}\n\0"].concat()).unwrap();
    let mut journal = Journal::open(&spool, &id(), 1).unwrap();
    assert!(journal.state().held);
    journal.append(now(), &[Line::Release]).unwrap();
    assert!(!Journal::peek(&spool, &id(), 1).unwrap().held);
    let mut damaged = fs::read(&path).unwrap();
    damaged[40] ^= 1;
    fs::write(&path, &damaged).unwrap();
    for result in [Journal::open(&spool, &id(), 1).map(|_| ()), Journal::peek(&spool, &id(), 1).map(|_| ())] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("line 1 is incomplete, but others follow it"), "{error}");
    }
}

#[test]
fn an_outcome_for_nobody_is_damage_and_is_never_written() {
    let (_dir, spool, _) = written(&[outcome(2, Status::Delivered, Some(250))]);
    assert!(matches!(Journal::open(&spool, &id(), 2), Err(SpoolError::Damaged { .. })));
    let mut journal = Journal::open(&spool, &id(), 3).unwrap();
    assert!(journal.append(now(), &[Line::Hold, outcome(3, Status::Deferred, None)]).is_err());
    assert!(!Journal::peek(&spool, &id(), 3).unwrap().held);
}

#[test]
fn what_only_a_newer_version_says_is_damage_in_so_many_words() {
    let (_dir, spool) = spool();
    let body = r#"{"t":"2026-11-22T13:20:55.500000Z","sung":true"#;
    let sum = crc32fast::hash(format!("{body}}}").as_bytes());
    fs::write(spool.journal_path(&id()), format!("{body},\"c\":\"{sum:08x}\"}}\n")).unwrap();
    let error = Journal::open(&spool, &id(), 1).unwrap_err().to_string();
    assert!(error.contains("line 1 cannot be read"), "{error}");
}

#[test]
fn after_a_failed_sync_the_journal_is_written_anew() {
    let (_dir, spool, whole) = written(&[attempt(1), Line::Hold]);
    let path = spool.journal_path(&id());
    let old = File::open(&path).unwrap();
    let mut journal = Journal::open(&spool, &id(), 1).unwrap();
    // As a failed append leaves it: lines behind the good ones, of which nobody knows where they are.
    fs::write(&path, [&whole[..], b"{unsynced}\n"].concat()).unwrap();
    journal.before = Before::Rewrite;
    journal.append(now(), &[Line::Release]).unwrap();
    journal.append(now(), &[Line::Done]).unwrap();
    let lines: Vec<_> = Journal::lines(&spool, &id()).unwrap().into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, [attempt(1), Line::Hold, Line::Release, Line::Done]);
    assert_eq!(old.metadata().unwrap().len(), whole.len() as u64 + 11, "the old file is left as it was");
    assert_eq!(fs::read_dir(spool.dir().join("queue")).unwrap().count(), 1);
}

#[test]
fn an_endless_reply_is_clipped_to_a_line_that_can_be_read() {
    let (_dir, spool) = spool();
    let mut line = outcome(0, Status::Deferred, Some(450));
    if let Line::Outcome { outcome, .. } = &mut line {
        outcome.reply = "\u{1}ü".repeat(100_000);
    }
    Journal::open(&spool, &id(), 1).unwrap().append(now(), &[line]).unwrap();
    let state = Journal::peek(&spool, &id(), 1).unwrap();
    assert!(state.outcome(0).unwrap().reply.len() <= 8192);
}

proptest! {
    #[test]
    fn any_bytes_are_replayed_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0..300_usize, byte in any::<u8>()) {
        let _ = replay(&bytes[..], 3);
        let mut lines: Vec<u8> = every_line().iter().flat_map(|line| journal_line::encode(now(), line, None).unwrap()).collect();
        lines[cut] = byte;
        let _ = replay(&lines[..], 1);
        let _ = replay(&[&lines[..], &bytes].concat()[..], 3);
    }
}

#[test]
fn of_lines_that_were_appended_together_a_power_cut_may_take_any() {
    let (dir, spool) = spool();
    let path = dir.path().join("queue").join(journal_name(&id()));
    let mut journal = Journal::open(&spool, &id(), 4).unwrap();
    journal.append(now(), &[Line::Hold]).unwrap();
    let before = fs::read(&path).unwrap();
    let together: Vec<Line> = (0..4).map(|recipient| outcome(recipient, Status::Deferred, Some(450))).collect();
    journal.append(now(), &together).unwrap();
    let whole = fs::read(&path).unwrap();
    journal.append(now(), &[Line::Release]).unwrap();
    let later = fs::read(&path).unwrap();
    for lost in before.len()..whole.len() - 1 {
        // A block that was not written reads as zeros.
        let zeros = |text: &[u8]| {
            let mut text = text.to_vec();
            text[lost..(lost + 100).min(whole.len() - 1)].fill(0);
            text
        };
        fs::write(&path, zeros(&whole)).unwrap();
        let state = Journal::peek(&spool, &id(), 4).unwrap();
        assert!(state.held && state.outcomes().count() < 4, "{lost}");
        let mut journal = Journal::open(&spool, &id(), 4).unwrap();
        journal.append(now(), &together).unwrap();
        assert_eq!(Journal::peek(&spool, &id(), 4).unwrap().outcomes().count(), 4, "{lost}");
        // What was synced before a later append is another matter.
        fs::write(&path, zeros(&later)).unwrap();
        assert!(matches!(Journal::peek(&spool, &id(), 4), Err(SpoolError::Damaged { .. })), "{lost}");
    }
}
