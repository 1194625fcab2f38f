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
fn an_address_that_is_only_too_long_is_said_to_be_too_long() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let (long, label) = (format!("{}@away.example", "a".repeat(300)), format!("a@{}.example", "b".repeat(70)));
    for address in [&long, &label] {
        world.postrider(&["route", address]).says("this address is too long");
        let refused = world.sendmail(&[address], "Subject: x\n\n").code(65).one_line();
        assert!(refused.stderr.contains("is not an address: it is too long"), "{refused:?}");
        // Beside a good one it comes back.
        world.sendmail(&[address, "bob@away.example"], "Subject: x\n\n").code(0);
        world.run_once();
        assert!(world.history().iter().any(|line| line.to_string().contains("this address is too long")), "{address}");
    }
    world.postrider(&["route", "-a@away.example"]).code(64);
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
