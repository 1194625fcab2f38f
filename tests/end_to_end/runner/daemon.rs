//! The runner as a daemon: it wakes, reloads, ends politely, and is alone.

use rustix::process::Signal;
use serde_json::json;

use support::provider::{Gate, Provider, Verb, after_dot, on};
use support::wait::wait_for;
use support::world::{World, is_id};

#[test]
fn mail_queued_while_the_runner_idles_is_delivered_promptly() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let runner = world.runner().ready(&world);
    for sent in 1..=3 {
        world.send_to(&["bob@away.example"]).code(0).silent();
        wait_for("the mail to be delivered", || isp.received() == sent);
    }
    wait_for("the queue to be empty", || world.queued().is_empty());
    assert!(runner.log().contains("status=sent"), "{}", runner.log());
}

#[test]
fn mail_that_waits_already_is_delivered_when_the_runner_starts() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    let _runner = world.runner();
    wait_for("the mail to be delivered", || isp.received() == 1);
}

#[test]
fn mail_queued_while_the_runner_starts_is_not_overlooked() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    for sent in 1..=10 {
        let _runner = world.runner();
        world.send_to(&["bob@away.example"]).code(0);
        wait_for("the mail to be delivered", || isp.received() == sent && world.queued().is_empty());
    }
}

#[test]
fn sigterm_and_sigint_end_an_idle_runner_with_success() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    for signal in [Signal::TERM, Signal::INT] {
        let mut runner = world.runner().ready(&world);
        world.send_to(&["bob@away.example"]).code(0);
        wait_for("the queue to be empty", || world.queued().is_empty());
        runner.signal(signal);
        assert_eq!(runner.end(), Some(0), "{}", runner.log());
    }
    assert_eq!(isp.received(), 2);
}

#[test]
fn sigterm_finishes_the_session_in_hand() {
    let gate = Gate::closed();
    let isp = Provider::setup().rule(after_dot().once().behind(&gate)).start();
    let world = World::at_home(&isp);
    let mut runner = world.runner();
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the final dot", || isp.dots() == 1);
    runner.signal(Signal::TERM);
    gate.open();
    assert_eq!(runner.end(), Some(0), "{}", runner.log());
    assert_eq!((isp.mail().to.len(), world.queued().len()), (1, 0), "the outcome was recorded");
    world.run_once();
    assert_eq!(isp.received(), 1, "and nothing is sent twice");
}

#[test]
fn sigterm_gives_a_server_that_does_not_answer_some_seconds() {
    let stopped = [(on(Verb::Rcpt).silence(), 0), (on(Verb::Data).silence(), 0), (after_dot().silence(), 1)].map(
        |(rule, dots)| {
            let isp = Provider::setup().rule(rule).start();
            let world = World::at_home(&isp);
            let runner = world.runner();
            world.send_to(&["bob@away.example"]).code(0);
            wait_for("the silence", || {
                isp.count(if dots == 1 { Verb::Data } else { Verb::Rcpt }) == 1 && isp.dots() == dots
            });
            runner.signal(Signal::TERM);
            (isp, world, runner, dots)
        },
    );
    for (isp, world, mut runner, dots) in stopped {
        assert_eq!(runner.end(), Some(0), "{}", runner.log());
        let unknown = "the runner was stopped before the server answered; it may have been delivered";
        assert_eq!(runner.log().contains(unknown), dots == 1, "{}", runner.log());
        isp.behave();
        world.run_once();
        assert_eq!(isp.received(), 1 - dots, "what the server may have is not sent again at once: {}", runner.log());
    }
}

#[test]
fn a_second_sigterm_waits_for_no_server_and_what_it_may_have_is_not_sent_again_at_once() {
    for (rule, attempts) in [(on(Verb::Mail).silence(), 0), (after_dot().silence(), 1)] {
        let isp = Provider::setup().rule(rule).start();
        let world = World::at_home(&isp);
        let mut runner = world.runner();
        world.send_to(&["bob@away.example"]).code(0);
        wait_for("the silence", || isp.count(Verb::Mail) == 1 && isp.dots() == attempts);
        runner.signal(Signal::TERM);
        // Two that come at the same time are one.
        wait_for("the end", || {
            let has_ended = runner.has_ended();
            if !has_ended {
                runner.signal(Signal::TERM);
            }
            has_ended
        });
        assert_eq!(runner.end(), Some(0), "{}", runner.log());
        let log = runner.log();
        assert!(!log.contains("the server closed"), "that is our own doing: {log}");
        assert_eq!(
            log.contains("the runner was stopped before the server answered; it may have been delivered"),
            attempts == 1,
            "{log}"
        );
        isp.behave();
        world.run_once();
        assert_eq!(isp.received(), 1 - attempts, "{}", runner.log());
    }
}

#[test]
fn a_second_runner_refuses_and_names_the_first() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let runner = world.runner().ready(&world);
    let second = world.postrider(&["run"]).one_line().says(&runner.pid().to_string());
    assert!(second.status.is_some_and(|code| (1..=78).contains(&code)), "{second:?}");
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the first to go on", || isp.received() == 1);
}

#[test]
fn flush_works_beside_a_runner() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).once().reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp);
    let _runner = world.runner().ready(&world);
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the first attempt to be over", || world.mailq().contains("not now"));
    world.flush().code(0);
    wait_for("the second attempt", || isp.received() == 1);
}

