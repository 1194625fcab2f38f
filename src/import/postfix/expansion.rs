//! `$name` and its like in the values of main.cf, as postconf(5) describes them: `${name?{set}:{not}}`,
//! `${{one} == {other} ? {yes} : {no}}`. What a name stands for is asked of the caller.

use std::cmp::Ordering;
use std::collections::HashSet;

/// How often a value may stand for something with a value in it.
const DEEPEST: usize = 20;

/// The text with every macro replaced; `raw` gives the unexpanded value of a name.
pub(crate) fn expand(text: &str, raw: &dyn Fn(&str) -> String) -> String {
    Expansion { raw, depth: 0, within: None }.text(text)
}

/// The same of a parameter's value. A name within its own value stands for nothing.
pub(crate) fn expand_value(name: &str, raw: &dyn Fn(&str) -> String) -> String {
    Expansion { raw, depth: 0, within: None }.value(name)
}

/// Whether a parameter's value stands for itself, through others or not.
pub(crate) fn is_circular(name: &str, raw: &dyn Fn(&str) -> String) -> bool {
    let (mut seen, mut next) = (HashSet::new(), vec![name.to_owned()]);
    while let Some(one) = next.pop() {
        let text = raw(&one);
        for found in names(&text) {
            if found == name {
                return true;
            }
            if seen.insert(found.to_owned()) {
                next.push(found.to_owned());
            }
        }
    }
    false
}

/// The names that a text refers to.
pub(crate) fn names(text: &str) -> Vec<&str> {
    let behind = text.match_indices('$').map(|(at, _)| text[at + 1..].trim_start_matches(['{', '(']));
    behind
        .map(|rest| rest.split(|c| !is_of_a_name(c)).next().unwrap_or_default())
        .filter(|name| !name.is_empty())
        .collect()
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The values that a condition chooses between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    /// The one after `?`.
    Then,
    /// The one after `:`.
    Otherwise,
}

#[derive(Clone, Copy)]
struct Expansion<'r> {
    raw: &'r dyn Fn(&str) -> String,
    depth: usize,
    within: Option<&'r Within<'r>>,
}

/// A name whose value is being expanded, and that in whose value it was found.
struct Within<'r> {
    name: &'r str,
    outer: Option<&'r Self>,
}

impl Expansion<'_> {
    fn text(self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('$') {
            out.push_str(before);
            let (inner, behind) = match behind.chars().next() {
                Some('$') => {
                    out.push('$');
                    rest = &behind[1..];
                    continue;
                }
                Some('{') => enclosed(behind, '{', '}'),
                Some('(') => enclosed(behind, '(', ')'),
                _ => behind.split_at(behind.find(|c| !is_of_a_name(c)).unwrap_or(behind.len())),
            };
            if self.depth < DEEPEST {
                out.push_str(&Self { depth: self.depth + 1, ..self }.inner(inner.trim()));
            }
            rest = behind;
        }
        out + rest
    }

    fn value(self, name: &str) -> String {
        let outer = std::iter::successors(self.within, |within| within.outer);
        if outer.map(|within| within.name).any(|outer| outer == name) {
            return String::new();
        }
        let within = Within { name, outer: self.within };
        Expansion { within: Some(&within), ..self }.text(&(self.raw)(name))
    }

    /// What stands in the braces.
    fn inner(self, inner: &str) -> String {
        if inner.starts_with('{') {
            return self.comparison(inner).unwrap_or_default();
        }
        let (name, behind) = inner.split_at(inner.find(|c| !is_of_a_name(c)).unwrap_or(inner.len()));
        match behind.trim_start() {
            "" => self.value(name),
            behind if self.value(name).is_empty() => self.choice(behind, Branch::Otherwise),
            behind => self.choice(behind, Branch::Then),
        }
    }

    /// `{one} OPERATOR {other} ?...`.
    fn comparison(self, inner: &str) -> Option<String> {
        let (one, behind) = enclosed(inner, '{', '}');
        let (operator, behind) = behind.split_at(behind.find('{')?);
        let (other, behind) = enclosed(behind, '{', '}');
        let (one, other) = (self.text(one.trim()), self.text(other.trim()));
        let order = compared(one.trim(), other.trim());
        let holds = match operator.trim().trim_end_matches("level") {
            "==" => order == Ordering::Equal,
            "!=" => order != Ordering::Equal,
            "<" => order == Ordering::Less,
            "<=" => order != Ordering::Greater,
            ">" => order == Ordering::Greater,
            ">=" => order != Ordering::Less,
            _ => return None,
        };
        Some(self.choice(behind.trim_start(), if holds { Branch::Then } else { Branch::Otherwise }))
    }

    /// `?yes`, `:no`, `?{yes}:{no}`.
    fn choice(self, behind: &str, branch: Branch) -> String {
        let (first_branch, rest) = match (behind.strip_prefix('?'), behind.strip_prefix(':')) {
            (Some(rest), _) => (Branch::Then, rest.trim_start()),
            (_, Some(rest)) => (Branch::Otherwise, rest.trim_start()),
            _ => return String::new(),
        };
        if !rest.starts_with('{') {
            return if branch == first_branch { self.text(rest) } else { String::new() };
        }
        let (first, behind) = enclosed(rest, '{', '}');
        let chosen = if branch == first_branch {
            first
        } else {
            let second = behind.trim_start().strip_prefix(':').map_or("", str::trim);
            if second.starts_with('{') { enclosed(second, '{', '}').0 } else { second }
        };
        self.text(chosen.trim())
    }
}

/// What stands between a mark at the start and the one that ends it, and what follows.
fn enclosed(text: &str, open: char, close: char) -> (&str, &str) {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return (&text[1..at], &text[at + 1..]);
            }
        }
    }
    (text.get(1..).unwrap_or_default(), "")
}

/// Numbers, and levels such as `3.6`, by their size; else as text.
fn compared(one: &str, other: &str) -> Ordering {
    let level = |text: &str| text.split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>();
    match (level(one), level(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => one.cmp(other),
    }
}

#[cfg(test)]
mod tests;
