//! What `postrider status` says of a machine whose config or tables cannot be read: mail is taken all the same, and somebody must hear that
//! it goes nowhere.

use std::fs;

use crate::machine::{Ended, Machine, can_run};
use crate::machine_runner::{CONFIG, MAIL, Runner, configure, machine};
use support::provider::Provider;
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
