//! Guards the house (DESIGN, "The house"): which file may use which, which crates have
//! one door only, and the small things that decay first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must say so by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The layers of `src`, lowest first. Folders and files of one layer do not use one another.
const LAYERS: [&[&str]; 8] = [
    &["mail"],
    &["log"],
    &["sys", "tls"],
    &["config"],
    &["import", "rules", "spool"],
    &["submit", "deliver"],
    &["runner"],
    &["cli"],
];

/// Crates that only certain files may name.
const DOORS: [(&str, &[&str]); 10] = [
    ("lettre", &["deliver"]),
    ("rustls", &["tls"]),
    ("rustls_platform_verifier", &["tls"]),
    ("rcgen", &["tls"]),
    ("toml", &["config"]),
    ("keyring", &["config"]),
    ("pcre2", &["config"]),
    ("hickory_resolver", &["deliver"]),
    ("inotify", &["runner"]),
    ("clap", &["cli"]),
];

/// Words that say nothing about what a file is for.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "manager", "misc"];

const LONGEST_FILE: usize = 450;

struct Source {
    /// Below `src`, as in `spool/entry.rs`.
    path: String,
    text: String,
    /// The text without tests.
    program: String,
    /// The text without tests, comments and strings.
    code: String,
}

impl Source {
    /// The folder or single file below `src` that it belongs to.
    fn place(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }
}

fn sources() -> Vec<Source> {
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
    for source in sources.iter_mut().filter(|source| only_tests.contains(&source.path)) {
        (source.program, source.code) = (String::new(), String::new());
    }
    sources
}

