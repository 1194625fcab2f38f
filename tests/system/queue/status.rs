//! What `postrider status` says of a machine whose config or tables cannot be read: mail is taken all the same, and somebody must hear that
//! it goes nowhere.

use std::fs;

use serde_json::{Value, json};

use crate::machine::{Ended, Machine, can_run};
use crate::machine_runner::{CONFIG, MAIL, Runner, configure, machine};
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;

/// The line that everyone gets, with this code and these words.
fn all_hear(machine: &Machine, code: i32, words: &[&str]) {
    for login in ["root", "his"] {
        let heard = machine.sh(login, "postrider status", b"");
        assert_eq!((heard.code, heard.printed.lines().count()), (Some(code), 1), "{login}: {heard:?}");
        for word in words {
            assert!(heard.printed.contains(word), "{login}: {word}: {heard:?}");
        }
    }
}

fn status(machine: &Machine, login: &str) -> Ended {
    machine.sh(login, "postrider status", b"")
}

#[test]
fn status_shouts_where_the_config_cannot_be_read_and_says_where_and_how_much_mail_waits_for_it() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let broken = "hostname = \"homebox.home.lan\"\n\"secret@home.lan\" = 1\n";
    fs::write(machine.path(CONFIG), broken).unwrap();
    let runner = Runner::start(&machine);
    for login in ["his", "her"] {
        machine.sh(login, "sendmail friend@away.example", MAIL).good();
    }
    let shouts =
        ["POSTRIDER CRITICAL: ", "cannot read the configuration: /etc/postrider/config.toml:2:1", "`postrider check`"];
    all_hear(&machine, 2, &shouts);
    all_hear(&machine, 2, &["2 messages accepted while the configuration or a table could not be read"]);
    assert!(status(&machine, "root").printed.contains("secret@home.lan"), "root hears which key it is");
    assert!(!status(&machine, "his").printed.contains('@'), "and others no addresses");

    configure(&machine, &isp, "");
    wait_for("both mails", || isp.received() == 2);
    wait_for("all to be well", || status(&machine, "root").code == Some(0) && status(&machine, "his").code == Some(0));

    // A runner that has read a good one works on, until it is started again.
    fs::write(machine.path(CONFIG), broken).unwrap();
    all_hear(&machine, 2, &shouts);
    drop(runner);
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    let heard = status(&machine, "root");
    assert_eq!(heard.code, Some(2), "{heard:?}");
    for word in
        shouts.iter().chain(&["1 message submitted but not yet picked up", "the postrider service is not running"])
    {
        assert!(heard.printed.contains(word), "{word}: {heard:?}");
    }
    assert_eq!(status(&machine, "his").code, Some(2), "he hears that as well");

    fs::remove_file(machine.path(CONFIG)).unwrap();
    let heard = status(&machine, "root");
    assert_eq!(heard.code, Some(2), "{heard:?}");
    assert!(heard.printed.contains("no configuration found at /etc/postrider/config.toml"), "{heard:?}");

    // What root can read and the runner cannot does not help.
    configure(&machine, &isp, "");
    machine.sh("root", "chmod 600 /etc/postrider/config.toml", b"").good();
    let heard = status(&machine, "root");
    assert_eq!(heard.code, Some(2), "{heard:?}");
    assert!(heard.printed.contains("chgrp postrider /etc/postrider/config.toml"), "{heard:?}");
}

#[test]
fn status_shouts_while_mail_waits_for_a_table() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let path = machine.path(CONFIG);
    fs::write(&path, format!("aliases = [\"aliases\"]\n{}", fs::read_to_string(&path).unwrap())).unwrap();
    let _runner = Runner::start(&machine);
    machine.sh("his", "sendmail her", MAIL).good();
    all_hear(
        &machine,
        2,
        &["POSTRIDER CRITICAL: ", "1 message accepted while the configuration or a table could not be read"],
    );
    fs::write(machine.path("/etc/postrider/aliases"), "her: friend@away.example\n").unwrap();
    wait_for("the mail", || isp.received() == 1);
    wait_for("all to be well", || status(&machine, "root").code == Some(0));
}

#[test]
fn status_is_critical_without_a_runner_and_without_room_which_the_log_tells_once() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "[queue]\nmin_free_space = \"1000000GB\"");
    all_hear(&machine, 2, &["POSTRIDER CRITICAL: ", "the postrider service is not running"]);
    let runner = Runner::start(&machine);
    for _ in 0..3 {
        assert_eq!(machine.sh("his", "sendmail friend@away.example", MAIL).code, Some(75));
    }
    all_hear(&machine, 2, &["POSTRIDER CRITICAL: ", "disk almost full, so mail is refused"]);
    let log = fs::read_to_string(machine.path("/run/runner.log")).unwrap();
    assert_eq!(log.matches("mail is refused until then").count(), 1, "{log}");
    drop(runner);
    all_hear(&machine, 2, &["the postrider service is not running"]);
}

