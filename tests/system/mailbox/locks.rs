//! The locks of an mbox beside other programs: one that has a lock of the file alone is waited for without the dotlock, and one that
//! knows the dotlock alone, and puts another file in the place of the mbox, neither loses nor doubles a message.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::client::{Client, deliver, files, machine};
use super::readers::{MOVEMAIL, NEW_MAILDIR, add_mailutils, has_mailutils};
use crate::machine::can_run_with;
use support::wait::wait_for;

/// Locks her mbox in this way, until there is a file ~/go.
const HOLDER: &str = r#"
import fcntl, os, sys, time
box = open("/var/mail/her", "r+b")
{"fcntl": fcntl.lockf, "flock": fcntl.flock}[sys.argv[1]](box, fcntl.LOCK_EX)
open("/home/her/locked", "w").close()
while not os.path.exists("/home/her/go"):
    time.sleep(0.01)
box.seek(0, 2)
box.write(b"From other Sat Nov 28 14:56:40 2026\nSubject: other\n\nx\n\n")
"#;

#[test]
fn who_locks_the_file_alone_is_waited_for_and_the_dotlock_is_free_meanwhile() {
    if !can_run_with(&["python3", "strace"]) {
        return;
    }
    let machine = machine("mbox:/var/mail/%u");
    for (kind, call) in [("fcntl", "fcntl("), ("flock", "flock(")] {
        machine.sh("root", "rm -f /home/her/locked /home/her/go /run/trace", b"").good();
        let before = fs::read_to_string(machine.path("/var/mail/her")).unwrap_or_default();
        if before.is_empty() {
            assert!(deliver(&machine, "her", "Subject: first\n\nx\n").ends_with(" Saved"));
        }
        let mut holder = machine
            .command("her", "exec /usr/bin/python3 -c \"$HOLDER\" $KIND")
            .env("HOLDER", HOLDER)
            .env("KIND", kind)
            .spawn()
            .unwrap();
        wait_for("the other program to lock", || machine.path("/home/her/locked").exists());
        let held = fs::read_to_string(machine.path("/var/mail/her")).unwrap();
        let trace = || fs::read_to_string(machine.path("/run/trace")).unwrap_or_default();
        let said = std::thread::scope(|scope| {
            let delivery = scope.spawn(|| {
                Client::start(&machine, "strace -f -qq -o /run/trace -e trace=fcntl,flock,unlink,unlinkat")
                    .deliver_greeted("her", &format!("Subject: behind {kind}\n\nx\n"))
            });
            let attempts = || trace().lines().filter(|line| line.contains(call) && line.contains("EAGAIN")).count();
            wait_for("a second attempt to lock", || attempts() >= 2);
            assert_eq!(
                fs::read_to_string(machine.path("/var/mail/her")).unwrap(),
                held,
                "nothing is written meanwhile"
            );
            fs::write(machine.path("/home/her/go"), "").unwrap();
            delivery.join().unwrap()
        });
        assert!(holder.wait().unwrap().success() && said.ends_with(" Saved"), "{said}");
        let trace = trace();
        assert!(!trace.contains("F_SETLKW"), "no lock is waited for while another is held: {trace}");
        let attempts: Vec<&str> = trace.split("EAGAIN").collect();
        assert!(attempts[1..].iter().all(|behind| behind.contains("her.lock\"")), "the dotlock is given back: {trace}");
        let text = fs::read_to_string(machine.path("/var/mail/her")).unwrap();
        let (other, ours) = (text.rfind("Subject: other"), text.find(&format!("Subject: behind {kind}")));
        assert!(text.starts_with(&held) && other < ours, "{text}");
    }
}

#[test]
fn a_mailutils_that_takes_mail_away_and_replaces_the_file_meanwhile_has_every_message_once() {
    if !can_run_with(&["python3"]) || !has_mailutils() {
        return;
    }
    let machine = machine("mbox:/var/mail/%u");
    add_mailutils(&machine);
    // She may make a lock there, as a set-group-id program may.
    machine.sh("root", "usermod -a -G mail her", b"").good();
    machine.sh("her", &format!("export HOME=/home/her; {NEW_MAILDIR}"), b"").good();
    // With --preserve it would leave all of it there.
    let taking = MOVEMAIL.replace(" --preserve", "") + " mbox:/var/mail/her maildir:/home/her/out";
    let (ends, taken) = (AtomicBool::new(false), AtomicUsize::new(0));
    let take = || {
        let ended = machine.sh("her", &format!("export HOME=/home/her; {taking}"), b"");
        taken.fetch_add(usize::from(ended.code == Some(0)), Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                take();
            }
        });
        let writers = (0..3).map(|writer| {
            let machine = &machine;
            scope.spawn(move || {
                for number in 0..8 {
                    let said = deliver(machine, "her", &format!("Subject: message-{writer}-{number}\n\nx\n"));
                    assert!(said.ends_with(" Saved"), "{said}");
                }
            })
        });
        let written: Vec<_> =
            writers.collect::<Vec<_>>().into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        ends.store(true, Ordering::Relaxed);
        assert!(written.iter().all(Result::is_ok));
    });
    take();
    let all: Vec<_> =
        ["new", "cur"].iter().flat_map(|name| files(&machine, &format!("/home/her/out/{name}"))).collect();
    let subjects: BTreeSet<String> = all
        .iter()
        .filter_map(|path| {
            fs::read_to_string(path).unwrap().lines().find(|line| line.starts_with("Subject: ")).map(str::to_owned)
        })
        .collect();
    println!("{} messages, which mailutils took away in {taken:?} turns", all.len());
    assert_eq!((all.len(), subjects.len()), (24, 24), "{subjects:?}");
}
