//! Users and groups by name and number, as the machine's name services tell them (nsswitch.conf(5)). A static program cannot ask those:
//! the C library loads them at run time, and crashes where they are not of its own version or kind.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::unistd::{Gid, Group, Uid, User};

static FORGOTTEN: AtomicBool = AtomicBool::new(false);

/// From now on nobody is known here: for a static program, which has files alone to ask.
pub fn forget() {
    FORGOTTEN.store(true, Ordering::Relaxed);
}

/// The user with this uid. An unreadable database counts as empty.
#[must_use]
pub fn user_of(uid: u32) -> Option<User> {
    ask(|| User::from_uid(Uid::from_raw(uid)).ok().flatten())
}

/// The user with this login name.
#[must_use]
pub fn user_named(login: &str) -> Option<User> {
    ask(|| User::from_name(login).ok().flatten())
}

/// The group of this name.
#[must_use]
pub fn group_named(group: &str) -> Option<Gid> {
    ask(|| Group::from_name(group).ok().flatten()).map(|group| group.gid)
}

fn ask<T>(question: impl FnOnce() -> Option<T>) -> Option<T> {
    if FORGOTTEN.load(Ordering::Relaxed) { None } else { question() }
}
