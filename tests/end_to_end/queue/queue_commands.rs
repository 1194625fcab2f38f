//! Operating the queue: hold, release, delete, retry, history, status; the same beside a
//! runner and without one; and what happens to accounts that need their owner.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use support::provider::{Gate, Provider, Verb, after_dot, on};
use support::wait::wait_for;
use support::world::World;

/// Queues a mail; its id.
fn queue(world: &World, recipient: &str) -> String {
    world.send_to(&[recipient]).code(0);
    world.queued().pop().unwrap()
}

#[test]
fn a_held_message_waits_until_it_is_released() {
    for beside_a_runner in [false, true] {
        let isp = Provider::setup().rule(on(Verb::Rcpt).once().reply("450 4.2.0 not now")).start();
        let world = World::at_home(&isp);
        let runner = beside_a_runner.then(|| world.runner().ready(&world));
        let id = queue(&world, "bob@away.example");
        if runner.is_some() {
            wait_for("the first attempt", || world.mailq().contains("not now"));
        } else {
            world.run_once();
        }
        // The runner may still be recording the attempt.
        wait_for("it to be held", || world.postrider(&["queue", "hold", &id]).status == Some(0));
        assert!(world.mailq().contains(&format!("{id}!")), "{}", world.mailq());
        world.postrider(&["queue", "hold", &id]).code(0);
        world.flush();
        assert_eq!(isp.received(), 0);
        world.postrider(&["queue", "release", &id]).code(0).says("released");
        world.flush();
        wait_for("the mail", || isp.received() == 1);
    }
}

#[test]
fn a_deleted_message_is_gone_and_history_says_so() {
    for beside_a_runner in [false, true] {
        let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 not now")).start();
        let world = World::at_home(&isp);
        let _runner = beside_a_runner.then(|| world.runner().ready(&world));
        let (first, second) = (queue(&world, "bob@away.example"), queue(&world, "carol@away.example"));
        wait_for("nothing to be active", || world.postrider(&["queue", "delete", &first]).status == Some(0));
        assert_eq!(world.queued(), [second]);
        assert_eq!(world.history()[0]["recipients"][0]["status"], "deleted");
        world.postrider(&["history"]).code(0).says("deleted").says(&first);
        world
            .postrider(&["history", "--recipient", "bob@away.example", "--since", "1h", "--json"])
            .code(0)
            .says(&first);
        assert_eq!(world.postrider(&["history", "--until", "1h"]).code(0).stdout, "");
        world.postrider(&["queue", "delete", &first]).code(66);
        world.postrider(&["queue", "delete"]).code(64).one_line();
        world.postrider(&["queue", "delete", "--all"]).code(0);
        assert!(world.queued().is_empty());
    }
}

#[test]
fn a_message_that_is_being_sent_is_marked_and_not_deleted() {
    let gate = Gate::closed();
    let isp = Provider::setup().rule(after_dot().once().behind(&gate)).start();
    let world = World::at_home(&isp);
    let _runner = world.runner().ready(&world);
    let id = queue(&world, "bob@away.example");
    wait_for("the final dot", || isp.dots() == 1);
    assert!(world.mailq().contains(&format!("{id}*")), "{}", world.mailq());
    assert_eq!(world.queue_json()[0]["queue_name"], "active");
    world.postrider(&["queue", "delete", &id]).code(75).says("being sent");
    gate.open();
    wait_for("the queue to be empty", || world.queued().is_empty());
    assert_eq!(isp.received(), 1);
}

#[test]
fn messages_are_chosen_by_sender_recipient_account_and_age() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let (bob, carol) = (queue(&world, "bob@away.example"), queue(&world, "carol@away.example"));
    let listed = |args: &[&str]| {
        let listing = world.postrider(&[&["queue", "list", "--json"], args].concat()).code(0).stdout;
        [&bob, &carol].map(|id| listing.contains(id.as_str()))
    };
    assert_eq!(listed(&["--recipient", "BOB@away.example"]), [true, false]);
    assert_eq!(listed(&["--sender", "alice@home.lan"]), [true, true]);
    assert_eq!(listed(&["--account", "isp", &carol]), [false, true]);
    assert_eq!(listed(&["--older", "1h"]), [false, false]);
    assert_eq!(listed(&["--older", "0s"]), [true, true]);
    world.postrider(&["queue", "list", "--account", "isq"]).code(64).one_line();
    world.postrider(&["queue", "delete", "--recipient", "bob@away.example"]).code(0);
    assert_eq!(world.queued(), [carol]);
}

#[test]
fn status_says_whether_mail_flows() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp).queue_set("warn_after", "1h");
    world.postrider(&["status"]).code(0).says("POSTRIDER OK: the queue is empty | queued=0");
    queue(&world, "bob@away.example");
    world.postrider(&["status"]).code(0).says("1 message queued").says("service is not running");
    let late = World::at_home(&isp).queue_set("warn_after", "0s");
    late.send_to(&["bob@away.example"]).code(0);
    late.postrider(&["status"]).code(1).says("WARNING");
    world.file("spool/queue/0123456789ABCDEF", "no message", 0o600);
    world.run_once();
    world.postrider(&["status"]).code(1).says("1 message in failed/");
    world.postrider(&["queue", "list", "--failed"]).code(0).says("0123456789ABCDEF").says("damaged");
    let broken = World::new();
    broken.file("config.toml", "colour = 1\n", 0o600);
    broken.postrider(&["status"]).code(2).says("CRITICAL");
}

