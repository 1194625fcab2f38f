//! The runner killed at each of the system calls that take a frame and that pick one up, and the drop program at each of its own, with mail
//! on its way through all of them: what `sendmail` said it has sent arrives, and arrives once.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use crate::drop::drop_faults;
use crate::machine::{Machine, can_run, frame};
use crate::machine_runner::{Runner, machine};
use support::power_cut::{FLUSHES, Flushes};
use support::provider::{Mail, Provider};
use support::wait::wait_for;

/// Calls that change something, or learn something, outside the process: between others a kill finds the same as at the next of these.
const TELLING: [&str; 14] = [
    "openat",
    "read",
    "recvfrom",
    "write",
    "sendto",
    "pwrite64",
    "fchmod",
    "fsync",
    "fdatasync",
    "linkat",
    "unlink",
    "unlinkat",
    "rename",
    "renameat2",
];

/// How often what is stored is synced: each test goes both ways.
const BOTH: [Flushes; 2] = [Flushes::Two, Flushes::One];

/// A runner that stores in this way.
fn start(machine: &Machine, flushes: Flushes) -> Runner<'_> {
    Runner::start_by(machine, &format!("env {FLUSHES}={}", flushes.word()))
}

/// A system call, and which one of its name.
type Point = (String, usize);

fn envelope(token: &str) -> String {
    format!(r#"{{"v":1,"token":"{token}","sender":null,"recipients":[{{"complete":"friend@away.example"}}]}}"#)
}

/// One that nobody can send: its sender hears of it by mail.
fn unusable(token: &str) -> String {
    format!(r#"{{"v":1,"token":"{token}","sender":null,"recipients":[{{"broken":"friend@"}}]}}"#)
}

fn mail(subject: &str) -> Vec<u8> {
    format!("Subject: {subject}\n\ntext\n").into_bytes()
}

/// How many times each subject has come, by itself or in a report.
fn arrived(isp: &Provider) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for text in isp.mails().iter().map(Mail::text) {
        let subject = text.lines().filter_map(|line| line.strip_prefix("Subject: ")).next_back().unwrap().to_owned();
        *all.entry(subject).or_default() += 1;
    }
    all
}

/// Whether nothing waits anywhere.
fn is_idle(machine: &Machine) -> bool {
    let queue = fs::read_dir(machine.path("/var/spool/postrider/queue")).unwrap();
    machine.dropped().is_empty() && queue.count() == 0
}

/// The number of the runner's process, as the machine counts.
fn runner(machine: &Machine) -> String {
    machine.sh("root", "pgrep -n -x postrider", b"").good().printed.trim().to_owned()
}

/// Has strace follow all threads of the running runner; it is ended with what it follows, or by the machine.
fn trace(machine: &Machine, options: &str) -> std::process::Child {
    let process = runner(machine);
    let mut strace = machine.start("root", &format!("exec strace -qq {options} -p {process} >/dev/null 2>&1"));
    let tasks = machine.path("/proc").join(&process).join("task");
    // The call may be made, and the runner killed, before it follows them all.
    wait_for("strace to follow every thread", || {
        strace.try_wait().unwrap().is_some()
            || fs::read_dir(&tasks).is_ok_and(|mut tasks| {
                tasks.all(|task| {
                    let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap_or_default();
                    status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
                })
            })
    });
    strace
}

/// The calls of the thread that does what `mark` shows, while `act` has it done for a second time: what it learns once, such as
/// the kind of its file system, a runner may have learnt before it is killed.
fn points(machine: &Machine, mark: &str, flushes: Flushes, act: impl Fn(&str)) -> Vec<Point> {
    act("before");
    machine.sh("root", "rm -rf /run/traces; mkdir /run/traces", b"").good();
    let mut strace = trace(machine, "-ff -s 200 -o /run/traces/t");
    act("first");
    machine.sh("root", "pkill -INT -x strace", b"").good();
    strace.wait().unwrap();
    let traces = fs::read_dir(machine.path("/run/traces")).unwrap();
    let texts = traces.map(|trace| fs::read_to_string(trace.unwrap().path()).unwrap());
    let text = texts.into_iter().find(|text| text.contains(mark)).expect("the thread is found");
    let (mut counts, mut points) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for call in text.lines().filter_map(|line| Some(line.split_once('(')?.0)) {
        let count = counts.entry(call).or_default();
        *count += 1;
        if TELLING.contains(&call) {
            points.push((call.to_owned(), *count));
        }
    }
    assert!(points.len() > 6, "the trace is read: {text}");
    assert_eq!(text.contains("\".new-"), flushes == Flushes::One, "{text}");
    points
}

/// At each point: `act` hands in a mail of this subject while a runner is to be killed there. The next runner must deliver it.
fn killed_at_each(machine: &Machine, isp: &Provider, points: &[Point], flushes: Flushes, act: impl Fn(&str)) {
    let (begun, mut killed) = (Instant::now(), 0);
    let mut alive = Some(start(machine, flushes));
    for (call, number) in points {
        let subject = format!("{call} {number}");
        let options = format!("-f -o /dev/null -e trace={call} -e inject={call}:signal=KILL:when={number}");
        let mut strace = trace(machine, &options);
        while strace.try_wait().unwrap().is_some() {
            drop(alive.take());
            alive = Some(start(machine, flushes));
            strace = trace(machine, &options);
        }
        act(&subject);
        // Another thread may have come first, and mail gone the other way: then the point is past when the mail is.
        wait_for(&format!("a kill or the mail at {subject}"), || {
            strace.try_wait().unwrap().is_some() || arrived(isp).contains_key(&subject)
        });
        killed += usize::from(strace.try_wait().unwrap().is_some());
        drop(alive.take());
        let _ = strace.wait();
        alive = Some(start(machine, flushes));
        // What was not recorded yet when the next one is killed would be sent again.
        wait_for(&format!("the mail after a kill at {subject}"), || {
            arrived(isp).contains_key(&subject) && is_idle(machine)
        });
    }
    for (subject, times) in arrived(isp) {
        assert_eq!(times, 1, "{subject}");
    }
    println!(
        "{flushes:?} flushes: {} points tried, {killed} of them with a kill, in {:?}",
        points.len(),
        begun.elapsed()
    );
    assert!(killed * 10 >= points.len() * 9, "{killed} of {}", points.len());
}

#[test]
fn a_runner_killed_at_any_call_of_taking_a_frame_loses_nothing_and_repeats_nothing() {
    if can_run() {
        BOTH.into_iter().for_each(kill_taking);
    }
}

fn kill_taking(flushes: Flushes) {
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let send = |subject: &str| drop(machine.sh("his", "sendmail friend@away.example", &mail(subject)).good());
    let runner = start(&machine, flushes);
    let points = points(&machine, "\"ok ", flushes, |subject| {
        send(subject);
        wait_for("its mail", || arrived(&isp).contains_key(subject) && is_idle(&machine));
    });
    drop(runner);
    killed_at_each(&machine, &isp, &points, flushes, send);
}

#[test]
fn a_runner_killed_at_any_call_of_picking_up_loses_nothing_and_repeats_nothing() {
    if can_run() {
        BOTH.into_iter().for_each(kill_picking_up);
    }
}

fn kill_picking_up(flushes: Flushes) {
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let leave = |subject: &str| {
        machine.drop_as("his", &frame(envelope(subject).as_bytes(), &mail(subject))).good();
    };
    let runner = start(&machine, flushes);
    let points = points(&machine, "unlink(\"/var/spool/postrider/drop/", flushes, |subject| {
        leave(subject);
        wait_for("its mail", || arrived(&isp).contains_key(subject) && is_idle(&machine));
    });
    drop(runner);
    killed_at_each(&machine, &isp, &points, flushes, leave);
}

#[test]
fn a_runner_killed_at_any_call_of_reporting_what_it_cannot_pick_up_reports_it_once() {
    if can_run() {
        BOTH.into_iter().for_each(kill_reporting);
    }
}

fn kill_reporting(flushes: Flushes) {
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let leave = |subject: &str| {
        machine.drop_as("his", &frame(unusable(subject).as_bytes(), &mail(subject))).good();
    };
    let runner = start(&machine, flushes);
    let points = points(&machine, "unlink(\"/var/spool/postrider/drop/", flushes, |subject| {
        leave(subject);
        wait_for("its report", || arrived(&isp).contains_key(subject) && is_idle(&machine));
    });
    drop(runner);
    killed_at_each(&machine, &isp, &points, flushes, leave);
    for report in isp.mails() {
        assert!(report.text().contains("\r\nSubject: Mail could not be sent\r\n"), "{report:?}");
        assert_eq!((report.from.as_str(), report.to.as_slice()), ("", &["me@isp.example".to_owned()][..]));
    }
}

#[test]
fn what_a_killed_drop_program_left_behind_is_picked_up_whole_or_not_at_all() {
    if can_run() {
        BOTH.into_iter().for_each(kill_drop);
    }
}

fn kill_drop(flushes: Flushes) {
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let way = format!("-E {FLUSHES}={}", flushes.word());
    let points = drop_faults::points(&machine, &way);
    let begun = Instant::now();
    let mut accepted = Vec::new();
    // The last of them is never reached.
    for (call, number) in points.iter().chain([&("fsync".to_owned(), 100)]) {
        let subject = format!("{call} {number}");
        let submission = frame(envelope(&subject).as_bytes(), &mail(&subject));
        let options = format!("{way} -e inject={call}:signal=SIGKILL:when={number}");
        if drop_faults::under_strace(&machine, &options, &submission).code == Some(0) {
            accepted.push(subject);
        }
    }
    // Under its hidden name it is whole as well.
    let is_left = |name: &&String| flushes == Flushes::One || !name.starts_with('.');
    let left = machine.dropped().iter().filter(is_left).count();
    let _runner = start(&machine, flushes);
    wait_for("what is whole to arrive", || arrived(&isp).len() == left);
    let arrived = arrived(&isp);
    assert!(accepted.iter().all(|subject| arrived.contains_key(subject)), "{accepted:?}: {arrived:?}");
    assert!(arrived.values().all(|times| *times == 1), "{arrived:?}");
    assert_eq!(fs::read_dir(machine.path("/var/spool/postrider/failed")).unwrap().count(), 0);
    println!(
        "{flushes:?} flushes: {} points tried in {:?}: {left} stored, {} of them told",
        points.len(),
        begun.elapsed(),
        accepted.len()
    );
    assert!(left > accepted.len() && accepted.len() == 1);
}
