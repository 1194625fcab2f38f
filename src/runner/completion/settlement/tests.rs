//! Unit tests of `runner::completion::settlement`: what the journal says, and the steps that follow.

use super::*;
use crate::mail::address::{Mailbox, ReversePath};
use crate::mail::outcome::{DsnSender, SentAs};
use crate::spool::{Kind, MessageId, Recipient};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn queue() -> Queue {
    Queue {
        retry_min: Duration::from_mins(1),
        retry_max: HOUR,
        lifetime: 5 * DAY,
        warn_after: 4 * HOUR,
        max_message_size: 0,
        min_free_space: 0,
        history: DAY,
        reports_per_hour: 20,
        idle_exit: None,
        bounce_size: 50_000,
    }
}

fn now() -> Timestamp {
    "2026-11-22T13:20:55.5Z".parse().unwrap()
}

fn address() -> Address {
    Address::parse("me@home.lan").unwrap()
}

/// A mail to two recipients. The NOTIFY of the first is given; the second has none.
fn mail(notify: Option<&str>) -> Envelope {
    let recipient = |name: &str| {
        Recipient::new(Mailbox::Valid(Address::parse(&format!("{name}@x.example")).unwrap()), name.to_owned())
    };
    let first = Recipient { notify: notify.map(str::to_owned), ..recipient("anna") };
    let id = MessageId::new(1_795_000_000_000_000, 7);
    Envelope::mail(id, now(), ReversePath::Mailbox(address()), vec![first, recipient("ben")])
}

fn attempt(number: u32) -> Line {
    Line::Attempt { number, account: "isp".to_owned(), relay: "relay".to_owned() }
}

fn outcome(recipient: usize, status: Status) -> Line {
    let code = match status {
        Status::Delivered => Some(250),
        Status::Deferred => Some(450),
        Status::Refused => Some(550),
        Status::Unknown => None,
    };
    let enhanced = Enhanced { class: 4, subject: 2, detail: 0 };
    let (reply, relay) = ("no".to_owned(), "relay".to_owned());
    Line::Outcome {
        recipient,
        outcome: Outcome {
            status,
            code,
            enhanced,
            reply,
            relay,
            dsn_sender: DsnSender::Us,
            cure: None,
            sent_as: SentAs::default(),
        },
    }
}

/// An attempt with these outcomes.
fn attempted(number: u32, first: Status, second: Status) -> Vec<Line> {
    vec![attempt(number), outcome(0, first), outcome(1, second)]
}

/// An attempt that waits for its turn after these outcomes.
fn waited(number: u32, first: Status, second: Status) -> Vec<Line> {
    [attempted(number, first, second), vec![Line::Next(now())]].concat()
}

fn state(lines: &[Line]) -> State {
    let mut state = State::new(2);
    for line in lines {
        state.apply(now(), line).unwrap();
    }
    state
}

/// A step in words.
fn word(step: &Step) -> String {
    let about = |due: &DueReport| format!("{:?} of {} about {:?}", due.report, due.attempt, due.recipients);
    match step {
        Step::Expire(lines) => format!("expire {}", lines.len()),
        Step::Report(due, to) => format!("report {} to {to}", about(due)),
        Step::ReturnHeader(due, to, _) => format!("return header {} to {to}", about(due)),
        Step::Owe(due) => format!("owe {}", about(due)),
        Step::Hold(_) => "hold".to_owned(),
        Step::Wait(next) => format!("wait {}", next.duration_since(now()).as_secs()),
        Step::NotifyOfKept(due) | Step::NotifyOfLoop(due) => format!("notify {}", about(due)),
        Step::Record => "record".to_owned(),
        Step::SetAside(reason) => format!("set aside: {reason}"),
        Step::Finish => "finish".to_owned(),
        Step::Remove => "remove".to_owned(),
    }
}

fn words(steps: &[Step]) -> Vec<String> {
    steps.iter().map(word).collect()
}

/// Whether the sender gets reports.
#[derive(Clone, Copy)]
enum Sender {
    Reachable,
    BeyondLimit,
    Unreachable,
}

