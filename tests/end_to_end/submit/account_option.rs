//! `sendmail -a ACCOUNT`, as with msmtp.

use serde_json::{Value, json};

use support::provider::Provider;
use support::wait::wait_for;
use support::world::World;

const MAIL: &str = "Subject: x\n\nhi\n";

#[test]
fn mail_goes_through_the_account_that_is_asked_for_and_waits_for_it() {
    let [home, work] = ["mine", "works"].map(|login| Provider::setup().login(login, "pw").start());
    let world = World::new().account("home", &home).account("work", &work).set("default_account", "home");
    let world = world.queue_set("warn_after", "1s").generic(&[("alice@home.lan", "me@isp.example")]);
    for option in [&["-a", "work"][..], &["-awork"], &["--account=work"], &["--account", "work"], &["-ia", "work"]] {
        let count = work.received();
        world.sendmail(&[option, &["-f", "alice@home.lan", "bob@away.example"]].concat(), MAIL).code(0);
        world.run_once();
        assert_eq!((work.received(), home.received()), (count + 1, 0), "{option:?}");
        assert_eq!(work.mails().last().unwrap().from, "me@isp.example", "the sender stays");
    }
    world.sendmail(&["-awork", "-f", "alice@home.lan", "bob@away.example"], MAIL).code(0);
    let id = world.queued().remove(0);
    world.postrider(&["queue", "show", &id]).code(0).says("Account:").says("work");
    // Another account does not take its place.
    let mut text = std::fs::read_to_string(world.path("config.toml")).unwrap();
    let removed = text.split_off(text.find("[account.work]").unwrap());
    let rest = removed[1..].find("\n[").map_or("", |at| &removed[at + 1..]).to_owned();
    std::fs::write(world.path("config.toml"), text + &rest).unwrap();
    let log = world.run_once().stderr;
    assert!(log.contains("there is no account work, which this message was submitted for"), "{log}");
    assert_eq!((world.queued().len(), home.received()), (1, 0));
    world.postrider(&["status"]).code(2).says("1 message without an account");
    // Its sender hears of it through the account that is left, once.
    wait_for("the notice", || {
        world.flush();
        world.run_once();
        home.received() == 1
    });
    let notice = home.mails().remove(0);
    assert_eq!(notice.to, ["me@isp.example"]);
    assert!(notice.text().contains("there is no account work"), "{}", notice.text());
    world.flush();
    assert_eq!((world.queued(), home.received()), (vec![id], 1));
}

#[test]
fn an_account_that_is_not_there_or_not_for_this_user_is_refused_at_once() {
    let isp = Provider::start();
    let keys = [("users", json!(["somebody"]))];
    let world = World::at_home(&isp).account_with("work", &isp, &keys).set("default_account", "isp");
    let send = |option: &str| world.sendmail(&[option, "bob@away.example"], MAIL);
    send("-anobody").code(64).says("there is no account nobody; existing accounts: isp, work");
    // Whoever the sender is, it is the account that is not for this user.
    let refused = send("-awork").code(77).one_line();
    assert!(!refused.stderr.contains("as <"), "{refused:?}");
    refused.says("may not use the account work (-a)").says("added to `users` in [account.work]");
    for empty in [&["-a", ""][..], &["--account="], &["--account", ""]] {
        let ran = world.sendmail(&[empty, &["bob@away.example"]].concat(), MAIL).code(64).one_line();
        ran.says("option -a needs the name of an account");
    }
    assert!(world.spool("queue").is_empty());
    send("-aisp").code(0);
    // The mailboxes of this machine are no account for mail that leaves it.
    let world = World::at_home(&isp);
    let mailbox = format!("maildir:{}", world.path("Mail").display());
    let world = world.set("mailbox", mailbox);
    world.sendmail(&["-a:local", "bob@away.example"], MAIL).code(64).says("there is no account :local");
}

#[test]
fn the_mailboxes_of_this_machine_are_no_account_to_ask_for() {
    let world = World::at_home(&Provider::start());
    let mailbox = format!("maildir:{}", world.path("Maildir").display());
    let world = world.set("mailbox", mailbox);
    for name in ["local", ":local"] {
        let refused = world.sendmail(&["-a", name, "bob@away.example"], MAIL).code(64);
        assert!(
            refused.stderr.ends_with(&format!("there is no account {name}; existing accounts: isp\n")),
            "{refused:?}"
        );
    }
    assert!(world.spool("queue").is_empty());
}

#[test]
fn mail_that_is_combined_goes_through_the_account_that_was_asked_for_as_well() {
    let [home, work] = ["mine", "works"].map(|login| Provider::setup().login(login, "pw").start());
    let world = World::new().account("home", &home).account("work", &work).set("default_account", "home");
    let world = world.set("flood", json!({ "senders": ["alice@home.lan"], "per_hour": 1 }));
    let _runner = world.runner().ready(&world);
    for _ in 0..4 {
        world.sendmail(&["-awork", "-f", "alice@home.lan", "bob@away.example"], MAIL).code(0);
    }
    let waits = |item: &Value| item["trouble"].as_str().unwrap().starts_with("similar mail is sent together");
    wait_for("three to wait", || world.queue_json().iter().filter(|item| waits(item)).count() == 3);
    world.flush();
    wait_for("the digest", || world.queued().is_empty());
    assert_eq!((work.received(), home.received()), (2, 0));
    assert!(work.mails().last().unwrap().text().contains("multipart/digest"));
}
