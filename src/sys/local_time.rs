//! The local time, without loading a whole time zone database: the front end is started a thousand times a day.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use parking_lot::Mutex;

const LOCALTIME: &str = "/etc/localtime";
/// Limit in bytes. The largest zone files have a few thousand.
const MAX_ZONE: u64 = 64 << 10;
/// How old a zone that was read may be. A runner that stores a thousand messages a second reads it once.
const AGE: Duration = Duration::from_secs(1);

/// The current time, in the zone of `$TZ`, or else of /etc/localtime, or else UTC.
#[must_use]
pub fn now() -> Zoned {
    if std::env::var_os("TZ").is_some_and(|tz| !tz.is_empty()) {
        return Zoned::now();
    }
    Timestamp::now().to_zoned(machine_zone())
}

fn machine_zone() -> TimeZone {
    static KNOWN: Mutex<Option<(Instant, TimeZone)>> = Mutex::new(None);
    let mut known = KNOWN.lock();
    if let Some((_, zone)) = known.as_ref().filter(|(at, _)| at.elapsed() < AGE) {
        return zone.clone();
    }
    let zone = read_zone().unwrap_or(TimeZone::UTC);
    *known = Some((Instant::now(), zone.clone()));
    zone
}

fn read_zone() -> Option<TimeZone> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(LOCALTIME).ok()?.take(MAX_ZONE).read_to_end(&mut bytes).ok()?;
    TimeZone::tzif("Local", &bytes).ok()
}

#[cfg(test)]
mod tests;
