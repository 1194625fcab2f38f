//! Whether this machine's clock can be right. A wrong one makes certificates invalid and dates in mail wrong; the queue has a clock of
//! its own.

use jiff::{SignedDuration, Timestamp};

use super::report::{Kind, Level, Reason};
use crate::spool::time::BUILT;

/// What is said of mail that arrived later than now.
pub const FROM_THE_FUTURE: &str =
    "in the queue that arrived in the future, so the clock of this machine was or is wrong";
/// What to do about it.
pub const REMEDY: &str = "see `timedatectl`, or `date`";
/// Clocks are set by less than this when they are only corrected.
const CORRECTION: SignedDuration = SignedDuration::from_hours(1);

/// That it shows a time before this program was built.
#[must_use]
pub fn stopped(now: Timestamp) -> Option<Reason> {
    let day = now.strftime("%Y-%m-%d");
    let text = format!("the clock of this machine shows {day}, so certificates are refused");
    (now < BUILT).then(|| Reason::new(Level::Critical, Kind::Clock, text).cured_by(REMEDY))
}

/// Whether the clock must have been set back since.
#[must_use]
pub fn is_in_the_future(arrived: Timestamp, now: Timestamp) -> bool {
    arrived.duration_since(now) > CORRECTION
}
