//! The points at which a fault can be made: the system calls of one run, in turn, as strace
//! counts them (per thread and per call).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::need::{installed, is_strict, skip};
use crate::world::World;

const TRACE: &str = "trace.log";

/// Calls that change nothing that outlives the process: a crash there is a crash at the call before.
const MEMORY_ONLY: [&str; 22] = [
    "mmap",
    "munmap",
    "mprotect",
    "brk",
    "madvise",
    "mremap",
    "futex",
    "rt_sigaction",
    "rt_sigprocmask",
    "sigaltstack",
    "rseq",
    "set_robust_list",
    "set_tid_address",
    "prctl",
    "sched_getaffinity",
    "sched_yield",
    "prlimit64",
    "getrandom",
    "restart_syscall",
    "exit_group",
    "exit",
    "clock_nanosleep",
];

/// One system call of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Its name.
    pub call: String,
    /// Which one of this name, from 1.
    pub number: usize,
}

/// Whether a call can fail for want of room, for a broken disk, or for a full table.
pub fn may_fail(point: &Point, error: &str) -> bool {
    match point.call.as_str() {
        "openat" | "open" | "creat" | "mkdir" | "mkdirat" => true,
        "write" | "pwrite64" | "writev" | "fsync" | "fdatasync" | "ftruncate" | "fchmod" | "link" | "linkat"
        | "rename" | "renameat" | "renameat2" | "unlink" | "unlinkat" => error != "EMFILE",
        _ => false,
    }
}

/// Says why the tests are skipped, if so.
pub fn is_skipped() -> bool {
    !installed("strace") && !skip("strace is not installed, and faults are made by its injection")
}

/// All points in CI; for people every fourth, another set each time, since all of them take a minute.
pub fn chosen(points: &[Point]) -> Vec<&Point> {
    if is_strict() {
        return points.iter().collect();
    }
    let first = std::process::id() as usize % 4;
    println!("every fourth of {} points, from {first} on; POSTRIDER_INTEROP=require takes all", points.len());
    points.iter().skip(first).step_by(4).collect()
}

/// A few of them, spread evenly, for a world that takes long to make; four times as many in CI.
pub fn few(points: &[Point]) -> Vec<&Point> {
    let step = (points.len() / if is_strict() { 48 } else { 12 }).max(1);
    let first = std::process::id() as usize % step;
    points.iter().skip(first).step_by(step).collect()
}

/// A command under strace that makes this fault.
pub fn inject(world: &World, fault: &str, program: &str, args: &[&str]) -> Command {
    let log = world.path("strace.log");
    let inject = format!("inject={fault}");
    let before = ["-f", "-qq", "-o", log.to_str().unwrap(), "-e", inject.as_str(), program];
    world.command("strace", &[&before, args].concat())
}

/// The points of a run from where it first touches the spool's folder of that name.
pub fn of_run(world: &World, from: &str, program: &str, args: &[&str], input: &[u8]) -> Vec<Point> {
    let ran = crate::world::run(tracing(world, program, args), input);
    assert_eq!(ran.status, Some(0), "without a fault it works: {ran:?}");
    in_log(&world.path(TRACE), from, None)
}

/// A command whose calls are written down, for [`traced`].
pub fn tracing(world: &World, program: &str, args: &[&str]) -> Command {
    let log = world.path(TRACE);
    let before = ["-f", "-qq", "-s", "256", "-o", log.to_str().unwrap(), program];
    world.command("strace", &[&before, args].concat())
}

/// The points of such a run from the first call with the one text in it up to the first with the other.
pub fn traced(world: &World, from: &str, until: Option<&str>) -> Vec<Point> {
    in_log(&world.path(TRACE), from, until)
}

/// The same in another trace.
pub fn in_log(log: &Path, from: &str, until: Option<&str>) -> Vec<Point> {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut points = Vec::new();
    let mut begun = false;
    for line in fs::read_to_string(log).unwrap().lines() {
        begun |= line.contains(from);
        if begun && until.is_some_and(|until| line.contains(until)) {
            break;
        }
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        let Some((call, _)) = rest.split_once('(').filter(|_| !rest.starts_with(['<', '+', '-'])) else { continue };
        let count = counts.entry((thread.to_owned(), call.to_owned())).or_default();
        *count += 1;
        if begun && !MEMORY_ONLY.contains(&call) {
            points.push(Point { call: call.to_owned(), number: *count });
        }
    }
    points.sort();
    points.dedup();
    assert!(points.len() > 10, "the trace is read");
    points
}
