//! What hostile users can try with the runner's socket: he and a third one attack, and her mail goes on being taken and delivered, how fast
//! is measured and printed.

use std::fs;

use crate::bystander::{Attack, mails_to, measure};
use crate::machine::{HER, HIS, Machine, can_run, frame};
use crate::machine_runner::{CONFIG, MAIL, Runner, machine};
use support::provider::Provider;
use support::wait::wait_for;

/// Another user of every machine, with a group of the same name.
const THIRD: &str = "games";

/// Hands standard input to the socket as it is, and prints what is answered.
const CLIENT: &str = r#"python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("/run/postrider/submit")
s.sendall(sys.stdin.buffer.read())
sys.stdout.write(s.makefile().readline())
'"#;

/// Begins a frame at the socket.
const BEGIN: &str = r#"import socket
def begin():
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect("/run/postrider/submit")
        s.send(b"\0\0\1\0{\"v\":1,")
    except OSError:
        pass
    return s
"#;

/// A shell's command that runs this, which may begin frames.
fn python(script: &str) -> String {
    format!("exec python3 -c '{BEGIN}{script}'")
}

/// Begins a thousand frames, one after the other, and ends none; those that are closed are begun anew.
const STALL: &str = r#"import resource, time
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
held = [begin() for _ in range(1000)]
print("begun", flush=True)
while True:
    held = held[100:] + [begin() for _ in range(100)]
    time.sleep(0.05)
"#;

/// Hands in, as fast as it goes, through the socket and the drop program in turn.
const FLOOD: &str = r"exec sh -c '
for worker in 1 2 3; do (while :; do sendmail flood@away.example </run/flood.eml; done) & done
while :; do /usr/libexec/postrider/postrider-drop </run/flood.frame; done
' >/dev/null 2>&1";

fn submission(token: &str, sender: &str, to: &str, subject: &str) -> Vec<u8> {
    let envelope = format!(
        r#"{{"v":1,"token":"{token}","uid":{HER},"sender":{sender},"recipients":[{{"complete":"{to}@away.example"}}]}}"#
    );
    frame(envelope.as_bytes(), format!("Subject: {subject}\n\ntext\n").as_bytes())
}

/// None of hers had to take the way through drop/.
fn by_the_socket(machine: &Machine) {
    let dropped = machine.dropped();
    assert!(!dropped.iter().any(|name| name.starts_with(&format!("{HER}."))), "{dropped:?}");
    let log = fs::read_to_string(machine.path("/run/runner.log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn thousands_of_stalled_clients_of_two_users_do_not_hold_up_a_third_ones_mail() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    // On a machine with other things to do the attack lasts for more than a minute, and his honest mail is not the last of it.
    let machine = machine(&isp, "[limits]\nper_minute = 1000000");
    let _runner = Runner::start(&machine);
    measure(&machine, &isp, "in peace");
    let mut attacks = ["his", THIRD].map(|login| Attack::start(&machine, login, &python(STALL)));
    attacks.iter_mut().for_each(Attack::is_on);
    measure(&machine, &isp, "while two users stall a thousand connections each");
    by_the_socket(&machine);
    // His own honest mail is safe as well: in drop/, from where it is picked up.
    machine.sh("his", "sendmail his-friend@away.example", MAIL).good();
    wait_for("his mail", || mails_to(&isp.mails(), "his-friend").len() == 1);
    let size = machine.sh("root", "ps -o rss= -C postrider", b"").printed;
    let size: u64 = size.trim().parse().unwrap();
    println!("the runner has {size} KiB in memory");
    assert!(size < 100_000, "{size} KiB");
}

/// Thirteen users of whom each takes all connections that one may have, and takes them again when he loses them.
const CROWD: &str = r#"import os, time
def is_closed(s):
    try:
        return s.recv(1, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
ready, tell = os.pipe()
for uid in range(31000, 31013):
    if os.fork() == 0:
        os.setresuid(uid, uid, uid)
        held = [begin() for _ in range(20)]
        os.write(tell, b".")
        while True:
            time.sleep(0.02)
            held = [begin() if is_closed(s) else s for s in held]
got = 0
while got < 13:
    got += len(os.read(ready, 13))
print("begun", flush=True)
time.sleep(600)
"#;

#[test]
fn whoever_has_no_connection_is_let_in_while_many_users_hold_all_there_are() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    let mut crowd = Attack::start(&machine, "root", &python(CROWD));
    crowd.is_on();
    let guests = || {
        let count = "grep -lsx guest /proc/$(pgrep -ox postrider)/task/*/comm | wc -l";
        machine.sh("root", count, b"").good().printed.trim().parse::<usize>().unwrap()
    };
    wait_for("all places to be taken", || guests() >= 225);
    for number in 0..8 {
        for login in ["her", "root", THIRD] {
            let mail = submission(&format!("{number}"), "null", &format!("{login}-friend"), "hello");
            let answer = machine.sh(login, CLIENT, &mail).good().printed;
            assert!(answer.starts_with("ok "), "{login}: {answer:?}");
        }
    }
    assert_eq!(machine.sh("her", "mailq", b"").code, Some(0));
    assert!(guests() <= 250, "{}", guests());
    measure(&machine, &isp, "while 13 users hold all connections");
    by_the_socket(&machine);
}

#[test]
fn a_forged_sender_is_refused_at_the_socket_and_held_from_the_drop() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "users = [\"her\", \"root\"]");
    let _runner = Runner::start(&machine);
    // What he writes into the frame about who he is counts for nothing.
    let forged = submission("F", "\"her@home.lan\"", "forged", "forged");
    let answer = machine.sh("his", CLIENT, &forged).good().printed;
    assert!(answer.starts_with("no 77 his may not send as <her@home.lan>"), "{answer}");
    let refused = machine.sh("his", "sendmail -f her@home.lan forged@away.example", MAIL);
    assert_eq!((refused.code, refused.said.lines().count()), (Some(77), 1), "{refused:?}");
    assert!(refused.said.contains("reserved for other users"), "{refused:?}");
    machine.drop_as("his", &forged).good();
    let listed = || machine.sh("root", "postrider queue list --json", b"").good().printed;
    wait_for("it to be held", || listed().contains("\"queue_name\":\"hold\""));
    assert!(listed().contains(&format!("\"uid\":{HIS}")), "{}", listed());
    let status = machine.sh("root", "postrider status", b"").printed;
    assert!(status.contains("held"), "{status}");
    wait_for("postmaster to be told", || isp.mails().iter().any(|mail| mail.to == ["boss@isp.example"]));
    measure(&machine, &isp, "after forged senders");
    assert_eq!(mails_to(&isp.mails(), "forged").len(), 0);
}

