//! Without a daemon: `delivery = "background"` leaves a runner behind, `"interactive"`
//! delivers before it returns.

use serde_json::json;

use support::provider::{Gate, Provider, Verb, greeting, on};
use support::wait::wait_for;
use support::world::World;

#[test]
fn in_the_background_mail_goes_without_a_daemon() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("delivery", "background");
    world.send_to(&["bob@away.example"]).code(0).silent();
    wait_for("the mail to be delivered", || isp.received() == 1);
    wait_for("the background runner to end when the queue is empty", || world.processes().is_empty());
    assert!(world.queued().is_empty());
}

#[test]
fn the_caller_does_not_wait_for_the_provider() {
    let gate = Gate::closed();
    let isp = Provider::setup().rule(greeting().behind(&gate)).start();
    let world = World::at_home(&isp).set("delivery", "background");
    world.send_to(&["bob@away.example"]).code(0).silent();
    wait_for("the background runner to connect", || isp.connections() == 1);
    assert_eq!(isp.received(), 0);
    gate.open();
    wait_for("the mail to be delivered", || isp.received() == 1);
}

#[test]
fn many_at_once_leave_one_runner_and_all_mail_arrives() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("delivery", "background");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    world.send_to(&["bob@away.example"]).code(0).silent();
                }
            });
        }
    });
    wait_for("all mail to be delivered", || isp.received() >= 20);
    wait_for("all runners to end", || world.processes().is_empty());
    assert_eq!((isp.received(), world.queued().len()), (20, 0), "each exactly once");
}

#[test]
fn the_background_runner_stays_and_tries_again() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).once().reply("450 4.2.0 not now")).start();
    let world =
        World::at_home(&isp).set("delivery", "background").queue_set("retry_min", "1s").queue_set("retry_max", "1s");
    world.send_to(&["bob@away.example"]).code(0).silent();
    wait_for("the second attempt", || isp.received() == 1);
    wait_for("the background runner to end", || world.processes().is_empty());
}

/// As `/proc` tells it: 0 when the session's leader is outside our process namespace, as for a
/// command run in a container from outside, which a typed session number cannot say.
fn session_of(process: &str) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap().parse().unwrap()
}

#[test]
fn the_background_runner_is_detached() {
    let gate = Gate::closed();
    let isp = Provider::setup().rule(greeting().behind(&gate)).start();
    let world = World::at_home(&isp).set("delivery", "background");
    world.send_to(&["bob@away.example"]).code(0).silent();
    wait_for("the background runner to connect", || isp.connections() == 1);
    let pids = world.processes();
    let told =
        |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().replace('\0', " ");
    assert_eq!(pids.len(), 1, "one process is left behind: {:?}", pids.iter().map(told).collect::<Vec<_>>());
    assert_ne!(session_of(&pids[0].to_string()), session_of("self"), "in a session of its own");
    for descriptor in 0..3 {
        let target = std::fs::read_link(format!("/proc/{}/fd/{descriptor}", pids[0]));
        let is_nothing = target.as_ref().map_or(true, |path| path == std::path::Path::new("/dev/null"));
        assert!(is_nothing, "descriptor {descriptor} is {target:?}");
    }
    // Only root may look: its memory is private.
    let cwd = std::fs::read_link(format!("/proc/{}/cwd", pids[0]));
    let is_root = cwd.as_ref().map_or(true, |path| path == std::path::Path::new("/"));
    assert!(is_root, "it keeps no directory busy: {cwd:?}");
    gate.open();
    wait_for("the mail to be delivered", || isp.received() == 1);
}

#[test]
fn interactive_returns_when_the_mail_is_delivered() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("delivery", "interactive");
    world.send_to(&["bob@away.example"]).code(0).silent();
    assert_eq!((isp.received(), world.queued().len()), (1, 0));
    assert!(world.processes().is_empty());
}

#[test]
fn interactive_delivers_only_its_own_message() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["carol@away.example"]).code(0);
    let world = world.set("delivery", "interactive");
    world.send_to(&["bob@away.example"]).code(0).silent();
    assert!(isp.mails().iter().any(|mail| mail.to == ["bob@away.example"]));
}

#[test]
fn interactive_tells_when_every_recipient_is_refused() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("away.example").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp).set("delivery", "interactive");
    world.send_to(&["nobody@away.example", "noone@away.example"]).code(69).one_line().says("refused");
}

#[test]
fn interactive_is_content_when_only_some_are_refused() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp).set("delivery", "interactive");
    world.send_to(&["nobody@away.example", "bob@away.example"]).code(0);
    assert_eq!(isp.mail_to("bob@away.example").to, ["bob@away.example"]);
}

#[test]
fn interactive_leaves_deferred_mail_to_the_background() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).once().reply("450 4.2.0 not now")).start();
    let world =
        World::at_home(&isp).set("delivery", "interactive").queue_set("retry_min", "1s").queue_set("retry_max", "1s");
    world.send_to(&["bob@away.example"]).code(0).silent();
    wait_for("the second attempt", || isp.received() == 1);
    wait_for("the background runner to end", || world.processes().is_empty());
}

#[test]
fn an_option_chooses_interactive_for_one_message() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp).account_keys("isp", &[("max_connections", json!(1))]);
    world.sendmail(&["-odi", "-f", "alice", "bob@away.example"], "Subject: x\n\n").code(0).silent();
    assert_eq!(isp.mail_to("bob@away.example").to, ["bob@away.example"]);
    world.sendmail(&["-odi", "-f", "alice", "nobody@away.example"], "Subject: x\n\n").code(69).one_line();
}
