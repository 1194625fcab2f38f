//! What is printed as JSON for programs, against the schemas in contrib.

use serde_json::{Value, json};
use support::provider::{Provider, Verb, on};
use support::schema::Schema;
use support::world::World;

/// What a command prints with `--json`, which its schema must allow.
#[track_caller]
fn fits(world: &World, name: &str, command: &[&str]) -> Value {
    let printed = world.postrider(command).stdout;
    let value = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
    let faults = Schema::of(name).faults(&value);
    assert!(faults.is_empty(), "{faults:#?}\n{value:#}");
    value
}

#[test]
fn reports_fit_their_schemas_in_good_times_and_bad() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp);
    assert_eq!(fits(&world, "status", &["status", "--json"])["level"], 0);
    fits(&world, "check", &["check", "--json"]);
    world.send_to(&["bob@away.example"]).code(0);
    let world = world.queue_set("warn_after", "0s").set("aliases", "not-there");
    let found = fits(&world, "status", &["status", "--json"]);
    assert_eq!((&found["level"], &found["queue"]["waiting"]), (&json!(2), &json!(1)));
    assert!(found["reasons"].as_array().unwrap().iter().any(|reason| reason["since"].is_string()), "{found}");
    assert_eq!(fits(&world, "check", &["check", "--json"])["level"], 2);
    // Nothing can be counted.
    world.file("config.toml", "spool = [", 0o600);
    assert_eq!(fits(&world, "status", &["status", "--json"])["queue"], Value::Null);
    assert_eq!(fits(&world, "check", &["check", "--json"])["reasons"][0]["kind"], "config");
}

#[test]
fn a_configuration_is_shown_as_one_object_without_its_secrets() {
    let world = World::at_home(&Provider::start());
    let relay = "[mail.isp.example]:587";
    let main = format!(
        "default_account = \"a\"\ngeneric = {{ \"@box.lan\" = \"me@isp.example\" }}\n[account.a]\nrelay = \"{relay}\"\n\
         username = \"a\"\npassword = \"hunter2\"\nmax_connections = 0x3\n[account.a.timeouts]\nconnect = \"9s\"\n[queue]\nlifetime = \"2d\"\n"
    );
    let other = "generic = \"rows\"\nreceived = false\n[account.b]\nrelay = [\"b\", \"[c]\"]\nusername = \"b\"\n\
                 password = { file = \"secrets/b\" }\n";
    std::fs::create_dir(world.path("conf.d")).unwrap();
    world.file("config.toml", &main, 0o600);
    world.file("conf.d/b.toml", other, 0o600);
    world.table("rows", "");
    world.postrider_with(&["client", "add", "scanner", "--owner", "root"], "correct horse battery\n").code(0);
    let shown = fits(&world, "config", &["config", "show", "--json"]);
    let keys = &shown["keys"];
    assert_eq!(keys["generic"], json!([{ "@box.lan": "me@isp.example" }, "rows"]));
    assert_eq!(keys["account"]["a"]["password"], Value::Null);
    assert_eq!(keys["account"]["a"]["max_connections"], 3);
    assert_eq!(keys["account"]["a"]["timeouts"], json!({ "connect": "9s" }));
    assert_eq!(keys["account"]["b"]["password"], json!({ "file": "secrets/b" }));
    assert_eq!((&keys["queue"]["lifetime"], &keys["received"]), (&json!("2d"), &json!(false)));
    assert_eq!(keys["client"]["scanner"]["scram"], Value::Null);
    let files: Vec<&str> = shown["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    assert!(files[0].ends_with("/config.toml") && files[1].contains("/conf.d/"), "{files:?}");
    assert!(!shown.to_string().contains("hunter2") && !shown.to_string().contains("4096"), "{shown}");
}

#[test]
fn the_secret_of_an_oauth_client_is_not_shown_however_it_is_written() {
    let account = "[account.a]\nrelay = \"smtp.gmail.com:587\"\nusername = \"a\"\n";
    let own = "provider = \"google\"\nclient_id = \"id\"\nclient_secret = \"hunter2\"\n";
    for oauth in [format!("oauth = {{ {} }}\n", own.trim().replace('\n', ", ")), format!("[account.a.oauth]\n{own}")] {
        let world = World::at_home(&Provider::start());
        world.file("config.toml", &format!("{account}{oauth}"), 0o600);
        let shown = fits(&world, "config", &["config", "show", "--json"]);
        assert_eq!(shown["keys"]["account"]["a"]["oauth"]["client_secret"], Value::Null);
        let text = world.postrider(&["config", "show"]).code(0).stdout;
        let line = r#"oauth = { provider = "google", client_id = "id", client_secret = "..." }"#;
        assert!(text.contains(line) && !(text + &shown.to_string()).contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_schema_is_held_to_every_word_of_it() {
    let status = Schema::of("status");
    let good = json!({ "level": 1, "queue": null, "reasons": [
        { "level": 1, "kind": "late", "subject": null, "text": "x", "cure": null, "since": null, "count": 2 } ] });
    assert_eq!(status.faults(&good), [""; 0]);
    for (pointer, bad) in [
        ("/level", json!(4)),
        ("/queue", json!({})),
        ("/reasons/0/kind", json!("lateness")),
        ("/reasons/0/subject", json!(7)),
        ("/reasons/0/count", json!(-1)),
        ("/reasons/0", json!({ "level": 1 })),
        ("/reasons", json!({})),
    ] {
        let mut value = good.clone();
        *value.pointer_mut(pointer).unwrap() = bad;
        assert!(!status.faults(&value).is_empty(), "{pointer}");
    }
    let unknown_key = json!({ "files": [], "keys": { "relay": "x" } });
    assert_eq!(Schema::of("config").faults(&unknown_key).len(), 1);
}