#[test]
fn identical_tokens_are_one_submission_of_one_user_and_two_of_two() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    let same = submission("SAME", "null", "same", "once");
    let [first, again, hers] = ["his", "his", "her"].map(|login| machine.sh(login, CLIENT, &same).good().printed);
    assert!(first.starts_with("ok ") && hers.starts_with("ok "), "{first} {hers}");
    assert_eq!(first, again, "it is the same");
    assert_ne!(first, hers, "and hers is another");
    // By the other way in, too.
    for login in ["his", "her", THIRD] {
        machine.drop_as(login, &same).good();
    }
    wait_for("drop/ to be empty", || machine.dropped().is_empty());
    wait_for("the mails", || mails_to(&isp.mails(), "same").len() == 3);
    // Many at the same moment.
    let at_once = submission("AT-ONCE", "null", "at-once", "once");
    let answers: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..8).map(|_| scope.spawn(|| machine.sh("his", CLIENT, &at_once).good().printed)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let mut stored: Vec<&String> = answers.iter().filter(|answer| answer.starts_with("ok ")).collect();
    assert!(answers.iter().all(|answer| answer.starts_with("ok ") || answer.starts_with("no 75 ")), "{answers:?}");
    stored.dedup();
    assert_eq!(stored.len(), 1, "{answers:?}");
    measure(&machine, &isp, "after identical tokens");
    let mails = isp.mails();
    assert_eq!((mails_to(&mails, "same").len(), mails_to(&mails, "at-once").len()), (3, 1));
}

#[test]
fn a_token_of_mail_that_was_set_aside_is_known_to_the_next_runner() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let quick = "[queue]\nretry_min = \"1s\"\nretry_max = \"1s\"\nlifetime = \"1s\"\nwarn_after = \"1s\"";
    let machine = machine(&isp, quick);
    let path = machine.path(CONFIG);
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, config.replace("generic = [", "generic = [\"hash:/etc/postrider/absent\", ")).unwrap();
    let waiting = |folder: &str| {
        let names = fs::read_dir(machine.path("/var/spool/postrider").join(folder)).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.len() == 16).count()
    };
    let same = submission("SAME", "null", "same", "once");
    let runner = Runner::start(&machine);
    let first = machine.sh("his", CLIENT, &same).good().printed;
    wait_for("it to be set aside", || (waiting("queue"), waiting("failed")) == (0, 1));
    drop(runner);
    let _runner = Runner::start(&machine);
    // Only a runner that is at work says what is in failed/; the table that is missing makes it critical.
    wait_for("the runner to be at work", || {
        let status = machine.sh("his", "postrider status", b"");
        status.code == Some(2) && status.printed.contains("1 message in failed/")
    });
    assert_eq!(machine.sh("his", CLIENT, &same).good().printed, first, "it is the same");
    machine.drop_as("his", &same).good();
    wait_for("drop/ to be empty", || machine.dropped().is_empty());
    assert_eq!((waiting("queue"), waiting("failed")), (0, 1));
    // Hers is another.
    assert_ne!(machine.sh("her", CLIENT, &same).good().printed, first);
}

#[test]
fn a_flood_through_both_ways_in_holds_up_nobody_elses_mail() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "[limits]\nper_minute = 200\nwaiting = 100");
    let _runner = Runner::start(&machine);
    for (name, bytes) in [("flood.eml", MAIL), ("flood.frame", &submission("", "null", "flood", "flood"))] {
        fs::write(machine.path("/run").join(name), bytes).unwrap();
    }
    let flood = Attack::start(&machine, "his", FLOOD);
    wait_for("the flood", || mails_to(&isp.mails(), "flood").len() > 20);
    measure(&machine, &isp, "while another user floods both ways in");
    println!("of the flood {} mails are delivered", mails_to(&isp.mails(), "flood").len());
    by_the_socket(&machine);
    drop(flood);
    machine.sh("root", "pkill -9 -u his; true", b"").good();
}
