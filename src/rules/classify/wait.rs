//! Times that a reply names: "in 24 hours", "after 00:04:58", "tomorrow", "daily limit". Dates are not read, because
//! this file knows no clock.

use std::time::Duration;

const SECOND: u64 = 1;
const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// No reply makes anything wait longer than this.
pub const LONGEST: Duration = Duration::from_secs(DAY);

/// The units, longest word first where one begins another. A word of one letter counts only right after a digit.
const UNITS: [(&str, u64); 52] = [
    ("seconds", SECOND),
    ("second", SECOND),
    ("secs", SECOND),
    ("sec", SECOND),
    ("sekunden", SECOND),
    ("sekunde", SECOND),
    ("secondes", SECOND),
    ("seconde", SECOND),
    ("segundos", SECOND),
    ("segundo", SECOND),
    ("secondi", SECOND),
    ("秒", SECOND),
    ("s", SECOND),
    ("minutes", MINUTE),
    ("minuten", MINUTE),
    ("minutos", MINUTE),
    ("minuto", MINUTE),
    ("minute", MINUTE),
    ("minuti", MINUTE),
    ("mins", MINUTE),
    ("min", MINUTE),
    ("分钟", MINUTE),
    ("分", MINUTE),
    ("m", MINUTE),
    ("hours", HOUR),
    ("hour", HOUR),
    ("hrs", HOUR),
    ("hr", HOUR),
    ("stunden", HOUR),
    ("stunde", HOUR),
    ("heures", HOUR),
    ("heure", HOUR),
    ("horas", HOUR),
    ("hora", HOUR),
    ("ore", HOUR),
    ("時間", HOUR),
    ("小时", HOUR),
    ("h", HOUR),
    ("days", DAY),
    ("day", DAY),
    ("tagen", DAY),
    ("tage", DAY),
    ("tag", DAY),
    ("jours", DAY),
    ("jour", DAY),
    ("giorni", DAY),
    ("días", DAY),
    ("dias", DAY),
    ("日", DAY),
    ("天", DAY),
    ("weeks", 7 * DAY),
    ("week", 7 * DAY),
];

/// Numbers in words.
const NUMBERS: [(&str, f64); 15] = [
    ("an", 1.0),
    ("a few", 3.0),
    ("a", 1.0),
    ("one", 1.0),
    ("two", 2.0),
    ("three", 3.0),
    ("four", 4.0),
    ("five", 5.0),
    ("six", 6.0),
    ("ten", 10.0),
    ("twelve", 12.0),
    ("fifteen", 15.0),
    ("twenty", 20.0),
    ("thirty", 30.0),
    ("sixty", 60.0),
];

/// Words between a cue and its number that change nothing.
const FILLERS: [&str; 9] =
    ["about ", "approximately ", "around ", "at least ", "another ", "a further ", "up to ", "~", "the "];

/// Words after which a time is the time to wait.
const CUES: [&str; 13] = [
    "in ", "after ", "for ", "wait ", "wait: ", "within ", "least ", "another ", "every ", "em ", "en ", "dans ",
    "nach ",
];

/// Words that put it off until another day.
const TOMORROW: [&str; 8] = ["tomorrow", "midnight", "next day", "demain", "domani", "mañana", "明日", "明天"];

/// Periods of limits: what is used up comes back within one of them.
const PERIODS: [(&str, u64); 41] = [
    ("month", DAY),
    ("week", DAY),
    ("daily", DAY),
    ("per day", DAY),
    ("/day", DAY),
    ("a day", DAY),
    ("each day", DAY),
    ("in one day", DAY),
    ("24 hour", DAY),
    ("24-hour", DAY),
    ("24hour", DAY),
    ("24 h", DAY),
    ("24h", DAY),
    ("today", DAY),
    ("täglich", DAY),
    ("pro tag", DAY),
    ("par jour", DAY),
    ("journali", DAY),
    ("al día", DAY),
    ("diari", DAY),
    ("giornalier", DAY),
    ("每日", DAY),
    ("每天", DAY),
    ("1日", DAY),
    ("hourly", HOUR),
    ("per hour", HOUR),
    ("/hour", HOUR),
    ("/ hour", HOUR),
    ("/ 1h", HOUR),
    ("an hour", HOUR),
    ("this hour", HOUR),
    ("hour limit", HOUR),
    ("each hour", HOUR),
    ("pro stunde", HOUR),
    ("par heure", HOUR),
    ("por hora", HOUR),
    ("per minute", MINUTE),
    ("/minute", MINUTE),
    ("pro minute", MINUTE),
    ("per second", SECOND),
    ("/second", SECOND),
];

