//! The runner's descriptors and memory over time: they must not grow.

use std::fs;

/// Looks in each part, below which the most that was seen says little.
const ENOUGH: usize = 30;

/// What was seen in one part of the time.
#[derive(Debug, Default, Clone, Copy)]
struct Most {
    looks: usize,
    descriptors: usize,
    memory_kib: u64,
}

/// Looks at one process.
pub struct Watch {
    pid: i32,
    before: Most,
    after: Most,
}

impl Watch {
    pub fn new(pid: i32) -> Self {
        Self { pid, before: Most::default(), after: Most::default() }
    }

    /// Looks now; `late` in the last quarter.
    pub fn look(&mut self, late: bool) {
        // Only root may look at them: its memory is private.
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count);
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let memory_kib = line.split_whitespace().next().unwrap().parse().unwrap();
        let most = if late { &mut self.after } else { &mut self.before };
        most.looks += 1;
        most.descriptors = most.descriptors.max(descriptors);
        most.memory_kib = most.memory_kib.max(memory_kib);
    }

    /// Asserts that they are flat; the figures in words.
    pub fn judge(&self) -> String {
        let Self { before, after, .. } = self;
        if before.looks.min(after.looks) < ENOUGH {
            return format!("too short to tell whether the runner grows: {before:?}, then {after:?}");
        }
        assert!(after.descriptors <= before.descriptors + 10, "descriptors grow: {before:?}, then {after:?}");
        assert!(after.memory_kib <= before.memory_kib * 5 / 4 + 4096, "memory grows: {before:?}, then {after:?}");
        format!(
            "the runner had at most {} descriptors and {} KiB in the third quarter, {} and {} in the last",
            before.descriptors, before.memory_kib, after.descriptors, after.memory_kib
        )
    }
}
