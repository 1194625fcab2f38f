//! The files that a login depends on: the configuration and the file with the secret. A rejected login is repeated
//! once after each change of them, because every further wrong login may lock the account.
//!
//! The comparison is between two clocks: the attempt's time is the wall clock's, the file's time is the kernel's.
//! Where they cannot be told apart, the answer errs on the side of a change. The cost is one more login; the other
//! mistake would leave the account waiting although its owner has fixed it.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use crate::control::loaded::{Loaded, changed_at, config_changed_at};

/// The kernel stamps files with the time of its last tick, which is behind the clock by at most this.
const FILE_TIME_LAG: SignedDuration = SignedDuration::from_millis(10);

/// The time to compare later changes with. Call it before the secret is read. A file that was written within the lag
/// may carry a stamp from before the write.
#[must_use]
pub fn read_at(loaded: &Loaded, account: &str) -> Timestamp {
    let config = loaded.config_changed();
    if let Some(used) = config.filter(|_| config_changed_at(&loaded.config.path) != config) {
        // The configuration in use is already outdated: any later stamp is a change.
        return used;
    }
    let changed = [config, secret(loaded, account).and_then(|path| changed_at(&path))].into_iter().flatten();
    changed.map(with_lag).fold(Timestamp::now(), Timestamp::max)
}

/// Whether the configuration or the account's secret changed after `since`.
///
/// By the time of status change (ctime), which a restored backup or `touch -r` cannot set back.
#[must_use]
pub fn have_changed_since(loaded: &Loaded, account: &str, since: Timestamp) -> bool {
    let changed = [config_changed_at(&loaded.config.path), secret(loaded, account).and_then(|path| changed_at(&path))];
    changed.into_iter().flatten().any(|changed| with_lag(changed) > since)
}

fn secret(loaded: &Loaded, account: &str) -> Option<PathBuf> {
    loaded.config.account(account)?.credential_file()
}

fn with_lag(changed: Timestamp) -> Timestamp {
    changed.saturating_add(FILE_TIME_LAG).unwrap_or(changed)
}