/// The reasons as JSON, by kind, with their levels; the report is as bad as the exit code says.
fn reasons(machine: &Machine, login: &str) -> (i64, Vec<(String, Value)>) {
    let ran = machine.sh(login, "postrider status --json", b"");
    let report: Value = serde_json::from_str(&ran.printed).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    assert_eq!(report["level"].as_i64(), ran.code.map(i64::from), "{ran:?}");
    let reasons = report["reasons"].as_array().unwrap().iter();
    let by_kind = reasons.map(|reason| (reason["kind"].as_str().unwrap().to_owned(), reason.clone()));
    (report["level"].as_i64().unwrap(), by_kind.collect())
}

#[test]
fn what_the_machine_lacks_is_a_reason_with_its_kind_for_everyone_and_gone_when_it_is_there() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let everyone = |level: i64, kinds: &[&str]| {
        for login in ["root", "his"] {
            let (seen, found) = reasons(&machine, login);
            let found: Vec<&str> = found.iter().map(|(kind, _)| kind.as_str()).collect();
            assert_eq!((seen, found), (level, kinds.to_vec()), "{login}");
        }
    };
    everyone(2, &["runner"]);
    let runner = Runner::start(&machine);
    everyone(0, &[]);
    fs::write(machine.path(CONFIG), "colour = 1\n").unwrap();
    everyone(2, &["config"]);
    fs::write(machine.path(CONFIG), "hostname = \"homebox.home.lan\"\n").unwrap();
    drop(runner);
    let _runner = Runner::start(&machine);
    everyone(1, &["no-account"]);
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    wait_for("it to be in the queue", || reasons(&machine, "root").0 == 2);
    everyone(2, &["unserved", "no-account"]);
    let listed = machine.sh("his", "mailq", b"").printed;
    assert!(
        listed.contains("no account is set up yet; run `postrider init`") && !listed.contains("senders"),
        "{listed}"
    );
    configure(&machine, &isp, "");
    wait_for("all to be well", || reasons(&machine, "his") == (0, Vec::new()));
}

#[test]
fn status_is_critical_before_a_users_mail_is_refused_for_their_limit() {
    if !can_run() {
        return;
    }
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 not now")).start();
    let machine = machine(&isp, "[limits]\nwaiting = 5");
    let _runner = Runner::start(&machine);
    let send = |login: &str| machine.sh(login, "sendmail friend@away.example", MAIL);
    for _ in 0..3 {
        send("his").good();
    }
    // root has no limit.
    for _ in 0..6 {
        send("root").good();
    }
    assert_eq!(reasons(&machine, "root").0, 0, "{:?}", reasons(&machine, "root"));
    send("his").good();
    let (level, found) = reasons(&machine, "root");
    let limit = &found.iter().find(|(kind, _)| kind == "limit").unwrap().1;
    assert_eq!((level, &limit["subject"]), (2, &json!("his")), "{found:?}");
    assert!(limit["text"].as_str().unwrap().contains("4 of 5 messages"), "{limit}");
    let (level, found) = reasons(&machine, "her");
    assert_eq!(level, 2, "everyone hears it");
    assert!(!format!("{found:?}").contains("his"), "but not who it is: {found:?}");
    send("his").good();
    assert_eq!(send("his").code, Some(75), "only now is mail refused");
    // What is just being sent is not deleted.
    wait_for("his mail to go", || machine.sh("his", "postrider queue delete --all", b"").code == Some(0));
    wait_for("all to be well", || reasons(&machine, "her").0 == 0);
}

#[test]
fn a_runner_that_does_not_answer_is_told_to_everybody_within_a_bounded_time() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    machine.sh("root", "pkill -STOP -x postrider", b"").good();
    // Its threads stop one after the other.
    wait_for("status to say so", || status(&machine, "root").code == Some(3));
    let (roots, his) = (status(&machine, "root"), status(&machine, "his"));
    machine.sh("root", "pkill -CONT -x postrider", b"").good();
    assert_eq!((roots.code, his.code), (Some(3), Some(3)), "{roots:?} {his:?}");
    for heard in [roots, his] {
        assert!(heard.printed.starts_with("POSTRIDER UNKNOWN: "), "{heard:?}");
    }
    wait_for("all to be well", || status(&machine, "his").code == Some(0));
}

#[test]
fn a_socket_that_is_gone_is_told_to_everybody() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    all_hear(&machine, 0, &[]);
    machine.sh("root", "rm /run/postrider/submit", b"").good();
    assert!(status(&machine, "root").printed.contains("the socket /run/postrider/submit is gone"));
    for login in ["root", "his"] {
        let (level, found) = reasons(&machine, login);
        assert_eq!((level, found.len(), found[0].0.as_str()), (2, 1, "runner"), "{login}: {found:?}");
    }
}
