//! Mail through the machine's runner: by its socket, by the drop program while it is away, with a config that cannot be read, from
//! services without rights; and who may do what.

use std::fs;

use crate::machine::{HER, HIS, can_run};
use crate::machine_runner::{CONFIG, MAIL, Runner, configure, machine};
use support::provider::{Mail, Provider};
use support::wait::wait_for;

#[test]
fn everybodys_mail_goes_through_the_socket_under_the_senders_name() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    for login in ["his", "her", "root"] {
        machine.sh(login, "sendmail -i friend@away.example", MAIL).good();
    }
    wait_for("three mails", || isp.received() == 3);
    let froms: Vec<String> = isp.mails().iter().map(Mail::text).collect();
    for name in ["From: His Name <me@isp.example>", "From: Her Name <me@isp.example>", "From: root <me@isp.example>"] {
        assert!(froms.iter().any(|mail| mail.contains(name)), "{name}: {froms:?}");
    }
    for uid in [HIS, HER, 0] {
        assert!(froms.iter().any(|mail| mail.contains(&format!("(postrider, from userid {uid})"))), "{uid}: {froms:?}");
    }
    let runner = machine.sh("root", "ps -o user= -C postrider", b"").printed;
    assert!(runner.split_whitespace().all(|user| user.starts_with("postrid")), "never root: {runner}");
}

#[test]
fn while_the_runner_is_away_mail_is_dropped_and_picked_up_when_it_is_back() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    machine.sh("his", "sendmail -t -i", b"To: friend@away.example\nSubject: one\n\n.\ntext\n").good();
    machine.sh("her", "sendmail friend@away.example", MAIL).good();
    assert_eq!(machine.dropped().len(), 2);
    let runner = Runner::start(&machine);
    wait_for("both mails", || isp.received() == 2);
    wait_for("drop/ to be empty", || machine.dropped().is_empty());
    assert!(isp.mails().iter().any(|mail| mail.text().contains("His Name")));
    // A big one, too, that comes while the runner runs, and one while it is killed.
    let big = [b"Subject: big\n\n".to_vec(), b"x\n".repeat(1 << 20)].concat();
    machine.sh("his", "sendmail friend@away.example", &big).good();
    wait_for("the big mail", || isp.received() == 3);
    drop(runner);
    machine.sh("his", "sendmail friend@away.example", &big).good();
    let _runner = Runner::start(&machine);
    wait_for("the second big mail", || isp.received() == 4);
}

#[test]
fn what_was_dropped_leaves_by_whoever_looks_after_the_queue() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    // The second is contrib's cron line, for machines without a service manager.
    let commands = ["postrider flush", "runuser -u postrider -- postrider run --until-empty", "postrider run --once"];
    for (sent, command) in commands.into_iter().enumerate() {
        machine.sh("his", "sendmail friend@away.example", MAIL).good();
        let status = machine.sh("root", "postrider status", b"").printed;
        assert!(status.contains("1 message submitted but not yet picked up (service not running)"), "{status}");
        machine.sh("root", command, b"").good();
        assert_eq!((isp.received(), machine.dropped().len()), (sent + 1, 0), "{command}");
    }
}

#[test]
fn a_config_that_cannot_be_read_costs_no_mail() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    fs::write(machine.path(CONFIG), "[account.isp\n").unwrap();
    let _runner = Runner::start(&machine);
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    // No set-id bit helps here: the socket must take it.
    machine.sh("her", "exec setpriv --no-new-privs sendmail friend@away.example", MAIL).good();
    assert_eq!(isp.received(), 0);
    configure(&machine, &isp, "");
    wait_for("both mails", || isp.received() == 2);
}

#[test]
fn what_never_ends_is_refused_by_the_runner_and_without_one() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "[queue]\nmax_message_size = \"100KB\"");
    let endless = "yes $(printf %070d 0) | timeout 60 sendmail friend@away.example";
    assert_eq!(machine.sh("his", endless, b"").code, Some(65));
    let _runner = Runner::start(&machine);
    let ended = machine.sh("his", endless, b"");
    assert!(ended.code == Some(65) && ended.said.contains("the message is l"), "{ended:?}");
    assert_eq!((machine.dropped().len(), isp.received()), (0, 0));
}

#[test]
fn what_turns_out_to_be_too_big_at_pickup_goes_back_as_far_as_it_fits() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "[queue]\nmax_message_size = \"100KB\"");
    let big = [b"Subject: big\n\n".to_vec(), b"0123456789\n".repeat(20_000)].concat();
    machine.sh("his", "sendmail friend@away.example", &big).good();
    assert_eq!(machine.dropped().len(), 1, "no runner, no limit that the caller could be told of");
    let _runner = Runner::start(&machine);
    wait_for("the report", || isp.received() == 1);
    wait_for("drop/ to be empty", || machine.dropped().is_empty());
    let report = isp.mails()[0].text();
    assert!(
        report.contains("the message is larger than 100000 bytes") && report.contains("Subject: big\r\n"),
        "{report}"
    );
    assert!(!report.contains("0123456789") && report.len() < 10_000, "{report}");
}

#[test]
fn what_fails_at_pickup_and_just_fits_goes_back_as_far_as_it_fits() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "[queue]\nmax_message_size = \"100KB\"");
    // With the report's own words it is larger than a message may be.
    let large = [b"Subject: large\n\n".to_vec(), b"0123456789\n".repeat(8_300)].concat();
    machine.sh("his", "sendmail carol@", &large).good();
    let _runner = Runner::start(&machine);
    wait_for("the report", || isp.received() == 1);
    wait_for("drop/ to be empty", || machine.dropped().is_empty());
    let report = isp.mails()[0].text();
    assert!(report.contains("Subject: large\r\n") && !report.contains("0123456789"), "{report}");
}

