//! The ways by which alarms reach people do not wait for one another, and none of them tells of one outage twice.

use std::fs;
use std::net::Ipv4Addr;

use serde_json::json;

use support::provider::identity::{Certificate, pem_for_days};
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::web::WebServer;
use support::world::World;

/// A provider that rejects the first login.
fn rejecting() -> Provider {
    Provider::setup().rule(on(Verb::Auth).once().reply("535 5.7.8 CANARY-REPLY")).start()
}

/// The first words of what a command was told: whether something began or is over, its kind and its account.
fn told(world: &World) -> Vec<String> {
    let lines = fs::read_to_string(world.path("told")).unwrap_or_default();
    lines.lines().map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect()
}

/// A command that writes down what it is told.
fn command(world: &World) -> String {
    let script = format!(
        "#!/bin/sh\necho \"$POSTRIDER_STATE $POSTRIDER_KIND $POSTRIDER_ACCOUNT $POSTRIDER_HOST: $POSTRIDER_TEXT ($POSTRIDER_CURE)\" >> {}\n",
        world.path("told").display()
    );
    world.file("alarm.sh", &script, 0o755).to_str().unwrap().to_owned()
}

#[test]
fn a_server_that_says_nothing_holds_up_no_other_way() {
    let isp = rejecting();
    let silent = |_: &str| {
        std::thread::sleep(std::time::Duration::from_mins(1));
        Vec::new()
    };
    let server = WebServer::start((Ipv4Addr::LOCALHOST, 0), &["localhost"], Box::new(silent));
    let world = World::at_home(&isp);
    world.file("roots.pem", &server.authority, 0o644);
    world.file("url", &format!("https://localhost:{}/\n", server.port()), 0o600);
    let keys = json!({"command": [command(&world)], "url": {"file": "url"}, "motd": true});
    let world = world.set("alarm", keys);
    let motd = world.path("spool/motd");
    world.send_to(&["bob@away.example"]).code(0);
    let runner = world.runner();
    wait_for("the beginning", || told(&world) == ["raised account isp"]);
    wait_for("the server is asked", || server.asked().len() == 1);
    assert!(motd.exists());
    // Its owner changes something. The server has said nothing yet.
    let world = world.queue_set("warn_after", "3h");
    world.postrider(&["flush"]);
    wait_for("the end", || told(&world) == ["raised account isp", "over account isp"] && !motd.exists());
    drop(runner);
}

#[test]
fn a_configuration_that_is_broken_in_one_place_and_then_in_another_is_one_outage() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let command = command(&world);
    let world = world.set("alarm", json!({"command": [command], "motd": true}));
    // Written once something asks for it.
    world.postrider(&["status"]);
    let config = fs::read_to_string(world.path("config.toml")).unwrap();
    let runner = world.runner();
    wait_for("the runner", || world.postrider(&["metrics"]).stdout.contains("postrider_build_info"));
    let motd = || fs::read_to_string(world.path("spool/motd")).unwrap_or_default();
    world.file("config.toml", &format!("nonsense = 1\n{config}"), 0o600);
    wait_for("the alarm", || told(&world) == ["raised config "] && motd().contains("config.toml:1:"));
    world.file("config.toml", &format!("\n\nnonsense = 1\n{config}"), 0o600);
    wait_for("the other place is seen", || motd().contains("config.toml:3:"));
    world.file("config.toml", &config, 0o600);
    wait_for("the end", || told(&world).last().is_some_and(|last| last.starts_with("over")));
    assert_eq!(told(&world), ["raised config ", "over config "]);
    drop(runner);
}

#[test]
fn a_command_learns_of_the_beginning_and_of_the_end() {
    let isp = rejecting();
    let world = World::at_home(&isp);
    let (command, told) = (command(&world), world.path("told"));
    let world = world.set("alarm", json!({"command": [command]}));
    let lines = || fs::read_to_string(&told).unwrap_or_default();
    world.postrider(&["alarm", "test"]).code(0).says("command: the test was sent");
    assert!(lines().starts_with("test test  homebox.home.lan: this is a test"), "{}", lines());
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    let raised = "raised account isp homebox.home.lan: the provider rejects the login of account isp";
    wait_for("the command", || lines().lines().nth(1).is_some_and(|line| line.starts_with(raised)));
    assert!(!lines().contains("CANARY"), "{}", lines());
    let world = world.queue_set("warn_after", "3h");
    world.drain();
    wait_for("the end", || lines().lines().nth(2).is_some_and(|line| line.starts_with("over account isp")));
    assert_eq!(lines().lines().count(), 3);
}

#[test]
fn a_certificate_that_was_renewed_hides_no_other_of_the_same_account() {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let isp = Provider::setup().certificate(Certificate::ForDays(names, 10)).start();
    let world = World::at_home(&isp);
    world.file("client.pem", &pem_for_days("homebox.home.lan", 10), 0o600);
    let command = command(&world);
    let world = world
        .set("alarm", json!({"command": [command]}))
        .account_keys("isp", &[("tls_client_cert", json!("client.pem"))]);
    let texts = |world: &World| {
        let told = fs::read_to_string(world.path("told")).unwrap_or_default();
        told.lines().map(str::to_owned).collect::<Vec<String>>()
    };
    let look = |world: &World, level: i32, words: &str| {
        let before = texts(world).len();
        world.postrider(&["status", "--alarm"]).code(level);
        wait_for(words, || texts(world).get(before).is_some_and(|line| line.contains(words)));
    };
    look(&world, 1, "the client certificate of account isp ends on");
    let world = world.account_keys("isp", &[("tls_client_cert", json!(null))]);
    look(&world, 0, "the client certificate of account isp ends on");
    // The relay shows its own with the first mail.
    world.send_to(&["bob@away.example"]).code(0);
    world.flush().code(0);
    look(&world, 1, "the certificate of account isp's relay ends on");
    assert_eq!(texts(&world).len(), 3, "{:?}", texts(&world));
}
