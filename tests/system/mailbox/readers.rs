//! Odd messages in a mailbox, as six programs read them: each finds every message, whole.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use support::need::skip;

use super::client::{Client, machine};
use crate::machine::{Machine, can_run_with};

const READERS: [&str; 7] = ["python3", "mutt", "s-nail", "bsd-mailx", "doveadm", "script", "sha256sum"];

/// Where the package of mailutils is unpacked, which would change what `mail` is; `.ci/run` does it.
const MAILUTILS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/peers/mailutils");

pub const NEW_MAILDIR: &str = "mkdir -p ~/out/tmp ~/out/new ~/out/cur";

/// What copies all messages of one mailbox into another with its library.
pub const MOVEMAIL: &str = "LD_LIBRARY_PATH=$(echo /run/mailutils/usr/lib/*-linux-gnu) exec /run/mailutils/usr/bin/movemail.mailutils --preserve";

fn can_run() -> bool {
    can_run_with(&READERS) && has_mailutils()
}

pub fn has_mailutils() -> bool {
    let is_there = Path::new(MAILUTILS).join("usr/bin/movemail.mailutils").exists();
    is_there || skip("mailutils is not unpacked below target/peers/mailutils; .ci/run shows how")
}

/// A machine with these mailboxes and all readers.
fn machine_with_readers(mailbox: &str) -> Machine {
    let machine = machine(mailbox);
    add_mailutils(&machine);
    fs::write(machine.path("/run/muttrc"), MUTT).unwrap();
    machine
}

pub fn add_mailutils(machine: &Machine) {
    let copied = Command::new("cp").args(["-r", MAILUTILS]).arg(machine.path("/run/mailutils")).status();
    assert!(copied.unwrap().success());
}

/// Digests of what a reader has copied.
const DIGEST: &str = include_str!("readers.py");

/// Headers and bodies that readers have lost or split.
fn odd_messages() -> Vec<String> {
    let headers = [
        "Subject: plain\n",
        "Subject: foreign notes\nStatus: D\nX-Status: D\nContent-Length: 9999\nLines: 1\nX-UID: 5\nX-IMAPbase: 1 2\n",
        "From friend@away.example Sat Nov 28 14:56:40 2026\nSubject: with a separator above it\n",
        ">From friend@away.example Sat Nov 28 14:56:40 2026\nSubject: with a quoted one\n",
        "Subject: =?utf-8?Q?=C3=A9?=\nFrom: \"J\u{f6}rg\" <joerg@away.example>\n",
        "Subject: folded\n  over\n\tlines\nX-Empty:\n",
        "Content-Type: multipart/mixed; boundary=x\nSubject: parts\n",
        "Subject: long\nReferences: <a@b>\n",
    ];
    let bodies = [
        "",
        "\n",
        "\n\n\n",
        "text\n",
        "no final newline",
        "From here\n",
        "\nFrom here\n\nFrom friend@away.example Sat Nov 28 14:56:40 2026\nSubject: not a message\n\nx\n",
        "x\nFrom friend@away.example Sat Nov 28 14:56:40 2026\nx\n",
        ">From here\n>>From there\n> From nowhere\n",
        "\n\nFrom \n",
        ".\n..\n.\nlone dots\n",
        "8 bit: \u{e9}\u{4e2d}\u{1f600}\n",
        "Status: D\n\nContent-Length: 3\n",
        "--x\n\nFrom in a part\n--x--\n",
        "tabs\t and blanks  \n \n\t\n",
        "a bare \r in a line\n",
        "control \u{1}\u{7f}\u{1b}[0m\n",
        "~r /etc/passwd\n~q\n~.\n",
        "a NUL \0 in a line\nand one behind it\n",
    ];
    let with = |header: &str, body: &str, at: usize| format!("{header}X-Number: {at}\n\n{body}");
    let pairs = headers.iter().flat_map(|header| bodies.iter().map(move |body| (header, body)));
    let mut all: Vec<String> = pairs.enumerate().map(|(at, (header, body))| with(header, body, at)).collect();
    for length in [70, 78, 997, 998, 999, 1000, 1023, 1024, 2048, 4095, 4096, 8192, 65_535, 65_536, 65_537, 100_000] {
        for begin in ["", "From ", ">From "] {
            all.push(with("Subject: a long line\n", &format!("{begin}{}\nFrom x\n", "x".repeat(length)), length));
        }
    }
    (0..8).for_each(|at| all.push(format!("Subject: only a header {at}\n")));
    all
}

