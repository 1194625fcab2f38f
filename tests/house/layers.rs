//! Which file may use which, and which crates and calls have one door only.

use std::fs;
use std::path::Path;

use crate::none;
use crate::source::{CRATES, Source, code_of, is_word, sources};

/// The layers of `src`, lowest first. Folders and files of one layer do not use one another.
const LAYERS: [&[&str]; 10] = [
    &["mail"],
    &["log"],
    &["sys", "tls"],
    &["archive", "https"],
    &["config"],
    &["import", "rules", "spool"],
    &["submit", "deliver"],
    &["control"],
    &["runner"],
    &["cli"],
];

/// Crates that only certain files may name.
const DOORS: [(&str, &[&str]); 15] = [
    ("lettre", &["deliver"]),
    ("rustls", &["tls"]),
    ("rustls_platform_verifier", &["tls"]),
    ("rcgen", &["tls"]),
    ("ureq", &["https"]),
    ("roxmltree", &["cli"]),
    ("plotters", &["cli"]),
    ("tar", &["archive"]),
    ("toml", &["config"]),
    ("toml_edit", &["config"]),
    ("keyring", &["config"]),
    ("pcre2", &["config"]),
    ("hickory_resolver", &["deliver"]),
    ("inotify", &["sys"]),
    ("clap", &["cli"]),
];

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

#[test]
fn every_file_has_its_layer() {
    let homeless = sources().iter().filter(|source| {
        let place = source.place();
        !["lib", "main", "bin"].contains(&place) && !CRATES.contains(&place) && layer(place).is_none()
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

/// The locks of `std`, whose poisoning says nothing where a panic ends the process.
const POISONED: [&str; 4] = ["PoisonError", "Mutex", "RwLock", "Condvar"];

#[test]
fn locks_are_of_one_kind() {
    let names_std = |line: &&str| line.starts_with("use std::sync") && POISONED.iter().any(|lock| line.contains(lock));
    let offences = sources().iter().flat_map(|source| {
        source.code.lines().filter(names_std).map(|line| format!("src/{}: {line}: use parking_lot's", source.path))
    });
    none(offences);
}

/// What only Linux has, or what other systems that postrider may be ported to lack (those of Apple have neither `O_PATH` nor flags of
/// socket(2)), as it is written in code. `sys` is where a port begins; the privileged crates use nothing of the rest, so they
/// have their own.
const LINUX_ONLY: [&str; 15] = [
    "inotify::",
    "timerfd",
    "Boottime",
    "memfd",
    "TMPFILE",
    "RenameFlags",
    "PeerCredentials",
    "DumpableBehavior",
    "initgroups",
    "std::os::linux",
    "\"/proc/",
    "auxv",
    "getrandom",
    "SocketFlags",
    "OFlags::PATH",
];

#[test]
fn what_only_linux_has_is_behind_one_door() {
    let mut offences = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| source.place() != "sys" && !CRATES.contains(&source.place()) && !source.code.is_empty())
    {
        let lines = source.program.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in lines.filter(|line| LINUX_ONLY.iter().any(|call| line.contains(call))) {
            offences.push(format!("src/{}: {} belongs in sys", source.path, line.trim()));
        }
    }
    none(offences);
    let in_sys = |call: &&str| sources().iter().any(|source| source.place() == "sys" && source.program.contains(*call));
    none(
        LINUX_ONLY
            .iter()
            .filter(|call| !in_sys(call))
            .map(|call| format!("{call} is not in sys: take it off the list")),
    );
}

/// What is written in one place only: a text of the code, and the files that may have it.
const ONE_PLACE: [(&str, &[&str]); 3] = [
    // The header of a mail of our own, or sent from the account's address. The demo and `postrider test` write mail as a
    // user's program would.
    ("Auto-Submitted:", &["mail/notice.rs", "cli/demo/script.rs", "rules/null_sender.rs", "cli/test/mail.rs"]),
    // A control character that is replaced.
    ("is_control() { '", &["mail/printable.rs"]),
    // How far from `retry_max` a wait may be.
    ("retry_max.mul", &[]),
];

#[test]
fn what_has_one_place_is_nowhere_else() {
    let mut offences = Vec::new();
    for source in sources() {
        for (text, places) in ONE_PLACE {
            if source.program.contains(text) && !places.contains(&source.path.as_str()) {
                offences.push(format!("src/{} has {text:?}, whose place is {places:?}", source.path));
            }
        }
    }
    none(offences);
}

#[test]
fn only_the_command_line_prints_and_exits() {
    let words = ["println!", "print!", "eprint!", "dbg!", "process::exit", "io::stdout", "io::stderr"];
    let mut offences = Vec::new();
    let prints = |source: &Source| {
        ["cli", "log"].contains(&source.place()) || ["drop/main.rs", "mailbox/main.rs"].contains(&source.path.as_str())
    };
    for source in sources().iter().filter(|source| !prints(source)) {
        for word in words.iter().filter(|word| source.code.contains(*word)) {
            offences.push(format!("src/{} has {word}", source.path));
        }
    }
    none(offences);
}

#[test]
fn nothing_panics_where_nobody_reads_what_is_printed() {
    let mut offences = Vec::new();
    for source in sources() {
        for (at, word) in
            ["println!", "print!", "eprintln!", "eprint!"].iter().flat_map(|w| source.code.match_indices(w))
        {
            if !source.code[..at].ends_with(is_word) {
                offences.push(format!("src/{} has {word}, which panics on a full disk: use cli/print", source.path));
            }
        }
    }
    none(offences);
}

/// A crate of which privileged programs consist.
struct Privileged {
    place: &'static str,
    /// It has fewer lines of code than these.
    lines: usize,
    unsafe_blocks: usize,
    uses: &'static [&'static str],
}

const PRIVILEGED: [Privileged; CRATES.len()] = [
    Privileged { place: "drop", lines: 430, unsafe_blocks: 1, uses: &["rustix"] },
    // All of it may run as root.
    Privileged { place: "mailbox", lines: 500, unsafe_blocks: 0, uses: &["postrider-mailstore", "rustix"] },
    // Runs as the user, once root has been given up, and in user mode.
    Privileged { place: "mailstore", lines: 500, unsafe_blocks: 0, uses: &["rustix"] },
];

fn manifest(place: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(place).join("Cargo.toml")).unwrap()
}

