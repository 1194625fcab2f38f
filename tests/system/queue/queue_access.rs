//! Who sees and changes what of the machine's queue: asked over the socket, since nobody but root and the runner reads it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::machine::{HER, HIS, Machine, can_run};
use crate::machine_runner::{MAIL, Runner, machine, wait_for_delivery};
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;

/// A provider that defers whatever comes.
pub fn deferring() -> Provider {
    Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 <secret@away.example> not now")).start()
}

/// One message of each, deferred; their ids.
pub fn one_of_each(machine: &Machine) -> [String; 2] {
    machine.sh("his", "sendmail friend-of-his@away.example", MAIL).good();
    machine.sh("her", "sendmail friend-of-hers@away.example", MAIL).good();
    let listed = || machine.sh("root", "postrider queue list --json", b"").good().printed;
    wait_for("both to be deferred", || listed().matches("\"queue_name\":\"deferred\"").count() == 2);
    let id = |uid: u32| {
        let all = listed();
        let line = all.lines().find(|line| line.contains(&format!("\"uid\":{uid}}}"))).unwrap();
        line.split('"').find(|word| word.len() == 16 && word.bytes().all(|b| b.is_ascii_hexdigit())).unwrap().to_owned()
    };
    [id(HIS), id(HER)]
}

#[test]
fn everybody_sees_and_deletes_their_own_mail_and_the_totals_of_all() {
    if !can_run() {
        return;
    }
    let isp = deferring();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    let [his, hers] = one_of_each(&machine);

    let mailqs = "\tTotal requests: 2\n-- 0 Kbytes in 2 Requests.\n";
    for (command, totals) in
        [("mailq", mailqs), ("sendmail -bp", mailqs), ("postrider queue list", "\n2 messages, 0 Kbytes\n")]
    {
        let seen = machine.sh("his", command, b"").good().printed;
        assert!(seen.contains(&his) && seen.contains("friend-of-his@away.example"), "{command}: {seen}");
        assert!(!seen.contains("friend-of-hers") && !seen.contains(&hers), "{command}: {seen}");
        assert!(seen.ends_with(totals), "{command}: {seen}");
    }
    let json = machine.sh("his", "postrider queue list --json", b"").good().printed;
    assert!(json.lines().count() == 1 && json.contains(&his), "{json}");
    let all = machine.sh("root", "mailq", b"").good().printed;
    assert!(all.contains(&his) && all.contains(&hers), "{all}");

    let shown = machine.sh("his", &format!("postrider queue show {his}"), b"").good().printed;
    assert!(shown.contains("Journal:\n") && shown.contains("not now") && !shown.contains("Header:"), "{shown}");
    let hidden = machine.sh("her", &format!("postrider queue show {his}"), b"");
    let absent = machine.sh("her", "postrider queue show 0123456789ABCDEF", b"");
    assert_eq!((hidden.code, absent.code), (Some(66), Some(66)));
    assert_eq!(hidden.said.replace(&his, "ID"), absent.said.replace("0123456789ABCDEF", "ID"));

    for change in ["delete", "delete --all --sender his@home.lan"] {
        let refused = machine.sh("her", &format!("postrider queue {change} {his}"), b"");
        assert_eq!((refused.code, refused.printed.as_str()), (Some(66), "no such message\n"));
    }
    for change in ["hold", "release", "retry", "retry --readmit"] {
        let refused = machine.sh("her", &format!("postrider queue {change} {hers}"), b"");
        assert_eq!((refused.code, refused.said.lines().count()), (Some(77), 1), "{refused:?}");
        assert!(refused.said.contains("`operators`"), "{refused:?}");
    }
    assert_eq!(machine.sh("her", "postrider queue list --failed", b"").code, Some(77));

    let status = machine.sh("her", "postrider status", b"").good().printed;
    assert!(status.starts_with("POSTRIDER OK: 2 messages queued") && !status.contains('@'), "{status}");

    let deleted = machine.sh("his", "postrider queue delete --all", b"").good().printed;
    assert_eq!(deleted, format!("{his}: deleted\n"));
    let rest = machine.sh("his", "mailq", b"").good().printed;
    assert_eq!(rest, "\n\t\tTotal requests: 1\n-- 0 Kbytes in 1 Request.\n");
    let gone = machine.sh("his", "postrider history", b"").good().printed;
    assert!(gone.contains(&his) && gone.contains("deleted"), "{gone}");
    assert_eq!(machine.sh("her", "postrider history", b"").good().printed, "");
    machine.sh("her", &format!("postrider queue delete {hers}"), b"").good();
    assert_eq!(machine.sh("his", "mailq", b"").good().printed, "Mail queue is empty\n");
}

