//! Times as the spool's files have them: RFC 3339, UTC, always six digits of a second,
//! so that they have one length and sort as text.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer};

/// When this program was made, roughly: a clock that says less is wrong.
pub const BUILT: Timestamp = Timestamp::constant(1_793_491_200, 0);

/// For `serde(with)`.
pub fn serialize<S: Serializer>(at: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&format_args!("{at:.6}"))
}

/// For `serde(with)`.
pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
    Timestamp::deserialize(d)
}
