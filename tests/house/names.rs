//! Names of files, types and functions: they say what a thing is, in the field's own terms. Comments and messages are free to
//! use the same words: "front end" and "wire format" are good English.

use crate::none;
use crate::source::{Source, is_word, sources};

/// Names that say nothing about what a file is for. They are empty on their own only: `queue_manager` is a term.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "manager", "misc"];

/// Metaphors that no name may contain as one of its parts, each with the term to use instead.
const METAPHORS: [(&str, &str); 31] = [
    ("crew", "thread pool"),
    ("cure", "remedy"),
    ("desk", "query handler"),
    ("door", "listener, connection"),
    ("ear", "watcher"),
    ("ears", "event channel"),
    ("entrances", "startup"),
    ("errand", "flush request"),
    ("errands", "flush requests"),
    ("guest", "client"),
    ("guests", "submitter limits"),
    ("hear", "handle an event"),
    ("heard", "outcome, output"),
    ("hire", "spawn a worker"),
    ("judge", "classify, verify"),
    ("lately", "sliding window"),
    ("ledger", "recipient states"),
    ("letter", "outgoing message"),
    ("mended", "changed"),
    ("news", "event"),
    ("nowhere", "undeliverable"),
    ("patient", "blocking"),
    ("porter", "pickup"),
    ("pump", "data"),
    ("seat", "connection"),
    ("taker", "listener"),
    ("teller", "DSN responsibility"),
    ("tempo", "rate limit"),
    ("told", "event, report"),
    ("viewer", "access scope"),
    ("visitor", "query handler"),
];

/// Metaphors only when they are the whole name: `to_wire`, `group_name` and the folder `wire` are terms.
const METAPHORS_ALONE: [(&str, &str); 25] = [
    ("care", "account backoff"),
    ("front", "intake state"),
    ("given", "recipient argument"),
    ("group", "recipient batch"),
    ("hand", "worker handle"),
    ("here", "user mode"),
    ("kept", "replay buffer"),
    ("let_go", "retire, allow, unlink, flush: one each"),
    ("race", "happy eyeballs"),
    ("recall_rests", "restore backoff"),
    ("see_off", "finish a batch"),
    ("show_out", "disconnect"),
    ("sick", "account health"),
    ("standing", "status"),
    ("strike_off", "drop from flushes"),
    ("take_in", "load"),
    ("take_stock", "startup scan"),
    ("telling", "alert channel"),
    ("together", "shared sync"),
    ("trail", "whether there is a journal"),
    ("turn", "permit"),
    ("turns", "round robin"),
    ("watch", "watcher, observer"),
    ("well", "account recovered"),
    ("wire", "socket"),
];

/// Files and folders whose name is on the lists above and is the right term there, each with its reason.
const TERMS: [(&str, &str); 1] =
    [("submit/wire", "the wire format between sendmail and the runner, as the field calls it")];

/// The demo acts out a scene: script and stage are what it is about.
const DEMO: &str = "cli/demo";

/// The parts of a name: `let_go` and `LetGo` have two.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c.is_uppercase() {
            parts.push(String::new());
        }
        parts.last_mut().unwrap().extend(c.to_lowercase().filter(|c| *c != '_'));
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The term to use instead of a name that is a metaphor.
fn metaphor(name: &str) -> Option<&'static str> {
    let parts = parts(name);
    let (in_part, alone) = (|word: &str| parts.iter().any(|part| part == word), parts.join("_"));
    let part = METAPHORS.iter().find(|(word, _)| in_part(word));
    part.or(METAPHORS_ALONE.iter().find(|(word, _)| *word == alone)).map(|(_, term)| *term)
}

/// The names of the types and functions that the code defines.
fn defined(code: &str) -> impl Iterator<Item = &str> {
    let mut words = code.split_whitespace();
    std::iter::from_fn(move || {
        words.find(|word| ["fn", "struct", "enum", "trait", "type", "union"].contains(word))?;
        words.next()?.split(|c: char| !is_word(c)).next()
    })
}

/// The names of the folders and of the file.
fn steps(path: &str) -> std::str::Split<'_, char> {
    path.trim_end_matches(".rs").split('/')
}

/// The metaphors among the names of one file, each with its term.
fn metaphors(source: &Source) -> Vec<(String, &'static str)> {
    let own = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
    let is_term = TERMS.iter().any(|(path, _)| *path == own);
    let names = defined(&source.code).chain(steps(own).next_back().filter(|_| !is_term));
    names.filter_map(|name| Some((name.to_owned(), metaphor(name)?))).collect()
}

/// The metaphors of the whole program: file, name, term.
fn all_metaphors() -> impl Iterator<Item = (&'static str, String, &'static str)> {
    let sources = sources().iter().filter(|source| !source.path.starts_with(DEMO) && !source.code.is_empty());
    sources.flat_map(|source| metaphors(source).into_iter().map(|(name, term)| (source.path.as_str(), name, term)))
}

#[test]
fn names_say_what_a_thing_is() {
    let empty = sources().iter().filter(|source| steps(&source.path).any(|step| EMPTY_NAMES.contains(&step)));
    none(empty.map(|source| format!("src/{} has a name that says nothing", source.path)));
}

#[test]
fn names_are_terms_and_not_metaphors() {
    none(all_metaphors().map(|(path, name, term)| format!("src/{path}: {name} is a metaphor; the term is: {term}")));
}

#[test]
fn every_exception_still_exists() {
    let exists = |path: &str| sources().iter().any(|source| source.path.trim_end_matches("/mod.rs") == path);
    none(TERMS.iter().filter(|(path, _)| !exists(path)).map(|(path, _)| format!("src/{path} does not exist")));
}

#[test]
fn metaphors_are_seen_as_whole_parts() {
    assert_eq!(parts("let_goHTTPNow"), ["let", "go", "h", "t", "t", "p", "now"]);
    assert!(["Desk", "FileEar", "from_told", "desk", "let_go", "Wire"].iter().all(|name| metaphor(name).is_some()));
    let terms = ["queue_manager", "early", "appears", "to_wire", "group_name", "doorbell", "Watcher", "hearing"];
    assert!(terms.iter().all(|name| metaphor(name).is_none()));
    assert!(!EMPTY_NAMES.contains(&"queue_manager"));
    let names: Vec<&str> =
        defined("pub fn a(x: fn(u8)) {} struct B<T>; enum C {} type D = E; impl F for G {}").collect();
    assert_eq!(names, ["a", "B", "C", "D"]);
}
