//! The Japanese manuals say what the English ones say: the same sections, options, keys, commands, numbers and examples, in the
//! same order. Within a paragraph the order of words is the language's own, so names and numbers are compared as sets.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::none;

/// The formatters lay these out by their names, so they keep them.
const STANDARD: [&str; 8] =
    ["NAME", "SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES", "SEE ALSO"];

/// Sections that have nothing to translate.
const VERBATIM: [&str; 2] = ["SYNOPSIS", "SEE ALSO"];

const PAGES: [&str; 4] = ["postrider-trouble.7", "postrider.1", "postrider.toml.5", "sendmail.8"];

/// Macros whose arguments are names, which no translation changes, each with the one that stands for it: a quotation is
/// opened and closed by macros of their own where a full stop follows it.
const NAMES: [(&str, &str); 12] = [
    ("Cm", "Cm"),
    ("Dv", "Dv"),
    ("Ev", "Ev"),
    ("Fl", "Fl"),
    ("Ic", "Ic"),
    ("Li", "Li"),
    ("Pa", "Pa"),
    ("Ql", "Ql"),
    ("So", "Ql"),
    ("Qq", "Qq"),
    ("Qo", "Qq"),
    ("Xr", "Xr"),
];

/// Macros that may follow in the same line and end the names.
const OTHER: [&str; 21] = [
    "Ar", "Dc", "Do", "Dq", "Em", "It", "Nm", "No", "Ns", "Oc", "Oo", "Op", "Pc", "Po", "Pq", "Qc", "Sc", "Sm", "Sx",
    "off", "on",
];

/// A stretch of text between two lines of the frame.
#[derive(Debug, Default, PartialEq)]
struct Block {
    /// The line that begins it, without what is translated.
    begin: String,
    names: BTreeSet<(&'static str, String)>,
    numbers: BTreeSet<String>,
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn is_japanese(c: char) -> bool {
    ('\u{3041}'..='\u{30ff}').contains(&c) || ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// A heading, unless it is translated.
fn heading(line: &str) -> String {
    let (level, title) = line.split_at(4);
    let is_name = level == ".Ss " && title.starts_with('[');
    let kept = is_name || (level == ".Sh " && STANDARD.contains(&title));
    if kept { line.to_owned() } else { level.trim_end().to_owned() }
}

/// The line as part of the frame, which both languages have in common; `None` if it is text.
fn frame(line: &str, verbatim: bool) -> Option<String> {
    let is = |begins: &[&str]| begins.iter().any(|begin| line == *begin || line.starts_with(&format!("{begin} ")));
    if is(&[".Sh", ".Ss"]) {
        Some(heading(line))
    } else if verbatim || is(&[".Dt", ".It", ".Bl", ".El", ".Bd", ".Ed", ".Dl", ".Pp"]) {
        Some(line.to_owned())
    } else {
        None
    }
}

fn add_names(names: &mut BTreeSet<(&'static str, String)>, line: &str) {
    let is_name = |word: &str| word.is_ascii() && (word.len() > 1 || word.starts_with(char::is_alphanumeric));
    let (mut of, mut count) = (None, 0);
    for word in line.trim_start_matches('.').split_whitespace() {
        if let Some((_, name)) = NAMES.iter().find(|(name, _)| *name == word) {
            (of, count) = (Some(*name), 0);
        } else if OTHER.contains(&word) {
            of = None;
        } else if let Some(of) = of.filter(|of| is_name(word) && (*of != "Xr" || count < 2)) {
            names.insert((of, word.to_owned()));
            count += 1;
        }
    }
}

fn add_numbers(numbers: &mut BTreeSet<String>, line: &str) {
    let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || ".,".contains(c)));
    let words = words.map(|word| word.trim_matches(|c| ".,".contains(c)));
    numbers.extend(words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned));
}

/// What both languages have in common.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = vec![Block::default()];
    let (mut verbatim, mut display) = (false, false);
    for line in page.lines().filter(|line| !line.starts_with(".\\\"") && !line.starts_with(".Dd ")) {
        if let Some(title) = line.strip_prefix(".Sh ") {
            verbatim = VERBATIM.contains(&title);
        }
        display = (display || line.starts_with(".Bd ")) && line != ".Ed";
        if let Some(begin) = frame(line, verbatim || display) {
            blocks.push(Block { begin, ..Block::default() });
            continue;
        }
        let block = blocks.last_mut().unwrap();
        add_numbers(&mut block.numbers, line);
        if line.starts_with('.') {
            add_names(&mut block.names, line);
        }
    }
    blocks
}

