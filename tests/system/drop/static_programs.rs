//! The programs that are started for each mail are static: nothing is searched for, mapped and looked up before their first line, and
//! nobody's libraries get into those that are privileged. What a static program cannot know, the front end leaves to `postrider`.

use std::fs;

use support::provider::Provider;
use support::wait::wait_for;

use crate::machine::{MAILBOX_PROGRAM, Machine, PROGRAM, can_run, can_run_with};
use crate::machine_runner::{MAIL, Runner, machine};

/// Whether a program asks for a loader: a program header of the type `PT_INTERP` (elf(5), 64 bits).
fn has_loader(program: &[u8]) -> bool {
    let number = |at: usize, octets: usize| {
        program[at..at + octets].iter().rev().fold(0_usize, |sum, octet| sum << 8 | usize::from(*octet))
    };
    let (table, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    (0..count).any(|header| number(table + header * size, 4) == 3)
}

#[test]
fn what_is_started_for_each_mail_needs_no_loader_and_what_asks_name_services_has_one() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let read = |path: &str| fs::read(machine.path(path)).unwrap();
    assert!(has_loader(&read("/usr/bin/postrider")));
    for program in ["/usr/sbin/sendmail", PROGRAM, MAILBOX_PROGRAM] {
        assert!(!has_loader(&read(program)), "{program}");
    }
}

/// Takes the place of the program `postrider`: notes its name, its arguments and its input.
const NOTES: &str = "#!/bin/sh\nprintf '%s\\n' \"$@\" >/run/noted/arguments\ncat >/run/noted/input\n";

/// Runs the rest of the command line as a user whom /etc/passwd has not.
const STRANGER: &str = "exec setpriv --reuid 23456 --regid 23456 --clear-groups";

#[test]
fn users_of_a_name_service_are_handed_over_with_arguments_and_input_untouched() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    machine.sh("root", "mkdir -m 777 /run/noted; mv /usr/bin/postrider /usr/bin/real", b"").good();
    fs::write(machine.path("/usr/bin/postrider"), NOTES).unwrap();
    machine.sh("root", "chmod 755 /usr/bin/postrider", b"").good();
    let arguments = "-i -f '' -F 'Some Body' -- friend@away.example 'odd one'@away.example";
    machine.sh("root", &format!("{STRANGER} sendmail {arguments}"), MAIL).good();
    let noted = |name: &str| fs::read_to_string(machine.path("/run/noted").join(name)).unwrap_or_default();
    let expected = "-i\n-f\n\n-F\nSome Body\n--\nfriend@away.example\nodd one@away.example\n";
    assert_eq!((noted("arguments").as_str(), noted("input").as_bytes()), (expected, MAIL));

    // Those of /etc/passwd are not, and take no detour; nor does root, whose environment may be empty.
    machine.sh("root", "rm /run/noted/*; mv /usr/bin/postrider /usr/bin/notes", b"").good();
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    machine.sh("root", "exec env -i /usr/sbin/sendmail friend@away.example", MAIL).good();
    assert_eq!((noted("arguments").as_str(), machine.dropped().len()), ("", 2));
    // Where the program is missing, what it alone can do is refused, with the reason.
    let told = machine.sh("his", "sendmail -bp", b"");
    assert_eq!((told.code, told.said.starts_with("sendmail: cannot start postrider: ")), (Some(71), true), "{told:?}");

    // With the real program, and without any.
    machine.sh("root", "mv /usr/bin/real /usr/bin/postrider", b"").good();
    let _runner = Runner::start(&machine);
    machine.sh("root", &format!("{STRANGER} sendmail friend@away.example"), MAIL).good();
    wait_for("theirs and the stranger's", || isp.received() == 3);
    machine.sh("root", "mv /usr/bin/postrider /usr/bin/real", b"").good();
    machine.sh("root", &format!("{STRANGER} sendmail friend@away.example"), MAIL).good();
    machine.sh("root", "mv /usr/bin/real /usr/bin/postrider", b"").good();
    wait_for("the fourth", || isp.received() == 4);
    assert!(isp.mails().iter().any(|mail| mail.text().contains("from userid 23456")));
}