/// The time at the very beginning of a folded text, and its length in octets.
#[must_use]
pub fn at_start(text: &str) -> Option<(Duration, usize)> {
    let mut start = 0;
    while let Some(filler) = FILLERS.iter().find(|filler| text[start..].starts_with(**filler)) {
        start += filler.len();
    }
    let (seconds, length) = clock(&text[start..]).or_else(|| counted(&text[start..]))?;
    (seconds > 0.0).then(|| (capped(seconds), start + length))
}

/// The time to wait that a folded text names by a cue, wherever it stands.
#[must_use]
pub fn named(text: &str) -> Option<Duration> {
    let cued = |cue: &str| {
        text.match_indices(cue).filter(|(at, _)| starts_word(text, *at)).find_map(|(at, _)| {
            let (wait, _) = at_start(&text[at + cue.len()..])?;
            Some((at, wait))
        })
    };
    let first = CUES.iter().filter_map(|cue| cued(cue)).min_by_key(|(at, _)| *at).map(|(_, wait)| wait);
    let next_unit = || {
        let (_, rest) = text.split_once("next ")?;
        let (seconds, _) = unit(rest, Spacing::Apart)?;
        Some(capped(seconds))
    };
    let tomorrow = || TOMORROW.iter().any(|word| text.contains(word)).then_some(LONGEST);
    first.or_else(next_unit).or_else(tomorrow)
}

/// The time after which a limit that the folded text describes has certainly been renewed.
#[must_use]
pub fn period(text: &str) -> Option<Duration> {
    PERIODS.iter().find(|(words, _)| text.contains(words)).map(|(_, seconds)| Duration::from_secs(*seconds))
}

fn starts_word(text: &str, at: usize) -> bool {
    !text[..at].ends_with(char::is_alphanumeric)
}

/// `hh:mm:ss` or `mm:ss`.
fn clock(text: &str) -> Option<(f64, usize)> {
    let length = text.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(text.len());
    let parts: Vec<u32> = text[..length].split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    match parts[..] {
        [hours, minutes, seconds] => {
            Some((f64::from(hours) * 3600.0 + f64::from(minutes) * 60.0 + f64::from(seconds), length))
        }
        [minutes, seconds] => Some((f64::from(minutes) * 60.0 + f64::from(seconds), length)),
        _ => None,
    }
}

/// A number and a unit.
fn counted(text: &str) -> Option<(f64, usize)> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, after, spacing) = if digits > 0 {
        let number: f64 = text[..digits].trim_end_matches('.').parse().ok()?;
        let apart = text[digits..].starts_with([' ', '-']);
        (number, digits + usize::from(apart), if apart { Spacing::Apart } else { Spacing::Joined })
    } else {
        let (word, number) = NUMBERS
            .iter()
            .find(|(word, _)| text.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '-'])))?;
        (*number, word.len() + 1, Spacing::Apart)
    };
    let (seconds, length) = unit(&text[after..], spacing)?;
    Some((number * seconds, after + length))
}

/// Whether a unit follows its number without a blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spacing {
    Joined,
    Apart,
}

fn unit(text: &str, spacing: Spacing) -> Option<(f64, usize)> {
    let is_whole = |word: &str| {
        let rest = &text[word.len()..];
        !word.is_ascii() || !rest.starts_with(|c: char| c.is_alphanumeric())
    };
    let fits = |word: &str| word.len() > 1 || spacing == Spacing::Joined;
    let (word, seconds) = UNITS.iter().find(|(word, _)| text.starts_with(word) && is_whole(word) && fits(word))?;
    let seconds = u32::try_from(*seconds).ok()?;
    Some((f64::from(seconds), word.len()))
}

fn capped(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).map_or(LONGEST, |wait| wait.min(LONGEST))
}

#[cfg(test)]
mod tests;
