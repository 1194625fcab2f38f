//! A runner that leaves because it has nothing to do: who starts it again, what comes in while it leaves, what keeps it, and what
//! `status` says meanwhile without starting it.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;

use crate::machine::{Ended, Machine, can_run_with, frame};
use crate::machine_runner::{CONFIG, MAIL, machine};

const MANAGER: &str = include_str!("service_manager.py");
const SHORTLY: &str = "[queue]\nidle_exit = \"3s\"";
const IDLE: &str = "/run/postrider/idle";

/// What systemd is elsewhere: it keeps the socket and starts the runner. Ended when dropped, with both.
struct ServiceManager<'m>(Child, &'m Machine);

impl<'m> ServiceManager<'m> {
    fn start(machine: &'m Machine) -> Self {
        Self::start_with(machine, "")
    }

    /// `before` is a program that starts the runner.
    fn start_with(machine: &'m Machine, before: &str) -> Self {
        fs::write(machine.path("/run/manager.py"), MANAGER).unwrap();
        let _ = fs::remove_file(machine.path("/run/manager.log"));
        let script = format!("exec python3 /run/manager.py /run/manager.log {before} postrider run 2>>/run/runner.log");
        let manager = Self(machine.start("root", &script), machine);
        wait_for("the manager to listen", || manager.log().contains("listening"));
        manager
    }

    fn log(&self) -> String {
        fs::read_to_string(self.1.path("/run/manager.log")).unwrap_or_default()
    }

    fn starts(&self) -> usize {
        self.log().matches("start ").count()
    }

    /// Waits until the runner has left this many times, each time without a fault.
    fn wait_for_rest(&self, times: usize) {
        wait_for("the runner to leave", || self.log().matches("end ").count() >= times);
        assert_eq!(self.log().matches("end 0").count(), times, "{}", self.log());
    }
}

impl Drop for ServiceManager<'_> {
    fn drop(&mut self) {
        let _ = self.1.sh(
            "root",
            "pkill -f '^python3 /run/manager'; timeout 10 pidwait -f '^python3 /run/manager'; true",
            b"",
        );
        let _ = self.0.wait();
        if thread::panicking() {
            let log = fs::read_to_string(self.1.path("/run/runner.log")).unwrap_or_default();
            eprintln!("the manager said:\n{}the runner said:\n{log}", self.log());
        }
    }
}

fn status(machine: &Machine, login: &str) -> Ended {
    machine.sh(login, "postrider status", b"")
}

/// Everybody gets this code and these words.
fn all_hear(machine: &Machine, code: i32, words: &[&str]) {
    for login in ["root", "his"] {
        let heard = status(machine, login);
        assert_eq!(heard.code, Some(code), "{login}: {heard:?}");
        for word in words {
            assert!(heard.printed.contains(word), "{login}: {word}: {heard:?}");
        }
    }
}

#[test]
fn a_runner_with_nothing_to_do_leaves_and_mail_starts_it_again_by_the_socket_and_by_drop() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, SHORTLY);
    let manager = ServiceManager::start(&machine);
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    wait_for("the mail", || isp.received() == 1);
    manager.wait_for_rest(1);
    assert!(machine.path(IDLE).exists());

    // Nobody who only looks starts it.
    all_hear(&machine, 0, &["POSTRIDER OK: ", "because it was idle; the next message starts it"]);
    let seen: Value = serde_json::from_str(&machine.sh("his", "postrider status --json", b"").good().printed).unwrap();
    assert_eq!((seen["level"].as_u64(), seen["queue"]["runner"].as_bool()), (Some(0), Some(false)), "{seen}");
    assert_eq!(manager.starts(), 1);

    machine.sh("her", "sendmail friend@away.example", MAIL).good();
    wait_for("the second mail", || isp.received() == 2);
    assert!(!machine.path(IDLE).exists(), "a runner that dies now is not at rest");
    all_hear(&machine, 0, &["the queue is empty"]);
    manager.wait_for_rest(2);

    let mail = br#"{"v":1,"token":"T","sender":null,"recipients":[{"complete":"friend@away.example"}]}"#;
    let dropped = machine.drop_as("his", &frame(mail, MAIL));
    assert_eq!(dropped.code, Some(0), "{dropped:?}");
    wait_for("what was dropped", || isp.received() == 3);
    assert!(manager.log().contains("start drop"), "{}", manager.log());
    manager.wait_for_rest(3);
    // What others ask of it starts it as well.
    assert_eq!(machine.sh("his", "mailq", b"").good().printed, "Mail queue is empty\n");
    assert_eq!(manager.starts(), 4);
}

