//! Circles between files of `src`: each file of a circle uses the others, if only by way of a third, so that none can be read,
//! tested or changed alone. Imports and spelled-out paths both count as use. The files of `x/` are parts of `x.rs` or
//! `x/mod.rs`; a part that uses its whole makes no circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::{Import, imports, paths, without_imports};
use crate::none;
use crate::source::{CRATES, Source, is_word, sources};

/// Files that may use one another, with the reason, or what has to come first.
const ALLOWED: [(&[&str], &str); 1] = [(
    &["rules/aliases.rs", "rules/inbound.rs"],
    "two halves of one recursion: a recipient may be an alias, and what an alias stands for is a recipient",
)];

/// The names of the modules from the crate's root down.
type Module = Vec<String>;

/// A module and the file that it is.
struct File<'a> {
    path: &'a str,
    imports: Vec<Import>,
    /// Without its imports.
    code: String,
}

/// What a path names.
enum Target {
    Module,
    /// An item in the file of this module.
    Item(Module),
}

/// The files of the library.
struct Tree<'a>(BTreeMap<Module, File<'a>>);

impl<'a> Tree<'a> {
    fn of(sources: &'a [Source]) -> Self {
        let is_library = |source: &&Source| {
            !["main", "bin"].contains(&source.place()) && !CRATES.contains(&source.place()) && !source.code.is_empty()
        };
        let file = |source: &'a Source| {
            let (imports, code) = (imports(&source.code), without_imports(&source.code));
            (module_of(&source.path), File { path: &source.path, imports, code })
        };
        Self(sources.iter().filter(is_library).map(file).collect())
    }

    /// What a path in the file of `from` names; `None` if that belongs to another crate.
    fn resolve(&self, from: &[String], path: &[String]) -> Option<Target> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Module::new(),
            "self" => from.to_vec(),
            "super" => from.split_last()?.1.to_vec(),
            _ => {
                rest = path;
                from.to_vec()
            }
        };
        while let Some((name, behind)) = rest.split_first() {
            let next = [at.as_slice(), std::slice::from_ref(name)].concat();
            if name == "super" {
                at.pop()?;
            } else if self.0.contains_key(&next) {
                at = next;
            } else if let Some(import) = self.0.get(&at)?.imports.iter().find(|import| import.name == *name) {
                // `use tempfile::tempfile` begins with the name of a crate, not with its own.
                if import.path[0] == *name {
                    return None;
                }
                return self.resolve(&at, &[import.path.as_slice(), behind].concat());
            } else {
                let is_crate = rest.len() == path.len();
                return (!is_crate).then_some(Target::Item(at));
            }
            rest = behind;
        }
        Some(Target::Module)
    }

    /// The other files that the file of a module uses.
    fn used(&self, module: &Module) -> BTreeSet<&'a str> {
        let file = &self.0[module];
        // A name that the file only hands on counts for the file that imports it from here.
        let is_used = |import: &&Import| !import.public || has_word(&file.code, &import.name);
        let imported = file.imports.iter().filter(is_used).map(|import| &import.path);
        let spelled_out = paths(&file.code);
        let item = |path: &Vec<String>| match self.resolve(module, path)? {
            // Importing a module uses nothing of it yet; the paths that begin with its name do.
            Target::Module => None,
            Target::Item(used) => Some(used).filter(|used| !module.starts_with(used)),
        };
        imported.chain(&spelled_out).filter_map(item).map(|used| self.0[&used].path).collect()
    }

    fn arrows(&self) -> Arrows<'a> {
        self.0.iter().map(|(module, file)| (file.path, self.used(module))).collect()
    }
}

/// From each file to those that it uses.
type Arrows<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// `spool/mod.rs` and `spool.rs` are the module `spool`; `spool/id.rs` is `spool::id`.
fn module_of(path: &str) -> Module {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !is_word(c)).any(|other| other == word)
}