#[test]
fn the_privileged_crate_depends_on_next_to_nothing() {
    for Privileged { place, uses, .. } in PRIVILEGED {
        let manifest = manifest(place);
        let section = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
        let names: Vec<&str> = section.lines().filter_map(|line| Some(line.split_once('=')?.0.trim())).collect();
        assert_eq!(names, uses, "src/{place}");
    }
}

/// Lines of code.
fn lines(source: &Source) -> usize {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    source.program.lines().filter(is_code).count()
}

#[test]
fn the_privileged_code_is_small_and_cannot_panic() {
    for Privileged { place, lines: most, unsafe_blocks, .. } in PRIVILEGED {
        let privileged: Vec<&Source> = sources().iter().filter(|source| source.place() == place).collect();
        let total: usize = privileged.iter().map(|source| lines(source)).sum();
        assert!(total > 0 && total < most, "src/{place} has {total} lines");
        let blocks: usize = privileged.iter().map(|source| source.code.matches("unsafe {").count()).sum();
        assert_eq!(blocks, unsafe_blocks, "blocks of unsafe code in src/{place}");
        let manifest = manifest(place);
        for lint in
            ["arithmetic_side_effects", "expect_used", "indexing_slicing", "panic", "unreachable", "unwrap_used"]
        {
            assert!(manifest.contains(&format!("{lint} = \"deny\"")), "{lint} is denied");
        }
        none(privileged.iter().filter(|source| source.program.contains("allow(clippy::")).map(|s| s.path.clone()));
    }
}

#[test]
fn programs_are_thin() {
    for source in sources().iter().filter(|source| source.path == "main.rs" || source.path.starts_with("bin/")) {
        let code = source.code.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(code <= 3, "src/{} is one call", source.path);
    }
}

#[test]
fn uses_are_seen_in_code_only() {
    let code = code_of(
        "use crate::{spool::{Spool, id}, cli};\n// crate::runner\nlet x = \"crate::rules\"; crate::tls::x('\"');\n",
    );
    assert_eq!(uses_of_crate(&code), ["spool", "cli", "tls"]);
    assert_eq!(uses_of_crate(&code_of("r#\"crate::a\"# crate::b; 'x: loop {} crate::c")), ["b", "c"]);
}
