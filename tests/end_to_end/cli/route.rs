//! `postrider route`: where mail would go, in the words that a server would see.

use serde_json::Value;

use support::provider::Provider;
use support::world::World;

#[test]
fn route_shows_addresses_as_the_server_sees_them() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.postrider(&["route", "friend@bücher.example"]).code(0).says("RCPT TO    <friend@xn--bcher-kva.example>");
    let ran = world.postrider(&["route", "--json", "friend@bücher.example"]).code(0);
    let routed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(routed["route"]["recipients"][0]["becomes"][0]["rcpt_to"], "friend@xn--bcher-kva.example", "{routed}");
    world.sendmail(&["friend@bücher.example"], "Subject: hello\n\ntext\n").code(0);
    world.run_once();
    assert_eq!(isp.mail().to, ["friend@xn--bcher-kva.example"]);
}

#[test]
fn a_command_that_reads_no_configuration_refuses_to_be_given_one() {
    let world = World::new();
    for command in [&["demo"][..], &["init", "me@isp.example"], &["import", "msmtp"]] {
        let ran = world.postrider(&[command, &["--config", "/nonexistent"]].concat()).code(64);
        assert!(ran.stderr.contains("this command reads no configuration"), "{}", ran.stderr);
        let help = world.postrider(&[command[0], "--help"]).code(0);
        assert!(!help.stdout.contains("--config"), "{}", help.stdout);
    }
}
