//! What the real programs leave in a spool, print and log, against postrider-formats(5). The lists of the page are held against the
//! code by unit tests; here it is shown that they describe what is really written.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use support::provider::{Provider, Verb, on};
use support::world::{World, run};

const PAGE: &str = include_str!("../../../man/postrider-formats.5");

/// The names of the items in a subsection of the page, of files (`Pa`) or members (`Cm`).
fn items(title: &str, mark: &str) -> BTreeSet<String> {
    let section = PAGE.split(&format!("\n.Ss {title}\n")).nth(1).unwrap_or_else(|| panic!("no section {title}"));
    let section = section.split("\n.Ss ").next().unwrap();
    let names = section.lines().filter_map(|line| line.strip_prefix(&format!(".It {mark} ")));
    names.map(|name| name.trim_end_matches('/').to_owned()).collect()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

/// A spool with a message that was delivered, one that waits after an attempt, and an account that was in trouble.
fn used(isp: &Provider) -> World {
    let world = World::at_home(isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once().code(0);
    world.send_to(&["late@away.example"]).code(0);
    world.run_once().code(0);
    world
}

fn provider() -> Provider {
    Provider::setup().rule(on(Verb::Rcpt).about("late").reply("450 4.2.1 try later")).start()
}

#[test]
fn every_file_that_is_in_a_spool_is_in_the_manual() {
    let isp = provider();
    let world = used(&isp);
    let known = items("Spool", "Pa");
    let names =
        fs::read_dir(world.path("spool")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let found: BTreeSet<String> = names.collect();
    assert!(found.len() > 4, "{found:?}");
    let unknown: Vec<_> = found.difference(&known).collect();
    assert!(unknown.is_empty(), "postrider-formats(5) does not name {unknown:?}");
}

#[test]
fn what_is_printed_as_json_has_the_members_in_the_manual() {
    let isp = provider();
    let world = used(&isp);
    let json = |arguments: &[&str]| -> Value {
        let printed = world.postrider(arguments).code(0).stdout;
        serde_json::from_str(printed.lines().next().unwrap()).unwrap()
    };
    let record = json(&["history", "--json"]);
    // What a user submitted has no client.
    let of_user =
        |names: BTreeSet<String>| -> BTreeSet<String> { names.into_iter().filter(|name| name != "client").collect() };
    assert_eq!(keys(&record), of_user(items("History", "Cm")));
    let known = items("History recipients", "Cm");
    // A recipient whose address was not rewritten has no other.
    assert_eq!(keys(&record["recipients"][0]), known.into_iter().filter(|name| name != "sent_to").collect());
    let listed = json(&["queue", "list", "--json"]);
    let known = of_user(items("Queue entries", "Cm"));
    assert!(keys(&listed).is_subset(&known), "{listed}");
    let shown = json(&["queue", "show", "--body", listed["queue_id"].as_str().unwrap(), "--json"]);
    // Only what `queue retry --readmit` leaves is missing.
    let expected: BTreeSet<String> = known.into_iter().filter(|name| name != "replaced").collect();
    assert_eq!(keys(&shown), expected);
}

#[test]
fn the_status_line_has_the_words_and_figures_in_the_manual() {
    let isp = provider();
    let world = used(&isp);
    let said = world.postrider(&["status"]);
    let (words, figures) = said.stdout.split_once('|').unwrap();
    let level = words.strip_prefix("POSTRIDER ").and_then(|words| words.split_once(':')).unwrap().0;
    assert!(PAGE.contains(&format!(".It Cm {level}\n{}:", said.status.unwrap())), "{words}");
    for figure in figures.split_whitespace() {
        let name = figure.split('=').next().unwrap();
        assert!(PAGE.lines().any(|line| line.starts_with(&format!(".Cm {name}"))), "{name}");
    }
}

/// The command in the page takes out of a line what its checksum does not cover.
#[test]
fn a_journal_line_is_checked_by_hand() {
    let isp = provider();
    let world = used(&isp);
    let shown = PAGE.lines().find_map(|line| line.strip_prefix(".Dl \"")).unwrap().trim_end_matches('"');
    let command = shown.replace("\\(dq", "\"").replace("\\e", "\\");
    let command = command.strip_suffix(" | crc32 /dev/stdin").unwrap();
    let mut files = fs::read_dir(world.path("spool/queue")).unwrap().map(|entry| entry.unwrap().path());
    let lines = fs::read_to_string(files.find(|path| path.extension().is_some()).unwrap()).unwrap();
    assert!(lines.lines().count() > 2, "{lines}");
    for line in lines.lines() {
        let bare = run(world.command("sh", &["-c", command]), line.as_bytes()).stdout;
        let sum = format!(",\"c\":\"{:08x}\"}}", crc32fast::hash(bare.as_bytes()));
        assert!(line.ends_with(&sum), "{line}: {sum}");
    }
}
