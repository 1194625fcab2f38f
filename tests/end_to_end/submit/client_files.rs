//! `postrider client` changes files that belong to somebody: what it did not write stays as it is.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;

use postrider::config::scram::ScramHash;
use serde_json::json;
use support::provider::Provider;
use support::world::{World, login};

use super::smtp_client::keys;

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

#[test]
fn commands_at_the_same_time_undo_nothing_of_one_another() {
    const CLIENTS: usize = 8;
    let isp = Provider::start();
    let world = world(&isp);
    let main = fs::read_to_string(world.path("config.toml")).unwrap();
    let names: Vec<String> = (0..CLIENTS).map(|number| format!("c{number}")).collect();
    let old = keys("x", ScramHash::Sha256);
    let section = |name| format!("\n[client.{name}]\nowner = \"{}\"\naccount = \"isp\"\nscram = {old:?}\n", login());
    world.file("config.toml", &format!("{main}{}", names.iter().map(section).collect::<String>()), 0o600);
    let codes = at_once(&names, |name| world.postrider(&["client", "password", name]).status);
    assert_eq!(codes, vec![Some(0); CLIENTS]);
    let text = fs::read_to_string(world.path("config.toml")).unwrap();
    assert!(!text.contains(&old), "{text}");

    world.file("config.toml", &main, 0o600);
    let same = vec!["scanner".to_owned(); CLIENTS];
    let added = at_once(&same, |name| world.postrider(&["client", "add", name, "--owner", &login()]));
    let codes: Vec<_> = added.iter().map(|ran| ran.status).collect();
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
    let others: Vec<_> = added.iter().filter(|ran| ran.status != Some(0)).collect();
    assert!(others.iter().all(|ran| ran.stderr.contains("there is a client scanner already")), "{others:?}");
    let left: Vec<_> = fs::read_dir(world.path("conf.d")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["client-scanner.toml"]);
}

fn at_once<T: Send>(names: &[String], run: impl Fn(&str) -> T + Sync) -> Vec<T> {
    let run = &run;
    thread::scope(|scope| {
        let threads: Vec<_> = names.iter().map(|name| scope.spawn(move || run(name))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn a_folder_that_others_can_write_to_gets_no_client_and_is_named_while_it_is_empty() {
    let isp = Provider::start();
    let world = world(&isp);
    let folder = world.path("conf.d");
    fs::create_dir(&folder).unwrap();
    let open = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o777, 0o775] {
        open(mode);
        let refused = world.postrider(&["client", "add", "scanner", "--owner", &login()]).code(78);
        assert!(
            refused.stderr.contains("conf.d") && refused.stderr.contains("nothing was changed"),
            "{}",
            refused.stderr
        );
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        world.postrider(&["check"]).code(78).says("conf.d");
        world.postrider(&["config", "path"]).code(0);
    }
    open(0o755);
    world.postrider(&["check"]).code(0);
    add(&world, "scanner");
}

#[test]
fn sections_without_a_password_keep_no_command_and_no_mail_waiting_for_one_another() {
    let isp = Provider::start();
    let world = world(&isp);
    let main = fs::read_to_string(world.path("config.toml")).unwrap();
    let section = |name| format!("\n[client.{name}]\nowner = \"{}\"\n", login());
    world.file("config.toml", &format!("{main}{}{}", section("camera"), section("printer")), 0o600);
    world.send_to(&["bob@away.example"]).code(0);
    world.flush().code(0);
    for name in ["camera", "printer"] {
        let missing = format!("client {name} has neither a password nor an address, so it cannot submit mail");
        world.postrider(&["check"]).code(1).says(&missing);
        world.postrider(&["status"]).code(1).says(&missing);
    }
    world.postrider(&["client", "list"]).code(0).says("has neither a password nor an address yet");
    add(&world, "scanner");
    world.postrider(&["client", "password", "camera"]).code(0).says("password for client camera saved");
    world.postrider(&["status"]).code(1).says("client printer has neither");
    world.postrider(&["client", "delete", "printer"]).code(0);
    world.postrider(&["check"]).code(0);
    world.postrider(&["status"]).code(0);
}

#[test]
fn passwords_that_were_written_as_they_are_can_be_replaced_one_after_the_other() {
    let isp = Provider::start();
    let world = world(&isp);
    let main = fs::read_to_string(world.path("config.toml")).unwrap();
    let section = |name| format!("\n[client.{name}]\nowner = \"{}\"\nscram = \"secret\"\n", login());
    world.file("config.toml", &format!("{main}{}{}", section("camera"), section("printer")), 0o600);
    world.postrider(&["check"]).code(78).says("`scram`: write SCRAM-SHA-256");
    let said = world.postrider(&["client", "password", "camera"]).code(0);
    assert_eq!(said.stderr.matches("still an error: ").count(), 1, "{}", said.stderr);
    world.postrider(&["client", "delete", "printer"]).code(0);
    world.postrider(&["check"]).code(0);
    // What a change would break is refused as before.
    let text = fs::read_to_string(world.path("config.toml")).unwrap();
    let listener = "\n[listen.lan]\naddress = \"127.0.0.1:2525\"\ntrust = [\"device\"]\n";
    let device = format!("\n[client.device]\nowner = \"{}\"\nnetworks = [\"127.0.0.1\"]\n", login());
    world.file("config.toml", &format!("{text}{listener}{device}"), 0o600);
    let refused = world.postrider(&["client", "delete", "device"]).code(78);
    assert!(refused.stderr.contains("trust") && refused.stderr.contains("nothing was changed"), "{}", refused.stderr);
}