/// The same message as it must be in an mbox.
fn as_stored(message: &str) -> String {
    with_quotes(message, ">")
}

/// As a reader must show it that takes the quotes away.
fn as_shown(message: &str) -> String {
    with_quotes(message, "")
}

/// Without the notes of other readers, and with this before lines that would begin a message.
fn with_quotes(message: &str, quote: &str) -> String {
    let (header, body) = message.split_once("\n\n").unwrap_or((message.trim_end(), ""));
    let notes = ["Status:", "X-Status:", "Content-Length:", "Lines:", "X-UID:", "X-IMAPbase:", "From ", ">From "];
    let mut stored = String::new();
    for line in header.lines().filter(|line| !notes.iter().any(|note| line.starts_with(note))) {
        writeln!(stored, "{line}").unwrap();
    }
    stored.push('\n');
    for line in body.split_inclusive('\n') {
        let quote = if line.trim_start_matches('>').starts_with("From ") { quote } else { "" };
        write!(stored, "{quote}{line}").unwrap();
    }
    stored
}

/// The digests of the messages in a file or folder of hers, of this kind.
fn digests(machine: &Machine, kind: &str, path: &str) -> Vec<String> {
    let script = format!("exec /usr/bin/python3 - {kind} {path}");
    machine.sh("her", &script, DIGEST.as_bytes()).good().printed.lines().map(str::to_owned).collect()
}

/// Delivers the messages to her over one connection; what must be there then.
fn deliver_all(machine: &Machine, messages: &[String], stored: fn(&str) -> String) -> Vec<String> {
    let mut client = Client::start(machine, "");
    assert!(client.reply().starts_with("220 "));
    for (at, message) in messages.iter().enumerate() {
        let lines = message
            .split_terminator('\n')
            .map(|line| format!("{}{line}\n", if line.starts_with('.') { "." } else { "" }));
        let said = client.deliver("", "her", &lines.collect::<String>());
        assert!(said.ends_with(" Saved"), "{at}: {said}");
    }
    digests_of(machine, messages, stored)
}

/// The digests of what a reader must show.
fn digests_of(machine: &Machine, messages: &[String], shown: fn(&str) -> String) -> Vec<String> {
    let folder = machine.path("/run/wanted");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    for (at, message) in messages.iter().enumerate() {
        fs::write(folder.join(format!("{at:05}")), shown(message)).unwrap();
    }
    digests(machine, "--files", "/run/wanted")
}

/// What was found, in the order in which it is wanted; what is not wanted comes last.
fn in_order_of(wanted: &[String], mut found: Vec<String>) -> Vec<String> {
    let place: HashMap<&String, usize> = wanted.iter().enumerate().map(|(at, digest)| (digest, at)).collect();
    found.sort_by_key(|digest| place.get(digest).copied().unwrap_or(usize::MAX));
    found
}

/// What mutt is told: all to another mailbox.
const MUTT: &str = "set folder=/home/her\nset confirmappend=no\nset confirmcreate=no\nset mbox_type=mbox\nset quit=yes\nset move=no\nset sort=mailbox-order\n\
    push \"<tag-pattern><kill-line>~A<enter><tag-prefix><copy-message><kill-line>/home/her/out<enter><exit>\"\n";

