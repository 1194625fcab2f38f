//! Hostile clients of a listener: a thousand connections, a thousand guesses at once, a byte a second, lines without end, garbage.
//! The runner keeps within its memory, and local mail is taken nearly as fast as when it is quiet; the figures are printed.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use postrider::config::scram::{ScramHash, StoredKeys};
use support::provider::Provider;
use support::wait::wait_for;
use support::world::is_debug;

use crate::bystander::Attack;
use crate::machine::{Machine, can_run_with};
use crate::machine_runner::{CONFIG, Runner, machine};

const ATTACKS: &str = include_str!("hostile_clients.py");

/// Her mails, one after the other: the seconds that each sendmail takes.
const HER_MAILS: &str = r#"python3 -c '
import subprocess, time
for number in range(21):
    begun = time.monotonic()
    subprocess.run(["sendmail", "her-friend@away.example"], input=b"Subject: hello\n\ntext\n", check=True)
    print(time.monotonic() - begun)
'"#;

/// Most that the runner may have in memory, in KiB.
const MOST: u64 = 64 << 10;

/// Twice of next to nothing is nothing that anybody notices, and the machine that runs the tests has other work.
const UNNOTICED: Duration = Duration::from_millis(20);

/// Median and worst.
fn her_mails(machine: &Machine) -> (Duration, Duration) {
    let printed = machine.sh("her", HER_MAILS, b"").good().printed;
    let mut times: Vec<Duration> =
        printed.lines().map(|line| Duration::from_secs_f64(line.trim().parse().unwrap())).collect();
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() - 1])
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn hostile_clients_take_neither_memory_nor_the_turn_of_local_mail() {
    if !can_run_with(&["python3"]) {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let (clear, secure) = (free_port(), free_port());
    let keys = StoredKeys::of(ScramHash::Sha256, "pencil", b"salt of the test", 4096.try_into().unwrap());
    let listeners = format!(
        "[listen.clear]\naddress = \"127.0.0.1:{clear}\"\ntls = \"none\"\n[listen.secure]\naddress = \"127.0.0.1:{secure}\"\n\
         tls = \"implicit\"\n[listen.starttls]\naddress = \"127.0.0.1:0\"\ntls = \"starttls\"\n[client.laptop]\nowner = \"her\"\n\
         scram = \"{keys}\"\nnetworks = [\"127.0.0.0/8\"]\nallow_plaintext = true\nsenders = [\"@home.lan\"]\naccount = \"isp\"\n"
    );
    let config = fs::read_to_string(machine.path(CONFIG)).unwrap();
    fs::write(machine.path(CONFIG), config + &listeners).unwrap();
    let runner = Runner::start(&machine);
    let log = || fs::read_to_string(machine.path("/run/runner.log")).unwrap();
    wait_for("the listeners", || log().matches("listening on ").count() == 3);
    let starttls: u16 = {
        let line = log().lines().find(|line| line.ends_with("(starttls)")).unwrap().to_owned();
        line.split("listening on 127.0.0.1:").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
    };
    fs::write(machine.path("/run/attacks.py"), ATTACKS).unwrap();
    let (quiet, worst) = her_mails(&machine);
    println!("quiet: sendmail takes {quiet:?}, at most {worst:?}; the runner has {} KiB", runner.peak_memory());
    for (kind, port) in [
        ("connections", clear),
        ("logins", clear),
        ("bytes", clear),
        ("lines", clear),
        ("garbage", clear),
        ("auth", clear),
        ("bdat", clear),
        ("starttls", starttls),
        ("handshakes", secure),
    ] {
        let mut attack =
            Attack::start(&machine, "his", &format!("ulimit -n 4096; exec python3 /run/attacks.py {kind} {port}"));
        attack.is_on();
        let (median, worst) = her_mails(&machine);
        machine.sh("root", "pkill -9 -u his; true", b"").good();
        let peak = runner.peak_memory();
        println!("{kind}: sendmail takes {median:?}, at most {worst:?}; the runner has had {peak} KiB");
        // The attacker takes one of the processors himself, and a debug build is slow.
        let bounds = if is_debug() {
            (quiet * 8, Duration::from_secs(10))
        } else {
            ((quiet * 2).max(UNNOTICED), Duration::from_secs(1))
        };
        assert!(median <= bounds.0 && worst < bounds.1, "{kind}: {median:?} {worst:?}, quiet {quiet:?}");
        assert!(peak < MOST, "{kind}: {peak} KiB");
    }
    assert!(!log().contains("panicked"), "{}", log());
    machine.sh("her", "sendmail last@away.example </dev/null", b"").good();
    wait_for("the last mail", || isp.mails().iter().any(|mail| mail.to == ["last@away.example"]));
}
