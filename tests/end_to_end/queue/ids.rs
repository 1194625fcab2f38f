//! Ids as people type them, and what a listing says of where mail goes: the real addresses, subject and age.

use std::fs;

use serde_json::json;

use support::provider::{Provider, Verb, on};
use support::world::World;

/// A mail from a user of this machine, whom `generic` gives an address; its id.
fn queue(world: &World, recipient: &str) -> String {
    world
        .sendmail(
            &["-i", "-f", "alice@home.lan", recipient],
            "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n\nfirst line\nlast line\n",
        )
        .code(0);
    world.queued().pop().unwrap()
}

fn rewriting(isp: &Provider) -> World {
    World::at_home(isp).generic(&[("alice@home.lan", "me@isp.example"), ("root@home.lan", "boss@away.example")])
}

#[test]
fn a_unique_prefix_in_any_case_names_a_message_and_an_ambiguous_one_lists_the_candidates() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 not now")).start();
    for beside_a_runner in [false, true] {
        let world = rewriting(&isp);
        let _runner = beside_a_runner.then(|| world.runner().ready(&world));
        let ids = [queue(&world, "bob@away.example"), queue(&world, "carol@away.example")];
        let common = ids[0].chars().zip(ids[1].chars()).take_while(|(a, b)| a == b).count();
        let short = ids[1][..=common].to_lowercase();
        world.postrider(&["queue", "show", &short]).code(0).says(&ids[1]);
        world.postrider(&["queue", "list", &short]).code(0).says(&ids[1]);
        let ambiguous = &ids[0][..common];
        for command in ["show", "hold", "release", "delete", "retry", "list"] {
            world.postrider(&["queue", command, ambiguous]).code(64).says("ambiguous").says(&ids[0]).says(&ids[1]);
        }
        world.postrider(&["flush", ambiguous]).code(64).says("ambiguous");
        world.postrider(&["flush", &short]).code(75).says(&ids[1]);
        world.postrider(&["queue", "show", "FFFF"]).code(66).says("begins with FFFF");
        world.postrider(&["queue", "show", "not-an-id"]).code(64).says("the first of them");
        world.postrider(&["queue", "delete", &short]).code(0).says(&ids[1]);
        world.postrider(&["history", &short]).code(0).says("deleted").says(&ids[1]);
        assert_eq!(world.queued(), [ids[0].clone()]);
        world.postrider(&["queue", "delete", &ids[0].to_lowercase()]).code(0);
        world.postrider(&["history", ambiguous]).code(64).says("ambiguous").says(&ids[0]);
        world.postrider(&["history", "FFFF"]).code(66);
    }
}

#[test]
fn lists_and_history_name_the_addresses_that_the_server_was_given_with_subject_and_age() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).once().reply("450 4.2.0 not now")).start();
    let world = rewriting(&isp);
    let id = queue(&world, "root");
    world.flush().code(75);
    let listed = world.postrider(&["queue", "list"]).code(0).stdout;
    let expected = [
        format!("{id}  deferred  "),
        " s  ".to_owned(),
        "alice@home.lan as me@isp.example\n    subject grüße\n".to_owned(),
        "    to root@home.lan as boss@away.example: host ".to_owned(),
        "said: 450 4.2.0 not now\n    1 attempt, next ".to_owned(),
        "\n1 message, 0 Kbytes\n".to_owned(),
    ];
    assert!(expected.iter().all(|part| listed.contains(part)), "{listed}");
    let entry = &world.queue_json()[0];
    assert_eq!((&entry["subject"], &entry["sent_from"]), (&json!("grüße"), &json!("me@isp.example")));
    assert_eq!(entry["recipients"][0]["sent_to"], "boss@away.example");
    world
        .postrider(&["queue", "show", &id])
        .says("alice@home.lan (sent as me@isp.example)")
        .says("sent to boss@away.example");
    world.flush().code(0);
    let record = &world.history()[0];
    assert_eq!((&record["subject"], &record["sent_from"]), (&json!("grüße"), &json!("me@isp.example")));
    assert_eq!(record["recipients"][0]["sent_to"], "boss@away.example");
    let history = world.postrider(&["history", "--recipient", "boss@away.example"]).code(0).stdout;
    assert!(history.contains("  alice@home.lan as me@isp.example\n    subject    grüße\n"), "{history}");
    assert!(history.contains("    delivered  root@home.lan as boss@away.example  2."), "{history}");
    assert!(history.contains(" bytes  after "), "{history}");
    assert_eq!(world.postrider(&["history", "--failed"]).code(0).stdout, "");
}

#[test]
fn the_first_attempt_tells_the_same_where_history_is_all_that_is_written_and_so_does_the_log() {
    let isp = Provider::start();
    let world = rewriting(&isp);
    queue(&world, "root");
    let log = world.drain().stderr;
    assert!(log.contains(": to=<boss@away.example>, orig_to=<root>, relay="), "{log}");
    let record = &world.history()[0];
    assert_eq!((&record["subject"], &record["sent_from"]), (&json!("grüße"), &json!("me@isp.example")));
    assert_eq!(record["recipients"][0]["sent_to"], "boss@away.example");
    queue(&world, "bob@away.example");
    world.drain();
    assert!(world.history()[1]["recipients"][0].get("sent_to").is_none(), "an address that was not rewritten");
}

#[test]
fn the_text_of_a_message_is_shown_on_request() {
    let isp = Provider::start();
    let world = rewriting(&isp);
    let id = queue(&world, "bob@away.example");
    let brief = world.postrider(&["queue", "show", &id]).code(0).stdout;
    assert!(!brief.contains("last line"), "{brief}");
    world.postrider(&["queue", "show", "--body", &id]).code(0).says("Body: 23 bytes\n  first line\n  last line\n");
    let shown = world.postrider(&["queue", "show", "--body", "--json", &id]).code(0).stdout;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["body"], "first line\r\nlast line\r\n");
}

#[test]
fn every_command_that_takes_ids_can_be_limited_to_failed() {
    let isp = Provider::start();
    let world = rewriting(&isp);
    let (waiting, broken) = (queue(&world, "bob@away.example"), queue(&world, "carol@away.example"));
    world.postrider(&["queue", "hold", &waiting]).code(0);
    fs::create_dir_all(world.path("spool/failed")).unwrap();
    fs::rename(world.path("spool/queue").join(&broken), world.path("spool/failed").join(&broken)).unwrap();
    world.file(&format!("spool/failed/{broken}.reason"), "nobody to notify\n", 0o600);
    let short = &broken[..14];
    world
        .postrider(&["queue", "list", "--failed", short])
        .code(0)
        .says(&broken)
        .says("grüße")
        .says("carol@away.example");
    world.postrider(&["queue", "show", "--failed", short]).code(0).says("in failed/");
    world.postrider(&["queue", "show", "--failed", &waiting]).code(66);
    world.postrider(&["queue", "show", "--failed", &waiting[..15]]).code(66);
    for command in ["hold", "release"] {
        world.postrider(&["queue", command, "--failed"]).code(64).says("retry or delete");
    }
    world.postrider(&["flush", "--failed"]).code(0).says("1 delivered");
    assert_eq!((isp.received(), world.queued()), (1, vec![waiting]));
    world.postrider(&["flush", "--failed"]).code(66).says("nothing in failed/ matches");
    world.postrider(&["history", "--failed"]).code(0);
}
