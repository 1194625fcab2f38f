//! Programs that read our log: the real logwatch, with contrib's override, and the real pflogsumm, on a day that the real runner logged to
//! /dev/log, with mail that was sent, deferred, bounced and held.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::config::configure;
use crate::machine::Machine;
use crate::need;
use crate::provider::Provider;
use support::wait::wait_until;

const LETTER: &str = "From: his\nTo: friend@elsewhere.example\nSubject: hello\n\nHello friend.\n";

/// A /dev of the machine's own, in which `log` leads to a socket that the test listens on.
const OWN_DEV: &str = r"
    mkdir -p /run/dev
    for device in null zero full random urandom tty; do
        touch /run/dev/$device
        mount --bind /dev/$device /run/dev/$device
    done
    ln -s /proc/self/fd /run/dev/fd
    ln -s /run/log.socket /run/dev/log
    mount --rbind /run/dev /dev
";

fn own_dev(machine: &Machine) {
    machine.succeeds("root", "sh", &["-euc", OWN_DEV], "");
}

/// A syslogd: writes what comes to /dev/log as rsyslog writes mail.log.
struct Syslog(Arc<Mutex<String>>);

impl Syslog {
    fn of(machine: &Machine) -> Self {
        own_dev(machine);
        let path = machine.path("/run/log.socket");
        let socket = UnixDatagram::bind(&path).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        let lines = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&lines);
        thread::spawn(move || {
            let mut datagram = vec![0; 64 * 1024];
            while let Ok(length) = socket.recv(&mut datagram) {
                let line = String::from_utf8(datagram[..length].to_vec()).unwrap();
                // <22>Nov  5 07:08:09 postrider/qmgr[7]: text
                let (priority, rest) = line.strip_prefix('<').unwrap().split_once('>').unwrap();
                assert_eq!(priority.parse::<u32>().unwrap() >> 3, 2, "facility mail: {line}");
                let (stamp, text) = rest.split_at("Nov  5 07:08:09 ".len());
                written.lock().unwrap().extend([stamp, "homebox ", text, "\n"]);
            }
        });
        Self(lines)
    }

    /// Everything so far.
    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    /// Waits until the log has a line with all of this.
    fn wait_for(&self, words: &[&str]) {
        let has_all = |line: &str| words.iter().all(|word| line.contains(word));
        let complaint = || format!("waited in vain for {words:?} in\n{}", self.text());
        wait_until(Duration::from_mins(1), || self.text().lines().any(has_all).then_some(()), complaint);
    }
}

/// Three sent, one of them to two; one deferred by greylisting; one bounced; one held and released; one deleted.
fn a_day(machine: &Machine, provider: &Provider) -> String {
    let log = Syslog::of(machine);
    configure(machine, provider, "his", "queue");
    let send = |to: &[&str]| machine.succeeds("his", "sendmail", &[&["-i"], to].concat(), LETTER);
    let queue = |arguments: &[&str]| machine.succeeds("his", "postrider", &[&["queue"], arguments].concat(), "");
    send(&["held@elsewhere.example"]);
    queue(&["hold", "--recipient", "held@elsewhere.example"]);
    send(&["deleted@elsewhere.example"]);
    queue(&["delete", "--recipient", "deleted@elsewhere.example"]);
    send(&["friend@elsewhere.example"]);
    send(&["friend@elsewhere.example", "other@elsewhere.example"]);
    send(&["later@elsewhere.example"]);
    send(&["nobody@elsewhere.example"]);
    // As a service manager starts it: nobody sees its stderr.
    machine.succeeds("his", "sh", &["-c", "postrider run >/dev/null 2>&1 & echo"], "");
    log.wait_for(&["to=<later@elsewhere.example>", "status=deferred"]);
    log.wait_for(&["to=<other@elsewhere.example>", "status=sent"]);
    log.wait_for(&["to=<nobody@elsewhere.example>", "status=bounced"]);
    // The report of it arrives at his own address.
    log.wait_for(&["to=<his@localdomain.local>", "status=sent"]);
    queue(&["release", "--all"]);
    log.wait_for(&["to=<held@elsewhere.example>", "status=sent"]);
    machine.succeeds("his", "sh", &["-c", "kill $(cat ~/.local/state/postrider/lock)"], "");
    log.wait_for(&["postrider/master", "stopping ("]);
    log.text()
}

