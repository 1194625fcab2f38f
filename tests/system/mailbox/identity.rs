//! As whom the mailbox program writes, for whom, and who may ask it to.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use postrider_mailbox::SOCKET;
use support::wait::wait_for;

use super::client::{Client, Listener, configure, deliver, files, machine};
use crate::machine::{HER, HIS, Machine, can_run_with};
use crate::machine_runner::CONFIG;

const MAIL: &str = "Subject: hello\n\ntext\n";

/// What the kernel says of the one mailbox program that runs.
fn status(machine: &Machine) -> Vec<String> {
    let text = machine.sh("root", "cat /proc/$(pgrep -nx postrider-mailb)/status", b"").good().printed;
    let names = ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs"];
    let wanted = |line: &&str| line.split_once(':').is_some_and(|(name, _)| names.contains(&name));
    text.lines().filter(wanted).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn it_has_two_capabilities_becomes_the_user_for_good_and_serves_nobody_else() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("maildir:~/Maildir");
    machine.sh("root", "usermod -a -G staff,games her", b"").good();
    let groups = format!("{} {}", machine.gid("staff"), machine.gid("games"));
    let none = "0000000000000000";
    for (mailbox, gid, groups) in [
        ("maildir:~/Maildir", HER, format!("{groups} {HER}")),
        ("mbox:~/mbox", HER, format!("{groups} {HER}")),
        ("mbox:/var/mail/%u", machine.gid("mail"), machine.gid("mail").to_string()),
    ] {
        configure(&machine, &format!("mailbox = \"{mailbox}\"\n"));
        let mut client = Client::start(&machine, "");
        assert!(client.reply().starts_with("220 "));
        let two = "00000000000000c0";
        let before = status(&machine);
        for line in
            [format!("CapPrm: {two}"), format!("CapEff: {two}"), format!("CapInh: {none}"), "NoNewPrivs: 1".to_owned()]
        {
            assert!(before.contains(&line), "{line}: {before:?}");
        }
        assert!(client.deliver("", "her", MAIL).starts_with("250 "), "{mailbox}");
        let after = status(&machine);
        let expected = [
            format!("Uid: {HER} {HER} {HER} {HER}"),
            format!("Gid: {gid} {gid} {gid} {gid}"),
            format!("Groups: {groups}"),
            format!("CapInh: {none}"),
            format!("CapPrm: {none}"),
            format!("CapEff: {none}"),
            format!("CapAmb: {none}"),
            "NoNewPrivs: 1".to_owned(),
        ];
        assert_eq!(after, expected, "{mailbox}");
        for other in ["his", "root", "nobody", "unknown"] {
            assert!(client.deliver("", other, MAIL).starts_with("452 4.5.3 "), "{mailbox}: {other}");
            client.say("RSET");
        }
        assert!(client.deliver("", "her", MAIL).starts_with("250 "), "{mailbox}");
    }
}

#[test]
fn system_users_and_those_who_are_not_in_the_file_get_nothing_and_root_has_an_mbox() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("maildir:~/Maildir");
    machine.sh("root", "echo 'minus:x:4294967295:1::/home/her:/bin/sh' >>/etc/passwd", b"").good();
    for (login, reply) in [
        (
            "games",
            "550 5.7.1 games is a system user (uid 5, and users are from 1000 on); add an alias that says who gets this mail",
        ),
        ("nobody", "550 5.7.1 nobody is a system user (uid 65534"),
        ("postrider", "550 5.7.1 postrider is a system user"),
        ("unknown", "450 4.3.0 unknown is not in /etc/passwd, and a name service is not asked"),
        ("minus", "450 4.3.0 minus is not in /etc/passwd"),
        ("../her", "550 5.1.1 "),
    ] {
        let said = deliver(&machine, login, MAIL);
        assert!(said.starts_with(reply), "{said}");
    }
    machine.sh("root", "sed -i 's/^UID_MIN.*/UID_MIN 30000/' /etc/login.defs", b"").good();
    assert!(
        deliver(&machine, "her", MAIL)
            .starts_with("550 5.7.1 her is a system user (uid 20002, and users are from 30000 on)")
    );
    machine.sh("root", "sed -i 's/^UID_MIN.*/UID_MIN 1000/' /etc/login.defs", b"").good();
    for address in ["her", "Her", "HER+Lists"] {
        assert!(deliver(&machine, address, MAIL).starts_with("250 "), "{address}");
    }
    let folders = ["new", ".lists/new"].map(|folder| files(&machine, &format!("/home/her/Maildir/{folder}")).len());
    assert_eq!(folders, [2, 1]);
    assert!(deliver(&machine, "root", MAIL).starts_with("250 "));
    assert_eq!(machine.standing("/var/mail/root"), (0, machine.gid("mail"), 0o600));
    assert!(files(&machine, "/root/Maildir").is_empty());
}

