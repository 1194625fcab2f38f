//! What every file of `src` begins with, how long it may be, and that the tests and files that documents name exist.

use std::fs;
use std::path::{Path, PathBuf};

use crate::none;
use crate::source::{Source, is_word, sources, walk};

const LONGEST_FILE: usize = 450;

#[test]
fn every_file_opens_by_saying_what_lives_there() {
    let silent = sources().iter().filter(|source| !source.text.starts_with("//! "));
    none(silent.map(|source| format!("src/{} does not open with //!", source.path)));
}

#[test]
fn no_file_is_unfinished() {
    let words = ["(to be written)", "todo!", "unimplemented!"];
    let unfinished = |source: &&Source| words.iter().any(|word| source.text.contains(word));
    let offences = sources().iter().filter(unfinished);
    none(offences.map(|source| format!("src/{} is unfinished", source.path)));
}

#[test]
fn no_file_is_too_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join("src"), &mut paths);
    walk(&root.join("tests"), &mut paths);
    let lines = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count();
    let long = paths.iter().map(|path| (path, lines(path))).filter(|(_, lines)| *lines > LONGEST_FILE);
    none(long.map(|(path, lines)| format!("{} has {lines} lines", path.display())));
}

#[test]
fn what_is_allowed_has_a_reason() {
    let mut offences = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.program.lines().collect();
        for (at, line) in
            lines.iter().enumerate().filter(|(_, line)| line.contains("#[allow(") || line.contains("#![allow("))
        {
            let before = at.checked_sub(1).map_or("", |before| lines[before]);
            let statement = lines[at..].iter().take(4).copied().collect::<Vec<_>>().join(" ");
            let reasoned = statement.split(")]").next().unwrap().contains("reason =")
                || line.contains("//")
                || before.trim().starts_with("//");
            if !reasoned {
                offences.push(format!("src/{}: {} without a reason", source.path, line.trim()));
            }
        }
    }
    none(offences);
}

/// Words like `this_is_a_test`, which in a manual are the names of tests.
fn test_names(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !is_word(c));
    words
        .filter(|word| {
            word.matches('_').count() >= 3 && word.chars().all(|c| c.is_lowercase() || "_0123456789".contains(c))
        })
        .collect()
}

#[test]
fn the_tests_that_a_manual_names_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join("src"), &mut paths);
    walk(&root.join("tests"), &mut paths);
    let texts: String = paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let manual = fs::read_to_string(root.join("man/postrider-drop.8")).unwrap();
    let named = test_names(&manual);
    assert!(named.len() > 20, "the manual names its tests: {named:?}");
    none(named.into_iter().filter(|name| !texts.contains(&format!("fn {name}("))).map(str::to_owned));
}

/// The paths in a Markdown text: a link or a code span with a slash or a file name extension of ours, and every word that
/// ends in `.rs`.
fn paths_in(markdown: &str) -> Vec<&str> {
    let is_file = |text: &str, extension: &str| Path::new(text).extension().is_some_and(|own| own == extension);
    let is_path = |text: &str| {
        let file = ["rs", "md", "toml", "txt"].iter().any(|extension| is_file(text, extension));
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
        plain && (file || text.contains('/')) && !text.starts_with('/') && !text.starts_with('.')
    };
    let spans = markdown.split('`').skip(1).step_by(2);
    let links = markdown.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let words =
        markdown.split(|c: char| c.is_whitespace() || "`()[],:;\"".contains(c)).filter(|word| is_file(word, "rs"));
    let mut paths: Vec<&str> = spans.chain(links).chain(words).filter(|text| is_path(text)).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

#[test]
fn every_path_that_the_readme_of_src_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("src/README.md")).unwrap_or_default();
    let sources = sources();
    let exists = |path: &str| {
        let in_some_folder = || sources.iter().any(|source| source.path.ends_with(&format!("/{path}")));
        root.join("src").join(path).exists() || root.join(path).exists() || (!path.contains('/') && in_some_folder())
    };
    none(
        paths_in(&readme)
            .into_iter()
            .filter(|path| !exists(path))
            .map(|path| format!("src/README.md: there is no {path}")),
    );
}

#[test]
fn paths_are_found_in_markdown() {
    let text = "See `spool/queue.rs`, [the story](runner/README.md#way), `drop/` and/or `/etc/x`, `crate::a`.\n```\nid.rs  ids\n```\n";
    assert_eq!(paths_in(text), ["drop/", "id.rs", "runner/README.md", "spool/queue.rs"]);
}
