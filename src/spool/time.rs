//! Times in the files of the spool: RFC 3339 in UTC, always with six decimals, so that they have one length and sort
//! as text.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer};

/// A time shortly before this program was built. A clock that shows less is wrong.
pub const BUILT: Timestamp = Timestamp::constant(1_793_491_200, 0);

/// For `serde(with)`.
pub fn serialize<S: Serializer>(at: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&format_args!("{at:.6}"))
}

/// For `serde(with)`.
pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
    Timestamp::deserialize(d)
}