#[test]
fn the_mailboxes_are_set_by_root_alone() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("none");
    for (config, reason) in [
        ("", "/etc/postrider/config.toml sets no mailbox above its first section"),
        ("mailbox = \"none\"\n", "mailbox = ?none? is neither maildir:PATH nor mbox:PATH"),
        ("mailbox = \"lmtp:/run/dovecot/lmtp\"\n", "is neither maildir:PATH nor mbox:PATH"),
        ("mailbox = 'mbox:/var/mail/%u'\n", "the key mailbox is not set once"),
        ("[account.isp]\nmailbox = \"mbox:/var/mail/%u\"\n", "sets no mailbox"),
    ] {
        configure(&machine, config);
        let said = deliver(&machine, "her", MAIL);
        assert!(said.starts_with("451 4.3.5 ") && said.contains(&reason.replace('?', "\"")), "{config}: {said}");
    }
    configure(&machine, "mailbox = \"mbox:/var/mail/%u\"\n");
    for (change, restore) in [("chmod g+w", "chmod g-w"), ("chmod o+w", "chmod o-w"), ("chown postrider", "chown root")]
    {
        machine.sh("root", &format!("{change} {CONFIG}"), b"").good();
        let said = deliver(&machine, "her", MAIL);
        assert!(said.starts_with("451 4.3.5 ") && said.contains(CONFIG), "{change}: {said}");
        machine.sh("root", &format!("{restore} {CONFIG}"), b"").good();
    }
    assert!(deliver(&machine, "her", MAIL).starts_with("250 "));
}

#[test]
fn where_no_service_manager_does_it_listens_for_the_runner_alone_and_each_user_has_a_process() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let machine = machine("maildir:~/Maildir");
    // What lies there is removed as the runner and not as root, and a link is not followed.
    machine.sh("root", &format!("echo kept >/run/kept; ln -s /run/kept {SOCKET}"), b"").good();
    let _listener = Listener::start(&machine);
    let seen = || fs::symlink_metadata(machine.path(SOCKET)).unwrap();
    let (runner, group) = (machine.sh("postrider", "id -u", b"").printed, machine.gid("postrider"));
    assert_eq!((seen().uid(), seen().gid(), seen().mode() & 0o7777), (runner.trim().parse().unwrap(), group, 0o600));
    assert_eq!(fs::read_to_string(machine.path("/run/kept")).unwrap(), "kept\n");
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(&machine, "postrider")).collect();
    for (at, client) in clients.iter_mut().enumerate() {
        assert!(client.reply().starts_with("220 "));
        let login = ["his", "her"][at % 2];
        assert!(client.deliver(" XID=same", login, MAIL).starts_with("250 "));
    }
    for (login, uid) in [("his", HIS), ("her", HER)] {
        let new = files(&machine, &format!("/home/{login}/Maildir/new"));
        assert_eq!((new.len(), fs::metadata(&new[0]).unwrap().uid()), (1, uid));
    }
    // The mode keeps others out, and where it does not the kernel says who they are.
    assert_eq!(Client::connect(&machine, "his").reply(), "");
    fs::set_permissions(machine.path(SOCKET), fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(Client::connect(&machine, "his").reply(), "421 4.7.0 Only the runner may deliver here");
    assert!(Client::connect(&machine, "root").reply().starts_with("220 "));
}

#[test]
fn the_init_script_starts_and_stops_the_listening_program_where_the_config_has_such_mailboxes() {
    if !can_run_with(&["python3", "start-stop-daemon"]) || !Path::new("/lib/lsb/init-functions").exists() {
        return;
    }
    let machine = machine("none");
    machine.sh("root", "cp /run/ours/source/contrib/init.d/postrider /etc/init.d/postrider", b"").good();
    // How the runner itself fares is another test's matter.
    let act = |action: &str| {
        machine.sh("root", &format!("sh /etc/init.d/postrider {action} </dev/null >/dev/null 2>&1; true"), b"")
    };
    let is_served = || Client::connect(&machine, "postrider").reply().starts_with("220 ");
    for (config, is_wanted) in [
        ("mailbox = \"none\"\n", false),
        ("#mailbox = \"maildir:~/Maildir\"\n", false),
        ("mailbox = \"lmtp:/run/dovecot/lmtp\"\n", false),
        (" mailbox=\"maildir:~/Maildir\"\n", true),
    ] {
        configure(&machine, config);
        act("start");
        if is_wanted {
            wait_for("the mailbox program to listen", is_served);
            act("start");
            assert!(is_served(), "a second start changes nothing");
            assert!(Client::connect(&machine, "postrider").deliver_greeted("her", MAIL).starts_with("250 "));
        } else {
            assert!(!is_served(), "{config}");
        }
        act("stop");
        assert!(!is_served(), "{config}");
    }
}