#[test]
fn six_readers_find_every_odd_message_of_an_mbox_whole() {
    if !can_run() {
        return;
    }
    let machine = machine_with_readers("mbox:/var/mail/%u");
    let mut messages = odd_messages();
    messages.push(format!(
        "Subject: large\n\n{}",
        "From a line of a large message, 64 octets long with its newline.\n".repeat(320_000)
    ));
    messages.push("Subject: the last\n\ntext\n".to_owned());
    let wanted = deliver_all(&machine, &messages, as_stored);
    // A line ends at its NUL for bsd-mailx, which is written in C.
    let cut = digests(&machine, "--cut", "/run/wanted");
    // mailutils takes the quotes away.
    let shown = digests_of(&machine, &messages, as_shown);
    assert!([&wanted, &cut, &shown].iter().all(|digests| digests.len() == messages.len()));
    let mailutils = format!("{NEW_MAILDIR}; {MOVEMAIL} mbox:/home/her/box maildir:/home/her/out");
    let dovecot = "doveadm -c /dev/null -o mail_location=mbox:/home/her/mail:INBOX=/home/her/box fetch 'uid text' mailbox INBOX all >~/out";
    for (reader, kind, script) in [
        ("the text itself", "--mbox", "cp ~/box ~/out"),
        ("Python", "--python", "cp ~/box ~/out"),
        (
            "mutt",
            "--mbox",
            "TERM=xterm exec script -qec 'mutt -n -F /run/muttrc -f /home/her/box' /dev/null </dev/null",
        ),
        ("s-nail", "--mbox", "echo 'copy * /home/her/out' | MAILRC=/dev/null s-nail -n -# -f ~/box"),
        ("bsd-mailx", "--mbox", "printf 'copy 1-$ /home/her/out\\nx\\n' | bsd-mailx -n -f ~/box"),
        ("mailutils", "--files", &mailutils),
        ("Dovecot", "--fetched", dovecot),
    ] {
        machine.sh("her", "export HOME=/home/her; rm -rf ~/out ~/box ~/mail; cp /var/mail/her ~/box", b"").good();
        let ended = machine.sh("her", &format!("export HOME=/home/her; cd; {script}"), b"");
        let found = digests(&machine, kind, "/home/her/out");
        let wanted = match reader {
            "bsd-mailx" => &cut,
            "mailutils" => &shown,
            _ => &wanted,
        };
        // The files of a Maildir have no order.
        let found = if kind == "--files" { in_order_of(wanted, found) } else { found };
        let differs = found.iter().zip(wanted).position(|(found, wanted)| found != wanted);
        let message = differs.map(|at| messages[at].chars().take(300).collect::<String>());
        assert!(
            differs.is_none() && found.len() == wanted.len(),
            "{reader}: {} {differs:?} {message:?} {}",
            found.len(),
            ended.said
        );
        println!("{reader}: {} messages, each as it was delivered", found.len());
    }
}

#[test]
fn four_readers_find_every_odd_message_of_a_maildir_whole() {
    if !can_run() {
        return;
    }
    let machine = machine_with_readers("maildir:~/Maildir");
    let messages = odd_messages();
    let wanted = deliver_all(&machine, &messages, str::to_owned);
    let mutt = "TERM=xterm exec script -qec 'mutt -n -e \"set mbox_type=Maildir\" -F /run/muttrc -f /home/her/box' /dev/null </dev/null";
    let mailutils = format!("{NEW_MAILDIR}; {MOVEMAIL} maildir:/home/her/box maildir:/home/her/out");
    let dovecot =
        "doveadm -c /dev/null -o mail_location=maildir:/home/her/box fetch 'uid text' mailbox INBOX all >~/out";
    for (reader, kind, script) in [
        ("the files themselves", "--files", "cp -r ~/box ~/out"),
        ("Python", "--python", "cp -r ~/box ~/out"),
        ("mutt", "--files", mutt),
        ("mailutils", "--files", &mailutils),
        ("Dovecot", "--fetched", dovecot),
    ] {
        machine.sh("her", "export HOME=/home/her; rm -rf ~/out ~/box; cp -r ~/Maildir ~/box", b"").good();
        let ended = machine.sh("her", &format!("export HOME=/home/her; cd; {script}"), b"");
        let found = digests(&machine, kind, "/home/her/out");
        let lost: Vec<&String> = wanted
            .iter()
            .zip(&messages)
            .filter(|(digest, _)| !found.contains(digest))
            .map(|(_, message)| message)
            .collect();
        assert!(
            lost.is_empty() && found.len() == wanted.len(),
            "{reader}: {} of {}, {} not as they were: {:.900?} {}",
            found.len(),
            wanted.len(),
            lost.len(),
            format!("{lost:?}"),
            ended.said
        );
        println!("{reader}: {} messages, each as it was delivered", found.len());
    }
}
