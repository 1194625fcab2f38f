//! How long mail is tried: a bounce at the end of its lifetime, but not before five answered attempts;
//! and a runner that slept meanwhile.

use rustix::process::Signal;

use support::provider::{Provider, Verb, after_dot, on};
use support::wait::wait_for;
use support::world::World;

#[test]
fn mail_that_is_deferred_for_all_its_lifetime_bounces_but_not_before_five_answers() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("bob").reply("450 4.2.0 mailbox busy")).start();
    let world = World::at_home(&isp).queue_set("lifetime", "1s").queue_set("warn_after", "5d");
    world.send_to(&["bob@away.example"]).code(0);
    let asked = || isp.transcript().matches("RCPT TO:<bob@away.example>").count();
    while world.history().is_empty() {
        assert_eq!((isp.received(), world.queued().len()), (0, 1), "after {} attempts", asked());
        world.flush();
        assert!(asked() < 200, "it never ends");
    }
    wait_for("the bounce", || {
        world.run_once();
        isp.received() == 1
    });
    assert!(asked() >= 5, "{} attempts", asked());
    let bounce = isp.mail().text();
    for wanted in ["Status: 4.4.7", "said: 450 4.2.0 mailbox busy", "bob@away.example"] {
        assert!(bounce.contains(wanted), "{wanted:?} in:\n{bounce}");
    }
    // Giving up is our decision and not the server's.
    assert!(bounce.contains("Diagnostic-Code: X-Postrider; delivery time expired"), "{bounce}");
    assert!(bounce.contains("\r\n    delivery time expired; last reply: "), "{bounce}");
    assert_eq!((world.queued().len(), world.spool("failed").len()), (0, 0));
}

#[test]
fn the_log_says_in_postfixs_words_that_a_message_has_expired() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("bob").reply("450 4.2.0 mailbox busy")).start();
    let world = World::at_home(&isp).queue_set("lifetime", "1s").queue_set("warn_after", "5d");
    world.send_to(&["bob@away.example"]).code(0);
    let id = world.queued().remove(0);
    let runner = world.runner().ready(&world);
    wait_for("the bounce", || {
        world.flush();
        isp.received() == 1
    });
    let expired = format!(": {id}: from=<alice@home.lan>, status=expired, returned to sender\n");
    assert_eq!(runner.log().matches(&expired).count(), 1, "as log analysers count it: {}", runner.log());
}

/// Something has waited for a second at least.
fn wait_for_age(world: &World) {
    wait_for("a message of a second's age", || {
        let told = world.postrider(&["status"]).stdout;
        told.contains("oldest=") && !told.contains("oldest=0s")
    });
}

#[test]
fn what_was_never_answered_does_not_expire_however_old_it_is() {
    let isp = Provider::setup().rule(support::provider::greeting().close()).start();
    let world = World::at_home(&isp).queue_set("lifetime", "1s").queue_set("warn_after", "5d");
    world.send_to(&["bob@away.example"]).code(0);
    wait_for_age(&world);
    for _ in 0..8 {
        world.flush();
    }
    assert_eq!((world.queued().len(), world.history().len(), world.spool("failed").len()), (1, 0, 0));
    isp.behave();
    world.flush();
    assert_eq!(isp.mail().to, ["bob@away.example"]);
}

#[test]
fn a_runner_that_is_stopped_in_the_middle_of_everything_goes_on_where_it_was() {
    let isp = Provider::setup().rule(after_dot().nth(2).reply("451 4.3.0 try later")).start();
    let world = World::at_home(&isp).queue_set("retry_min", "1s").queue_set("retry_max", "1s");
    let runner = world.runner().ready(&world);
    for number in 0..4 {
        world.send_to(&[&format!("r{number}@away.example")]).code(0);
    }
    wait_for("the first mail", || isp.received() >= 1);
    runner.signal(Signal::STOP);
    world.send_to(&["late@away.example"]).code(0);
    // What was deferred is due, and nobody looks.
    wait_for_age(&world);
    runner.signal(Signal::CONT);
    wait_for("all of it", || isp.received() == 5 && world.queued().is_empty());
}