#[test]
fn what_is_kept_raw_is_looked_at_at_once_though_nothing_was_ever_kept_raw_before() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let path = machine.path("/etc/postrider/config.toml");
    fs::write(&path, format!("aliases = [\"aliases\"]\n{}", fs::read_to_string(&path).unwrap())).unwrap();
    let _ = fs::remove_dir(machine.path("/var/spool/postrider/raw"));
    let _runner = Runner::start(&machine);
    machine.sh("his", "sendmail her", MAIL).good();
    let log = || fs::read_to_string(machine.path("/run/runner.log")).unwrap_or_default();
    wait_for("pickup to have looked", || {
        log().lines().any(|line| line.contains("raw/") && line.contains("picked up later"))
    });
}

#[test]
fn a_service_without_rights_gets_its_mail_out_while_the_runner_is_restarted() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let sandbox = "exec unshare --mount sh -ec 'mount -o remount,bind,ro /usr; mount -t tmpfs tmpfs /tmp; \
                   exec setpriv --reuid=his --regid=his --clear-groups --no-new-privs sendmail friend@away.example'";
    let sending = machine.start("root", &format!("printf 'Subject: x\\n\\nx\\n' | {sandbox}"));
    let _runner = Runner::start(&machine);
    let ended = sending.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    wait_for("the mail", || isp.received() == 1);
    machine.sh("root", &format!("printf 'Subject: x\\n\\nx\\n' | {sandbox}"), b"").good();
    wait_for("the second mail", || isp.received() == 2);
}

#[test]
fn an_account_is_for_its_users_alone() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "users = [\"his\", \"root\"]");
    let runner = Runner::start(&machine);
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    wait_for("his mail", || isp.received() == 1);
    let refused = machine.sh("her", "sendmail -f his@home.lan friend@away.example", MAIL);
    assert_eq!((refused.code, refused.said.lines().count()), (Some(77), 1), "{refused:?}");
    assert!(refused.said.contains("her may not send as <his@home.lan>"), "{refused:?}");
    // Found later: held, and not bounced.
    drop(runner);
    for _ in 0..5 {
        machine.sh("her", "sendmail friend@away.example", MAIL).good();
    }
    let _runner = Runner::start(&machine);
    wait_for("her mail to be held", || machine.sh("root", "mailq", b"").printed.contains("her@home.lan"));
    wait_for("the hold", || {
        let listed = machine.sh("root", "mailq", b"").printed;
        listed.matches("which her may not use").count() == 5
    });
    wait_for("the mail to postmaster", || isp.mails().iter().any(|mail| mail.to == ["boss@isp.example"]));
    assert_eq!(isp.mails().iter().filter(|mail| mail.to == ["friend@away.example"]).count(), 1);
    // Nobody asked for it, so it is not OK.
    let status = machine.sh("root", "postrider status", b"");
    assert_eq!(status.code, Some(1), "{status:?}");
    assert!(status.printed.contains("5 messages held by postrider until somebody decides (see `mailq`"), "{status:?}");
    machine.sh("root", "sendmail friend@away.example", MAIL).good();
    wait_for("what came later", || isp.mails().iter().filter(|mail| mail.to == ["friend@away.example"]).count() == 2);
    assert_eq!(isp.mails().iter().filter(|mail| mail.to == ["boss@isp.example"]).count(), 1, "one notice an hour");
}

#[test]
fn a_user_at_his_limits_costs_the_others_nothing() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "[limits]\nper_minute = 3\nconnections = 4");
    let _runner = Runner::start(&machine);
    for _ in 0..3 {
        machine.sh("his", "sendmail friend@away.example", MAIL).good();
    }
    let over = machine.sh("his", "sendmail friend@away.example", MAIL);
    assert_eq!((over.code, over.said.lines().count()), (Some(75), 1), "{over:?}");
    // Stalled connections of his take none of her places; his own mail goes to drop/.
    let stalled = "python3 -c 'import socket,time\nall=[]\nfor i in range(50):\n s=socket.socket(socket.AF_UNIX); s.connect(\"/run/postrider/submit\"); all.append(s)\ntime.sleep(60)'";
    let mut stalled = machine.start("his", stalled);
    machine.sh("her", "sendmail friend@away.example", MAIL).good();
    machine.sh("root", "sendmail friend@away.example", MAIL).good();
    wait_for("the others' mail", || isp.received() == 5);
    let _ = stalled.kill();
    let _ = stalled.wait();
}

#[test]
fn a_runner_takes_its_tables_of_arrival_from_memory_and_sees_when_they_change() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let (config, aliases) = (machine.path(CONFIG), machine.path("/etc/postrider/aliases"));
    fs::write(&config, format!("aliases = [\"aliases\"]\n{}", fs::read_to_string(&config).unwrap())).unwrap();
    fs::write(&aliases, "team: first@away.example\n").unwrap();
    let _runner = Runner::start(&machine);
    let to = |whom: &str| isp.mails().iter().filter(|mail| mail.to == [whom]).count();
    machine.sh("his", "sendmail team", MAIL).good();
    wait_for("the first one's mail", || to("first@away.example") == 1);
    // Whoever changed it finds it changed with the next mail, by both ways in.
    fs::write(&aliases, "team: second@away.example\n").unwrap();
    machine.sh("his", "sendmail team", MAIL).good();
    wait_for("the second one's mail", || to("second@away.example") == 1);
    fs::write(&aliases, "team: third@away.example\n").unwrap();
    let dropped = crate::machine::frame(br#"{"v":1,"token":"T","sender":null,"recipients":[{"bare":"team"}]}"#, MAIL);
    machine.drop_as("her", &dropped).good();
    wait_for("the third one's mail", || to("third@away.example") == 1);
    assert_eq!(isp.received(), 3);
}