#[test]
fn status_is_critical_while_mail_waits_that_no_account_serves() {
    let (isp, other) = (Provider::start(), Provider::start());
    let world =
        World::at_home(&isp).account("other", &other).account_keys("other", &[("senders", json!(["@work.example"]))]);
    world.sendmail(&["-f", "me@work.example", "bob@away.example"], "\n").code(0);
    world.postrider(&["status"]).code(0);
    world.sendmail(&["-f", "me@nowhere.example", "bob@away.example"], "\n").code(0);
    world.postrider(&["status"]).code(2).says("1 message without an account for the sender (see `postrider check`)");
}

#[test]
fn mailq_gives_the_accounts_trouble_as_reason_for_all_its_mail_and_the_alarm_goes_another_way() {
    let (isp, other) = (Provider::start(), Provider::start());
    let world = World::at_home(&isp)
        .account_keys("isp", &[("password", json!("wrong horse"))])
        .account_with("other", &other, &[("senders", json!(["her@home.lan"]))])
        .set("default_account", "isp")
        .set("postmaster", "boss@away.example")
        .set("on_stuck", json!(["/bin/sh", "-c", "echo $POSTRIDER_ACCOUNT >> stuck"]))
        .set("on_stuck_after", "0s");
    let stuck = world.path("stuck");
    let script = world.file("stuck.sh", &format!("#!/bin/sh\necho $POSTRIDER_ACCOUNT >> {}\n", stuck.display()), 0o755);
    let world = world.set("on_stuck", json!([script.to_str().unwrap()]));
    for recipient in ["a@away.example", "b@away.example", "c@away.example"] {
        world.send_to(&[recipient]).code(0);
    }
    let said = world.run_once().stderr;
    assert_eq!(isp.logins().len(), 1);
    assert_eq!(world.mailq().matches("535 5.7.8").count(), 3, "{}", world.mailq());
    assert!(said.contains("needs attention"), "{said}");
    wait_for("the alarm", || {
        world.run_once();
        other.received() == 1
    });
    let alarm = other.mail();
    assert_eq!((alarm.from.as_str(), alarm.to), ("", vec!["boss@away.example".to_owned()]));
    wait_for("on_stuck", || std::fs::read_to_string(&stuck).is_ok_and(|told| told == "isp\n"));
    world.postrider(&["status"]).code(2).says("account isp");
    // Five minutes are not over: nobody knocks, and nobody is told again.
    world.flush();
    assert_eq!((isp.logins().len(), other.received()), (1, 1));
    // Its owner mends it.
    let world = world.account_keys("isp", &[("password", json!(isp.credential().1))]);
    world.flush();
    assert_eq!(isp.received(), 3);
    world.postrider(&["status"]).code(0);
}

#[test]
fn a_running_runner_takes_a_mended_config_by_itself() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("password", json!("wrong horse"))]);
    let _runner = world.runner().ready(&world);
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the refusal", || world.mailq().contains("535 5.7.8"));
    let _world = world.account_keys("isp", &[("password", json!(isp.credential().1))]);
    wait_for("the mail", || isp.received() == 1);
}

#[test]
fn a_running_runner_takes_what_is_mended_by_a_chmod_alone() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("password", json!("wrong horse"))]);
    let runner = world.runner().ready(&world);
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the refusal", || world.mailq().contains("535 5.7.8"));
    let config = world.path("config.toml");
    let text = std::fs::read_to_string(&config).unwrap().replace("wrong horse", isp.credential().1);
    // Nobody uses a config that others can write to.
    world.file("fresh.toml", &text, 0o666);
    std::fs::rename(world.path("fresh.toml"), &config).unwrap();
    wait_for("the warning", || runner.log().contains("cannot reload the configuration"));
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).unwrap();
    wait_for("the mail", || isp.received() == 1);
}

#[test]
fn a_running_runner_follows_the_config_to_another_password_file() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("password", json!("wrong horse"))]);
    let _runner = world.runner().ready(&world);
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the refusal", || world.mailq().contains("535 5.7.8"));
    std::fs::create_dir(world.path("secrets")).unwrap();
    world.file("secrets/isp", "still wrong\n", 0o600);
    let world = world.account_keys("isp", &[("password", json!({ "file": "secrets/isp" }))]);
    wait_for("the second refusal", || isp.count(Verb::Auth) >= 2);
    world.file("secrets/isp", &format!("{}\n", isp.credential().1), 0o600);
    wait_for("the mail", || isp.received() == 1);
}

