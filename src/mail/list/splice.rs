//! Puts other addresses in the place of those found, in the bytes of a header
//! field's value. Names, comments, order and folding around them stay; lines that
//! would become too long are folded before an address.

use std::ops::Range;

use super::tokens::{Kind, Tokens};
use super::{Found, Spec, parse};
use crate::mail::address::Address;

/// The longest line without its line end (RFC 5322 section 2.1.1).
const LONGEST_LINE: usize = 998;

/// How often a broken value is read again to find what of it can be replaced.
const MOST_TRIES: usize = 64;

/// The value with `new[i]` in the place of `found[i]`, where there is one. `column` is how many
/// bytes stand before the value on its first line. Without anything new: the same bytes.
///
/// A list that is as it should be has all its addresses replaced. In a broken one, what stands around an address may
/// belong to it or not, depending on the address: one with which the value would not read back stays as it is.
///
/// Comments inside the replaced bytes move behind the new address. Addresses that only white
/// space divided get a comma, if one of them is new.
#[must_use]
pub fn replace(value: &[u8], found: &[Found], new: &[Option<Address>], column: usize) -> Vec<u8> {
    let wanted: Vec<usize> = new.iter().enumerate().filter_map(|(place, new)| new.as_ref().map(|_| place)).collect();
    let taken = vec![None; new.len()];
    let mut trial = Trial { value, found, new, column, taken, best: value.to_vec(), tries: MOST_TRIES };
    trial.take(&wanted);
    trial.best
}

/// A search for the new addresses that the value reads back with.
struct Trial<'a> {
    value: &'a [u8],
    found: &'a [Found],
    new: &'a [Option<Address>],
    column: usize,
    taken: Vec<Option<&'a Address>>,
    /// The value with what is taken.
    best: Vec<u8>,
    tries: usize,
}

impl Trial<'_> {
    /// Takes the new addresses at these places; where that does not read back, those of each half.
    fn take(&mut self, places: &[usize]) {
        if places.is_empty() || self.tries == 0 {
            return;
        }
        self.tries -= 1;
        for &place in places {
            self.taken[place] = self.new[place].as_ref();
        }
        let out = fold(&splice(self.value, self.found, &self.taken), self.column);
        if reads_back(&out, self.found, &self.taken) {
            self.best = out;
            return;
        }
        for &place in places {
            self.taken[place] = None;
        }
        if places.len() > 1 {
            let (one, other) = places.split_at(places.len() / 2);
            self.take(one);
            self.take(other);
        }
    }
}

fn splice(value: &[u8], found: &[Found], new: &[Option<&Address>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 64);
    let mut done = 0;
    let mut previous = false;
    for (found, new) in found.iter().zip(new) {
        let gap = &value[done..found.at.start];
        let comma = missing_comma(gap).filter(|_| done > 0 && (previous || new.is_some()));
        let (before, behind) = gap.split_at(comma.unwrap_or_default());
        out.extend_from_slice(before);
        // a backslash before the comma would quote it
        out.extend(comma.filter(|_| !out.ends_with(b"\\")).map(|_| b','));
        out.extend_from_slice(behind);
        match new {
            Some(address) => write(&mut out, address, &value[found.at.clone()]),
            None => out.extend_from_slice(&value[found.at.clone()]),
        }
        previous = new.is_some();
        done = found.at.end;
    }
    out.extend_from_slice(&value[done..]);
    out
}

/// Whether the new value has just the addresses that it is to have.
fn reads_back(value: &[u8], found: &[Found], new: &[Option<&Address>]) -> bool {
    let read = parse(value);
    let is_as_wanted = |(read, (old, new)): (&Found, (&Found, Option<&Address>))| match new {
        Some(address) => matches!(&read.spec, Spec::Complete(got) if got == address),
        None => read.spec == old.spec,
    };
    read.len() == found.len() && read.iter().zip(found.iter().zip(new.iter().copied())).all(is_as_wanted)
}

/// Where a comma goes between two addresses: behind the comments there; `None` where a mark divides them.
fn missing_comma(gap: &[u8]) -> Option<usize> {
    let mut end = 0;
    for token in Tokens::new(gap) {
        if token.kind != Kind::Comment {
            return None;
        }
        end = token.end;
    }
    Some(end)
}

fn write(out: &mut Vec<u8>, address: &Address, old: &[u8]) {
    out.extend_from_slice(address.to_string().as_bytes());
    for comment in Tokens::new(old).filter(|t| t.kind == Kind::Comment) {
        out.push(b' ');
        out.extend_from_slice(&old[comment.range()]);
    }
}

/// Folds lines that are too long, before addresses.
fn fold(value: &[u8], column: usize) -> Vec<u8> {
    let is_too_long = |line: &[u8], column: usize| column + text_len(line) > LONGEST_LINE;
    let lines = || value.split_inclusive(|b| *b == b'\n');
    if !lines().enumerate().any(|(n, line)| is_too_long(line, if n == 0 { column } else { 0 })) {
        return value.to_vec();
    }
    let places: Vec<usize> = parse(value).iter().map(|found| fold_place(value, &found.at)).collect();
    let mut out = Vec::with_capacity(value.len() + 256);
    let mut places = places.as_slice();
    let mut start = 0;
    for line in lines() {
        let end = start + line.len();
        let (here, later) = places.split_at(places.partition_point(|place| *place < end));
        places = later;
        fold_line(&mut out, value, start..end, here, if start == 0 { column } else { 0 });
        start = end;
    }
    out
}

/// Without the line end.
fn text_len(line: &[u8]) -> usize {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line).len()
}

/// Before the angle bracket, if there is one, and before the blanks there.
fn fold_place(value: &[u8], at: &Range<usize>) -> usize {
    let blanks_off = |end: usize| {
        let blanks = value[..end].iter().rev().take_while(|b| matches!(b, b' ' | b'\t')).count();
        end - blanks
    };
    let place = blanks_off(at.start);
    if place > 0 && value[place - 1] == b'<' { blanks_off(place - 1) } else { place }
}

fn fold_line(out: &mut Vec<u8>, value: &[u8], line: Range<usize>, places: &[usize], column: usize) {
    let text_end = line.start + text_len(&value[line.clone()]);
    let mut start = line.start;
    let mut column = column;
    let mut best = None;
    for &place in places.iter().chain([&text_end]) {
        if column + place.saturating_sub(start) > LONGEST_LINE
            && let Some(fold) = best.take()
        {
            out.extend_from_slice(&value[start..fold]);
            out.extend_from_slice(b"\r\n");
            column = 0;
            if !matches!(value[fold], b' ' | b'\t') {
                out.push(b' ');
                column = 1;
            }
            start = fold;
        }
        // a fold before the first text of a line would leave a line of blanks behind
        let has_text = place > start && !value[start..place].trim_ascii().is_empty();
        if has_text || (start == 0 && place >= start && column > 1) {
            best = Some(place);
        }
    }
    out.extend_from_slice(&value[start..line.end]);
}