/// The files that a file declares for tests only.
fn test_files(source: &Source) -> Vec<String> {
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
fn without_tests(text: &str) -> String {
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

fn walk(dir: &Path, paths: &mut Vec<PathBuf>) {
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
fn code_of(text: &str) -> String {
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

fn is_word(c: char) -> bool {
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

/// The places below the crate's root that the code names by `crate::`.
fn uses_of_crate(code: &str) -> Vec<String> {
    let mut uses = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        // `postrider_crate::` or `$crate::` are other things.
        if code[..at].ends_with(|c| is_word(c) || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => uses.extend(first_words(group)),
            None => uses.push(rest.chars().take_while(|c| is_word(*c)).collect()),
        }
    }
    uses
}

/// The first word of each path in `a::{b, c}, d}`.
fn first_words(group: &str) -> Vec<String> {
    let (mut depth, mut word, mut words, mut taking) = (0_usize, String::new(), Vec::new(), true);
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => taking = true,
            c if is_word(c) && taking && depth == 0 => word.push(c),
            _ if !word.is_empty() => {
                words.push(std::mem::take(&mut word));
                taking = false;
            }
            _ => {}
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

fn layer(place: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&place))
}

/// One line per offence; none is what is wanted.
#[track_caller]
fn none(offences: impl IntoIterator<Item = String>) {
    let offences: Vec<String> = offences.into_iter().collect();
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}

#[test]
fn every_file_has_its_layer() {
    let homeless = sources().into_iter().filter(|source| {
        let place = source.place();
        !["lib", "main", "bin", "drop"].contains(&place) && layer(place).is_none()
    });
    none(homeless.map(|source| format!("src/{} is in no layer", source.path)));
}

#[test]
fn a_file_uses_only_lower_layers_or_its_own_folder() {
    let mut offences = Vec::new();
    for source in sources() {
        let Some(own) = layer(source.place()) else { continue };
        for used in uses_of_crate(&source.code) {
            let allowed = used == source.place() || layer(&used).is_some_and(|layer| layer < own);
            if !allowed {
                offences.push(format!("src/{} uses crate::{used}", source.path));
            }
        }
        let depth = source.path.matches('/').count();
        if source.code.contains(&"super::".repeat(depth + 1)) {
            offences.push(format!("src/{} leaves its folder by super::super::; say crate::", source.path));
        }
    }
    none(offences);
}

#[test]
fn crates_have_one_door_each() {
    let mut offences = Vec::new();
    for source in sources() {
        for (name, doors) in DOORS {
            let named = source.code.match_indices(name).any(|(at, _)| {
                let before = source.code[..at].chars().next_back();
                let rest = &source.code[at + name.len()..];
                before.is_none_or(|c| !is_word(c) && c != '.')
                    && rest.starts_with("::")
                    && !source.code[..at].ends_with("crate::")
            });
            if named && !doors.contains(&source.place()) {
                offences.push(format!("src/{} names {name}, whose door is {doors:?}", source.path));
            }
        }
    }
    none(offences);
}

#[test]
fn only_the_command_line_prints_and_exits() {
    let words = ["println!", "print!", "eprint!", "dbg!", "process::exit", "io::stdout", "io::stderr"];
    let mut offences = Vec::new();
    let prints = |source: &Source| ["cli", "log"].contains(&source.place()) || source.path == "drop/main.rs";
    for source in sources().iter().filter(|source| !prints(source)) {
        for word in words.iter().filter(|word| source.code.contains(*word)) {
            offences.push(format!("src/{} has {word}", source.path));
        }
    }
    none(offences);
}

#[test]
fn the_privileged_crate_depends_on_next_to_nothing() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/drop/Cargo.toml")).unwrap();
    let section = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<&str> = section.lines().filter_map(|line| Some(line.split_once('=')?.0.trim())).collect();
    assert_eq!(names, ["rustix"]);
}

#[test]
fn the_privileged_code_is_small_and_cannot_panic() {
    let sources = sources();
    let privileged: Vec<&Source> = sources.iter().filter(|source| source.place() == "drop").collect();
    let lines = |source: &&Source| {
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        source.program.lines().filter(is_code).count()
    };
    let total: usize = privileged.iter().map(lines).sum();
    assert!(total < 300, "src/drop has {total} lines");
    let blocks: usize = privileged.iter().map(|source| source.code.matches("unsafe {").count()).sum();
    assert_eq!(blocks, 1, "one unsafe block in src/drop");
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/drop/Cargo.toml")).unwrap();
    for lint in ["arithmetic_side_effects", "expect_used", "indexing_slicing", "panic", "unreachable", "unwrap_used"] {
        assert!(manifest.contains(&format!("{lint} = \"deny\"")), "{lint} is denied");
    }
    none(privileged.iter().filter(|source| source.program.contains("allow(clippy::")).map(|s| s.path.clone()));
}

#[test]
fn programs_are_thin() {
    for source in sources().iter().filter(|source| source.path == "main.rs" || source.path.starts_with("bin/")) {
        let code = source.code.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(code <= 3, "src/{} is one call", source.path);
    }
}

#[test]
fn every_file_opens_by_saying_what_lives_there() {
    let silent = sources().into_iter().filter(|source| !source.text.starts_with("//! "));
    none(silent.map(|source| format!("src/{} does not open with //!", source.path)));
}

#[test]
fn no_file_is_unfinished() {
    let words = ["(to be written)", "todo!", "unimplemented!"];
    let unfinished = |source: &Source| words.iter().any(|word| source.text.contains(word));
    let offences = sources().into_iter().filter(unfinished);
    none(offences.map(|source| format!("src/{} is unfinished", source.path)));
}

#[test]
fn no_file_is_too_long() {
    let long = |source: &Source| Some(source.text.lines().count()).filter(|lines| *lines > LONGEST_FILE);
    let offences = |source: Source| Some(format!("src/{} has {} lines", source.path, long(&source)?));
    none(sources().into_iter().filter_map(offences));
}

#[test]
fn names_say_what_a_thing_is() {
    let stem = |path: &str| path.split('/').map(|part| part.trim_end_matches(".rs").to_owned()).collect::<Vec<_>>();
    let empty = sources()
        .into_iter()
        .filter(|source| stem(&source.path).iter().any(|part| EMPTY_NAMES.contains(&part.as_str())));
    none(empty.map(|source| format!("src/{} has a name that says nothing", source.path)));
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

#[test]
fn the_guard_sees_what_it_must() {
    let code = code_of(
        "use crate::{spool::{Spool, id}, cli};\n// crate::runner\nlet x = \"crate::rules\"; crate::tls::x('\"');\n",
    );
    assert_eq!(uses_of_crate(&code), ["spool", "cli", "tls"]);
    assert_eq!(uses_of_crate(&code_of("r#\"crate::a\"# crate::b; 'x: loop {} crate::c")), ["b", "c"]);
    let text = "fn f() {}\n\n#[cfg(test)]\nmod scripted;\n\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n    use crate::cli;\n}\nfn g() {}\n";
    assert_eq!(without_tests(text), "fn f() {}\n\n\nfn g() {}\n");
    let source = Source { path: "spool/mod.rs".into(), text: text.into(), program: String::new(), code: String::new() };
    assert!(test_files(&source).contains(&"spool/scripted.rs".to_owned()));
    assert!(!code_of("/// println!\nfn f() {}").contains("println!"));
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
