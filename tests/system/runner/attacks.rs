//! What a hostile user tried before, each again under a uid of his own: it gets him nothing, and her mail goes on meanwhile,
//! how fast is measured and printed. What he can try with the socket is in `socket_abuse`.

use std::fs;
use std::path::Path;

use crate::bystander::{Attack, mails_to, measure};
use crate::machine::{HER, Machine, can_run, frame};
use crate::machine_runner::{CONFIG, MAIL, Runner, machine};
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;

/// A second account, for her and root alone.
fn with_her_account(isp: &Provider, more: &str) -> Machine {
    let machine = machine(isp, "");
    let (username, _) = isp.credential();
    let hers = format!(
        "[account.hers]\nrelay = \"{}\"\nusername = \"{username}\"\npassword = {{ file = \"isp.password\" }}\n\
         tls_ca = \"isp.pem\"\nsenders = [\"her@home.lan\", \"@work.example\"]\nusers = [\"her\", \"root\"]\n{more}\n",
        isp.relay()
    );
    let config = fs::read_to_string(machine.path(CONFIG)).unwrap();
    fs::write(machine.path(CONFIG), format!("default_account = \"isp\"\n{config}{hers}")).unwrap();
    machine
}

/// Octets of the files of a folder.
fn size(folder: &Path) -> u64 {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

fn log(machine: &Machine) -> String {
    fs::read_to_string(machine.path("/run/runner.log")).unwrap()
}

/// A shell's endless loop, which says when it is at work.
fn forever(command: &str) -> String {
    format!("echo begun; while :; do {command}; done >/dev/null 2>&1")
}

fn end_his(machine: &Machine) {
    machine.sh("root", "pkill -9 -u his; true", b"").good();
}

/// Twenty clients at once whose envelopes have half a million recipients each.
const CROWD: &str = r#"python3 -c '
import socket, struct, threading
envelope = b"{\"v\":1,\"token\":\"x\",\"sender\":null,\"recipients\":[" + b",".join(
    b"{\"bare\":\"x%06d\"}" % number for number in range(500000)) + b"]}"
def submit():
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect("/run/postrider/submit")
        s.sendall(struct.pack(">I", len(envelope)) + envelope)
    except OSError:
        pass
    s.close()
clients = [threading.Thread(target=submit) for client in range(20)]
[client.start() for client in clients]
[client.join() for client in clients]
'"#;

#[test]
fn envelopes_of_half_a_million_recipients_take_neither_memory_nor_her_turn() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let runner = Runner::start(&machine);
    let mut crowd = Attack::start(&machine, "his", &forever(CROWD));
    crowd.is_on();
    measure(&machine, &isp, "while another user's envelopes have 500,000 recipients");
    end_his(&machine);
    let peak = runner.peak_memory();
    println!("20 clients with 500,000 recipients each, again and again: {peak} KiB");
    assert!(peak < 64 << 10, "{peak} KiB");
}

#[test]
fn a_list_that_its_owner_points_at_the_password_shows_it_to_nobody() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let config = fs::read_to_string(machine.path(CONFIG)).unwrap();
    fs::write(machine.path(CONFIG), format!("aliases = [\"aliases\"]\n{config}")).unwrap();
    fs::write(machine.path("/etc/postrider/aliases"), "list: :include:/home/his/lists/list\n").unwrap();
    let _runner = Runner::start(&machine);
    let honest = "mkdir -p /home/his/lists; echo list-friend@away.example >/home/his/lists/list";
    machine.sh("his", honest, b"").good();
    wait_for("the list to serve", || machine.sh("his", "sendmail list", MAIL).code == Some(0));
    wait_for("the list's mail", || mails_to(&isp.mails(), "list-friend").len() == 1);
    // The list, or its folder, is now this and now that, while mail to it comes.
    let swap = "cd /home/his; for target in isp.password config.toml; do \
        rm -rf lists; mkdir lists; ln -s /etc/postrider/$target lists/list; sendmail list </dev/null; \
        rm -rf lists; ln -s /etc/postrider lists; sendmail list </dev/null; \
        rm -rf lists; mkdir lists; echo list-friend@away.example >lists/list; sendmail list </dev/null; \
        ln -sf /etc/postrider/$target lists/list; done";
    let mut attack = Attack::start(&machine, "his", &forever(swap));
    attack.is_on();
    measure(&machine, &isp, "while a list is a link to the password now and then");
    end_his(&machine);
    let said = "is a symbolic link, which is not followed";
    assert!(log(&machine).contains(said), "{}", log(&machine));
    let (_, password) = isp.credential();
    let seen = [
        log(&machine),
        isp.transcript(),
        machine.sh("root", "mailq; postrider history --json; cat /var/spool/postrider/*/*", b"").printed,
    ];
    assert!(seen.iter().all(|text| !text.contains(password)), "the password is seen: {seen:?}");
}

#[test]
fn an_account_that_is_not_for_him_sends_one_notice_for_all_that_he_tries() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = with_her_account(&isp, "");
    let _runner = Runner::start(&machine);
    // What comes by drop/ is held, as nobody is there any more to refuse it to.
    for number in 0..60 {
        let envelope = format!(
            r#"{{"v":1,"token":"T{number}","uid":{HER},"sender":"her@home.lan","recipients":[{{"complete":"victim@away.example"}}]}}"#
        );
        machine.drop_as("his", &frame(envelope.as_bytes(), MAIL)).good();
    }
    let mut attack =
        Attack::start(&machine, "his", &forever("sendmail -f her@home.lan victim@away.example </dev/null"));
    attack.is_on();
    measure(&machine, &isp, "while another user sends in her name");
    end_his(&machine);
    wait_for("all of it to be held", || machine.dropped().is_empty());
    let notices = mails_of(&isp, "boss@isp.example");
    assert_eq!(notices, 1, "one notice an hour");
    assert_eq!(mails_to(&isp.mails(), "victim").len(), 0);
}

