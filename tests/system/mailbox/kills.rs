//! A delivery with a kill, or an error of the disk, at each of its system calls in turn, and the second attempt that the runner makes
//! then: nothing is lost, a Maildir has no copy, and no mbox is torn.

use std::collections::BTreeMap;
use std::fs;

use super::client::{Client, configure, deliver, files, machine};
use crate::machine::{Machine, can_run_with};

const CONTENT: &str = "Subject: whole\n\nFrom here\n.\nto there\n";
const STORED: &str = "Subject: whole\n\nFrom here\n.\nto there\n";
const ERRORS: [&str; 4] = ["ENOSPC", "EIO", "EDQUOT", "EROFS"];

/// An attempt at the one message, under strace with these options: the last reply.
fn attempt(machine: &Machine, options: &str) -> String {
    let mut client = Client::start(machine, &format!("strace -f -qq -o /run/trace {options}"));
    client.reply();
    let said = client.deliver(" XID=00060FF000000001-token", "her", &CONTENT.replace("\n.\n", "\n..\n"));
    client.say("QUIT");
    said
}

/// The calls of a run without faults from the first recipient on: name, and which one of that name.
fn points(machine: &Machine) -> Vec<(String, usize)> {
    assert!(attempt(machine, "").starts_with("250 "));
    let (mut counts, mut points, mut begun) = (BTreeMap::<String, usize>::new(), Vec::new(), false);
    for line in fs::read_to_string(machine.path("/run/trace")).unwrap().lines() {
        let call = line.split_once(' ').map_or("", |(_, rest)| rest.trim_start()).split('(').next().unwrap().to_owned();
        *counts.entry(call.clone()).or_default() += 1;
        begun |= line.contains("MAIL FROM");
        if begun && !call.is_empty() && !call.contains(['+', '-', ' ', '<']) {
            points.push((call.clone(), counts[&call]));
        }
    }
    assert!(points.len() > 30, "the trace is read: {points:?}");
    points
}

fn empty(machine: &Machine) {
    machine.sh("root", "rm -rf /home/her/Maildir /var/mail/her /var/mail/her.lock", b"").good();
}

/// The messages of an mbox, as a reader sees them; each of ours must be whole or the last of a writer that was stopped.
fn messages(machine: &Machine) -> Vec<String> {
    let text = fs::read_to_string(machine.path("/var/mail/her")).unwrap_or_default();
    let text = format!("\n{text}");
    text.split("\nFrom friend@away.example ")
        .skip(1)
        .map(|one| one.split_once('\n').map_or("", |(_, rest)| rest).to_owned())
        .collect()
}

fn is_whole(message: &str) -> bool {
    message.replace("\n>From here", "\nFrom here") == format!("{STORED}\n")
        || message.replace("\n>From here", "\nFrom here") == STORED
}

#[test]
fn a_delivery_to_a_maildir_that_is_killed_anywhere_is_there_once_after_the_second_attempt() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("maildir:~/Maildir");
    let points = points(&machine);
    let (mut accepted, mut stored) = (0, 0);
    for (call, number) in &points {
        empty(&machine);
        let said = attempt(&machine, &format!("-e inject={call}:signal=SIGKILL:when={number}"));
        let new = || files(&machine, "/home/her/Maildir/new");
        assert!(new().len() <= 1 && (new().len() == 1 || !said.ends_with("Saved")), "{call} {number}: {said}");
        stored += new().len();
        accepted += usize::from(said.ends_with("Saved"));
        assert!(attempt(&machine, "").ends_with("Saved"), "{call} {number}");
        let [one] = new().try_into().unwrap_or_else(|all| panic!("{call} {number}: {all:?}"));
        assert_eq!(fs::read_to_string(one).unwrap(), STORED, "{call} {number}");
    }
    println!("Maildir: {} system calls, {stored} kills left it stored, {accepted} of them accepted", points.len());
    assert!(stored > accepted && accepted > 0 && stored < points.len());
}

#[test]
fn a_delivery_to_an_mbox_that_is_killed_anywhere_tears_no_message() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("mbox:/var/mail/%u");
    let points = points(&machine);
    let (mut copies, mut locked) = (0, 0);
    for (call, number) in &points {
        empty(&machine);
        assert!(deliver(&machine, "her", CONTENT_BEFORE).starts_with("250 "));
        let said = attempt(&machine, &format!("-e inject={call}:signal=SIGKILL:when={number}"));
        let mut second = attempt(&machine, "");
        if second.starts_with("450 4.2.0 ") {
            // Killed before it could say in the lock whose that is: the lock goes with time.
            locked += 1;
            machine.sh("root", "touch -d '10 minutes ago' /var/mail/her.lock", b"").good();
            second = attempt(&machine, "");
        }
        assert!(second.ends_with("Saved"), "{call} {number}: {second}");
        let messages = messages(&machine);
        let whole = messages.iter().filter(|message| is_whole(message)).count();
        assert!(
            messages[0].starts_with(CONTENT_BEFORE) && is_whole(messages.last().unwrap()),
            "{call} {number}: {messages:?}"
        );
        assert!(whole > usize::from(said.ends_with("Saved")), "{call} {number}: {messages:?}");
        // A piece of one that was not accepted may stand between them, closed.
        assert!(messages.len() <= 3, "{call} {number}: {messages:?}");
        copies += whole - 1;
        assert!(fs::symlink_metadata(machine.path("/var/mail/her.lock")).is_err());
    }
    println!("mbox: {} system calls, {copies} kills left a whole copy, {locked} a lock without a name", points.len());
    assert!(locked <= 2, "{locked}");
}

const CONTENT_BEFORE: &str = "Subject: before\n\ntext\n";

#[test]
fn an_error_at_any_system_call_of_a_delivery_is_deferred_and_the_mailbox_as_it_was() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("mbox:/var/mail/%u");
    for mailbox in ["mbox:/var/mail/%u", "maildir:~/Maildir"] {
        configure(&machine, &format!("mailbox = \"{mailbox}\"\n"));
        empty(&machine);
        let may_fail = [
            "openat",
            "fallocate",
            "write",
            "fsync",
            "linkat",
            "link",
            "mkdir",
            "fcntl",
            "flock",
            "fstat",
            "newfstatat",
            "statx",
        ];
        for (at, (call, number)) in
            points(&machine).iter().filter(|(call, _)| may_fail.contains(&call.as_str())).enumerate()
        {
            empty(&machine);
            let error = ERRORS[at % ERRORS.len()];
            let said = attempt(&machine, &format!("-e inject={call}:error={error}:when={number}"));
            let mbox = fs::read(machine.path("/var/mail/her")).unwrap_or_default();
            let stored = messages(&machine).len() + files(&machine, "/home/her/Maildir/new").len();
            let place = format!("{mailbox}: {call} {number} {error}: {said}");
            if said.ends_with("Saved") {
                assert_eq!(stored, 1, "{place}");
            } else {
                assert!(said.is_empty() || said.starts_with('4'), "{place}");
                let writes = ["fallocate", "write", "fsync", "link", "linkat", "mkdir"].contains(&call.as_str())
                    && said.contains("cannot ");
                let code = ["452 4.3.1 ", "451 4.2.0 ", "452 4.2.2 ", "451 4.2.0 "][at % ERRORS.len()];
                assert!(!writes || said.starts_with(code), "{place}");
                assert!(mbox.is_empty() && stored == 0, "{place}");
                assert!(files(&machine, "/home/her/Maildir/tmp").is_empty(), "{place}");
                assert!(fs::symlink_metadata(machine.path("/var/mail/her.lock")).is_err(), "{place}");
            }
        }
    }
}