/// The number in front of these words.
#[track_caller]
fn count(report: &str, words: &str) -> u32 {
    let number = |line: &str| {
        let (number, rest) = line.trim_start().split_once(' ')?;
        rest.trim_start().starts_with(words).then_some(number)?.parse().ok()
    };
    report.lines().find_map(number).unwrap_or_else(|| panic!("no line with {words:?} in\n{report}"))
}

#[test]
fn logwatch_and_pflogsumm_make_full_sense_of_a_day_with_sent_deferred_bounced_and_held_mail() {
    if !need::met(&["logwatch", "pflogsumm"]) {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    let log = a_day(&machine, &provider);
    machine.write("root", "/var/log/mail.log", &log);
    logwatch(&machine, &log);
    pflogsumm(&machine, &log);
}

#[test]
fn without_a_dev_log_mail_goes_all_the_same_and_the_log_is_on_stderr_if_anybody_sees_it() {
    if !need::met(&[]) {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    // Nobody listens.
    own_dev(&machine);
    configure(&machine, &provider, "root", "queue");
    configure(&machine, &provider, "his", "background");
    machine.succeeds("his", "sendmail", &["-i", "unseen@elsewhere.example"], LETTER);
    provider.wait_for_mail_to("unseen@elsewhere.example");
    machine.succeeds("root", "sendmail", &["-i", "seen@elsewhere.example"], LETTER);
    let told = machine.succeeds("root", "postrider", &["run", "--once"], "");
    provider.wait_for_mail_to("seen@elsewhere.example");
    assert!(told.contains("to=<seen@elsewhere.example>") && told.contains("status=sent"), "{told}");
}

fn logwatch(machine: &Machine, log: &str) {
    let contrib = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contrib/logwatch/services/postfix.conf");
    let text = fs::read_to_string(contrib).unwrap();
    let of_files = text.lines().filter(|line| !line.starts_with("LogFile = none") && !line.starts_with("*JournalCtl"));
    let to_file = of_files.collect::<Vec<_>>().join("\n").replace("#LogFile = maillog", "LogFile = maillog");
    assert!(to_file.contains("\nLogFile = maillog\n"), "{to_file}");
    machine.write("root", "/etc/logwatch/conf/services/postfix.conf", &to_file);
    let arguments = ["--service", "postfix", "--range", "all", "--detail", "high", "--output", "stdout"];
    let report = machine.succeeds("root", "logwatch", &arguments, "");
    let expected = [
        ("Accepted", 5),
        ("Sent via SMTP", 5),
        ("Deferred", 1),
        // By a relay at 127.0.0.1, which logwatch takes for this machine.
        ("Bounced (local)", 1),
        ("Notifications sent", 1),
        ("Placed on hold", 1),
        ("Removed from queue", 6),
    ];
    for (words, number) in expected {
        assert_eq!(count(&report, words), number, "{words}:\n{report}\n{log}");
    }
    for word in ["nmatched", "Unknown"] {
        assert!(!report.contains(word), "{word}:\n{report}\n{log}");
    }
}

fn pflogsumm(machine: &Machine, log: &str) {
    let report = machine.succeeds("root", "pflogsumm", &["--syslog-name", "postrider", "/var/log/mail.log"], "");
    for (words, number) in [("received", 5), ("delivered", 5), ("deferred", 1), ("bounced", 1)] {
        assert_eq!(count(&report, words), number, "{words}:\n{report}\n{log}");
    }
}