fn mails_of(isp: &Provider, to: &str) -> usize {
    isp.mails().iter().filter(|mail| mail.to == [to]).count()
}

#[test]
fn message_ids_and_subjects_without_end_fill_no_history_and_no_log() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    let words = "x".repeat(300_000);
    let mail = format!("Message-ID: <{words}@x>\nSubject: {words}\n\ntext\n");
    fs::write(machine.path("/run/long.eml"), &mail).unwrap();
    let mut attack = Attack::start(
        &machine,
        "his",
        "echo begun; for n in $(seq 15); do sendmail long@away.example </run/long.eml; done",
    );
    attack.is_on();
    measure(&machine, &isp, "while another user's mail has a Message-ID of 300 kB");
    wait_for("all of his", || mails_to(&isp.mails(), "long").len() == 15);
    wait_for("an empty queue", || machine.sh("root", "mailq", b"").printed == "Mail queue is empty\n");
    let (history, log) = (size(&machine.path("/var/spool/postrider/history")), log(&machine).len());
    println!("15 mails of 600 kB of header: {history} octets of history, {log} of log");
    assert!(history < 15 * 4096 && log < 15 * 8192, "{history} {log}");
}

#[test]
fn mail_that_never_ends_ends_at_the_limit_and_leaves_nothing_behind() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "[queue]\nmax_message_size = \"1MB\"");
    let _runner = Runner::start(&machine);
    let endless = "(yes | timeout 60 sendmail endless@away.example; yes x@away.example, | timeout 60 sendmail -t)";
    let mut attack = Attack::start(&machine, "his", &forever(endless));
    attack.is_on();
    measure(&machine, &isp, "while another user's mail never ends");
    end_his(&machine);
    for command in ["sendmail endless@away.example", "sendmail -t", "sendmail -bs"] {
        let ended = machine.sh("his", &format!("yes | timeout 60 {command} >/dev/null"), b"");
        assert!(!matches!(ended.code, Some(0 | 124)) || command.ends_with("-bs"), "{command}: {ended:?}");
        assert_ne!(ended.code, Some(124), "{command} reads on for ever");
    }
    let left = machine.sh("root", "find /tmp /var/tmp /run/user -user his 2>/dev/null", b"").printed;
    assert_eq!(left, "", "files that he left");
    assert_eq!(mails_to(&isp.mails(), "endless").len(), 0);
}

#[test]
fn her_domain_in_other_letters_is_hers_as_well() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = with_her_account(&isp, "");
    let _runner = Runner::start(&machine);
    let spellings = ["WORK.example", "ｗｏｒｋ.example", "ＷＯＲＫ．example", "wo\u{ad}rk.example", "work。example"];
    for domain in spellings {
        let ended = machine.sh("his", &format!("sendmail -f boss@{domain} victim@away.example"), MAIL);
        assert!(matches!(ended.code, Some(65 | 77)), "{domain}: {ended:?}");
    }
    let tries = spellings.map(|domain| format!("sendmail -f boss@{domain} victim@away.example </dev/null")).join(";");
    let mut attack = Attack::start(&machine, "his", &forever(&tries));
    attack.is_on();
    measure(&machine, &isp, "while another user spells her domain");
    end_his(&machine);
    assert_eq!(mails_to(&isp.mails(), "victim").len(), 0);
    machine.sh("her", "sendmail -f boss@work.example hers@away.example", MAIL).good();
    wait_for("her own", || mails_to(&isp.mails(), "hers").len() == 1);
}

#[test]
fn flushes_without_end_bring_his_message_forward_once_a_minute() {
    if !can_run() {
        return;
    }
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("deferred").reply("450 4.2.0 not now")).start();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    machine.sh("his", "sendmail deferred@away.example", MAIL).good();
    let tried = || isp.transcript().matches("RCPT TO:<deferred@away.example>").count();
    wait_for("the first attempt", || tried() == 1);
    let started = std::time::Instant::now();
    let flush = "for n in 1 2 3; do postrider flush & done; wait; postrider queue retry --all";
    let mut attack = Attack::start(&machine, "his", &forever(flush));
    attack.is_on();
    measure(&machine, &isp, "while another user flushes without end");
    end_his(&machine);
    let most = 2 + usize::try_from(started.elapsed().as_secs() / 60).unwrap();
    assert!(tried() <= most, "{} attempts", tried());
}

#[test]
fn mail_without_a_sender_to_nobody_is_no_alarm_of_the_machine() {
    if !can_run() {
        return;
    }
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    let mut attack = Attack::start(
        &machine,
        "his",
        "umask 0; echo begun; for n in $(seq 20); do sendmail -f '<>' nobody@away.example </dev/null; done",
    );
    attack.is_on();
    measure(&machine, &isp, "while another user's mail without a sender fails");
    wait_for("all to be set aside", || {
        machine.sh("root", "postrider status --json", b"").printed.contains("\"failed\":20")
    });
    for login in ["root", "her"] {
        let status = machine.sh(login, "postrider status", b"");
        assert_eq!(status.code, Some(1), "a warning, which he may cause: {status:?}");
    }
    let standing = machine.standing("/var/spool/postrider/reserve");
    assert_eq!(standing.2, 0o600);
    // And the list of what is his alone to see.
    let hers = machine.sh("her", "postrider queue list --failed; mailq", b"").printed;
    assert!(!hers.contains("nobody@away.example"), "{hers}");
}
