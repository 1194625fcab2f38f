//! What users can put where their mail should go, or in the way to it: each is deferred with the reason, nothing is followed, and
//! nothing is written with a right that its owner lacks.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::client::{Client, configure, deliver, files, machine};
use crate::machine::{HER, can_run_with};

const MAIL: &str = "Subject: hello\n\ntext\n";

#[test]
fn what_is_in_the_place_of_an_mbox_is_neither_followed_nor_written() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("mbox:/var/mail/%u");
    machine
        .sh(
            "root",
            "echo secret >/run/secret; chmod 666 /run/secret; echo mine >/home/her/mine; chown her /home/her/mine",
            b"",
        )
        .good();
    for (put, reason) in [
        ("ln -s /home/her/mine /var/mail/her", "cannot open /var/mail/her: "),
        ("ln -s /run/secret /var/mail/her", "cannot open /var/mail/her: "),
        ("ln -s her /var/mail/her", "cannot open /var/mail/her: "),
        ("ln -s /run/not-there /var/mail/her", "cannot open /var/mail/her: "),
        ("mkfifo -m 666 /var/mail/her", "/var/mail/her is not a file"),
        ("mkfifo /var/mail/her; chown her /var/mail/her", "/var/mail/her is not a file"),
        ("mkdir -m 777 /var/mail/her", "cannot open /var/mail/her: "),
        ("mknod -m 666 /var/mail/her c 1 3", "/var/mail/her is not a file"),
        ("install -m 666 -o his /dev/null /var/mail/her", "/var/mail/her belongs to uid 20001 and not to the user"),
        ("install -m 666 /dev/null /var/mail/her", "/var/mail/her belongs to uid 0 and not to the user"),
        (
            "install -o her /dev/null /var/mail/her; ln /var/mail/her /var/mail/other",
            "/var/mail/her has more than one name (hard links)",
        ),
        ("install -m 400 -o her /dev/null /var/mail/her", "cannot open /var/mail/her: "),
    ] {
        machine.sh("root", put, b"").good();
        let before = machine.sh("root", "stat -c '%F %s %U %a %h' /var/mail/*", b"").good().printed;
        let said = deliver(&machine, "her", MAIL);
        assert!(said.starts_with("451 4.2.0 ") && said.contains(reason), "{put}: {said}");
        assert_eq!(machine.sh("root", "stat -c '%F %s %U %a %h' /var/mail/*", b"").good().printed, before, "{put}");
        machine.sh("root", "rm -rf /var/mail/her /var/mail/other", b"").good();
    }
    assert_eq!(fs::read_to_string(machine.path("/run/secret")).unwrap(), "secret\n");
    assert_eq!(fs::read_to_string(machine.path("/home/her/mine")).unwrap(), "mine\n");
    assert!(fs::symlink_metadata(machine.path("/run/not-there")).is_err());
    assert!(deliver(&machine, "her", MAIL).starts_with("250 "));
    assert_eq!(machine.standing("/var/mail/her"), (HER, machine.gid("mail"), 0o600));
}

#[test]
fn a_dotlock_that_is_something_else_is_not_followed() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("mbox:/var/mail/%u");
    machine.sh("root", "ln -s /run/not-there /var/mail/her.lock", b"").good();
    let said = deliver(&machine, "her", MAIL);
    assert_eq!(said, "450 4.2.0 /var/mail/her is locked by another program");
    assert!(
        fs::symlink_metadata(machine.path("/run/not-there")).is_err()
            && fs::symlink_metadata(machine.path("/var/mail/her")).is_err()
    );
}

#[test]
fn the_group_of_a_folder_is_for_one_that_nobody_but_root_can_have_put_there() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("mbox:~/mail/inbox");
    machine.sh("root", "mkdir /run/shared; chgrp staff /run/shared; chmod 2775 /run/shared", b"").good();
    machine.sh("her", "ln -s /run/shared ~her/mail", b"").good();
    for (mailbox, link) in [
        ("mbox:~/mail/inbox", ""),
        ("mbox:/home/%u/mail/inbox", ""),
        ("mbox:/home/her/mail/%u", ""),
        ("mbox:/run/link/%u", "ln -s /home/her/mail /run/link"),
        ("maildir:/run/shared/%u", ""),
        ("maildir:~/mail/box", ""),
    ] {
        machine.sh("root", &format!("true; {link}"), b"").good();
        configure(&machine, &format!("mailbox = \"{mailbox}\"\n"));
        let said = deliver(&machine, "her", MAIL);
        assert!(said.starts_with("451 4.2.0 ") && said.contains("Permission denied"), "{mailbox}: {said}");
        assert!(files(&machine, "/run/shared").is_empty(), "{mailbox}");
    }
    // Where root set it, it is meant; also by a link of root's to another.
    machine.sh("root", "rm /run/link; ln -s shared /run/first; ln -s ../run/first /run/link", b"").good();
    configure(&machine, "mailbox = \"mbox:/run/link/%u\"\n");
    assert!(deliver(&machine, "her", MAIL).starts_with("250 "));
    assert_eq!(machine.standing("/run/shared/her"), (HER, machine.gid("staff"), 0o600));
}

