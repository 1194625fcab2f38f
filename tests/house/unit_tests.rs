//! Where unit tests live: those of `x.rs` are in `x/tests.rs`, so that a file can be read without them and a reader knows
//! where to look for them.

use crate::none;
use crate::source::{Source, sources};

/// Modules for tests only that have another name, with the reason, or what has to come first.
const ELSEWHERE: [(&str, &str); 3] = [
    ("any_input", "falls when it is frontend/tests.rs"),
    ("scripted", "a test double that the tests of several files use"),
    ("vocabulary", "what sendmail's options are, for the tests of its manual"),
];

/// A module for tests only.
#[derive(Debug, PartialEq)]
struct TestModule<'a> {
    name: &'a str,
    inline: bool,
    /// Whether a `#[path]` puts it elsewhere.
    placed: bool,
}

/// The modules for tests only that a file declares or contains.
fn test_modules(text: &str) -> Vec<TestModule<'_>> {
    let items = text.split("\n#[cfg(test)]\n").skip(1);
    items
        .filter_map(|rest| {
            let mut lines = rest.lines();
            let attributes: Vec<&str> = lines.clone().take_while(|line| line.starts_with("#[")).collect();
            let item = lines.nth(attributes.len())?;
            let name = item.split_once("mod ").filter(|(before, _)| before.is_empty() || before.starts_with("pub"))?.1;
            Some(TestModule {
                name: name.trim_end_matches([';', '{', ' ']),
                inline: name.ends_with('{'),
                placed: attributes.iter().any(|attribute| attribute.starts_with("#[path")),
            })
        })
        .collect()
}

fn all(sources: &[Source]) -> impl Iterator<Item = (&Source, TestModule<'_>)> {
    sources.iter().flat_map(|source| test_modules(&source.text).into_iter().map(move |module| (source, module)))
}

#[test]
fn the_unit_tests_of_a_file_are_in_a_folder_of_its_name() {
    let sources = sources();
    let is_listed = |name: &str| ELSEWHERE.iter().any(|(listed, _)| *listed == name);
    let wrong = all(sources).filter(|(_, module)| module.placed || (module.name != "tests" && !is_listed(module.name)));
    none(
        wrong.map(|(source, module)| {
            format!("src/{}: its tests belong in tests.rs, not in {}", source.path, module.name)
        }),
    );
    let gone = ELSEWHERE.iter().filter(|(name, _)| !all(sources).any(|(_, module)| module.name == *name));
    none(gone.map(|(name, _)| format!("there is no {name} any more: take it off the list")));
}

#[test]
fn no_file_contains_its_unit_tests() {
    let sources = sources();
    let inline = all(sources).filter(|(_, module)| module.name == "tests" && module.inline);
    none(inline.map(|(source, _)| format!("src/{}: its tests belong in a file of their own", source.path)));
}

#[test]
fn modules_for_tests_are_seen() {
    let text = "fn f() {}\n\n#[cfg(test)]\n#[path = \"f_tests.rs\"]\nmod tests;\n\n#[cfg(test)]\npub(super) mod words {\n}\n\n#[cfg(test)]\nfn g() {}\n";
    let module = |name, inline, placed| TestModule { name, inline, placed };
    assert_eq!(test_modules(text), [module("tests", false, true), module("words", true, false)]);
}
