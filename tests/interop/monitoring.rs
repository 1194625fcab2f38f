//! Monitoring that reads our mailq: the real `check_mailq` of Debian's monitoring plugins. It reads Postfix's layout where it finds a
//! Postfix or is told to, else Sendmail's; the latter is what it takes a machine for that has only postrider.

use crate::config::{config_path, configure, secret_path};
use crate::machine::Machine;
use crate::need;
use crate::provider::{LOGINS, Provider};

const PLUGIN: &str = "/usr/lib/nagios/plugins/check_mailq";
const LETTER: &str = "From: his\nTo: friend@elsewhere.example\nSubject: hello\n\nHello friend.\n";
const RECIPIENTS: [&str; 3] = ["-i", "friend@elsewhere.example", "other@elsewhere.example"];

#[test]
fn check_mailq_counts_what_waits_and_alarms_at_its_thresholds() {
    if !need::met(&[PLUGIN]) {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    configure(&machine, &provider, "his", "queue");
    machine.write("his", &secret_path("his", "his"), "not his password");
    all_modes_say(&machine, 0, "OK: ", 0);
    for (waiting, exit, word) in [(1, 0, "OK: "), (2, 1, "WARNING: "), (3, 1, "WARNING: "), (4, 2, "CRITICAL: ")] {
        machine.succeeds("his", "/usr/sbin/sendmail", &RECIPIENTS, LETTER);
        all_modes_say(&machine, exit, word, waiting);
    }

    // With what the listing has of mail that was tried, and of mail that is held.
    machine.run("his", "postrider", &["flush"], "");
    machine.succeeds("his", "/usr/sbin/sendmail", &RECIPIENTS, LETTER);
    machine.succeeds("his", "postrider", &["queue", "hold", &last_id(&machine)], "");
    let listed = machine.succeeds("his", "mailq", &[], "");
    assert!(listed.contains("535") && listed.contains("! "), "{listed}");
    all_modes_say(&machine, 2, "CRITICAL: ", 5);

    machine.write("his", &secret_path("his", "his"), LOGINS[0].1);
    machine.succeeds("his", "postrider", &["queue", "release", &last_id(&machine)], "");
    machine.succeeds("his", "postrider", &["flush"], "");
    provider.wait_until("the queue is empty", || check(&machine, &["-M", "sendmail"]).1.contains("unsent=0;"));
    all_modes_say(&machine, 0, "OK: ", 0);
}

#[test]
fn check_mailq_alarms_when_the_queue_cannot_be_read() {
    if !need::met(&[PLUGIN]) {
        return;
    }
    let machine = Machine::new();
    machine.write("his", &config_path("his"), "what = [is this");
    for mode in ["postfix", "sendmail"] {
        let (exit, said) = check(&machine, &["-M", mode]);
        assert_eq!((exit, said.as_str()), (2, "CRITICAL: Error code 78 returned from /usr/bin/mailq\n"), "{mode}");
    }
}

fn all_modes_say(machine: &Machine, exit: i32, word: &str, waiting: u32) {
    // `-d` makes it call `mailq -C DIR`.
    for mode in [&["-M", "postfix"][..], &["-M", "postfix", "-d", "/etc/postfix"], &["-M", "sendmail"]] {
        let (code, said) = check(machine, mode);
        assert_eq!(code, exit, "{mode:?} with {waiting} messages: {said}");
        assert!(said.starts_with(word), "{mode:?} with {waiting} messages: {said}");
        assert!(said.ends_with(&format!("|unsent={waiting};2;4;0\n")), "{mode:?} with {waiting} messages: {said}");
    }
}

/// The plugin's exit code and its line, as his, with a warning from two messages on and an alarm from four on.
fn check(machine: &Machine, mode: &[&str]) -> (i32, String) {
    let output = machine.run("his", PLUGIN, &[&["-w", "2", "-c", "4"], mode].concat(), "");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// The id of the youngest message.
fn last_id(machine: &Machine) -> String {
    let listed = machine.succeeds("his", "mailq", &[], "");
    let is_entry = |line: &&str| line.starts_with(|c: char| c.is_ascii_alphanumeric());
    let entry = listed.lines().rfind(is_entry).expect("a message waits");
    entry.split([' ', '!', '*']).next().unwrap().to_owned()
}