#[test]
fn below_a_home_links_are_followed_with_the_rights_of_the_user_alone() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("maildir:~/Maildir");
    assert!(deliver(&machine, "her", MAIL).starts_with("250 "));
    for put in [
        "ln -s /home/her/Maildir /home/his/Maildir",
        "ln -s /root /home/his/Maildir",
        "mkfifo /home/his/Maildir",
        "mkdir -p /home/his/Maildir/tmp; ln -s /home/her/Maildir/new /home/his/Maildir/new",
        "mkdir -p /home/his/Maildir/new; ln -s /etc /home/his/Maildir/tmp",
        "mkdir -p /home/his/Maildir/new /home/his/Maildir/tmp; chmod 555 /home/his/Maildir/tmp",
        "mkdir -p /home/his/Maildir; ln -s loop /home/his/Maildir/loop; ln -s loop /home/his/Maildir/new",
    ] {
        machine.sh("his", put, b"").good();
        let said = deliver(&machine, "his", MAIL);
        assert!(said.starts_with("451 4.2.0 cannot "), "{put}: {said}");
        machine.sh("root", "rm -rf /home/his/Maildir", b"").good();
    }
    assert_eq!(files(&machine, "/home/her/Maildir/new").len(), 1);
    machine.sh("his", "mkdir -p ~his/elsewhere; ln -s elsewhere ~his/Maildir", b"").good();
    assert!(deliver(&machine, "his", MAIL).starts_with("250 "));
    assert_eq!(files(&machine, "/home/his/elsewhere/new").len(), 1);
}

#[test]
fn a_home_that_is_not_the_users_is_not_written() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("maildir:~/Maildir");
    for (put, reason) in [
        ("mv /home/her /home/away", "does not exist"),
        ("mkdir -m 777 /home/her; touch /home/her/x", "belongs to uid 0 and not to the user: is it mounted?"),
        ("chown his /home/her; chmod 777 /home/her", "belongs to uid 20001 and not to the user: is it mounted?"),
        ("chown her /home/her; rm /home/her/x", "is empty: is it mounted?"),
    ] {
        machine.sh("root", put, b"").good();
        let said = deliver(&machine, "her", MAIL);
        assert!(said.starts_with("450 4.2.1 the home /home/her ") && said.ends_with(reason), "{put}: {said}");
    }
    assert!(files(&machine, "/home/her").is_empty());
}

#[test]
fn a_full_disk_and_a_disk_without_inodes_defer_and_leave_the_mailbox_as_it_was() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("mbox:/var/mail/%u");
    let large = format!("Subject: large\n\n{}", "0123456789abcde\n".repeat(8192));
    machine.sh("root", "umount /var/mail; mount -t tmpfs -o size=64k,mode=2775,gid=mail tmpfs /var/mail", b"").good();
    assert!(deliver(&machine, "her", MAIL).starts_with("250 "));
    let before = fs::read(machine.path("/var/mail/her")).unwrap();
    let said = deliver(&machine, "her", &large);
    assert!(said.starts_with("452 4.3.1 cannot write to /var/mail/her: "), "{said}");
    assert_eq!(fs::read(machine.path("/var/mail/her")).unwrap(), before);
    assert_eq!(files(&machine, "/var/mail").len(), 1, "no lock is left");
    assert!(deliver(&machine, "her", MAIL).starts_with("250 "), "a small one has room");
    configure(&machine, "mailbox = \"maildir:~/Maildir\"\n");
    machine.sh("root", "mount -t tmpfs -o nr_inodes=7,mode=755,uid=her tmpfs /home/her; touch /home/her/x", b"").good();
    let said = deliver(&machine, "her", MAIL);
    assert!(said.starts_with("452 4.3.1 cannot ") && files(&machine, "/home/her/Maildir/new").is_empty(), "{said}");
}

#[test]
fn the_dot_is_not_answered_before_the_disk_has_it_and_one_who_goes_before_leaves_nothing() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("mbox:/var/mail/%u");
    for mailbox in ["mbox:/var/mail/%u", "maildir:~/Maildir"] {
        configure(&machine, &format!("mailbox = \"{mailbox}\"\n"));
        let mut client = Client::start(&machine, "");
        for command in ["LHLO me", "MAIL FROM:<>", "RCPT TO:<her@home.lan>", "DATA"] {
            client.say(command);
        }
        assert!(client.reply().starts_with("354 "));
        drop(client);
    }
    assert_eq!(fs::metadata(machine.path("/var/mail/her")).unwrap().size(), 0);
    assert!(files(&machine, "/home/her/Maildir/new").is_empty() && files(&machine, "/home/her/Maildir/tmp").is_empty());
    assert!(fs::symlink_metadata(machine.path("/var/mail/her.lock")).is_err());
}
