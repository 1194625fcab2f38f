//! Power loss in system mode: while the drop program stores a submission, while a runner picks it up, admits and delivers it, and while
//! it delivers what was deferred before. On each state that a cut may leave, the machine's runner starts, and all that was accepted
//! arrives whole. Nor is any lost where the runner cannot write for a moment. `tests/faults/` tries user mode.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use crate::drop::drop_faults::under_strace;
use crate::machine::{HIS, Machine, can_run, frame};
use crate::machine_runner::machine;
use support::points::{self, Point};
use support::power_cut::{FLUSHES, Files, Flushes, Found, Op, Recorded, State, gather, sent_before, try_models};
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;

const SPOOL: &str = "/var/spool/postrider";
const BODY: &[u8] = b"one\r\ntwo\r\nthree\r\n";
const FRIEND: &str = "friend@away.example";
const OTHER: &str = "other@away.example";

const WHOLE: &[u8] = b"Subject: whole\n\none\ntwo\nthree\n";

/// What strace must log.
const LOGGED: &str = "-y -s 400000 -e trace=%file,%desc";

fn mail() -> Vec<u8> {
    let recipients = format!(r#"{{"complete":"{FRIEND}"}},{{"complete":"{OTHER}"}}"#);
    let envelope = format!(r#"{{"v":1,"token":"T","sender":null,"recipients":[{recipients}]}}"#);
    frame(envelope.as_bytes(), WHOLE)
}

/// Files of the spool, by their inner paths.
fn files(machine: &Machine) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let outer = machine.path(SPOOL);
    gather(&outer, &mut found);
    let inner = |path: PathBuf| Path::new(SPOOL).join(path.strip_prefix(&outer).unwrap());
    found.into_iter().map(|(path, content)| (inner(path), content)).collect()
}

/// What this does to the spool while strace logs it.
fn recorded(machine: &Machine, flushes: Flushes, act: impl FnOnce()) -> Recorded {
    let before = files(machine);
    act();
    let log = fs::read_to_string(machine.path("/run/trace")).unwrap();
    Recorded::read(Path::new(SPOOL), before, &log, flushes)
}

/// A command of the administrator's, which is the runner meanwhile, under strace.
fn deliver(machine: &Machine, command: &str) {
    machine.sh("root", &format!("exec strace -f -qq -o /run/trace {LOGGED} postrider {command}"), b"").good();
}

/// The machine's spool becomes this.
fn restore(machine: &Machine, files: &Files) {
    machine.sh("root", &format!("find {SPOOL} -type f -delete"), b"").good();
    let outer = machine.path(SPOOL);
    let runner = fs::metadata(outer.join("queue")).unwrap();
    let drop_group = machine.gid("postrider-drop");
    for (path, content) in files {
        let path = outer.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let is_dropped = path.parent().is_some_and(|folder| folder.ends_with("drop"));
        let (uid, gid, mode) = if is_dropped { (HIS, drop_group, 0o640) } else { (runner.uid(), runner.gid(), 0o600) };
        chown(&path, Some(uid), Some(gid)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// What the machine's runner makes of a state.
fn run_on(machine: &Machine, isp: &Provider, files: &Files) -> Found {
    restore(machine, files);
    after(machine, isp, isp.received())
}

/// What there is once a runner has done what it can; the provider had so many mails before.
fn after(machine: &Machine, isp: &Provider, before: usize) -> Found {
    // Where a message was just being tried for one recipient, the second flush is for the others.
    machine.sh("root", "postrider flush; postrider flush; postrider run --until-empty", b"");
    let mails = isp.mails().split_off(before);
    let is_file =
        |folder: &str| fs::read_dir(machine.path(SPOOL).join(folder)).is_ok_and(|mut left| left.next().is_some());
    let records = machine.sh("root", "postrider history --json", b"").printed.lines().count();
    Found {
        is_torn: mails.iter().any(|mail| mail.body() != BODY),
        sent: mails.into_iter().flat_map(|mail| mail.to).collect(),
        is_stranded: ["drop", "queue", "raw", "failed"].into_iter().any(is_file),
        records,
    }
}

#[test]
fn what_the_drop_program_accepted_survives_a_power_cut() {
    if !can_run() {
        return;
    }
    for flushes in [Flushes::Two, Flushes::One] {
        drop_and_cut(flushes);
    }
}

fn drop_and_cut(flushes: Flushes) {
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let options = format!("{LOGGED} -E {FLUSHES}={}", flushes.word());
    let recorded = recorded(&machine, flushes, || drop(under_strace(&machine, &options, &mail()).good()));
    let syncs = recorded.ops.iter().filter(|op| matches!(op, Op::Sync(_) | Op::SyncFolder(_))).count();
    assert_eq!(syncs, if flushes == Flushes::One { 1 } else { 2 });
    let end = recorded.ops.len();
    let run_on = |files: &Files| {
        let found = run_on(&machine, &isp, files);
        // Half of a submission that was not accepted is not mail.
        let was_accepted = !found.sent.is_empty();
        Found { is_stranded: found.is_stranded && was_accepted, ..found }
    };
    let wanted = |state: &State| [FRIEND, OTHER].map(|to| (to, usize::from(state.last == end), 1)).to_vec();
    try_models("drop", &recorded, run_on, wanted);
}

#[test]
fn what_is_picked_up_and_delivered_survives_a_power_cut() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    machine.drop_as("his", &mail()).good();
    let recorded = recorded(&machine, Flushes::Two, || deliver(&machine, "run --until-empty"));
    assert_eq!(isp.received(), 1);
    try_models(
        "pickup and first attempt",
        &recorded,
        |files| run_on(&machine, &isp, files),
        |state| [FRIEND, OTHER].map(|to| sent_before(&recorded, b"\"delivered\"", state, to)).to_vec(),
    );
}

/// Who gets what comes by the socket.
const THIRD: &str = "third@away.example";

#[test]
fn what_is_recovered_in_drop_and_what_comes_by_the_socket_survives_a_power_cut_with_one_flush() {
    if !can_run() {
        return;
    }
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 not now")).start();
    let machine = machine(&isp, "[queue]\nretry_min = \"1h\"");
    let one = format!("-E {FLUSHES}={}", Flushes::One.word());
    under_strace(&machine, &one, &mail()).good();
    let name = machine.dropped().remove(0);
    machine.sh("root", &format!("cd {SPOOL}/drop && mv {name} .{name}"), b"").good();
    let recorded = recorded(&machine, Flushes::One, || {
        let traced = format!("exec strace -f -qq -o /run/trace {LOGGED} {one} postrider run");
        let mut runner = machine.start("root", &traced);
        wait_for("what is in drop/ to be picked up", || machine.dropped().is_empty());
        machine.sh("his", &format!("sendmail -i {THIRD}"), WHOLE).good();
        machine.sh("root", "pkill -x postrider", b"").good();
        runner.wait().unwrap();
    });
    let queue = Path::new(SPOOL).join("queue");
    let is_stored = |op: &Op| matches!(op, Op::Rename(_, name) if name.parent() == Some(&queue));
    let stored = recorded.ops.iter().rposition(is_stored).unwrap();
    isp.behave();
    try_models(
        "recovery, pickup and socket",
        &recorded,
        |files| run_on(&machine, &isp, files),
        |state| vec![(FRIEND, 1, 1), (OTHER, 1, 1), (THIRD, usize::from(state.last > stored), 1)],
    );
}

#[test]
fn what_is_delivered_at_a_later_attempt_survives_a_power_cut() {
    if !can_run() {
        return;
    }
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("friend").once().reply("450 4.2.0 not now")).start();
    let machine = machine(&isp, "[queue]\nretry_min = \"1h\"");
    machine.drop_as("his", &mail()).good();
    machine.sh("root", "postrider run --once", b"").good();
    // One is left behind for the rest.
    machine.sh("root", "pkill -x postrider; timeout 10 pidwait -x postrider; true", b"").good();
    assert_eq!((isp.mail().to, machine.dropped().len()), (vec![OTHER.to_owned()], 0));
    let recorded = recorded(&machine, Flushes::Two, || deliver(&machine, "flush"));
    assert_eq!(isp.received(), 2);
    try_models(
        "later attempt in system mode",
        &recorded,
        |files| run_on(&machine, &isp, files),
        |state| vec![sent_before(&recorded, b"\"outcome\"", state, FRIEND), (OTHER, 0, 0)],
    );
}

#[test]
fn a_runner_that_cannot_write_for_a_moment_picks_up_and_sends_once() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    machine.drop_as("his", &mail()).good();
    let below_spool = |path: PathBuf| path.strip_prefix(SPOOL).unwrap().to_owned();
    let dropped: Files = files(&machine).into_iter().map(|(path, content)| (below_spool(path), content)).collect();
    deliver(&machine, "run --until-empty");
    let points = points::in_log(&machine.path("/run/trace"), "/drop", None);
    let points: Vec<Point> = points.into_iter().filter(|point| points::may_fail(point, "EIO")).collect();
    let mut tried = 0;
    for (point, error) in points::few(&points).into_iter().zip(["ENOSPC", "EIO", "EMFILE"].into_iter().cycle()) {
        if !points::may_fail(point, error) {
            continue;
        }
        restore(&machine, &dropped);
        let before = isp.received();
        let fault = format!("inject={}:error={error}:when={}", point.call, point.number);
        // Where it waits for its next try, the one who comes after does it.
        let faulty = format!("exec strace -f -qq -o /dev/null -e {fault} timeout 3 postrider run --until-empty");
        let said = machine.sh("root", &faulty, b"").said;
        let found = after(&machine, &isp, before);
        let left: Vec<PathBuf> = files(&machine).into_iter().map(|(path, _)| path).collect();
        assert_eq!((found.copies(FRIEND), found.copies(OTHER)), (1, 1), "{point:?} {error}: {said}\n{left:?}");
        assert!(!found.is_torn && !found.is_stranded, "{point:?} {error}: {said}\n{left:?}");
        tried += 1;
    }
    println!("pickup in system mode: {tried} errors of {} points, every mail arrived once", points.len());
    assert!(tried > 0);
}