#[test]
fn mail_that_comes_while_the_runner_leaves_is_served_by_the_next_one() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, SHORTLY);
    // It is halted where it has looked for the last time and still holds its lock.
    let halted = "strace -D -f -o /run/strace.log -e trace=fchmod -e inject=fchmod:delay_enter=3000000";
    let manager = ServiceManager::start_with(&machine, halted);
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    wait_for("the mail", || isp.received() == 1);
    wait_for("the runner to leave", || {
        let names = fs::read_dir(machine.path("/run/postrider")).unwrap();
        names.into_iter().any(|name| name.unwrap().file_name().to_string_lossy().starts_with(".idle."))
    });
    assert_eq!(manager.starts(), 1);
    let mail = br#"{"v":1,"token":"T","sender":null,"recipients":[{"complete":"friend@away.example"}]}"#;
    let dropped = machine.drop_as("her", &frame(mail, MAIL));
    assert_eq!(dropped.code, Some(0), "{dropped:?}");
    assert!(!manager.log().contains("end "), "it was to be halted until now: {}", manager.log());
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    assert_eq!(manager.starts(), 2, "{}", manager.log());
    wait_for("both mails", || isp.received() == 3);
    assert_eq!(machine.dropped(), Vec::<String>::new());
}

#[test]
fn nothing_is_lost_or_doubled_by_senders_that_meet_the_runner_at_the_door() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, SHORTLY);
    let manager = ServiceManager::start(&machine);
    let envelope = |token: &str| {
        format!(r#"{{"v":1,"token":"{token}","sender":null,"recipients":[{{"complete":"friend@away.example"}}]}}"#)
    };
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    wait_for("the first mail", || isp.received() == 1);
    let mut sent = 1;
    for round in 0..10 {
        // Around the moment at which it leaves, a little later in each round.
        let begun = Instant::now();
        let moment = Duration::from_millis(2_970 + 15 * round);
        thread::sleep(moment.saturating_sub(begun.elapsed()));
        thread::scope(|scope| {
            scope.spawn(|| machine.sh("his", "sendmail friend@away.example", MAIL).good());
            scope.spawn(|| machine.drop_as("her", &frame(envelope(&format!("T{round}")).as_bytes(), MAIL)).good());
            scope.spawn(|| machine.sh("her", "mailq", b"").good());
        });
        sent += 2;
        wait_for("both of them", || isp.received() >= sent);
    }
    wait_for("an empty queue", || machine.sh("root", "mailq", b"").printed == "Mail queue is empty\n");
    assert_eq!(isp.received(), sent);
    println!("{sent} mails, the runner was started {} times", manager.starts());
    assert!(manager.starts() > 1, "{}", manager.log());
    assert!(!manager.log().contains("end 1") && !manager.log().contains("end -"), "{}", manager.log());
}

#[test]
fn mail_that_waits_keeps_the_runner_and_held_mail_does_not() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("451 4.3.0 later")).start();
    let machine = machine(&isp, "[queue]\nidle_exit = \"3s\"\nretry_min = \"1h\"");
    let manager = ServiceManager::start(&machine);
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    wait_for("the attempt", || machine.sh("his", "mailq", b"").good().printed.contains("451 4.3.0 later"));
    let begun = Instant::now();
    wait_for("twice its patience", || begun.elapsed() > Duration::from_secs(6));
    assert!(!manager.log().contains("end "), "{}", manager.log());

    machine.sh("root", "postrider queue hold --all", b"").good();
    manager.wait_for_rest(1);
    all_hear(&machine, 0, &["1 message held", "the next message starts it"]);
    // Who releases it without a runner starts one.
    isp.behave();
    machine.sh("root", "postrider queue release --all", b"").good();
    wait_for("the runner", || manager.starts() == 2 && !machine.path(IDLE).exists());
    machine.sh("root", "postrider flush", b"").good();
    assert_eq!(isp.received(), 1);
}

