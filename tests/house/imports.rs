//! Reads the imports and the paths of Rust code that has no comments and strings any more.

use crate::source::is_word;

/// One name that a `use` brings.
#[derive(Debug, PartialEq)]
pub struct Import {
    /// As it is spelt, `crate`, `self` and `super` included; a glob ends in `*`.
    pub path: Vec<String>,
    /// The name here.
    pub name: String,
    /// Whether it is handed on.
    pub public: bool,
}

/// Where the `use` statements are: from the word to the semicolon.
fn statements(code: &str) -> impl Iterator<Item = (usize, usize)> {
    let begins = |at: usize| {
        let rest = &code[at + "use".len()..];
        !code[..at].ends_with(is_word) && rest.starts_with(char::is_whitespace)
    };
    let starts = code.match_indices("use").map(|(at, _)| at).filter(move |at| begins(*at));
    starts.filter_map(|at| Some((at, at + code[at..].find(';')?)))
}

/// All imports.
pub fn imports(code: &str) -> Vec<Import> {
    let mut found = Vec::new();
    for (start, end) in statements(code) {
        let before = code[..start].trim_end();
        let public = before.ends_with("pub")
            || (before.ends_with(')') && before.rsplit('(').nth(1).is_some_and(|text| text.ends_with("pub")));
        expand(&[], &code[start + "use".len()..end], public, &mut found);
    }
    found
}

/// Opens the braces of what follows `use`.
fn expand(prefix: &[String], tree: &str, public: bool, found: &mut Vec<Import>) {
    let (path, group) = tree.split_once('{').map_or((tree, None), |(path, group)| (path, Some(group)));
    let (path, alias) = path.split_once(" as ").map_or((path, None), |(path, alias)| (path, Some(alias.trim())));
    let steps = path.split("::").map(str::trim).filter(|step| !step.is_empty()).map(str::to_owned);
    let mut path: Vec<String> = prefix.iter().cloned().chain(steps).collect();
    if let Some(group) = group {
        for part in parts(group) {
            expand(&path, part, public, found);
        }
        return;
    }
    // `a::{self}` is `a`.
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let Some(last) = path.last() else { return };
    let name = alias.unwrap_or(last).to_owned();
    found.push(Import { path, name, public });
}

/// What stands between the commas of a group, up to the brace that closes it.
fn parts(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// The code without its imports.
pub fn without_imports(code: &str) -> String {
    let (mut out, mut from) = (String::new(), 0);
    for (start, end) in statements(code).filter(|(_, end)| *end < code.len()) {
        out.push_str(code.get(from..start).unwrap_or_default());
        from = end + 1;
    }
    out + &code[from..]
}

/// The paths of more than one step that the code spells out, without what follows a type's name.
pub fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("::") {
        let before = rest[..at].trim_end_matches(is_word).len();
        let foreign = rest[..before].ends_with(['.', '$', ':']) || before == at;
        let length = path_length(&rest[before..]);
        if !foreign {
            found.push(rest[before..before + length].split("::").map(str::to_owned).collect());
        }
        rest = &rest[(before + length).max(at + 2)..];
    }
    found
}

/// How far names and `::` go on; a `::` that no name follows is left out.
fn path_length(text: &str) -> usize {
    let mut length = text.find(|c| !is_word(c)).unwrap_or(text.len());
    while let Some(step) = text[length..].strip_prefix("::") {
        let word = step.find(|c| !is_word(c)).unwrap_or(step.len());
        if word == 0 {
            break;
        }
        length += 2 + word;
    }
    length
}

#[test]
fn imports_and_paths_are_read() {
    let code = "pub(crate) use a::{self, b::{C as D, e}, f::*};\npub use self::g;\nfn x() { crate::h::<T>(); super::i::J::k(); y.l::<u8>(); }";
    let found: Vec<String> =
        imports(code).iter().map(|import| format!("{} {}", import.path.join("::"), import.name)).collect();
    assert_eq!(found, ["a a", "a::b::C D", "a::b::e e", "a::f::* *", "self::g g"]);
    assert!(imports(code).iter().all(|import| import.public));
    assert!(!imports("fn f(x: (u8)) {}\nuse a::b;")[0].public);
    let spelt: Vec<String> = paths(&without_imports(code)).iter().map(|path| path.join("::")).collect();
    assert_eq!(spelt, ["crate::h", "super::i::J::k"]);
}
