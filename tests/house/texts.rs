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
    for (page, least) in [("man/postrider-drop.8", 20), ("man/postrider-mailbox.8", 10)] {
        let manual = fs::read_to_string(root.join(page)).unwrap();
        let named = test_names(&manual);
        assert!(named.len() > least, "{page} names its tests: {named:?}");
        none(named.into_iter().filter(|name| !texts.contains(&format!("fn {name}("))).map(str::to_owned));
    }
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

/// The documents of `src` and their lengths at most, in lines.
const DOCUMENTS: [(&str, usize); 2] = [("README.md", 150), ("LIFE.md", 110)];

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)).unwrap()
}

/// Whether a document of `src` may name this path.
fn is_there(path: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let in_some_folder = || sources().iter().any(|source| source.path.ends_with(&format!("/{path}")));
    // What is in a spool.
    let names = ["queue/", "queue/ID", "queue/ID.journal", "drop/UID.SLOT", "raw/", "failed/", "history/"];
    let in_spool = names.contains(&path);
    root.join("src").join(path).exists() || root.join(path).exists() || in_spool || in_some_folder()
}

#[test]
fn every_path_that_a_document_of_src_names_exists() {
    for (name, most) in DOCUMENTS {
        let text = document(name);
        assert!(text.lines().count() <= most, "src/{name} has {} lines", text.lines().count());
        let paths = paths_in(&text);
        assert!(paths.len() > 10, "src/{name} names paths: {paths:?}");
        none(paths.into_iter().filter(|path| !is_there(path)).map(|path| format!("src/{name}: there is no {path}")));
    }
    for wrong in ["spool/nothing.rs", "nothing.rs", "nothing/", "config/nothing/"] {
        assert!(!is_there(wrong), "{wrong} is seen to be missing");
    }
}

/// The functions that a text names, each as `file.rs::function`.
fn functions_in(markdown: &str) -> impl Iterator<Item = (&str, &str)> {
    let spans = markdown.split('`').skip(1).step_by(2);
    spans.filter_map(|span| span.split_once(".rs::")).filter(|(path, _)| path.contains('/'))
}

/// Whether the file has that function, outside of its tests.
fn has_function(path: &str, function: &str) -> bool {
    let path = format!("{path}.rs");
    let source = sources().iter().find(|source| source.path == path);
    source.is_some_and(|source| ["(", "<"].iter().any(|next| source.code.contains(&format!("fn {function}{next}"))))
}

#[test]
fn every_function_in_the_life_of_a_message_exists() {
    let text = document("LIFE.md");
    assert!(functions_in(&text).count() > 20);
    let gone = functions_in(&text).filter(|(path, function)| !has_function(path, function));
    none(gone.map(|(path, function)| format!("src/LIFE.md: there is no {function} in {path}.rs")));
    assert!(has_function("spool/queue", "remove") && !has_function("spool/queue", "remov"));
}

/// The manual pages that a comment cites, each as `name(section)`; names of other programs' pages are not ours.
fn cited_pages(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || "\"'`,;".contains(c));
    let ours = words.filter(|word| word.starts_with("postrider") || word.starts_with("(postrider"));
    let pages = ours.filter_map(|word| word.trim_start_matches('(').split_once('('));
    let pages = pages.filter_map(|(name, rest)| Some((name, rest.chars().next().filter(char::is_ascii_digit)?)));
    pages.map(|(name, section)| format!("{name}.{section}")).collect()
}

#[test]
fn documents_that_the_code_cites_are_in_the_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join("src"), &mut paths);
    walk(&root.join("tests"), &mut paths);
    let mut offences = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if name == "tests/house/texts.rs" {
            continue;
        }
        let pages = cited_pages(&text).into_iter().filter(|page| !root.join("man").join(page).exists());
        offences.extend(pages.map(|page| format!("{name} cites the manual page {page}")));
        let comments = text.lines().filter(|line| line.trim_start().starts_with("//"));
        let words = comments.flat_map(|line| line.split(|c: char| c.is_whitespace() || "(),;:'".contains(c)));
        let documents = words.filter(|word| Path::new(word).extension().is_some_and(|extension| extension == "md"));
        offences.extend(documents.filter(|word| !root.join(word).exists()).map(|word| format!("{name} cites {word}")));
        offences.extend(text.contains("DESIGN").then(|| format!("{name} cites DESIGN")));
    }
    none(offences);
    assert_eq!(cited_pages("See postrider-formats(5), and (postrider(1))."), ["postrider-formats.5", "postrider.1"]);
}

#[test]
fn paths_are_found_in_markdown() {
    let text = "See `spool/queue.rs`, [the story](runner/README.md#way), `drop/` and/or `/etc/x`, `crate::a`.\n```\nid.rs  ids\n```\n";
    assert_eq!(paths_in(text), ["drop/", "id.rs", "runner/README.md", "spool/queue.rs"]);
}
