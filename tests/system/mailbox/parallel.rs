//! Ten deliveries at once to one mbox, which mutt and Dovecot rewrite meanwhile: no message is torn or lost, and none is there twice.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::client::{Client, machine};
use crate::machine::{Machine, can_run_with};

const WRITERS: usize = 10;
const EACH: usize = 20;

/// A message that shows where it was torn.
fn message(name: &str) -> String {
    let lines: String =
        (0..40).flat_map(|line| [format!("{name} line {line}\n"), "From the middle\n".to_owned()]).collect();
    format!("Subject: {name}\n\n{lines}{name} ends\n")
}

/// What mutt is told: to mark all as important, which rewrites the file, and to leave.
const MUTT: &str = "set folder=/home/her\nset quit=yes\nset move=no\nset wait_key=no\nset mark_old=no\n\
    push \"<tag-pattern><kill-line>~A<enter><tag-prefix><set-flag>!<sync-mailbox><exit>\"\n";

const DOVECOT: &str = "doveadm -c /dev/null -o mail_location=mbox:/home/her/mail:INBOX=/var/mail/her \
    -o mbox_write_locks='dotlock fcntl' -o mail_privileged_group=mail";

/// The bodies of an mbox by subject, as they were before they were quoted.
fn messages(machine: &Machine) -> BTreeMap<String, Vec<String>> {
    let text = format!("\n\n{}", fs::read_to_string(machine.path("/var/mail/her")).unwrap());
    let mut all = BTreeMap::<String, Vec<String>>::new();
    for one in text.split("\n\nFrom ").skip(1) {
        let (header, body) = one.split_once("\n\n").unwrap_or((one, ""));
        let subject = header.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or("none");
        all.entry(subject.to_owned()).or_default().push(body.trim_end().replace("\n>From ", "\nFrom "));
    }
    all
}

#[test]
fn ten_deliveries_beside_mutt_and_dovecot_lose_and_tear_nothing() {
    if !can_run_with(&["python3", "mutt", "doveadm", "script"]) {
        return;
    }
    let machine = machine("mbox:/var/mail/%u");
    // She may make locks there, for Dovecot and mutt.
    machine.sh("root", "usermod -a -G mail her", b"").good();
    fs::write(machine.path("/run/muttrc"), MUTT).unwrap();
    let (ends, refused, saved, rewritten) =
        (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let begun = Instant::now();
    let write = |writer: usize| {
        for number in 0..EACH {
            let content = message(&format!("message-{writer}-{number}"));
            let said = loop {
                let mut client = Client::start(&machine, "");
                client.reply();
                let said = client.deliver("", "her", &content);
                if !said.starts_with("450 4.2.0 ") {
                    break said;
                }
                refused.fetch_add(1, Ordering::Relaxed);
            };
            assert!(said.ends_with(" Saved"), "{said}");
        }
    };
    let read = |script: &str, count: &AtomicUsize| {
        while !ends.load(Ordering::Relaxed) {
            let ended = machine.sh("her", &format!("export HOME=/home/her TERM=xterm; {script}"), b"");
            count.fetch_add(usize::from(ended.code == Some(0)), Ordering::Relaxed);
        }
    };
    let dovecot = AtomicUsize::new(0);
    let flags = format!(
        "{DOVECOT} flags add '\\Flagged' mailbox INBOX all && {DOVECOT} flags remove '\\Flagged' mailbox INBOX all"
    );
    let mail = message("of-dovecot").replace('\n', "\\n");
    let save = format!("printf '{mail}' | {DOVECOT} save");
    std::thread::scope(|scope| {
        scope.spawn(|| read(&flags, &dovecot));
        scope.spawn(|| read(&save, &saved));
        scope.spawn(|| {
            read("script -qec 'timeout --foreground -k 1 20 mutt -n -F /run/muttrc -f /var/mail/her' /dev/null </dev/null", &rewritten);
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let write = &write;
                scope.spawn(move || write(writer))
            })
            .collect();
        // Whatever they found, the others are to end.
        let written: Vec<_> = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        ends.store(true, Ordering::Relaxed);
        assert!(written.iter().all(Result::is_ok));
    });
    let mut found = messages(&machine);
    let of_dovecot = found.remove("of-dovecot").unwrap_or_default();
    let [refused, mutt, dovecot, saved] = [refused, rewritten, dovecot, saved].map(AtomicUsize::into_inner);
    println!(
        "{} deliveries in {:?}, {refused} times locked; mutt ran {mutt} times, Dovecot marked {dovecot} times and saved {saved}",
        WRITERS * EACH,
        begun.elapsed()
    );
    assert!(mutt > 0 && dovecot > 0 && saved > 0, "all were at work");
    for writer in 0..WRITERS {
        for number in 0..EACH {
            let name = format!("message-{writer}-{number}");
            let body = message(&name).split_once("\n\n").unwrap().1.trim_end().to_owned();
            assert_eq!(found.remove(&name), Some(vec![body]), "{name}");
        }
    }
    assert!(found.is_empty(), "{:?}", found.keys());
    assert_eq!(of_dovecot.len(), saved);
}