/// The steps that follow from these lines, and what comes next.
fn settled(envelope: &Envelope, lines: &[Line], age: Duration, sender: Sender) -> (Vec<String>, NextStep) {
    let (state, queue) = (state(lines), queue());
    let case = Case { envelope, state: &state, queue: &queue, now: now(), age, chance: 0.5 };
    let disposition = || match sender {
        Sender::Reachable => Disposition::Send(address()),
        Sender::BeyondLimit => Disposition::Digest,
        Sender::Unreachable => Disposition::Nobody("nobody is there".to_owned()),
    };
    let reports = case.due_reports().into_iter().map(|due| (due, disposition())).collect();
    let digest_to = address();
    let digest_to = if matches!(sender, Sender::Unreachable) { None } else { Some(&digest_to) };
    let settlement = case.settle(reports, digest_to);
    (words(&settlement.steps), settlement.next_step)
}

/// What it is, the journal, the message's age, whether its sender can be reached, and the steps.
type Row = (&'static str, Vec<Line>, Duration, Sender, &'static [&'static str]);

#[test]
fn the_steps_follow_from_the_journal() {
    use Sender::{BeyondLimit, Reachable, Unreachable};
    use Status::{Deferred, Delivered, Refused, Unknown};
    let id = |second: u64| MessageId::new(1_795_000_000_000_000 + second, 7 ^ 0x555);
    let both_refused = [waited(1, Refused, Deferred), vec![attempt(2), outcome(1, Refused)]].concat();
    let bounced = [attempted(1, Refused, Delivered), vec![Line::Returned(id(1))]].concat();
    let unconfirmed = [attempted(1, Unknown, Delivered), vec![outcome(0, Unknown), outcome(0, Unknown)]].concat();
    let warned = [attempted(1, Deferred, Delivered), vec![Line::Warned(id(9))]].concat();
    let owed = [attempted(1, Refused, Delivered), vec![Line::Owed(1)]].concat();
    let digested = [owed.clone(), vec![Line::Digest(id(8))]].concat();
    let replaced = [attempted(1, Deferred, Delivered), vec![Line::Replaced(0)]].concat();
    let done = [attempted(1, Delivered, Delivered), vec![Line::Done]].concat();
    let rows: [Row; 18] = [
        ("all have it", attempted(1, Delivered, Delivered), HOUR, Reachable, &["record", "finish", "remove"]),
        ("finished before a crash", done, HOUR, Reachable, &["remove"]),
        ("nothing was tried", vec![], Duration::ZERO, Reachable, &["wait 60"]),
        ("one waits", attempted(1, Deferred, Delivered), HOUR / 2, Reachable, &["wait 1800"]),
        (
            "one waits for long",
            attempted(1, Deferred, Delivered),
            4 * HOUR,
            Reachable,
            &["report Delayed of 0 about [0] to me@home.lan", "wait 3600"],
        ),
        ("its sender knows", warned, 5 * HOUR, Reachable, &["wait 3600"]),
        (
            "a delay beyond the limit",
            attempted(1, Deferred, Delivered),
            DAY,
            BeyondLimit,
            &["owe Delayed of 0 about [0]", "wait 3600"],
        ),
        ("a delay for nobody", attempted(1, Deferred, Delivered), DAY, Unreachable, &["wait 3600"]),
        ("perhaps delivered", attempted(1, Unknown, Delivered), Duration::ZERO, Reachable, &["wait 3600"]),
        (
            "perhaps delivered for the third time",
            unconfirmed,
            DAY,
            Reachable,
            &["report Unconfirmed of 0 about [0] to me@home.lan", "hold"],
        ),
        (
            "one is refused, one waits",
            attempted(1, Refused, Deferred),
            HOUR / 2,
            Reachable,
            &["report Failed of 1 about [0] to me@home.lan", "wait 1800"],
        ),
        (
            "refused at two attempts",
            both_refused,
            HOUR,
            Reachable,
            &[
                "report Failed of 1 about [0] to me@home.lan",
                "report Failed of 2 about [1] to me@home.lan",
                "record",
                "finish",
                "remove",
            ],
        ),
        ("the bounce is stored", bounced, HOUR, Reachable, &["record", "finish", "remove"]),
        (
            "a bounce beyond the limit",
            attempted(1, Refused, Delivered),
            HOUR,
            BeyondLimit,
            &["owe Failed of 1 about [0]"],
        ),
        ("a bounce that is owed", owed.clone(), HOUR, BeyondLimit, &[]),
        ("a bounce that a digest has", digested, HOUR, Reachable, &["record", "finish", "remove"]),
        (
            "a bounce for nobody",
            attempted(1, Refused, Delivered),
            HOUR,
            Unreachable,
            &["notify Kept of 1 about [0]", "record", "set aside: nobody is there"],
        ),
        ("replaced by others", replaced, DAY, Reachable, &["record", "finish", "remove"]),
    ];
    for (name, lines, age, sender, expected) in rows {
        assert_eq!(settled(&mail(None), &lines, age, sender).0, expected, "{name}");
    }
    let (steps, _) = settled(&mail(None), &owed, HOUR, Unreachable);
    let last = "set aside: refused, and there is nobody to notify";
    assert_eq!(steps, ["notify Kept of 1 about [0]", "record", last], "a digest that nobody can get");
}

#[test]
fn what_comes_next_agrees_with_the_steps() {
    use Status::{Deferred, Delivered, Refused, Unknown};
    let next = |lines: &[Line], sender| settled(&mail(None), lines, HOUR / 2, sender).1;
    let unconfirmed = [attempted(1, Unknown, Delivered), vec![outcome(0, Unknown), outcome(0, Unknown)]].concat();
    assert_eq!(next(&attempted(1, Delivered, Delivered), Sender::Reachable), NextStep::Gone);
    assert_eq!(next(&attempted(1, Deferred, Delivered), Sender::Reachable), NextStep::Retry(HOUR / 2));
    assert_eq!(next(&unconfirmed, Sender::Reachable), NextStep::Held);
    assert_eq!(next(&attempted(1, Refused, Delivered), Sender::BeyondLimit), NextStep::AwaitDigest);
    assert_eq!(next(&attempted(1, Refused, Deferred), Sender::BeyondLimit), NextStep::Retry(HOUR / 2));
}

#[test]
fn notify_says_which_reports_a_recipient_gets() {
    use Status::{Deferred, Delivered, Refused};
    let finished = ["record", "finish", "remove"];
    let rows: [(&str, Vec<Line>, &[&str]); 6] = [
        ("never", attempted(1, Refused, Delivered), &finished),
        ("success", attempted(1, Refused, Delivered), &finished),
        ("delay,failure", attempted(1, Delivered, Delivered), &finished),
        ("failure", attempted(1, Deferred, Delivered), &["wait 3600"]),
        (
            "SUCCESS , delay",
            attempted(1, Delivered, Deferred),
            &["report Delayed of 0 about [1] to me@home.lan", "wait 3600"],
        ),
        (
            "SUCCESS , delay",
            attempted(1, Delivered, Delivered),
            &["report Relayed of 0 about [0] to me@home.lan", "record", "finish", "remove"],
        ),
    ];
    for (notify, lines, expected) in rows {
        let (steps, _) = settled(&mail(Some(notify)), &lines, DAY, Sender::Reachable);
        assert_eq!(steps, expected, "{notify}");
    }
}

#[test]
fn a_bounce_that_went_out_without_its_text_is_kept() {
    let (envelope, queue) =
        (Envelope::own(mail(None).id, now(), Kind::Bounce, vec![Recipient::of(&address())]), queue());
    let mut state = State::new(1);
    for line in [attempt(1), outcome(0, Status::Refused)] {
        state.apply(now(), &line).unwrap();
    }
    let case = Case { envelope: &envelope, state: &state, queue: &queue, now: now(), age: HOUR, chance: 0.5 };
    let [due] = &case.due_reports()[..] else { panic!("one bounce is due") };
    let shortened = Disposition::SendHeader(address(), b"header".to_vec(), "too large".to_owned());
    let settlement = case.settle(vec![(due.clone(), shortened)], Some(&address()));
    let steps = ["return header Failed of 1 about [0] to me@home.lan", "record", "set aside: too large"];
    assert_eq!(words(&settlement.steps), steps);
}

#[test]
fn a_message_expires_when_it_is_old_and_was_answered_often_enough() {
    use Status::{Deferred, Delivered};
    let (envelope, queue) = (mail(None), queue());
    let answered = |times: u32| (1..=times).flat_map(|number| waited(number, Deferred, Delivered)).collect::<Vec<_>>();
    let expire = |lines: &[Line], age| {
        let state = state(lines);
        Case { envelope: &envelope, state: &state, queue: &queue, now: now(), age, chance: 0.5 }.expire()
    };
    assert_eq!(expire(&answered(4), 6 * DAY), None, "four answers");
    assert_eq!(expire(&answered(5), 4 * DAY), None, "four days");
    let Some(Step::Expire(lines)) = expire(&answered(5), 5 * DAY) else { panic!("it has expired") };
    let [Line::Outcome { recipient: 0, outcome: given_up }] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(
        (given_up.status, given_up.reply.as_str()),
        (Status::Refused, "delivery time expired; last reply: relay said: 450 no")
    );
    let held = |line| match line {
        Line::Outcome { recipient: 0, outcome } => {
            Line::Outcome { recipient: 0, outcome: Outcome { cure: Some("add it".to_owned()), ..outcome } }
        }
        other => other,
    };
    let held: Vec<Line> = answered(5).into_iter().map(held).collect();
    assert_eq!(expire(&held, 6 * DAY), None, "what is held has a limit of its own");
}

#[test]
fn whatever_the_retry_times_the_sender_of_held_mail_is_told_within_an_hour() {
    let held = |code| match outcome(0, Status::Deferred) {
        Line::Outcome { recipient, outcome } => {
            Line::Outcome { recipient, outcome: Outcome { code: Some(code), ..outcome } }
        }
        other => other,
    };
    let queue = Queue { retry_min: 6 * HOUR, retry_max: 12 * HOUR, ..queue() };
    let wait = |lines: &[Line]| {
        let (envelope, state) = (mail(None), state(lines));
        let case = Case { envelope: &envelope, state: &state, queue: &queue, now: now(), age: HOUR, chance: 0.5 };
        case.settle(Vec::new(), None).next_step
    };
    let delivered = outcome(1, Status::Delivered);
    assert_eq!(wait(&[attempt(1), held(553), delivered.clone()]), NextStep::Retry(HOUR));
    assert_eq!(wait(&[attempt(1), held(451), delivered.clone()]), NextStep::Retry(6 * HOUR));
    let told = Line::Warned(MessageId::new(9, 9));
    assert_eq!(wait(&[attempt(1), held(553), delivered, told]), NextStep::Retry(6 * HOUR));
}

#[test]
fn a_message_that_waits_for_a_table_is_given_up_after_a_lifetime_of_trouble() {
    let (envelope, queue, state) = (mail(None), queue(), state(&[outcome(0, Status::Deferred)]));
    let given_up = |age, blocked| {
        let case = Case { envelope: &envelope, state: &state, queue: &queue, now: now(), age, chance: 0.5 };
        case.give_up_waiting(blocked).map(|settlement| words(&settlement.steps))
    };
    assert_eq!(given_up(4 * DAY, Some(9 * DAY)), None);
    assert_eq!(given_up(9 * DAY, Some(4 * DAY)), None);
    assert_eq!(given_up(9 * DAY, None), None);
    let steps = given_up(5 * DAY, Some(5 * DAY)).unwrap();
    assert!(steps[0].starts_with("set aside: ") && steps[0].contains("moved to failed/"), "{steps:?}");
}

#[test]
fn the_same_reason_to_wait_is_recorded_once() {
    let Line::Outcome { outcome: reason, .. } = outcome(0, Status::Deferred) else { unreachable!() };
    let other = Outcome { reply: "something else".to_owned(), ..reason.clone() };
    let lines = |before: &[Line], outcome: &Outcome| uncharged(&state(before), &[(0, outcome.clone())]).len();
    assert_eq!(lines(&[], &reason), 1);
    assert_eq!(lines(&[outcome(0, Status::Deferred)], &reason), 0);
    assert_eq!(lines(&[outcome(0, Status::Deferred)], &other), 1);
    assert_eq!(lines(&waited(1, Status::Deferred, Status::Delivered), &reason), 1, "an attempt recorded it");
}
