//! `postrider client` changes files that belong to somebody: what it did not write stays as it is.

use std::fs;

use serde_json::json;
use support::provider::Provider;
use support::world::{World, login};

/// A machine without a listener, on which clients are set up.
fn world(isp: &Provider) -> World {
    World::at_home(isp).set("log", json!("stderr"))
}

fn add(world: &World, name: &str) {
    world.postrider(&["client", "add", name, "--owner", &login()]).code(0);
}

#[test]
fn notes_that_stand_apart_from_a_client_outlive_it() {
    let isp = Provider::start();
    let world = world(&isp);
    let main = fs::read_to_string(world.path("config.toml")).unwrap();
    let notes = "\n# Notes of the owner.\n\n# [account.old]\n# relay = \"old.example\"\n";
    let client = format!("\n# Upstairs.\n[client.laptop]\nowner = \"{}\"\nnetworks = [\"127.0.0.1\"]\n", login());
    world.file("config.toml", &format!("{main}{notes}{client}"), 0o600);
    world.postrider(&["client", "delete", "laptop"]).code(0);
    assert_eq!(fs::read_to_string(world.path("config.toml")).unwrap(), format!("{main}{notes}"));

    add(&world, "scanner");
    let path = world.path("conf.d/client-scanner.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# Written by \"postrider client\"."), "{text}");
    fs::write(&path, format!("# Bought in May.\n\n{text}")).unwrap();
    world.postrider(&["client", "delete", "scanner"]).code(0);
    assert!(fs::read_to_string(&path).unwrap().starts_with("# Bought in May.\n\n# Written by"));
}
