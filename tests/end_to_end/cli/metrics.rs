//! `postrider metrics` and `[metrics]`: figures that Prometheus reads, and nothing that is in a mail.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::world::World;

/// The families that are printed, each with its help and type, and every sample belongs to one.
fn families(text: &str) -> BTreeSet<String> {
    let mut families = BTreeSet::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            rest.split(' ').next().unwrap().clone_into(&mut current);
            assert!(families.insert(current.clone()), "{current} is there twice:\n{text}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let kind = rest.strip_prefix(&format!("{current} ")).unwrap();
            assert_eq!(kind == "counter", current.ends_with("_total"), "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            assert_eq!(sample.split('{').next().unwrap(), current, "{text}");
            value.parse::<f64>().unwrap();
        }
    }
    families
}

/// The file of the world, once it has this line.
fn wait_for_line(world: &World, line: &str) -> String {
    let read = || fs::read_to_string(world.path("postrider.prom")).unwrap_or_default();
    wait_for(line, || read().lines().any(|one| one == line));
    read()
}

#[test]
fn the_figures_are_those_of_the_queue_and_of_what_was_done() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("later@away.example").reply("450 4.2.0 CANARY")).start();
    let world = World::at_home(&isp);
    let runner = world.runner();
    let metrics = || world.postrider(&["metrics"]).code(0).stdout;
    wait_for("the runner", || metrics().contains("postrider_build_info"));
    let mail = "From: Canary-From <alice>\nSubject: CANARY-SUBJECT\nX-Other: CANARY-FIELD\n\nCANARY-BODY\n";
    for to in ["bob@away.example", "later@away.example"] {
        world.sendmail(&["-f", "alice", to], mail).code(0);
    }
    let has = |line: &str| metrics().lines().any(|one| one == line);
    wait_for("both attempts", || {
        has("postrider_attempts_total{account=\"isp\",outcome=\"delivered\"} 1")
            && has("postrider_attempts_total{account=\"isp\",outcome=\"deferred\"} 1")
    });
    let text = metrics();
    // Also where the configuration gives the runner nobody to tell of its status.
    assert!(
        families(&text).is_superset(&["postrider_status", "postrider_conditions"].map(str::to_owned).into()),
        "{text}"
    );
    for line in [
        "postrider_queue_messages{account=\"isp\",state=\"waiting\"} 1",
        "postrider_queue_messages{account=\"isp\",state=\"ready\"} 0",
        "postrider_flushes_total 0",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}:\n{text}");
    }
    let received = text.lines().find(|line| line.starts_with("postrider_received_messages_total")).unwrap();
    assert!(received.ends_with(" 2"), "{received}");
    assert!(text.contains("postrider_queue_oldest_timestamp_seconds{account=\"isp\"} 1"), "{text}");
    world.flush();
    assert!(has("postrider_flushes_total 1"), "{}", metrics());
    families(&text);
    assert!(!text.to_lowercase().contains("canary"), "{text}");
    drop(runner);
    let text = metrics();
    assert!(
        text.contains("postrider_messages{state=\"queued\"} 1\n") && text.contains("postrider_status 0\n"),
        "{text}"
    );
    families(&text);
}

#[test]
fn the_file_of_a_collector_is_kept_up_to_date_and_replaced_as_a_whole() {
    let isp = Provider::setup().rule(on(Verb::Auth).once().reply("535 5.7.8 CANARY")).start();
    let world = World::at_home(&isp).set("metrics", json!({"textfile": "postrider.prom"}));
    let runner = world.runner();
    world.send_to(&["bob@away.example"]).code(0);
    wait_for_line(&world, "postrider_build_info{version=\"0.1.0\"} 1");
    let mode = fs::metadata(world.path("postrider.prom")).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode, world.path("postrider.prom.new").exists()), (0o644, false));
    drop(runner);
    // A runner that starts writes at once; what status finds comes with its first look.
    fs::remove_file(world.path("postrider.prom")).unwrap();
    let runner = world.runner();
    let text = wait_for_line(&world, "postrider_flushes_total 0");
    families(&text);
    assert!(!text.to_lowercase().contains("canary"), "{text}");
    drop(runner);
}

#[test]
fn the_rules_and_the_dashboard_ask_for_figures_that_there_are() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["bob@away.example"]).code(0);
    let without = families(&world.postrider(&["metrics"]).code(0).stdout);
    let runner = world.runner();
    wait_for("the mail", || isp.received() == 1);
    let known: BTreeSet<String> = &without | &families(&world.postrider(&["metrics"]).code(0).stdout);
    drop(runner);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/prometheus");
    for name in ["alerts.yml", "dashboard.json"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let asked: BTreeSet<&str> = words.filter(|word| word.starts_with("postrider_")).collect();
        assert!(asked.len() > 4, "{name}");
        let unknown: Vec<&&str> = asked.iter().filter(|name| !known.contains(**name)).collect();
        assert!(unknown.is_empty(), "{name} asks for {unknown:?}, which is none of {known:?}");
    }
    let dashboard = fs::read_to_string(folder.join("dashboard.json")).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&dashboard).unwrap()["panels"].is_array());
}
