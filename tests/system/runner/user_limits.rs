//! What one user may have waiting: over it he is told which limit it is, and the others' mail is taken as ever.

use std::fs;

use crate::machine::{HIS, Machine, can_run, frame};
use crate::machine_runner::{MAIL, Runner, machine};
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;

/// His mail waits, everybody else's is delivered.
fn keeping_his() -> Provider {
    Provider::setup().rule(on(Verb::Rcpt).about("<his-friend").reply("450 4.2.0 not now")).start()
}

fn send(machine: &Machine, login: &str, mail: &[u8]) -> crate::machine::Ended {
    machine.sh(login, &format!("sendmail {login}-friend@away.example"), mail)
}

/// Refused in one line that holds these words, while the others get their mail out.
fn only_he_is_refused(machine: &Machine, isp: &Provider, mail: &[u8], words: &[&str]) {
    let before = isp.received();
    let refused = send(machine, "his", mail);
    assert_eq!((refused.code, refused.said.lines().count()), (Some(75), 1), "{refused:?}");
    for word in words {
        assert!(refused.said.contains(word), "{word}: {refused:?}");
    }
    send(machine, "her", mail).good();
    send(machine, "root", mail).good();
    wait_for("the others' mail", || isp.received() == before + 2);
}

/// What would become of mail is told by mail, which is one more of theirs.
fn report(machine: &Machine, isp: &Provider, login: &str) {
    let before = isp.received();
    machine.sh(login, "sendmail -bv friend@away.example", b"").good();
    wait_for("the report", || isp.received() == before + 1);
}

/// Nor is that told to somebody who is at his limits.
fn no_report(machine: &Machine, login: &str, word: &str) {
    let refused = machine.sh(login, "sendmail -bv friend@away.example", b"");
    assert_eq!((refused.code, refused.said.lines().count()), (Some(75), 1), "{refused:?}");
    assert!(refused.said.contains(word), "{refused:?}");
}

fn his_ids(machine: &Machine) -> Vec<String> {
    let listed = machine.sh("his", "postrider queue list --json", b"").good().printed;
    let is_id = |word: &&str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    listed.lines().filter_map(|line| line.split('"').find(is_id).map(str::to_owned)).collect()
}