#[test]
fn operators_see_and_change_everybodys_mail() {
    if !can_run() {
        return;
    }
    let isp = deferring();
    let machine = machine(&isp, "");
    let path = machine.path("/etc/postrider/config.toml");
    fs::write(&path, format!("operators = [\"her\"]\n{}", fs::read_to_string(&path).unwrap())).unwrap();
    let _runner = Runner::start(&machine);
    let [his, _] = one_of_each(&machine);
    let seen = machine.sh("her", "mailq", b"").good().printed;
    assert!(seen.contains("friend-of-his@away.example") && seen.contains("friend-of-hers"), "{seen}");
    let shown = machine.sh("her", &format!("postrider queue show {his}"), b"").good().printed;
    assert!(shown.contains("Header:\n") && shown.contains("Subject: hello"), "{shown}");
    for (change, done) in [("hold", "held"), ("release", "released"), ("retry", "retrying now"), ("delete", "deleted")]
    {
        // It may be being sent just now.
        wait_for(done, || {
            let told = machine.sh("her", &format!("postrider queue {change} {his}"), b"");
            told.code == Some(0) && told.printed == format!("{his}: {done}\n")
        });
    }
}

#[test]
fn a_report_is_on_everybodys_mail_for_operators_and_on_their_own_for_others() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let path = machine.path("/etc/postrider/config.toml");
    fs::write(&path, format!("operators = [\"her\"]\n{}", fs::read_to_string(&path).unwrap())).unwrap();
    let _runner = Runner::start(&machine);
    for login in ["his", "her"] {
        machine.sh(login, "sendmail friend@away.example", MAIL).good();
    }
    wait_for_delivery(&machine, &isp, 2);
    let senders = |login: &str| {
        let told = machine.sh(login, "postrider report --json", b"").good().printed;
        let report: serde_json::Value = serde_json::from_str(&told).unwrap();
        let senders = report["senders"].as_array().unwrap().iter();
        let mut names: Vec<String> = senders.map(|one| one["sender"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(senders("his"), ["his@home.lan"]);
    for login in ["her", "root"] {
        assert_eq!(senders(login), ["her@home.lan", "his@home.lan"], "{login}");
    }
}

#[test]
fn a_flush_is_of_the_callers_own_mail() {
    if !can_run() {
        return;
    }
    let isp = Provider::setup()
        .rule(on(Verb::Rcpt).about("his").once().reply("450 4.2.0 not now"))
        .rule(on(Verb::Rcpt).about("hers").once().reply("450 4.2.0 not now"))
        .start();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    let [his, _] = one_of_each(&machine);
    let told = machine.sh("his", "postrider flush -v", b"").good().printed;
    assert_eq!(told, format!("{his}: 1 delivered\n"), "no word of the conversation");
    assert_eq!(isp.received(), 1);
    machine.sh("her", "sendmail -q", b"").good();
    wait_for("hers", || isp.received() == 2);
}

#[test]
fn an_owner_who_flushes_on_and_on_has_a_message_tried_once_a_minute() {
    if !can_run() {
        return;
    }
    let isp = deferring();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    let [his, _] = one_of_each(&machine);
    let told: Vec<String> =
        (0..10).map(|_| machine.sh("his", &format!("postrider flush {his}; true"), b"").good().printed).collect();
    assert!(told.last().unwrap().contains("at your request within the last minute"), "{told:?}");
    let shown = machine.sh("root", &format!("postrider queue show {his} --json"), b"").good().printed;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    // The runner's own, and the first flush's.
    assert!(shown["attempts"].as_u64().unwrap() <= 2, "{shown}");
    machine.sh("root", "postrider flush; true", b"").good();
    let again = machine.sh("root", &format!("postrider queue show {his} --json"), b"").good().printed;
    assert!(
        serde_json::from_str::<serde_json::Value>(&again).unwrap()["attempts"].as_u64() > shown["attempts"].as_u64(),
        "root's is not held back: {again}"
    );
}

#[test]
fn without_a_runner_the_queue_is_nobodys_to_see_and_who_asks_is_told_so() {
    if !can_run() {
        return;
    }
    let machine = machine(&Provider::start(), "");
    assert_eq!(machine.sh("root", "postrider status", b"").code, Some(2));
    for command in ["mailq", "postrider flush", "postrider history", "postrider queue delete --all"] {
        let told = machine.sh("his", command, b"");
        assert_eq!((told.code, told.said.lines().count()), (Some(75), 1), "{command}: {told:?}");
        assert!(told.said.contains("nothing answers at /run/postrider/submit"), "{command}: {told:?}");
    }
    let status = machine.sh("his", "postrider status", b"");
    assert_eq!(status.code, Some(2));
    assert!(status.printed.starts_with("POSTRIDER CRITICAL: the postrider service is not running"), "{status:?}");
}

#[test]
fn odd_questions_are_refused_and_hold_nobody_up() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    let connect = || {
        let stream = UnixStream::connect(machine.path("/run/postrider/submit")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    };
    let answer = |question: &[u8]| {
        let mut stream = connect();
        // It may be refused before it is all said.
        let _ = stream.write_all(question);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    for question in [
        &b"{\n"[..],
        b"{\"v\":1,\"verb\":\"shutdown\"}\n",
        b"{\"v\":1,\"verb\":\"show\",\"id\":\"../../etc/passwd\"}\n",
        b"{}\n",
    ] {
        let told = answer(question);
        assert!(told.starts_with("{\"event\":\"no\",\"code\":64,"), "{question:?}: {told}");
    }
    // A command of a later release.
    let told = answer(b"{\"v\":2,\"verb\":\"list\",\"of\":\"something new\"}\n");
    assert!(told.starts_with("{\"event\":\"no\",\"code\":75,") && told.contains("version 2"), "{told}");
    let endless = [b"{\"verb\":\"".to_vec(), vec![b'x'; 1 << 20]].concat();
    let told = answer(&endless);
    assert!(told.is_empty() || told.starts_with("{\"event\":\"no\",\"code\":64,"), "{told}");
    // Half a question, and an answer that nobody reads.
    let mut half = connect();
    half.write_all(b"{\"verb\":").unwrap();
    let mut unread = connect();
    unread.write_all(b"{\"v\":1,\"verb\":\"list\"}\n").unwrap();
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    wait_for("the mail", || isp.received() == 1);
    // The runner records it a moment after the provider has it.
    wait_for("an empty queue", || machine.sh("her", "mailq", b"").good().printed == "Mail queue is empty\n");
}

/// Asks for all history and reads none of it, or, with an argument, a little now and then.
const SLOW: &str = r#"exec python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect("/run/postrider/submit")
s.sendall(b"{\"v\":1,\"verb\":\"history\",\"since\":null}\n")
s.recv(1)
print("begun", flush=True)
while len(sys.argv) > 1:
    s.recv(1000)
    time.sleep(0.05)
time.sleep(600)
' "#;

#[test]
fn an_answer_that_nobody_reads_ends_and_the_next_question_is_answered() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    let history = |login: &str| machine.sh(login, "postrider history", b"").good().printed.lines().count();
    wait_for("the first record", || history("his") > 0);
    let one = history("his");
    // More than sockets hold.
    let more = "cd /var/spool/postrider/history && for file in *; do for n in $(seq 5000); do cat $file; done >/tmp/more && \
                cat /tmp/more >$file; done";
    machine.sh("postrider", more, b"").good();
    let guests = || {
        let count = "grep -lsx guest /proc/$(pgrep -ox postrider)/task/*/comm | wc -l";
        machine.sh("root", count, b"").good().printed.trim().parse::<usize>().unwrap()
    };
    for how in ["", "slowly"] {
        let mut slow = machine.start("his", &format!("{SLOW}{how}"));
        let mut line = String::new();
        BufReader::new(slow.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!((line.as_str(), guests()), ("begun\n", 1), "{how}");
        // Others do not wait for him, and he himself not for long.
        assert_eq!(history("her"), 0);
        assert_eq!(history("his"), 5000 * one, "{how}");
        wait_for("his first question's end", || guests() == 0);
        assert!(slow.try_wait().unwrap().is_none(), "{how}: he has not gone");
        slow.kill().unwrap();
        slow.wait().unwrap();
    }
    // A pager that its reader leaves alone for longer loses nothing.
    let paged = machine.sh("his", "postrider history | (sleep 12; wc -l)", b"").good().printed;
    assert_eq!(paged.trim(), (5000 * one).to_string());
}

const DIALOGUE: &[u8] = b"EHLO me\r\nMAIL FROM:<his@home.lan>\r\nRCPT TO:<friend@away.example>\r\nDATA\r\n\
    Subject: by smtp\r\n\r\ntext\r\n.\r\nQUIT\r\n";

#[test]
fn mail_readers_that_speak_smtp_need_no_config_and_no_runner() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    // Nobody but the runner may read it.
    machine.sh("root", "chgrp postrider /etc/postrider/config.toml; chmod 640 /etc/postrider/config.toml", b"").good();
    let said = machine.sh("his", "sendmail -bs", DIALOGUE).good().printed;
    assert!(said.contains("250 2.0.0 stored") && said.ends_with("\r\n"), "{said}");
    assert_eq!(machine.dropped().len(), 1);
    let _runner = Runner::start(&machine);
    wait_for("the mail that was dropped", || isp.received() == 1);
    let said = machine.sh("his", "sendmail -bs", DIALOGUE).good().printed;
    assert!(said.starts_with("220 homebox.home.lan ESMTP"), "{said}");
    wait_for("the mail that was handed in", || isp.received() == 2);
    for mail in isp.mails() {
        assert!(
            mail.text().contains("Subject: by smtp") && mail.text().contains(&format!("userid {HIS})")),
            "{mail:?}"
        );
    }
    let wrong = String::from_utf8_lossy(DIALOGUE).replace("RCPT TO:<friend@away.example>", "RCPT friend");
    let said = machine.sh("his", "sendmail -bs", wrong.as_bytes()).good().printed;
    assert!(said.contains("\r\n501 ") && !said.contains("354"), "{said}");
    machine.sh("his", "newaliases", b"").good();
}

#[test]
fn the_usual_aliases_are_read_unless_others_are_named_and_newaliases_says_so() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let (used, unused) = ("/etc/aliases is read\n", "newaliases: /etc/aliases is not used; to use it, set aliases");
    machine.sh("root", "rm -f /etc/aliases", b"").good();
    let ended = machine.sh("root", "newaliases", b"").good();
    assert_eq!((ended.printed.as_str(), ended.said.as_str()), ("", ""), "it need not be there");
    let sent = |number: usize| {
        machine.sh("his", "sendmail backup", b"Subject: x\n\nx\n").good();
        wait_for("the mail", || isp.received() == number);
        isp.mails()[number - 1].to.clone()
    };
    let _runner = Runner::start(&machine);
    assert_eq!(sent(1), ["me@isp.example"]);
    machine
        .sh("root", "echo 'backup: else@away.example' >/etc/aliases; touch -d '1 minute ago' /etc/aliases", b"")
        .good();
    assert_eq!(machine.sh("root", "newaliases", b"").good().printed, used);
    assert_eq!(sent(2), ["else@away.example"], "a runner at work reads it as well");
    // No configuration names it, so no mail waits for it, or is refused for it.
    for (number, spoilt) in [(3, "echo 'backup else@away.example' >/etc/aliases"), (4, "chmod 000 /etc/aliases")] {
        machine.sh("root", &format!("{spoilt}; touch -d '1 minute ago' /etc/aliases"), b"").good();
        assert_eq!(sent(number), ["me@isp.example"], "{spoilt}");
        let told = machine.sh("root", "postrider status", b"");
        assert!(told.printed.contains("/etc/aliases"), "{told:?}");
    }
    machine.sh("root", "chmod 644 /etc/aliases; echo 'backup: else@away.example' >/etc/aliases", b"").good();
    let named = "sed -i '1i aliases = []' /etc/postrider/config.toml && newaliases";
    let ended = machine.sh("root", named, b"").good();
    assert!(ended.printed.is_empty() && ended.said.starts_with(unused), "{ended:?}");
    machine.sh("root", "echo '# nothing' >/etc/aliases", b"").good();
    assert_eq!(machine.sh("root", "newaliases", b"").good().said, "");
}

#[test]
fn verification_is_reported_by_mail_to_whoever_may_not_read_the_config() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    machine.sh("root", "chgrp postrider /etc/postrider/config.toml; chmod 640 /etc/postrider/config.toml", b"").good();
    let _runner = Runner::start(&machine);
    machine.sh("his", "sendmail -bv friend@away.example", b"").good();
    wait_for("the report", || isp.received() == 1);
    let report = &isp.mails()[0];
    assert_eq!(report.to, ["me@isp.example"]);
    assert!(report.text().contains("would be sent to <friend@away.example> from <me@isp.example>"), "{report:?}");
    let nobody = machine.sh("his", "sendmail -bv -f '<>' friend@away.example", b"");
    assert_eq!((nobody.code, nobody.said.lines().count()), (Some(64), 1), "{nobody:?}");
    assert_eq!(isp.received(), 1);
}

#[test]
fn who_asks_without_end_is_told_to_wait() {
    if !can_run() {
        return;
    }
    let machine = machine(&Provider::start(), "[limits]\nper_minute = 3");
    let _runner = Runner::start(&machine);
    for _ in 0..3 {
        machine.sh("her", "mailq", b"").good();
    }
    let told = machine.sh("her", "mailq", b"");
    assert_eq!((told.code, told.said.lines().count()), (Some(75), 1), "{told:?}");
    assert!(told.said.contains("minute"), "{told:?}");
    machine.sh("root", "mailq", b"").good();
}
