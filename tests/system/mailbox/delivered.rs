//! Mail between the users of a machine in system mode, all of the way: sendmail, the runner, the mailbox program, the mailbox.

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use support::provider::Provider;
use support::wait::wait_for;

use super::client::{Listener, files};
use crate::machine::{HER, HIS, Machine, can_run_with, frame};
use crate::machine_runner::{CONFIG, Runner, configure};

/// The machine's config with these mailboxes, and the program that writes them.
fn machine(isp: &Provider, mailbox: &str) -> Machine {
    let machine = Machine::new();
    machine
        .sh("root", "for login in his her; do install -o $login -g $login /dev/null /home/$login/.profile; done", b"")
        .good();
    configure(&machine, isp, "");
    let config = fs::read_to_string(machine.path(CONFIG)).unwrap();
    fs::write(machine.path(CONFIG), format!("mailbox = \"{mailbox}\"\n{config}")).unwrap();
    machine
}

#[test]
fn mail_between_users_and_of_cron_to_root_is_in_their_mailboxes_and_with_no_provider() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let isp = Provider::setup().start();
    let machine = machine(&isp, "maildir:~/Maildir");
    let _listener = Listener::start(&machine);
    let _runner = Runner::start(&machine);
    machine
        .sh("his", "sendmail her+Lists her her+INBOX.x root friend@away.example", b"Subject: hello\n\nFrom him\n")
        .good();
    let new = |folder: &str| files(&machine, &format!("/home/her/Maildir/{folder}"));
    wait_for("all of it", || new("new").len() == 2 && new(".lists/new").len() == 1 && isp.received() == 1);
    wait_for("root's mail", || {
        fs::read_to_string(machine.path("/var/mail/root")).is_ok_and(|text| text.contains("\n>From him\n"))
    });
    // An extension of which a server would make an odd tree has no folder.
    let folders = files(&machine, "/home/her/Maildir").len();
    assert_eq!(folders, 4, "tmp, new, cur and .lists");
    let all = new("new");
    let text_of = |file: &PathBuf| fs::read_to_string(file).unwrap();
    let file =
        all.iter().find(|file| text_of(file).contains("\nDelivered-To: her@")).expect("one without an extension");
    let text = text_of(file);
    assert_eq!(fs::metadata(file).unwrap().uid(), HER);
    assert!(
        text.starts_with("Return-Path: <") && text.contains("\nDelivered-To: her@") && text.ends_with("\n\nFrom him\n"),
        "{text}"
    );
    assert!(isp.mails()[0].to == ["friend@away.example"]);
}

#[test]
fn mail_waits_while_the_mailbox_program_does_not_run_and_is_delivered_once() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let isp = Provider::setup().start();
    let machine = machine(&isp, "mbox:/var/mail/%u");
    let _runner = Runner::start(&machine);
    machine.sh("his", "sendmail her", b"Subject: hello\n\ntext\n").good();
    let listed = || machine.sh("root", "postrider queue list", b"").printed;
    wait_for("it to be deferred", || listed().contains("postrider-mailbox.socket"));
    let _listener = Listener::start(&machine);
    machine.sh("root", "postrider flush", b"");
    let stored = || fs::read_to_string(machine.path("/var/mail/her")).unwrap_or_default();
    wait_for("her mail", || stored().contains("\nSubject: hello\n"));
    assert_eq!(stored().matches("\nSubject: hello\n").count(), 1);
    assert_eq!(machine.standing("/var/mail/her"), (HER, machine.gid("mail"), 0o600));
}

/// When the two of the next test were stored, in seconds.
const STORED: i128 = 1_795_953_600;

/// The random part of the id that pickup makes of a submission in his first slot: only these twelve bits come from the token.
fn random_part(token: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    ("drop", format!("{HIS}.0"), STORED * 1_000_000_000, token).hash(&mut hasher);
    hasher.finish() & 0xFFF
}

/// Message ids come back: that of a drop file is made of its slot, its time, which on some file systems is a whole second, and a little
/// of its token.
#[test]
fn two_messages_that_had_one_id_are_two_in_a_maildir() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let isp = Provider::setup().start();
    let machine = machine(&isp, "maildir:~/Maildir");
    let _listener = Listener::start(&machine);
    let new = || files(&machine, "/home/her/Maildir/new");
    let second =
        (0..1_000_000).map(|at| format!("T{at}")).find(|token| random_part(token) == random_part("T")).unwrap();
    for (number, token) in ["T", &second].into_iter().enumerate() {
        let envelope =
            format!(r#"{{"v":1,"token":"{token}","sender":null,"recipients":[{{"complete":"her@home.lan"}}]}}"#);
        let content = format!("Subject: {token}\n\ntext\n");
        machine.drop_as("his", &frame(envelope.as_bytes(), content.as_bytes())).good();
        machine.sh("root", &format!("touch -d @{STORED} /var/spool/postrider/drop/{HIS}.0"), b"").good();
        let _runner = Runner::start(&machine);
        wait_for("an empty queue", || {
            machine.dropped().is_empty() && machine.sh("root", "mailq", b"").printed == "Mail queue is empty\n"
        });
        assert_eq!(new().len(), number + 1);
    }
    let names: Vec<_> = new().iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(names.iter().any(|name| name.contains(".M")), "the second has a name of its own: {names:?}");
}

#[test]
fn mail_to_the_same_users_is_written_by_the_same_few_processes() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let isp = Provider::setup().start();
    let machine = machine(&isp, "maildir:~/Maildir");
    let send = "for number in $(seq 50); do for login in his her; do
        printf 'Subject: %s\\n\\ntext\\n' $number | sendmail $login || exit 1; done; done";
    machine.sh("his", send, b"").good();
    let _listener = Listener::start(&machine);
    // The number of the last process or thread that was begun.
    let begun = || -> u32 {
        let text = machine.sh("root", "cat /proc/loadavg", b"").good().printed;
        text.split_whitespace().last().unwrap().parse().unwrap()
    };
    let before = begun();
    machine.sh("root", "postrider flush", b"").good();
    let processes = begun() - before;
    println!("100 messages to two users: {processes} processes and threads");
    assert!(processes < 75, "{processes}");
    for (login, uid) in [("his", HIS), ("her", HER)] {
        let mails = files(&machine, &format!("/home/{login}/Maildir/new"));
        assert_eq!(mails.len(), 50, "{login}");
        assert!(mails.iter().all(|mail| fs::metadata(mail).unwrap().uid() == uid), "{login}");
        let subjects: HashSet<String> = mails.iter().map(|mail| fs::read_to_string(mail).unwrap()).collect();
        assert_eq!(subjects.len(), 50, "{login}");
    }
    let serving = "ps -eo stat=,comm= | grep postrider-mailb | grep -cv ^Z";
    wait_for("all to end but the one that listens", || machine.sh("root", serving, b"").printed.trim() == "1");
}

#[test]
fn a_forward_file_is_named_by_check_and_not_followed() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let isp = Provider::setup().start();
    let machine = machine(&isp, "maildir:~/Maildir");
    machine.sh("her", "echo friend@away.example >~her/.forward", b"").good();
    let checked = machine.sh("root", "postrider check", b"");
    let said = format!("{}{}", checked.printed, checked.said);
    assert!(said.contains("/home/her/.forward is not read, so mail to her stays in the mailbox"), "{said}");
    let _listener = Listener::start(&machine);
    let _runner = Runner::start(&machine);
    machine.sh("his", "sendmail her", b"Subject: hello\n\ntext\n").good();
    wait_for("her mail", || files(&machine, "/home/her/Maildir/new").len() == 1);
    assert_eq!(isp.received(), 0);
}