#[test]
fn a_runner_that_was_stopped_or_cannot_be_started_is_not_called_idle() {
    if !can_run_with(&["python3"]) {
        return;
    }
    // With a network of its own: listeners of other machines have the same name.
    let machine = Machine::alone();
    fs::write(machine.path(CONFIG), SHORTLY).unwrap();
    let manager = ServiceManager::start(&machine);
    machine.sh("his", "mailq", b"").good();
    manager.wait_for_rest(1);
    fs::create_dir_all(machine.path("/etc/systemd/system")).unwrap();
    for unit in ["postrider.service", "postrider.socket"] {
        let path = machine.path("/etc/systemd/system").join(unit);
        symlink("/dev/null", &path).unwrap();
        let masked =
            format!("the next message does not start it: {unit} is masked (as root, run \"systemctl unmask {unit}");
        all_hear(&machine, 2, &["POSTRIDER CRITICAL: ", &masked]);
        fs::remove_file(path).unwrap();
    }
    let idle = "because it was idle; the next message starts it";
    all_hear(&machine, 1, &["no account is set up yet", idle]);
    drop(manager);
    assert!(machine.path("/run/postrider/submit").exists());
    all_hear(
        &machine,
        2,
        &["nothing is listening on /run/postrider/submit (as root, run \"systemctl start postrider.socket\")"],
    );

    let manager = ServiceManager::start(&machine);
    machine.sh("his", "mailq", b"").good();
    drop(manager);
    assert!(!machine.path(IDLE).exists());
    all_hear(&machine, 2, &["the postrider service is not running"]);
}

#[test]
fn idle_exit_is_refused_with_what_needs_the_runner_unless_the_timer_looks_after_it() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, SHORTLY);
    let text = fs::read_to_string(machine.path(CONFIG)).unwrap();
    let check = |more: &str| {
        fs::write(machine.path(CONFIG), format!("{text}\n{more}")).unwrap();
        machine.sh("root", "postrider check", b"")
    };
    let timer = "run \"systemctl enable --now postrider-alarm.timer\", or remove `idle_exit`";
    let expect = "[alarm]\ncommand = [\"/bin/true\"]\nexpect = { \"backup@home.lan\" = \"25h\" }\n";
    let metrics = "[metrics]\ntextfile = \"/run/postrider/metrics.prom\"\n";
    for (more, what) in [(expect, "`command` of [alarm], `expect` of [alarm]"), (metrics, "`textfile` of [metrics]")] {
        let found = check(more);
        let words = format!(
            "`idle_exit` cannot be combined with {what}, which would do nothing while the service is not running; {timer}"
        );
        assert!(
            found.code == Some(78) && format!("{found:?}").contains(&words.escape_debug().to_string()),
            "{found:?}"
        );
    }
    let wants = machine.path("/etc/systemd/system/timers.target.wants");
    fs::create_dir_all(&wants).unwrap();
    symlink("/usr/lib/systemd/system/postrider-alarm.timer", wants.join("postrider-alarm.timer")).unwrap();
    for more in [expect, metrics] {
        let found = check(more);
        assert!(!format!("{found:?}").contains("cannot be combined"), "{found:?}");
    }
    let own = "[listen.lan]\naddress = \"127.0.0.1:2525\"\ntls = \"none\"\n";
    let found = check(own);
    assert!(
        found.code == Some(78) && format!("{found:?}").contains("cannot be combined with [listen.lan]"),
        "{found:?}"
    );
    let found = check("[listen.lan]\naddress = \"systemd\"\ntls = \"none\"\n");
    assert!(!format!("{found:?}").contains("cannot be combined"), "{found:?}");
    // The path unit is not enabled here, so nobody would see what is dropped.
    assert!(format!("{found:?}").contains("systemctl enable --now postrider-drop.path"), "{found:?}");

    // The timer does what the runner would.
    check(metrics);
    machine.sh("root", "postrider status --alarm", b"");
    let figures = fs::read_to_string(machine.path("/run/postrider/metrics.prom")).unwrap();
    assert!(figures.contains("postrider_messages{state=\"queued\"} 0"), "{figures}");
}
