//! How many reports one sender gets within an hour before they are gathered in a digest.
//! Pure; the clock and the keeping are the runner's.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The span that the limit is for.
const HOUR: Duration = Duration::from_hours(1);

/// The reports that a sender got in the hour that began with the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    begun: Timestamp,
    reports: u32,
}

impl Hour {
    /// An hour that begins now.
    #[must_use]
    pub fn begin(now: Timestamp) -> Self {
        Self { begun: now, reports: 0 }
    }

    /// How long it still lasts; nothing where it is over, or where the clock says that it has not begun.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.begun)).map_or(Duration::ZERO, |past| HOUR.saturating_sub(past))
    }

    /// Counts a report, if it may still be sent in this hour; else how long until what is gathered goes out.
    pub fn take(&mut self, most: u32, now: Timestamp) -> Result<(), Duration> {
        if self.left(now).is_zero() {
            *self = Self::begin(now);
        }
        if self.reports >= most {
            return Err(self.left(now));
        }
        self.reports += 1;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_limit_waits_for_the_end_of_the_hour() {
        let start: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
        let at = |minutes| start + jiff::SignedDuration::from_mins(minutes);
        let mut hour = Hour::begin(start);
        assert_eq!(hour.take(2, at(0)), Ok(()));
        assert_eq!(hour.take(2, at(10)), Ok(()));
        assert_eq!(hour.take(2, at(20)), Err(Duration::from_mins(40)));
        assert_eq!(hour.take(3, at(30)), Ok(()), "a limit that was raised counts at once");
        assert_eq!(hour.take(2, at(60)), Ok(()), "a new hour");
        assert_eq!(hour.left(at(60)), HOUR);
        assert_eq!(hour.left(at(0)), Duration::ZERO, "a clock that went back leaves nobody waiting");
        assert_eq!(hour.take(2, at(0)), Ok(()));
    }
}