/// In what a translation differs, up to where the pages go apart.
fn differences(english: &str, japanese: &str) -> Vec<String> {
    let (english, japanese) = (blocks(english), blocks(japanese));
    let (mut before, mut differences) = (String::new(), Vec::new());
    for (ours, theirs) in english.iter().zip(&japanese) {
        if ours.begin != theirs.begin {
            differences.push(format!("after {before:?}: {:?} is {:?}", ours.begin, theirs.begin));
            return differences;
        }
        let begin = &ours.begin;
        before.clone_from(begin);
        let names: Vec<_> = ours.names.symmetric_difference(&theirs.names).collect();
        // Japanese writes more numbers in digits than English does.
        let numbers: Vec<_> = ours.numbers.difference(&theirs.numbers).collect();
        if !names.is_empty() || !numbers.is_empty() {
            differences.push(format!("in {begin:?}: only one has {names:?} {numbers:?}"));
        }
    }
    differences.extend((english.len() != japanese.len()).then(|| format!("after {before:?}: one page ends")));
    differences
}

#[test]
fn every_translated_manual_says_what_the_english_one_says() {
    none(PAGES.iter().flat_map(|page| {
        let differences = differences(&read(&format!("man/{page}")), &read(&format!("man/ja/{page}")));
        differences.into_iter().map(move |difference| format!("man/ja/{page} is out of step {difference}"))
    }));
}

#[test]
fn every_file_of_the_translation_is_compared() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/ja");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    assert_eq!(names, [&["README.ja.md"], &PAGES[..]].concat());
}

#[test]
fn all_that_can_be_translated_is() {
    let mut offences = Vec::new();
    for page in PAGES {
        for line in read(&format!("man/ja/{page}")).lines().filter(|line| line.starts_with(".S")) {
            let title = line.get(4..).unwrap_or_default();
            let is_heading = line.starts_with(".Sh ") || line.starts_with(".Ss ");
            if is_heading && heading(line) != line && !title.contains(is_japanese) {
                offences.push(format!("man/ja/{page}: {line}"));
            }
        }
    }
    none(offences);
}

/// A formatter puts a blank for the end of a line, and Japanese has none within a sentence but after its commas.
#[test]
fn no_line_ends_within_a_japanese_word() {
    let mut offences = Vec::new();
    for page in PAGES {
        let text = read(&format!("man/ja/{page}"));
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair.iter().all(|line| !line.starts_with('.'))) {
            if pair[0].ends_with(is_japanese) && pair[1].starts_with(is_japanese) {
                offences.push(format!("man/ja/{page}: {} | {}", pair[0], pair[1]));
            }
        }
    }
    none(offences);
}

#[test]
fn what_the_translated_readme_has_people_run_is_in_the_english_one() {
    let fenced = |text: &str| text.split("\n```").skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let (english, japanese) = (fenced(&read("README.md")), fenced(&read("man/ja/README.ja.md")));
    assert!(japanese.len() > 4, "the blocks are found");
    none(japanese.into_iter().filter(|block| !english.contains(block)));
}

#[test]
fn a_translation_that_is_out_of_step_is_found() {
    let page = ".Sh NAME\n.Nm x\n.Sh DESCRIPTION\nSee\n.Cm key .\nDefault: 20.\n.Ss Kinds\n.Bd -literal\nuse it\n.Ed\n";
    let good = ".Sh NAME\n.Nm x\n.Sh DESCRIPTION\n.Cm key\nを参照。\n既定値: 20\n.Ss 種類\n.Bd -literal\nuse it\n.Ed\n";
    assert_eq!(differences(page, good), [""; 0]);
    for (from, to) in [
        (".Cm key\n", ".Cm keys\n"),
        (".Cm key\n", ""),
        ("20", "30"),
        (".Ss 種類\n", ""),
        ("use it", "使う"),
        (".Ed\n", ".Ed\n.Pp\n"),
        ("NAME", "名前"),
    ] {
        assert!(!differences(page, &good.replace(from, to)).is_empty(), "{from:?} as {to:?}");
    }
}
