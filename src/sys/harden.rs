//! Protects a process that holds passwords: no core file, and no other process of the same user may read its memory.

use rustix::process::{DumpableBehavior, Resource, Rlimit};

use super::user;

/// An undumpable process cannot read its own /proc files. Whether the environment is trusted is read there, so that is
/// determined first: an ordinary user's `POSTRIDER_CONFIG` would be ignored otherwise.
pub fn keep_memory_private() {
    let _ = user::environment_is_trusted();
    // If the system refuses one of them, the other still helps. Neither is a reason to stop delivering mail.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}
