//! What a process that holds passwords owes its owner: no core file, and no other
//! process of the same user that reads its memory.

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// Called once the config is read. Not before: an undumpable process may not read its own /proc files.
pub fn keep_memory_private() {
    // Where the system refuses one of them, the other still holds; neither is a reason to lose mail.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}
