//! Whether this machine's clock is that of a token's issuer. Nothing here depends on it, since lifetimes count from the request; but
//! certificates do, and what an issuer refuses may.

use jiff::{SignedDuration, Timestamp};

/// What nobody needs to hear of.
const USUAL: SignedDuration = SignedDuration::from_mins(5);

/// In words, if it is far off.
#[must_use]
pub fn difference(issuer: &str, theirs: Timestamp, ours: Timestamp) -> Option<String> {
    let ahead = ours.duration_since(theirs);
    if ahead.abs() < USUAL {
        return None;
    }
    let minutes = (ahead.abs().as_secs() + 30) / 60;
    let side = if ahead.is_positive() { "ahead of" } else { "behind" };
    Some(format!(
        "the clock of this machine is {minutes} minutes {side} that of {issuer}; set it, for example with \
         \"timedatectl set-ntp true\""
    ))
}
