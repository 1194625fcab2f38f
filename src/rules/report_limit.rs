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
mod tests;