#[test]
fn as_many_messages_as_one_user_may_have_wait_and_no_more() {
    if !can_run() {
        return;
    }
    let isp = keeping_his();
    let machine = machine(&isp, "[limits]\nwaiting = 2");
    let runner = Runner::start(&machine);
    for _ in 0..2 {
        send(&machine, "his", MAIL).good();
    }
    let words = ["his has 2 messages", "limit: 2 messages, waiting in [limits]", "queue delete"];
    only_he_is_refused(&machine, &isp, MAIL, &words);
    no_report(&machine, "his", words[0]);
    // A runner that starts knows them.
    drop(runner);
    let dropped =
        frame(br#"{"v":1,"token":"T","sender":null,"recipients":[{"complete":"his-friend@away.example"}]}"#, MAIL);
    machine.drop_as("his", &dropped).good();
    let _runner = Runner::start(&machine);
    wait_for("the runner to know his mail", || his_ids(&machine).len() == 2);
    only_he_is_refused(&machine, &isp, MAIL, &words);
    // What was dropped waits on, and is told once.
    wait_for("the log", || {
        fs::read_to_string(machine.path("/run/runner.log"))
            .unwrap()
            .contains("limit: 2 messages, waiting in [limits]); wait")
    });
    assert_eq!(machine.dropped(), [format!("{HIS}.0")]);
    machine.sh("his", &format!("postrider queue delete {}", his_ids(&machine)[0]), b"").good();
    // Hers has the runner look.
    machine.drop_as("her", &dropped).good();
    wait_for("his to be picked up", || machine.dropped().is_empty());
    wait_for("his to be queued", || his_ids(&machine).len() == 2);
    only_he_is_refused(&machine, &isp, MAIL, &words[..1]);
}

#[test]
fn people_are_told_before_mail_of_a_user_is_refused_and_when_it_no_longer_would_be() {
    if !can_run() {
        return;
    }
    let isp = keeping_his();
    let note = "echo \"$POSTRIDER_STATE $POSTRIDER_KIND: $POSTRIDER_TEXT\" >>/run/postrider/told";
    let alarm = format!("[limits]\nwaiting = 5\n[alarm]\ncommand = [\"/bin/sh\", \"-c\", {note:?}]");
    let machine = machine(&isp, &alarm);
    let _runner = Runner::start(&machine);
    let told = || fs::read_to_string(machine.path("/run/postrider/told")).unwrap_or_default();
    let looked = |lines: &[&str]| {
        // As the timer does; the runner looks as well.
        machine.sh("root", "postrider status --alarm", b"");
        told().lines().eq(lines.iter().copied())
    };
    let text = "the mail of a user will soon be refused for a limit";
    let [raised, over] = ["raised", "over"].map(|state| format!("{state} limit: {text}"));
    for _ in 0..4 {
        assert_eq!(told(), "");
        send(&machine, "his", MAIL).good();
    }
    wait_for("the alarm", || looked(&[&raised]));
    machine.sh("his", &format!("postrider queue delete {}", his_ids(&machine)[0]), b"").good();
    wait_for("the end", || looked(&[&raised, &over]));
}

#[test]
fn as_much_as_one_user_may_have_waits_and_the_last_of_the_disk_is_roots() {
    if !can_run() {
        return;
    }
    let isp = keeping_his();
    let machine = machine(&isp, "[limits]\nwaiting_size = \"40KB\"");
    let runner = Runner::start(&machine);
    let mail = [b"Subject: big\n\n".to_vec(), b"0123456789\n".repeat(2_000)].concat();
    send(&machine, "his", &mail).good();
    only_he_is_refused(
        &machine,
        &isp,
        &mail,
        &["his has 1 message (2", "limit: 40000 bytes, waiting_size in [limits]"],
    );
    send(&machine, "his", MAIL).good();
    report(&machine, &isp, "his");
    drop(runner);
    crate::machine_runner::configure(&machine, &isp, "[limits]\nroot_reserve = \"1000000GB\"");
    let _runner = Runner::start(&machine);
    for login in ["his", "her"] {
        let refused = send(&machine, login, MAIL);
        assert_eq!((refused.code, refused.said.lines().count()), (Some(75), 1), "{refused:?}");
        assert!(refused.said.contains("root_reserve"), "{refused:?}");
        no_report(&machine, login, "root_reserve");
    }
    let before = isp.received();
    send(&machine, "root", MAIL).good();
    wait_for("root's mail", || isp.received() == before + 1);
    report(&machine, &isp, "root");
    // What is kept as it came, since a table is missing, takes room as well.
    let path = machine.path("/etc/postrider/config.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("aliases = [\"aliases\"]\n{config}")).unwrap();
    machine.sh("root", "pkill -HUP -x postrider", b"").good();
    wait_for("root's mail to be kept as it came", || {
        machine.sh("root", "sendmail root", MAIL).good();
        std::fs::read_dir(machine.path("/var/spool/postrider/raw")).is_ok_and(|mut kept| kept.next().is_some())
    });
    let refused = machine.sh("her", "sendmail root", MAIL);
    assert_eq!(refused.code, Some(75), "{refused:?}");
    assert!(refused.said.contains("root_reserve"), "{refused:?}");
}

#[test]
fn what_was_dropped_counts_towards_the_limit_of_messages_a_minute() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "[limits]\nper_minute = 2");
    for _ in 0..3 {
        send(&machine, "his", MAIL).good();
    }
    send(&machine, "her", MAIL).good();
    assert_eq!(machine.dropped().len(), 4);
    let _runner = Runner::start(&machine);
    wait_for("what is picked up", || isp.received() == 3);
    let log = || fs::read_to_string(machine.path("/run/runner.log")).unwrap();
    wait_for("the log", || log().contains("limit: per_minute in [limits]"));
    assert_eq!(machine.dropped().iter().filter(|name| name.starts_with(&format!("{HIS}."))).count(), 1);
}

#[test]
fn journals_and_todays_history_count_as_well() {
    if !can_run() {
        return;
    }
    let isp = keeping_his();
    let machine = machine(&isp, "[limits]\nwaiting_size = \"40KB\"");
    let runner = Runner::start(&machine);
    // Delivered at once: nothing of his waits, and history has a line of them.
    let many: Vec<String> = (0..60).map(|number| format!("u{number}@away.example")).collect();
    let empty = || machine.sh("root", "mailq", b"").printed == "Mail queue is empty\n";
    let mut sent = 0;
    for recipients in [many.join(" "), "friend@away.example".to_owned()] {
        while machine.sh("his", &format!("sendmail {recipients}"), MAIL).code == Some(0) {
            sent += 1;
            wait_for("an empty queue", empty);
            assert!(sent < 60, "history is not counted");
        }
    }
    assert!(sent > 1);
    only_he_is_refused(&machine, &isp, MAIL, &["his has 0 messages", "today's history", "waiting_size in [limits]"]);
    let status = machine.sh("root", "postrider status", b"");
    assert_eq!(status.code, Some(2), "{status:?}");
    assert!(status.printed.contains("his uses ") && status.printed.contains("of 40000 bytes"), "{status:?}");
    drop(runner);
    // A journal grows with the attempts and with the recipients.
    let _runner = Runner::start(&machine);
    let many: Vec<String> = (0..60).map(|number| format!("his-friend{number}@away.example")).collect();
    machine.sh("his", &format!("sendmail {}", many.join(" ")), MAIL).good();
    wait_for("the limit", || {
        machine.sh("root", "postrider flush", b"");
        send(&machine, "his", MAIL).code == Some(75)
    });
    only_he_is_refused(&machine, &isp, MAIL, &["waiting_size in [limits]"]);
}
