//! The local time, without loading a whole time zone database: the front end is started a thousand times a day.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

const LOCALTIME: &str = "/etc/localtime";
/// Limit in bytes. The largest zone files have a few thousand.
const MAX_ZONE: u64 = 64 << 10;

/// The current time, in the zone of `$TZ`, or else of /etc/localtime, or else UTC.
#[must_use]
pub fn now() -> Zoned {
    if std::env::var_os("TZ").is_some_and(|tz| !tz.is_empty()) {
        return Zoned::now();
    }
    Timestamp::now().to_zoned(machine_zone().unwrap_or(TimeZone::UTC))
}

fn machine_zone() -> Option<TimeZone> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(LOCALTIME).ok()?.take(MAX_ZONE).read_to_end(&mut bytes).ok()?;
    TimeZone::tzif("Local", &bytes).ok()
}

#[cfg(test)]
mod tests;
