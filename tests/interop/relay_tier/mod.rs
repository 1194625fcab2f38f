//! The relay tier of an MTA cluster, as postrider-machines(7) has it: three real Postfix behind SRV weights or MX preferences. How the
//! mail is shared, and what one that fails, hangs or is slow costs. `--nocapture` shows the figures.

mod cluster;

use std::time::{Duration, Instant};

use self::cluster::{Arrived, Cluster};
use crate::need;
use support::need::say;

fn met() -> bool {
    need::met(&["ip"])
}

fn ratio(part: usize, total: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    number(part) / number(total)
}

fn shown(what: &str, arrived: &Arrived, took: Duration) {
    let total: usize = arrived.shares.values().sum();
    let share = |count: &usize| format!("{count} ({:.1} %)", 100.0 * ratio(*count, total));
    let shares: Vec<String> = arrived.shares.iter().map(|(name, count)| format!("{name} {}", share(count))).collect();
    say(&format!(
        "{what}: {total} mails in {took:.1?}, {}; the longest took {:.1?}",
        shares.join(", "),
        arrived.longest
    ));
}

/// Within eight points of a hundred of each: four standard deviations of 600 draws.
#[track_caller]
fn shares_are(arrived: &Arrived, expected: [(&'static str, f64); 3]) {
    let total: usize = arrived.shares.values().sum();
    for (name, share) in expected {
        let seen = ratio(*arrived.shares.get(name).unwrap_or(&0), total);
        assert!((seen - share).abs() < 0.08, "{name} has {seen}, not {share}: {:?}", arrived.shares);
    }
}

#[test]
fn mail_is_shared_by_the_weights_of_srv_records() {
    if !met() {
        return;
    }
    let cluster = Cluster::start(["", "", ""]).weighted().account("srv:relay.example");
    cluster.submits(600);
    let took = cluster.drain();
    let arrived = cluster.arrived(600);
    shown("weights 60, 30, 10", &arrived, took);
    shares_are(&arrived, [("a", 0.6), ("b", 0.3), ("c", 0.1)]);
}

#[test]
fn mail_is_shared_evenly_by_exchangers_of_one_preference() {
    if !met() {
        return;
    }
    let cluster = Cluster::start(["", "", ""]).exchangers([10, 10, 20]).account("relay.example:587");
    cluster.submits(600);
    let took = cluster.drain();
    let arrived = cluster.arrived(600);
    shown("MX 10, 10, 20", &arrived, took);
    shares_are(&arrived, [("a", 0.5), ("b", 0.5), ("c", 0.0)]);
    assert_eq!(arrived.shares.get("c"), None);
}

/// Mail arrives all the while, twenty a second; something happens to a relay after the first of it, while no session is under way: a
/// session that a relay leaves between MAIL and the reply to its dot waits as long as RFC 5321 (4.5.3.2) has it, and its mail may be
/// there twice.
fn while_mail_arrives(cluster: &Cluster, what: &str, count: usize, happens: impl FnOnce()) -> Arrived {
    let runner = cluster.runner();
    let began = Instant::now();
    let first = count / 10;
    assert!(cluster.submit(1, first, "0.05").wait().unwrap().success());
    cluster.arrived(first);
    happens();
    assert!(cluster.submit(first + 1, count, "0.05").wait().unwrap().success());
    let arrived = cluster.arrived(count);
    shown(what, &arrived, began.elapsed());
    drop(runner);
    arrived
}

#[test]
fn a_relay_that_is_stopped_delays_nothing() {
    if !met() {
        return;
    }
    let cluster = Cluster::start(["", "", ""]).weighted().account("srv:relay.example");
    let arrived = while_mail_arrives(&cluster, "a stopped", 200, || cluster.stop("a"));
    assert!(arrived.longest < Duration::from_secs(5), "{arrived:?}");
    cluster.start_again("a");
    // It comes last for a while, and takes mail where it is the only one.
    for other in ["b", "c"] {
        cluster.stop(other);
    }
    let before = arrived.shares.get("a").copied().unwrap_or_default();
    let mut submitting = cluster.submit(201, 220, "0");
    assert!(submitting.wait().unwrap().success());
    cluster.drain();
    let arrived = cluster.arrived(220);
    assert_eq!(arrived.shares["a"], before + 20, "{arrived:?}");
}

#[test]
fn a_relay_that_takes_connections_and_says_nothing_costs_a_session_the_limit_for_its_greeting() {
    if !met() {
        return;
    }
    let cluster = Cluster::start(["", "", ""]).weighted().limits("3s").account("srv:relay.example");
    let arrived = while_mail_arrives(&cluster, "a frozen, greeting = 3s", 200, || cluster.freeze("a"));
    assert!(arrived.longest < Duration::from_secs(10), "{arrived:?}");
}

#[test]
fn a_relay_that_answers_but_takes_nothing_delays_nothing() {
    if !met() {
        return;
    }
    for (what, further) in [
        (
            "451 to MAIL",
            "smtpd_delay_reject = no\nsmtpd_sender_restrictions = check_sender_access static:{451 4.3.0 Try again later}",
        ),
        (
            "451 to RCPT",
            "smtpd_recipient_restrictions = check_recipient_access static:{451 4.3.5 Server configuration problem}",
        ),
        (
            "421 to RCPT",
            "smtpd_recipient_restrictions = check_recipient_access static:{421 4.3.2 Service not available}",
        ),
        (
            "421 as greeting",
            "smtpd_delay_reject = no\nsmtpd_client_restrictions = check_client_access static:{421 4.3.2 All server ports are busy}",
        ),
        (
            "452 to the content",
            "smtpd_end_of_data_restrictions = check_client_access static:{452 4.3.1 Insufficient system storage}",
        ),
    ] {
        let cluster = Cluster::start([further, "", ""]).weighted().account("srv:relay.example");
        let runner = cluster.runner();
        let began = Instant::now();
        cluster.submits(100);
        let arrived = cluster.arrived(100);
        shown(&format!("a with {what}"), &arrived, began.elapsed());
        assert!(!arrived.shares.contains_key("a"), "{arrived:?}");
        assert!(arrived.longest < Duration::from_secs(10), "{what}: {arrived:?}\n{}", runner.log());
    }
}

#[test]
fn a_primary_exchanger_that_takes_nothing_is_passed_over() {
    if !met() {
        return;
    }
    let broken =
        "smtpd_recipient_restrictions = check_recipient_access static:{451 4.3.5 Server configuration problem}";
    let cluster = Cluster::start([broken, broken, ""]).exchangers([10, 20, 30]).account("relay.example:587");
    cluster.submits(50);
    let took = cluster.drain();
    let arrived = cluster.arrived(50);
    shown("MX 10 and 20 with 451", &arrived, took);
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_slow_relay_holds_up_the_mail_that_it_has_and_no_other() {
    if !met() {
        return;
    }
    let slow = "smtpd_sender_restrictions = sleep 3";
    let cluster = Cluster::start(["", slow, ""]).weighted().account("srv:relay.example");
    cluster.submits(600);
    let took = cluster.drain();
    let arrived = cluster.arrived(600);
    shown("b takes 3 s per mail", &arrived, took);
    // Its share would be 180 mails of 3 s each, over two sessions.
    assert!(took < Duration::from_secs(90), "{took:?}");
    assert!(arrived.shares["b"] < 60, "{arrived:?}");
}
