//! The drop program with a fault at each of its system calls in turn, as an ordinary user started it: a kill, or an error that a disk or
//! a full table gives. Exit 0 means a whole submission in drop/, everything else leaves none, and never a torn one.

use std::collections::BTreeMap;
use std::fs;

use crate::machine::{DROP, Ended, Machine, PROGRAM, can_run, frame};
use support::power_cut::{FLUSHES, Flushes};

const ERRORS: [&str; 5] = ["ENOSPC", "EIO", "EROFS", "EDQUOT", "EMFILE"];

const MAY_FAIL: [&str; 13] = [
    "open",
    "openat",
    "newfstatat",
    "stat",
    "statx",
    "read",
    "write",
    "fstatfs",
    "flock",
    "fsync",
    "linkat",
    "renameat2",
    "fchmod",
];

fn mail() -> Vec<u8> {
    frame(b"{\"v\":1}", b"Subject: whole\n\nHello.\n")
}

/// Runs it as him under strace, which as root leaves the set-id bit its effect.
pub fn under_strace(machine: &Machine, options: &str, frame: &[u8]) -> Ended {
    machine.sh("root", &format!("exec strace -f -qq -u his -o /run/trace {options} {PROGRAM}"), frame)
}

/// Both ways to store a submission, as options of strace.
fn ways() -> [String; 2] {
    [Flushes::Two, Flushes::One].map(|flushes| format!("-E {FLUSHES}={}", flushes.word()))
}

/// The calls of a run without faults from the first of ours on: name, and which one of that name.
pub fn points(machine: &Machine, options: &str) -> Vec<(String, usize)> {
    under_strace(machine, options, &mail()).good();
    let (mut counts, mut points, mut begun) = (BTreeMap::<String, usize>::new(), Vec::new(), false);
    for line in fs::read_to_string(machine.path("/run/trace")).unwrap().lines() {
        let call = line.split_once(' ').map_or("", |(_, rest)| rest.trim_start()).split('(').next().unwrap().to_owned();
        let count = counts.entry(call.clone()).or_default();
        *count += 1;
        begun |= call == "close_range";
        if begun && !call.is_empty() && !call.contains(['+', '-', ' ']) {
            points.push((call, *count));
        }
    }
    machine.empty_drop();
    assert!(points.len() > 15, "the trace is read: {points:?}");
    points
}

/// Octets of the checksum behind a submission that is synced once.
const CHECKSUM: usize = 4;

/// Takes out what is in drop/, every one of which must be whole, also under its hidden name; how many.
fn whole_ones(machine: &Machine) -> usize {
    let names = machine.dropped();
    for name in &names {
        let content = fs::read(machine.path(DROP).join(name)).unwrap();
        let behind = content.strip_prefix(&*mail()).map(<[u8]>::len);
        assert!(matches!(behind, Some(0 | CHECKSUM)), "{name} is torn: {content:?}");
    }
    machine.empty_drop();
    names.len()
}

#[test]
fn a_drop_program_killed_at_any_system_call_accepts_nothing_that_is_lost_and_leaves_nothing_torn() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    for way in ways() {
        let points = points(&machine, &way);
        let mut stored = 0;
        for (call, number) in &points {
            let options = format!("{way} -e inject={call}:signal=SIGKILL:when={number}");
            let ended = under_strace(&machine, &options, &mail());
            let whole = whole_ones(&machine);
            assert!(whole <= 1 && (whole == 1 || ended.code != Some(0)), "{call} {number}: {ended:?}");
            stored += whole;
        }
        // Only a kill behind the link finds it stored.
        assert!(stored > 0 && stored < points.len() / 2, "{way}: {stored} of {}", points.len());
    }
}

#[test]
fn an_error_at_any_system_call_is_reported_in_one_line_and_leaves_nothing() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    for way in ways() {
        for (call, number) in points(&machine, &way).iter().filter(|(call, _)| MAY_FAIL.contains(&call.as_str())) {
            for error in ERRORS {
                let options = format!("{way} -e inject={call}:error={error}:when={number}");
                let ended = under_strace(&machine, &options, &mail());
                let whole = whole_ones(&machine);
                // A look at a slot that fails is no reason not to try it.
                if ended.code == Some(0) {
                    assert_eq!(whole, 1, "{call} {number} {error}");
                } else {
                    ended.refused(75);
                    assert_eq!(whole, 0, "{call} {number} {error}");
                }
            }
        }
    }
}

#[test]
fn where_files_must_have_a_name_a_submission_is_stored_all_the_same() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let points = points(&machine, "");
    let mut opens = points.iter().filter(|(call, _)| call == "openat").map(|(_, number)| *number);
    let unnamed = opens.next_back().unwrap();
    under_strace(&machine, &format!("-e inject=openat:error=EOPNOTSUPP:when={unnamed}"), &mail()).good();
    assert_eq!((machine.dropped(), whole_ones(&machine)), (vec!["20001.0".to_owned()], 1));
    // NFS does not rename without replacing either.
    let neither = format!("-e inject=openat:error=EOPNOTSUPP:when={unnamed} -e inject=renameat2:error=EINVAL");
    under_strace(&machine, &neither, &mail()).good();
    assert_eq!((machine.dropped(), whole_ones(&machine)), (vec!["20001.0".to_owned()], 1));
}

#[test]
fn a_slot_that_was_taken_meanwhile_costs_no_second_flush() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let options = format!("{} -e inject=renameat2:error=EEXIST:when=1 -e inject=fsync:error=EIO:when=2+", ways()[1]);
    under_strace(&machine, &options, &mail()).good();
    assert_eq!((machine.dropped(), whole_ones(&machine)), (vec!["20001.1".to_owned()], 1));
}
