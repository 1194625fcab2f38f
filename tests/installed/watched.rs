//! A machine whose delivery service dies, is stopped for good or hangs, and one that is off: the timer of contrib raises an alarm,
//! and a missing heartbeat shows that the machine is off.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::web::{self, WebServer};

use crate::container::{Container, wait_for};
use crate::package_life::{Home, ready};

/// Of the timer here, for the quarter of an hour that it has.
const PERIOD: Duration = Duration::from_secs(8);
/// What a unit takes to start on a machine that has much to do, and `status` to see that a runner does not answer.
const START: Duration = Duration::from_secs(30);
/// Of the heartbeat.
const BEAT: Duration = Duration::from_secs(4);

/// A web server in the machine's network, for alarms and heartbeats.
struct Receiver {
    server: WebServer,
    seen: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Receiver {
    fn start(home: &Home) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let answer = move |request: &str| {
            kept.lock().unwrap().push((Instant::now(), request.to_owned()));
            web::page(b"ok")
        };
        let start = || WebServer::start((Ipv4Addr::LOCALHOST, 0), &["localhost"], Box::new(answer));
        let receiver = Self { server: home.container.in_network(start), seen };
        home.container.write("/usr/local/share/ca-certificates/receiver.crt", &receiver.server.authority);
        home.ok("update-ca-certificates");
        let folder = "/etc/postrider";
        for what in ["alarm", "heartbeat"] {
            home.container.ok_with(
                &format!("install -m 640 -g postrider /dev/stdin {folder}/secrets/{what}"),
                &format!("https://localhost:{}/{what}\n", receiver.server.port()),
            );
        }
        let config = format!(
            "[alarm]\nurl = {{ file = \"{folder}/secrets/alarm\" }}\n\
             heartbeat = {{ url = {{ file = \"{folder}/secrets/heartbeat\" }}, every = \"{}s\" }}\n",
            BEAT.as_secs()
        );
        home.container.ok_with(&format!("install -m 640 -g postrider /dev/stdin {folder}/conf.d/alarm.toml"), &config);
        receiver
    }

    /// The alarms so far: their state and their kind.
    fn alarms(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let posted = seen.iter().filter_map(|(_, request)| {
            let body = request.strip_prefix("POST /alarm ")?.split_once("\r\n\r\n")?.1;
            serde_json::from_str::<Value>(body).ok()
        });
        posted
            .map(|alarm| format!("{} {}", alarm["state"].as_str().unwrap(), alarm["kind"].as_str().unwrap()))
            .collect()
    }

    /// When the last heartbeat came.
    fn last_beat(&self) -> Option<Instant> {
        let seen = self.seen.lock().unwrap();
        seen.iter().rev().find(|(_, request)| request.starts_with("GET /heartbeat ")).map(|(when, _)| *when)
    }

    /// Waits for the next heartbeat.
    fn beats(&self) {
        let begun = Instant::now();
        wait_for("a heartbeat", || self.last_beat().filter(|last| *last > begun));
    }
}

/// The timer as it is, but for its times.
fn enable_timer(home: &Home) {
    let unit = home.ok("cat /lib/systemd/system/postrider-alarm.timer");
    let often =
        unit.replace("=15min", &format!("={}s", PERIOD.as_secs())).replace("=5min", "=1s").replace("=1min", "=1s");
    assert_ne!(often, unit);
    home.container.write("/etc/systemd/system/postrider-alarm.timer", &often);
    home.ok("systemctl daemon-reload && systemctl enable --now postrider-alarm.timer");
}

/// How often the timer has looked.
fn looks(home: &Home) -> usize {
    home.ok("journalctl --no-pager --output cat --unit postrider-alarm.service | grep -c '^Finished ' || :")
        .trim()
        .parse()
        .unwrap()
}

/// The outage raises one alarm within a period, and there is one when it is over; no heartbeat is sent meanwhile.
fn one_alarm(home: &Home, receiver: &Receiver, what: &str, begin: &str, end: &str) {
    let state = "/var/lib/postrider/alarms.json";
    receiver.beats();
    // Within an hour of its end, the same outage raises no other alarm.
    home.ok(&format!("flock /var/lib/postrider/alarms.lock rm -f {state}"));
    let before = receiver.alarms().len();
    let since = || receiver.alarms().split_off(before);
    let clock = Instant::now();
    home.ok(begin);
    wait_for(what, || (!since().is_empty()).then_some(()));
    let took = clock.elapsed();
    println!("{what}: told after {} s of a period of {} s", took.as_secs(), PERIOD.as_secs());
    assert!(took < PERIOD + START, "{what}: {took:?}");
    let told = Instant::now();
    let looked = looks(home);
    wait_for("two further looks", || (looks(home) >= looked + 2).then_some(()));
    assert_eq!(since(), ["raised runner"], "{what}");
    assert!(receiver.last_beat() < Some(told), "{what}: a heartbeat");
    home.ok(end);
    wait_for("the end", || (since() == ["raised runner", "over runner"]).then_some(()));
    wait_for("its record", || home.ok(&format!("cat {state}")).contains("\"over\":[\"url\"]").then_some(()));
}

#[test]
fn a_service_that_is_dead_stopped_masked_or_hangs_is_told_of_within_a_period_and_a_machine_that_is_off_is_missed() {
    if !ready() {
        return;
    }
    let mut home = Home::new(Container::boot);
    home.ok("apt-get -y install ./old.deb");
    home.container.ok_with("postrider init", &home.answers());
    let receiver = Receiver::start(&home);
    home.ok("postrider check && systemctl restart postrider.service");
    enable_timer(&home);
    receiver.beats();
    // What it found is in the service manager's status line.
    let status = || home.ok("systemctl show --value --property StatusText postrider.service");
    wait_for("the status line", || (status() == "0 queued\n").then_some(()));

    // It is there again before anybody needs to know.
    home.ok("systemctl kill --kill-whom main --signal KILL postrider.service");
    home.sends("bob", "after it was killed");
    home.arrives("after it was killed");

    home.ok("mkdir /etc/systemd/system/postrider.service.d");
    home.container.write("/etc/systemd/system/postrider.service.d/once.conf", "[Service]\nRestart=no\n");
    home.ok("systemctl daemon-reload");
    let start = "systemctl start postrider.socket postrider.service";
    for (what, begin, end) in [
        ("killed", "systemctl kill --kill-whom main --signal KILL postrider.service", start),
        ("stopped", "systemctl stop postrider.socket postrider.service", start),
        (
            "masked",
            "systemctl mask --now postrider.socket postrider.service",
            "systemctl unmask postrider.socket postrider.service && systemctl start postrider.socket postrider.service",
        ),
        (
            "hanging",
            "systemctl kill --kill-whom main --signal STOP postrider.service",
            "systemctl kill --kill-whom main --signal CONT postrider.service",
        ),
    ] {
        one_alarm(&home, &receiver, what, begin, end);
    }

    receiver.beats();
    let before = receiver.alarms();
    home.container.shut_down();
    let off = Instant::now();
    wait_for("whoever waits for the heartbeat to miss two", || {
        receiver.last_beat().filter(|last| last.elapsed() > BEAT * 2)
    });
    assert!(receiver.last_beat() < Some(off));
    home.container.boot();
    receiver.beats();
    assert_eq!(receiver.alarms(), before);
    home.sends("bob", "after it was off");
    home.arrives("after it was off");
}
