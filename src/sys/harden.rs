//! Protects a process that holds passwords: no core file, and no other process of the same user may read its memory.

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// Call this after the configuration is read: an undumpable process cannot read its own /proc files.
pub fn keep_memory_private() {
    // If the system refuses one of them, the other still helps. Neither is a reason to stop delivering mail.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}
