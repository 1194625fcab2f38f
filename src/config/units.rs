//! Sizes and durations as people write them: `50MB`, `64MiB`, `1h30m`, `5d`
//! (postrider.toml(5)). Which keys take which is `read`'s business.

use std::time::Duration;

/// Why a text is no size or duration; the text itself is never quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Nothing there.
    #[error("it is empty: write a number with its unit, as in \"30s\" or \"50MB\"")]
    Empty,
    /// A duration that is a number only.
    #[error("the unit is missing: write \"90s\", \"5m\", \"1h30m\", \"5d\" or \"2w\"")]
    NoUnit,
    /// Something else than digits where a number must stand.
    #[error("write whole numbers, each with its unit, as in \"1h30m\" or \"50MB\"")]
    NoNumber,
    /// A word that is no unit of time.
    #[error("unknown unit: the units are s, m (minutes), h, d and w")]
    UnknownTime,
    /// Units of time out of order or twice.
    #[error("the units must go from the largest to the smallest, each once, as in \"1h30m\"")]
    Order,
    /// A word that is no unit of size.
    #[error("unknown unit: the units are B, KB, MB, GB, TB (by 1000) and KiB, MiB, GiB, TiB (by 1024)")]
    UnknownSize,
    /// More than we can count.
    #[error("it is too large")]
    TooLarge,
}

/// Units of time, largest first, in seconds.
const TIMES: [(&str, u64); 5] = [("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Units of size, lower-cased, in octets.
const SIZES: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// A duration as people say it, to the nearest unit that it fills: `90 s`, `15 min`, `24 h`.
#[must_use]
pub fn in_words(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// Reads a duration; a bare number is an error, `0s` is not.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(UnitError::Empty);
    }
    let mut total = 0u64;
    let mut smaller = TIMES.as_slice();
    while !rest.is_empty() {
        let (number, behind) = number(rest)?;
        let (unit, behind) = word(behind);
        if unit.is_empty() {
            return Err(UnitError::NoUnit);
        }
        let at = smaller.iter().position(|(name, _)| name.eq_ignore_ascii_case(unit));
        let Some(at) = at else {
            let known = TIMES.iter().any(|(name, _)| name.eq_ignore_ascii_case(unit));
            return Err(if known { UnitError::Order } else { UnitError::UnknownTime });
        };
        let seconds = number.checked_mul(smaller[at].1).ok_or(UnitError::TooLarge)?;
        total = total.checked_add(seconds).ok_or(UnitError::TooLarge)?;
        smaller = &smaller[at + 1..];
        rest = behind.trim_start();
    }
    // A thousand years: whoever adds it to a time must not overflow.
    if total > 1_000 * 366 * 86_400 { Err(UnitError::TooLarge) } else { Ok(Duration::from_secs(total)) }
}

/// Reads a size in octets; a bare number counts octets.
pub fn size(text: &str) -> Result<u64, UnitError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(UnitError::Empty);
    }
    let (number, behind) = number(text)?;
    let unit = behind.to_ascii_lowercase();
    let factor = SIZES.iter().find(|(name, _)| *name == unit).ok_or(UnitError::UnknownSize)?.1;
    let octets = number.checked_mul(factor).ok_or(UnitError::TooLarge)?;
    // File offsets are signed.
    if i64::try_from(octets).is_err() { Err(UnitError::TooLarge) } else { Ok(octets) }
}

/// Takes the number in front, with blanks behind it.
fn number(text: &str) -> Result<(u64, &str), UnitError> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if end == 0 {
        return Err(UnitError::NoNumber);
    }
    let number = text[..end].parse().map_err(|_| UnitError::TooLarge)?;
    Ok((number, text[end..].trim_start()))
}

/// Takes the letters in front.
fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests;
