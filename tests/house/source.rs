//! The sources of the program as the guard reads them: whole, without what is compiled for tests only, and without comments
//! and strings.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The folders of `src` that are crates of their own.
pub const CRATES: [&str; 3] = ["drop", "mailbox", "mailstore"];

/// A file of `src`.
pub struct Source {
    /// Below `src`, as in `spool/entry.rs`.
    pub path: String,
    pub text: String,
    /// The text without tests.
    pub program: String,
    /// The text without tests, comments and strings.
    pub code: String,
}

impl Source {
    /// The folder or single file below `src` that it belongs to.
    pub fn place(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }
}

/// All of them, read once.
pub fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(read);
    &SOURCES
}

fn read() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    assert!(paths.len() > 10, "the sources are found");
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let path = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let program = without_tests(&text);
        Source { path, code: code_of(&program), text, program }
    };
    let mut sources: Vec<Source> = paths.iter().map(read).collect();
    let only_tests: Vec<String> = sources.iter().flat_map(test_files).collect();
    let is_test = |path: &String| only_tests.contains(path) || path.contains("/tests/");
    for source in sources.iter_mut().filter(|source| is_test(&source.path)) {
        (source.program, source.code) = (String::new(), String::new());
    }
    sources
}

/// The files that a file declares for tests only.
pub fn test_files(source: &Source) -> Vec<String> {
    let (folder, file) =
        source.path.rsplit_once('/').map_or(("", source.path.as_str()), |(folder, file)| (folder, file));
    let stem = file.trim_end_matches(".rs");
    let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let below = if ["mod", "lib", "main"].contains(&stem) { folder.clone() } else { format!("{folder}{stem}/") };
    let mut files = Vec::new();
    for declared in source.text.split("#[cfg(test)]\n").skip(1) {
        let named = declared.split_once("mod ").and_then(|(_, rest)| rest.split_once(';')).map_or("", |(name, _)| name);
        let placed =
            declared.split_once("#[path = \"").and_then(|(_, rest)| rest.split_once('"')).map(|(path, _)| path);
        files.extend(placed.map(|path| format!("{folder}{path}")));
        files.push(format!("{below}{named}.rs"));
    }
    files
}

/// The text without what is compiled for tests only.
pub fn without_tests(text: &str) -> String {
    let (mut out, mut lines) = (String::new(), text.lines());
    while let Some(line) = lines.next() {
        if line != "#[cfg(test)]" {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        let item = lines.by_ref().find(|line| !line.starts_with("#[")).unwrap_or_default();
        if item.ends_with('{') {
            lines.by_ref().find(|line| *line == "}");
        }
    }
    out
}

/// The Rust files below a folder.
pub fn walk(dir: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    paths.sort();
}

/// Takes out comments, strings and characters.
pub fn code_of(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            'r' if starts_raw_string(rest) && !out.ends_with(is_word) => raw_string(rest),
            '"' => quoted(rest, b'"'),
            '\'' if is_character(rest) => quoted(rest, b'\''),
            _ => {
                out.push(next);
                rest = &rest[next.len_utf8()..];
                continue;
            }
        };
        // Line breaks stay, and nothing grows together.
        out.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
        out.push(' ');
        rest = &rest[skipped..];
    }
    out
}

pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn starts_raw_string(rest: &str) -> bool {
    rest[1..].trim_start_matches('#').starts_with('"')
}

fn raw_string(rest: &str) -> usize {
    let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
    let end = format!("\"{}", "#".repeat(hashes));
    let opened = 2 + hashes;
    rest[opened..].find(&end).map_or(rest.len(), |at| opened + at + end.len())
}

fn quoted(rest: &str, quote: u8) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// A character and not a lifetime.
fn is_character(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    let (first, second) = (chars.next(), chars.next());
    first == Some('\\') || second == Some('\'')
}

#[test]
fn the_reader_sees_what_it_must() {
    let text = "fn f() {}\n\n#[cfg(test)]\nmod scripted;\n\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n    use crate::cli;\n}\nfn g() {}\n";
    assert_eq!(without_tests(text), "fn f() {}\n\n\nfn g() {}\n");
    let source = Source { path: "spool/mod.rs".into(), text: text.into(), program: String::new(), code: String::new() };
    assert!(test_files(&source).contains(&"spool/scripted.rs".to_owned()));
    assert!(!code_of("/// println!\nfn f() {}").contains("println!"));
}