#[test]
fn a_password_that_is_mended_while_the_old_one_is_being_refused_is_used_at_once() {
    let gate = Gate::closed();
    let isp = Provider::setup().rule(on(Verb::Auth).once().behind(&gate)).start();
    let world = World::at_home(&isp).account_keys("isp", &[("password", json!("wrong horse"))]);
    let _runner = world.runner().ready(&world);
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the login with the old password", || isp.count(Verb::Auth) == 1);
    let _world = world.account_keys("isp", &[("password", json!(isp.credential().1))]);
    gate.open();
    wait_for("the mail", || isp.received() == 1);
}

#[test]
fn a_bounce_that_bounces_goes_to_postmaster_and_no_further() {
    let isp = Provider::setup()
        .rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user"))
        .rule(on(Verb::Rcpt).about("me@isp.example").reply("550 5.1.1 no such user"))
        .start();
    let world = World::at_home(&isp).set("postmaster", "boss@away.example");
    world.send_to(&["nobody@away.example"]).code(0);
    world.drain();
    assert_eq!((isp.received(), isp.mail().to), (1, vec!["boss@away.example".to_owned()]));
    assert!(world.spool("failed").is_empty());
    let world = world.set("postmaster", "nobody@away.example");
    world.send_to(&["nobody@away.example"]).code(0);
    world.drain();
    assert_eq!((isp.received(), world.spool("failed").len()), (1, 3), "kept with its journal and its reason");
    let id = world.postrider(&["queue", "list", "--failed"]).code(0).stdout[..16].to_owned();
    world.postrider(&["queue", "retry", &id]).code(0);
    assert_eq!((world.queued(), world.spool("failed").len()), (vec![id], 0));
}

#[test]
fn what_cannot_be_a_message_is_set_aside_and_the_rest_goes_on() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let id = queue(&world, "bob@away.example");
    let whole = std::fs::read(world.path("spool/queue").join(&id)).unwrap();
    let place = |name: &str| world.path("spool/queue").join(name);
    std::fs::write(place("00060FF000000001"), &whole[..whole.len() - 1]).unwrap();
    std::fs::write(place("00060FF000000002"), &whole).unwrap();
    std::fs::create_dir(place("00060FF000000003")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", place("00060FF000000004")).unwrap();
    std::fs::write(place("notes.txt"), "mine").unwrap();
    std::fs::set_permissions(place("notes.txt"), std::fs::Permissions::from_mode(0o644)).unwrap();
    // An id that exists twice: in failed/ there is one of this name.
    world.file("spool/failed/00060FF000000001", "older", 0o600);
    world.file("spool/failed/00060FF000000001.reason", "long ago\n", 0o600);
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (1, 0));
    let listed = world.postrider(&["queue", "list", "--failed"]).code(0).stdout;
    for (name, reason) in [
        ("00060FF000000001 ", "long ago"),
        ("00060FF000000001-1 ", "00060FF000000001 is damaged"),
        ("00060FF000000002 ", "that of message"),
        ("00060FF000000003 ", "not a file"),
        ("00060FF000000004 ", "not a file"),
        ("notes.txt ", "not a message id"),
    ] {
        let said = listed.lines().skip_while(|line| !line.starts_with(name)).nth(1).unwrap_or_default();
        assert!(said.contains(reason), "{name}: {listed}");
    }
    world.postrider(&["status"]).code(1).says("6 messages in failed/");
    let reasons = world.spool("failed").into_iter().filter(|path| path.extension().is_some_and(|e| e == "reason"));
    assert_eq!(reasons.count(), 6);
}

#[test]
fn a_flush_of_some_mail_tells_of_no_other_that_is_sent_meanwhile() {
    let gate = Gate::closed();
    let isp = Provider::setup().rule(after_dot().once().behind(&gate)).start();
    let world = World::at_home(&isp);
    let _runner = world.runner().ready(&world);
    let other = queue(&world, "bob@away.example");
    wait_for("the final dot", || isp.dots() == 1);
    let mine = queue(&world, "carol@away.example");
    let told = std::thread::scope(|scope| {
        let flush = scope.spawn(|| world.postrider(&["flush", "--recipient", "carol@away.example"]).code(0).stdout);
        wait_for("the flush to be asked for", || world.queue_json().len() == 2);
        gate.open();
        flush.join().unwrap()
    });
    assert!(!told.contains(&other), "{told}");
    assert!(told.contains(&mine) || told.contains("no queued message matches"), "{told}");
    assert!(!told.contains('\r') && !told.contains('['), "no bar where nobody looks: {told:?}");
}

#[test]
fn the_subject_is_shown_as_people_read_it() {
    let isp = Provider::setup().start();
    let world = World::at_home(&isp);
    let encoded = "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe_=1B[31m?=\n\nbody\n";
    world.sendmail(&["bob@away.example"], encoded).code(0);
    let id = world.queued().remove(0);
    let shown = world.postrider(&["queue", "show", &id]).code(0).says("Subject:    Grüße ?[31m").stdout;
    assert!(shown.contains("  Subject: =?utf-8?Q?Gr"), "the header stays as it is: {shown}");
    world.run_once().code(0);
    assert!(String::from_utf8_lossy(&isp.mail().content).contains("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe_=1B[31m?=\r\n"));
}
