//! The files that a login rests on, the config and the account's secret: whether they have changed since a login was
//! made. So a login that was rejected is made again once for each change, and not for the change that it was made with.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use crate::control::loaded::{Loaded, changed_at, config_changed_at};

/// The kernel stamps a file with the time of its last tick, which lags behind the clock by this much at most.
const FILE_TIME_LAG: SignedDuration = SignedDuration::from_millis(10);

/// To be asked before the secret is read: the time from which on a change is a change to what is read then. A file
/// that was stamped within the lag is older than what it is compared with.
#[must_use]
pub fn read_at(loaded: &Loaded, account: &str) -> Timestamp {
    let config = loaded.config_changed();
    if let Some(used) = config.filter(|_| config_changed_at(&loaded.config.path) != config) {
        // The login is made with a config that is out of date already.
        return used;
    }
    let changed = [config, secret(loaded, account).and_then(changed_at)].into_iter().flatten();
    changed.map(with_lag).fold(Timestamp::now(), Timestamp::max)
}

/// Whether the config or the account's secret changed after that.
#[must_use]
pub fn have_changed_since(loaded: &Loaded, account: &str, since: Timestamp) -> bool {
    let changed = [config_changed_at(&loaded.config.path), secret(loaded, account).and_then(changed_at)];
    changed.into_iter().flatten().any(|changed| with_lag(changed) > since)
}

fn secret<'l>(loaded: &'l Loaded, account: &str) -> Option<&'l Path> {
    loaded.config.account(account)?.password.as_ref()?.file()
}

fn with_lag(changed: Timestamp) -> Timestamp {
    changed.saturating_add(FILE_TIME_LAG).unwrap_or(changed)
}
