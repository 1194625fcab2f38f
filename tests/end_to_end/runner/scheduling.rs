//! When what is tried again, and who is told: the first retry, turns between senders, a relay that
//! comes back, one notice of a delay, loops, trouble that outlives a message's lifetime.

use jiff::Timestamp;
use serde_json::json;

use support::provider::{Mail, Provider, Verb, after_dot, greeting, on};
use support::wait::wait_for;
use support::world::World;

/// Seconds from now until the only message of the queue is tried again.
fn wait_of_next(world: &World) -> i64 {
    let next: Timestamp = world.queue_json()[0]["next_attempt"].as_str().unwrap().parse().unwrap();
    next.duration_since(Timestamp::now()).as_secs()
}

#[test]
fn the_first_retry_is_due_after_a_minute_and_no_later_one_after_more_than_the_longest_wait() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert!((40..=66).contains(&wait_of_next(&world)), "{} s", wait_of_next(&world));
    world.run_once();
    assert_eq!(isp.count(Verb::Rcpt), 1, "and not before");
    let world = world.queue_set("retry_min", "10s").queue_set("retry_max", "10s");
    world.flush();
    assert_eq!(isp.count(Verb::Rcpt), 2, "but a flush may");
    assert!((5..=11).contains(&wait_of_next(&world)), "{} s", wait_of_next(&world));
}

#[test]
fn a_single_mail_does_not_wait_behind_another_senders_mailing() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(1))]);
    for number in 0..40 {
        world.send_to(&[&format!("r{number}@list.example")]).code(0);
    }
    world.sendmail(&["-i", "-f", "bob", "single@away.example"], "Subject: alone\n\none\n").code(0);
    world.run_once();
    let at = isp.mails().iter().position(|mail| mail.to == ["single@away.example"]).unwrap();
    assert!(at < 5 && isp.received() == 41, "the single mail was number {at} of {}", isp.received());
}

#[test]
fn a_server_that_takes_the_first_message_and_says_nothing_more_holds_no_other() {
    for failed in [false, true] {
        let isp = Provider::setup().rule(after_dot().once().silence()).start();
        let world = World::at_home(&isp).queue_set("retry_min", "1s");
        for number in 0..3 {
            world.send_to(&[&format!("r{number}@away.example")]).code(0);
        }
        if failed {
            // After trouble, too, one session comes first.
            isp.add(greeting().once().reply_and_close("421 4.3.2 closed for now"));
            world.run_once();
        }
        let _runner = world.runner();
        wait_for("the silence", || isp.dots() == 1);
        wait_for("the others", || isp.received() == 2);
        assert_eq!(
            isp.connections(),
            2 + usize::from(failed),
            "a login that works is a probe, and another session is enough"
        );
    }
}

#[test]
fn when_the_relay_is_back_all_its_mail_goes_at_once() {
    let isp = Provider::setup().rule(greeting().reply_and_close("421 4.3.2 closed for now")).start();
    let world = World::at_home(&isp).queue_set("retry_min", "1s").queue_set("retry_max", "2s");
    let runner = world.runner().ready(&world);
    for number in 0..12 {
        world.send_to(&[&format!("r{number}@away.example")]).code(0);
    }
    wait_for("some probes", || isp.connections() >= 3);
    wait_for("the trouble to be known", || world.mailq().matches("closed for now").count() == 12);
    let before = isp.connections();
    isp.behave();
    wait_for("all of it", || isp.received() == 12);
    assert!(isp.connections() - before <= 6, "one probe, then the rest: {} connections", isp.connections() - before);
    let log = runner.log();
    assert_eq!(log.matches("postrider/pickup").count(), 12, "each is picked up once, however often it is tried: {log}");
    wait_for("the trouble to be over", || world.postrider(&["status"]).stdout.contains("OK: the queue is empty"));
}

fn notices(isp: &Provider) -> Vec<Mail> {
    isp.mails().into_iter().filter(|mail| mail.from.is_empty()).collect()
}

#[test]
fn a_delay_is_told_once_in_words_that_say_what_to_do() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("bob").reply("450 4.2.0 mailbox busy")).start();
    let world = World::at_home(&isp).queue_set("warn_after", "0s");
    world.send_to(&["bob@away.example"]).code(0);
    for _ in 0..4 {
        world.flush();
    }
    let [notice] = &notices(&isp)[..] else { panic!("{} notices", notices(&isp).len()) };
    let text = notice.text();
    for wanted in ["Action: delayed", "Status: 4.2.0", "mailbox busy", "You need not send", "Auto-Submitted: auto-"] {
        assert!(text.contains(wanted), "{wanted:?} in:\n{text}");
    }
    // Whoever does not want to know is not told.
    world.sendmail(&["-i", "-f", "alice", "-N", "failure", "bob@away.example"], "Subject: x\n\nx\n").code(0);
    world.flush();
    assert_eq!(notices(&isp).len(), 1);
}

#[test]
fn mail_that_goes_round_in_circles_comes_back_and_its_bounce_goes_round_no_further() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let travelled = |hops: usize| {
        let mail = "Received: from a by b; Thu, 26 Nov 2026 01:00:00 +0000\n".repeat(hops);
        world.sendmail(&["-i", "-f", "alice", "bob@away.example"], format!("{mail}Subject: round\n\nx\n")).code(0);
        world.drain();
    };
    travelled(49);
    assert_eq!(isp.mail().to, ["bob@away.example"], "our own is the fiftieth");
    travelled(50);
    let [bounce] = &notices(&isp)[..] else { panic!("{:?}", isp.mails()) };
    assert!(bounce.text().contains("5.4.6") && isp.received() == 2, "{}", bounce.text());
    // The bounce itself, sent on by somebody with all of its header, reaches nobody any more.
    let again = format!("{}{}", "Received: from a by b; x\n".repeat(60), bounce.text().replace("\r\n", "\n"));
    world.sendmail(&["-i", "-f", "<>", "bob@away.example"], again).code(0);
    world.drain();
    assert_eq!((isp.received(), world.queued().len()), (2, 0));
}

#[test]
fn mail_of_a_program_that_calls_itself_automatic_bounces_like_any_other() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp);
    let mail = "Auto-Submitted: auto-generated\nPrecedence: bulk\nSubject: backup failed\n\nx\n";
    world.sendmail(&["-i", "-f", "alice", "nobody@away.example"], mail).code(0);
    world.drain();
    assert_eq!((notices(&isp).len(), isp.received()), (1, 1));
}

#[test]
fn a_fault_of_the_account_neither_bounces_nor_expires_its_mail_and_retry_brings_it_back() {
    let isp = Provider::start();
    let world = World::at_home(&isp)
        .account_keys("isp", &[("password", json!({"file": "secret"}))])
        .queue_set("lifetime", "1s")
        .queue_set("warn_after", "1s");
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("its lifetime to be over", || {
        world.flush();
        world.queued().is_empty()
    });
    assert_eq!(isp.received(), 0);
    let listed = world.postrider(&["queue", "list", "--failed"]).code(0).stdout;
    assert!(listed.contains("secret") && listed.contains("queue retry"), "{listed}");
    assert!(world.history().is_empty(), "nothing became of it yet");
    world.file("secret", isp.credential().1, 0o600);
    let world = world.queue_set("lifetime", "5d");
    world.postrider(&["queue", "retry", "--account", "isp"]).code(0).says("retrying now");
    world.drain();
    assert_eq!((isp.mail().to, world.spool("failed").len()), (vec!["bob@away.example".to_owned()], 0));
}