#[test]
fn flush_takes_ids_accounts_and_senders() {
    let (his, hers) = (Provider::start(), Provider::start());
    let world = World::new()
        .account("his", &his)
        .account_with("hers", &hers, &[("senders", json!(["her@home.lan"]))])
        .set("default_account", "his");
    let send = |sender: &str| {
        world.sendmail(&["-f", sender, "bob@away.example"], "Subject: x\n\n").code(0);
        world.queued().pop().unwrap()
    };
    let (first, _second, _hers) = (send("dave"), send("erin"), send("her"));
    world.postrider(&["flush", &first]).code(0);
    assert_eq!((his.mail().from.as_str(), hers.received()), ("dave@home.lan", 0));
    world.postrider(&["flush", "--account", "hers"]).code(0);
    assert_eq!((his.received(), hers.received()), (1, 1));
    world.postrider(&["flush", "--sender", "erin@home.lan"]).code(0);
    assert_eq!((his.received(), world.queued().len()), (2, 0));
}

#[test]
fn flush_of_an_unknown_message_says_so() {
    let world = World::at_home(&Provider::start());
    let ran = world.postrider(&["flush", "0123456789ABCDEF"]).says("0123456789ABCDEF");
    assert_ne!(ran.status, Some(0));
}

#[test]
fn sighup_takes_the_changed_config() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let runner = world.runner().ready(&world);
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the first mail", || isp.received() == 1);
    let world = world.generic(&[("alice@home.lan", "alice@new.example")]);
    runner.signal(Signal::HUP);
    let mut sent = 1;
    wait_for("a mail with the new sender", || {
        world.send_to(&["bob@away.example"]).code(0);
        sent += 1;
        wait_for("the next mail", || isp.received() == sent);
        isp.mails().last().unwrap().from == "alice@new.example"
    });
}

#[test]
fn sighup_with_a_broken_config_keeps_the_old_one_and_says_so() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let runner = world.runner().ready(&world);
    let good = std::fs::read_to_string(world.path("config.toml")).unwrap();
    world.file("config.toml", "colour = \"blue\"\n", 0o600);
    runner.signal(Signal::HUP);
    wait_for("the complaint", || runner.log().contains("colour"));
    world.file("config.toml", &good, 0o600);
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the mail to go by the old config", || isp.received() == 1);
}

#[test]
fn the_log_has_the_name_that_is_configured_also_after_a_reload() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("syslog_name", "postfix");
    let runner = world.runner().ready(&world);
    wait_for("its first line", || runner.log().contains(" postfix/master["));
    let world = world.set("syslog_name", "mail/out");
    runner.signal(Signal::HUP);
    wait_for("the reload", || runner.log().contains("reload"));
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("its delivery", || runner.log().contains("status=sent"));
    let sent = runner.log().lines().find(|line| line.contains("status=sent")).unwrap().to_owned();
    assert!(sent.contains(" mail/out/smtp["), "{sent}");
    let wrong = world.set("syslog_name", "two words");
    assert!(wrong.postrider(&["check"]).code(78).stdout.contains("`syslog_name` must be a name"));
}

#[test]
fn once_does_what_is_due_and_ends() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.run_once();
    assert_eq!(isp.connections(), 0);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (1, 0));
}

#[test]
fn a_killed_runner_leaves_no_lock_behind() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let mut runner = world.runner().ready(&world);
    runner.signal(Signal::KILL);
    runner.end();
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!(isp.received(), 1);
}

#[test]
fn an_idle_runner_uses_no_cpu() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let runner = world.runner().ready(&world);
    world.send_to(&["bob@away.example"]).code(0);
    wait_for("the queue to be empty", || world.queued().is_empty());
    wait_for("the leave-taking", || isp.count(Verb::Quit) == isp.connections());
    let before = runner.cpu_ticks();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(runner.cpu_ticks() - before <= 1, "at most one clock tick in a second and a half");
}

#[test]
fn the_log_has_postfixs_lines() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example", "nobody@away.example"]).code(0);
    let id = world.queued().remove(0);
    assert!(is_id(&id));
    let log = world.drain().stderr;
    let line = |tag: &str, rest: &str| {
        let wanted = format!("{id}: {rest}");
        let fits = |line: &&str| line.contains(&format!("postrider/{tag}")) && line.contains(&wanted);
        log.lines()
            .find(fits)
            .unwrap_or_else(|| panic!("a line of postrider/{tag} with {wanted:?} in:\n{log}"))
            .to_owned()
    };
    let active = line("qmgr", "from=<alice@home.lan>, size=");
    assert!(active.ends_with("nrcpt=2 (queue active)"), "{active}");
    let relay = format!("relay=127.0.0.1[127.0.0.1]:{}, delay=", isp.port());
    let sent = line("smtp", &format!("to=<bob@away.example>, {relay}"));
    assert!(sent.contains(", dsn=2.0.0, status=sent (250 "), "{sent}");
    let delays = sent.split("delays=").nth(1).and_then(|rest| rest.split(',').next()).unwrap_or_default();
    assert_eq!(delays.split('/').filter(|part| part.parse::<f64>().is_ok()).count(), 4, "{sent}");
    let refused = line("smtp", &format!("to=<nobody@away.example>, {relay}"));
    assert!(
        refused.contains(", dsn=5.1.1, status=bounced (") && refused.contains("550 5.1.1 no such user"),
        "{refused}"
    );
    line("qmgr", "removed");
    assert!(!log.contains("correct horse"), "no password in the log");
}
