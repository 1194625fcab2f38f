//! A user whose quota is used up: a btrfs on a loop device, whose subvolumes for the homes and for /var/mail have a limit. Mail waits with that
//! reason, nothing is torn or left behind, and it is delivered once when there is room again.

use std::fs;
use std::path::Path;

use support::need::skip;
use support::provider::Provider;
use support::wait::wait_for;

use super::client::{Listener, files};
use crate::machine::{Machine, can_run_with};
use crate::machine_runner::{CONFIG, Runner, configure};

/// A btrfs with the machine's homes and mailboxes, and what a limit is set on.
const FILE_SYSTEM: &str = "
    truncate -s 160M /run/ours/image
    mkfs.btrfs -q /run/ours/image
    mkdir /run/disk
    mount -o loop /run/ours/image /run/disk
    btrfs quota enable /run/disk
    for folder in home mail; do btrfs subvolume create /run/disk/$folder; done
    cp -a /home/. /run/disk/home
    chgrp mail /run/disk/mail
    chmod 2775 /run/disk/mail
    mount --bind /run/disk/home /home
    mount --bind /run/disk/mail /var/mail
    for login in his her; do install -o $login -g $login /dev/null /home/$login/.profile; done";

/// The mailboxes, and the subvolume that they are in.
const LIMITED: [(&str, &str); 2] = [("maildir:~/Maildir", "/run/disk/home"), ("mbox:/var/mail/%u", "/run/disk/mail")];

const LINE: &str = "A line of a message, 64 octets long together with its newline.\n\n";

/// More than 100 KiB: the limits leave room for three, or nearly.
const LINES: usize = 2000;

const LIMITS: [&str; 4] = ["340K", "400K", "401K", "410K"];

fn can_run() -> bool {
    let has_btrfs = fs::read_to_string("/proc/filesystems").is_ok_and(|text| text.contains("\tbtrfs\n"));
    let has_loop = Path::new("/dev/loop-control").exists();
    can_run_with(&["python3", "mkfs.btrfs", "btrfs"])
        && (has_btrfs && has_loop || skip("this kernel has no btrfs or no loop devices"))
}

/// Her messages by their numbers.
fn numbers(machine: &Machine) -> Vec<String> {
    let mbox = fs::read_to_string(machine.path("/var/mail/her")).unwrap_or_default();
    let texts = files(machine, "/home/her/Maildir/new").into_iter().map(|path| fs::read_to_string(path).unwrap());
    let all: Vec<String> = texts.map(|text| format!("From \n{text}\n")).chain([mbox]).collect();
    let mut numbers = Vec::new();
    for one in format!("\n{}", all.concat()).split("\nFrom ").skip(1) {
        let (header, body) = one.split_once("\n\n").unwrap_or((one, ""));
        let number = header.lines().find_map(|line| line.strip_prefix("Subject: number ")).unwrap_or(header);
        let is_whole = body.trim_end() == LINE.repeat(LINES).trim_end();
        numbers.push(if is_whole { number.to_owned() } else { format!("{number} is torn") });
    }
    numbers.sort();
    numbers
}

#[test]
fn mail_for_a_user_whose_quota_is_used_up_waits_with_that_reason_and_is_whole_afterwards() {
    if !can_run() {
        return;
    }
    for (mailbox, folder) in LIMITED {
        let isp = Provider::start();
        let machine = Machine::new();
        configure(&machine, &isp, "");
        machine.sh("root", FILE_SYSTEM, b"").good();
        let config = fs::read_to_string(machine.path(CONFIG)).unwrap();
        fs::write(machine.path(CONFIG), format!("mailbox = \"{mailbox}\"\n{config}")).unwrap();
        let _listener = Listener::start(&machine);
        let _runner = Runner::start(&machine);
        for limit in LIMITS {
            fills_and_empties(&machine, folder, limit);
        }
        assert_eq!(isp.received(), 0, "nobody is told of what only waits");
    }
}

/// Six mails, of which a limit lets in some.
fn fills_and_empties(machine: &Machine, folder: &str, limit: &str) {
    let send = |number: usize| {
        let mail = format!("Subject: number {number}\n\n{}", LINE.repeat(LINES));
        machine.sh("his", "exec sendmail her", mail.as_bytes()).good();
    };
    machine.sh("root", "rm -rf /home/her/Maildir /var/mail/*; : >/run/runner.log; sync", b"").good();
    send(0);
    wait_for("the first", || numbers(machine) == ["0"]);
    machine.sh("root", &format!("sync; btrfs qgroup limit {limit} {folder}"), b"").good();
    (1..6).for_each(send);
    let log = || fs::read_to_string(machine.path("/run/runner.log")).unwrap();
    wait_for("all to be tried", || log().matches("to=<her@home.lan>").count() >= 6);
    let (stored, deferred) = (numbers(machine), log().matches("status=deferred").count());
    assert_eq!((stored.len() + deferred, stored.len() < 4), (6, true), "{limit}: {stored:?} {}", log());
    assert!(!stored.iter().any(|one| one.ends_with("torn")), "{limit}: {stored:?}");
    let reasons = log().matches("maildir:~/Maildir] said: 452 4.2.2 cannot ").count()
        + log().matches("mbox:/var/mail/%u] said: 452 4.2.2 cannot ").count();
    assert_eq!((reasons, log().matches("Disk quota exceeded").count()), (deferred, deferred), "{}", log());
    let left = [files(machine, "/home/her/Maildir/tmp"), files(machine, "/var/mail")].concat();
    assert!(left.iter().all(|path| path.ends_with("her")), "{left:?}");
    machine.sh("root", &format!("btrfs qgroup limit none {folder}; postrider flush"), b"").good();
    wait_for("an empty queue", || machine.sh("root", "mailq", b"").printed == "Mail queue is empty\n");
    assert_eq!(numbers(machine), ["0", "1", "2", "3", "4", "5"], "{limit}");
    println!("{folder}, {limit}: {} stored, {deferred} deferred and then stored", stored.len());
}