/// All files that a file uses, directly or by way of others.
fn reached<'a>(arrows: &Arrows<'a>, from: &'a str) -> BTreeSet<&'a str> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(at) = open.pop() {
        let next = arrows[at].iter().copied();
        open.extend(next.filter(|next| found.insert(*next)));
    }
    found
}

fn circles<'a>(arrows: &Arrows<'a>) -> BTreeSet<BTreeSet<&'a str>> {
    let reach: Arrows<'a> = arrows.keys().map(|file| (*file, reached(arrows, file))).collect();
    let in_circle = arrows.keys().filter(|file| reach[*file].contains(*file));
    in_circle.map(|file| reach[file].iter().copied().filter(|other| reach[other].contains(file)).collect()).collect()
}

#[test]
fn files_do_not_use_one_another_in_circles() {
    let arrows = Tree::of(sources()).arrows();
    let is_allowed =
        |circle: &BTreeSet<&str>| ALLOWED.iter().any(|(files, _)| circle.iter().all(|file| files.contains(file)));
    let shown = |circle: BTreeSet<&str>| {
        let lines = circle.iter().map(|file| {
            let used: Vec<&str> = arrows[file].intersection(&circle).copied().collect();
            format!("    {file} uses {}", used.join(", "))
        });
        format!("a circle of {} files:\n{}", circle.len(), lines.collect::<Vec<_>>().join("\n"))
    };
    none(circles(&arrows).into_iter().filter(|circle| !is_allowed(circle)).map(shown));
}

#[test]
fn every_circle_that_is_allowed_is_there() {
    let circles = circles(&Tree::of(sources()).arrows());
    let mut gone: Vec<&str> = Vec::new();
    for (files, _) in ALLOWED {
        let listed = |circle: &BTreeSet<&str>| circle.iter().filter(|file| files.contains(file)).count();
        let is_needed = |file: &str| circles.iter().any(|circle| circle.contains(file) && listed(circle) > 1);
        gone.extend(files.iter().filter(|file| !is_needed(file)));
    }
    none(gone.iter().map(|file| format!("{file} is in no such circle any more: take it off the list")));
}

#[test]
fn circles_are_seen_by_imports_and_by_paths() {
    let source = |(path, code): (&str, &str)| {
        let text = || code.to_owned();
        Source { path: path.to_owned(), text: text(), program: text(), code: text() }
    };
    let files = [
        ("lib.rs", "pub mod a; pub mod b;"),
        ("a/mod.rs", "mod one; mod two; pub mod three; pub use one::One; pub use self::two::{Two as Second, go};"),
        ("a/one.rs", "use super::{Second, three as last}; fn f() { last::h() }"),
        ("a/two.rs", "use std::fs; use crate::b; fn g(x: &super::One) { b::f(); fs::read(); }"),
        ("a/three.rs", "use tempfile::tempfile; fn h() { crate::b::f(tempfile()) }"),
        ("b.rs", "mod below; fn f() { below::h::<u8>() }"),
        ("b/below.rs", "use super::super::a::go; use super::f; fn h() {}"),
        ("c.rs", "fn f() { crate::d::g() }"),
        ("d.rs", "fn g() {}"),
    ];
    let files = files.map(source);
    let arrows = Tree::of(&files).arrows();
    assert_eq!(arrows["a/mod.rs"], BTreeSet::new(), "what it only hands on");
    assert_eq!(arrows["a/one.rs"], BTreeSet::from(["a/two.rs", "a/three.rs"]));
    assert_eq!(arrows["a/two.rs"], BTreeSet::from(["a/one.rs", "b.rs"]));
    assert_eq!(arrows["a/three.rs"], BTreeSet::from(["b.rs"]));
    assert_eq!(arrows["b/below.rs"], BTreeSet::from(["a/two.rs"]), "a part may use its whole");
    assert_eq!(arrows["c.rs"], BTreeSet::from(["d.rs"]));
    let circle = ["a/one.rs", "a/two.rs", "a/three.rs", "b.rs", "b/below.rs"];
    assert_eq!(circles(&arrows), BTreeSet::from([BTreeSet::from(circle)]));
}
