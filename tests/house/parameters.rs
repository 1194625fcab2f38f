//! Parameters of functions: none is a bool, because `send(true)` says nothing at the place of the call. An enum or a second
//! function does.

use crate::none;
use crate::source::{is_word, sources};

/// Functions whose signature a trait of another crate prescribes.
const PRESCRIBED: [(&str, &str); 2] = [("cli/queue/format.rs", "from"), ("spool/journal_line.rs", "try_from")];

/// The names of the functions, and of none for a pointer to one, that take a bool.
fn with_bool(code: &str) -> Vec<&str> {
    let starts = code.match_indices("fn").filter(|(at, _)| {
        let (before, after) = (&code[..*at], &code[at + 2..]);
        !before.ends_with(is_word) && after.starts_with([' ', '('])
    });
    let functions = starts.filter_map(|(at, _)| {
        let (name, rest) = code[at + 2..].split_at(code[at + 2..].find(['(', '<'])?);
        // A generic parameter may have a bound with parentheses of its own: `impl Fn(u8) -> bool`, `F: Fn(bool)`.
        let parameters =
            enclosed(rest.strip_prefix('<').map_or(Some(rest), |_| rest.split_once(">(").map(|(_, rest)| rest))?);
        takes_bool(parameters).then_some(name.trim())
    });
    functions.collect()
}

/// The text up to the parenthesis that closes the first.
fn enclosed(text: &str) -> &str {
    let text = text.strip_prefix('(').unwrap_or(text);
    let mut depth = 1_usize;
    let end = text.find(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    &text[..end.unwrap_or(text.len())]
}

/// Whether a bool is among the parameters; what a closure among them returns does not count.
fn takes_bool(parameters: &str) -> bool {
    parameters.match_indices("bool").any(|(at, _)| {
        let (before, after) = (&parameters[..at], &parameters[at + 4..]);
        !before.ends_with(is_word) && !after.starts_with(is_word) && !before.trim_end().ends_with("->")
    })
}

#[test]
fn no_function_takes_a_bool() {
    let offences = sources()
        .iter()
        .flat_map(|source| with_bool(&source.code).into_iter().map(|name| (source.path.as_str(), name)));
    let offences = offences.filter(|offence| !PRESCRIBED.contains(offence));
    none(offences.map(|(path, name)| format!("src/{path}: {name} takes a bool; use an enum or two functions")));
}

#[test]
fn what_is_prescribed_is_still_there() {
    let is_there = |(path, name): &(&str, &str)| {
        sources().iter().any(|source| source.path == *path && with_bool(&source.code).contains(name))
    };
    none(PRESCRIBED.iter().filter(|one| !is_there(one)).map(|one| format!("{one:?} takes no bool any more")));
}

#[test]
fn bools_are_seen_in_every_kind_of_signature() {
    let code = "fn a(x: bool) {} fn b(f: impl Fn(u8) -> bool) -> bool {} type C = fn(&[u8], bool) -> u8; \
                fn d<T>(t: T, on: &bool) {} fn e(self, boolean: u8) {} fn f(g: fn(bool)) {} struct G { h: bool }";
    assert_eq!(with_bool(code), ["a", "", "d", "f", ""]);
}
