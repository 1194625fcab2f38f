//! The worked examples of postrider-submission(7): each is put beside a working configuration as it stands there, but for the
//! addresses, which are this test's, and its client sends a mail with what the manual says it needs.

use support::provider::Provider;
use support::world::{Runner, World, login};

use crate::submit::smtp_client::{Client, MESSAGE, address, arrived, certificate};

const PAGE: &str = include_str!("../../../man/postrider-submission.7");

/// The configuration below this heading.
fn shown(heading: &str) -> String {
    let section = PAGE.split(&format!(".Sh {heading}\n")).nth(1).unwrap_or_else(|| panic!("no section {heading}"));
    section.split(".Bd -literal -offset indent\n").nth(1).unwrap().split(".Ed").next().unwrap().to_owned()
}

/// A machine with an account and the example.
struct Example {
    isp: Provider,
    world: World,
    listener: String,
    client: String,
    ca: String,
}

impl Example {
    fn of(heading: &str) -> Self {
        let isp = Provider::start();
        let world = World::at_home(&isp);
        let ca = certificate(&world);
        for (from, to) in [("lan.pem", "mail.pem"), ("lan.key", "mail.key")] {
            std::fs::copy(world.path(from), world.path(to)).unwrap();
        }
        let mut text = shown(heading);
        let name = |kind: &str| text.split(&format!("[{kind}.")).nth(1).unwrap().split(']').next().unwrap().to_owned();
        let (listener, client) = (name("listen"), name("client"));
        let here = [
            ("[\"192.168.1.2:587\", \"192.168.1.2:465\"]", "\"127.0.0.1:0\"\ntls = \"starttls\""),
            ("[\":587\", \":465\"]", "\"127.0.0.1:0\"\ntls = \"implicit\""),
            ("\"192.168.1.2:587\"", "\"127.0.0.1:0\"\ntls = \"starttls\""),
            ("\"192.168.1.2:2525\"", "\"127.0.0.1:0\""),
            ("\"192.168.1.2:2526\"", "\"127.0.0.1:0\""),
            ("\"172.17.0.1:2525\"", "\"127.0.0.1:0\""),
            ("\"systemd\"", "\"127.0.0.1:0\""),
            ("\"192.168.1.30\"", "\"127.0.0.1\""),
            ("\"192.168.1.31\"", "\"127.0.0.1\""),
            ("\"172.17.0.0/16\"", "\"127.0.0.0/8\""),
        ];
        for (there, here) in here {
            text = text.replace(there, here);
        }
        std::fs::create_dir(world.path("conf.d")).unwrap();
        world.file("conf.d/example.toml", &text.replace("\"alice\"", &format!("\"{}\"", login())), 0o600);
        Self { isp, world, listener, client, ca }
    }

    /// A password for the client, as the manual says it is made.
    fn password(&self) -> String {
        let said = self.world.postrider(&["client", "password", &self.client]).code(0).stdout;
        said.lines().find_map(|line| line.trim().strip_prefix("Password:")).unwrap().trim().to_owned()
    }

    /// The client is known by its address.
    fn sends_as_it_is(&self, from: &str, to: &str) {
        let runner = self.world.runner();
        assert!(self.says(&runner, from, to).starts_with("250"));
        arrived(&self.isp, to);
    }

    /// The last reply to a client that sends without a login.
    fn says(&self, runner: &Runner, from: &str, to: &str) -> String {
        let (mut client, _) = Client::connect(address(runner, &self.listener));
        client.say("EHLO device");
        client.send(from, to, MESSAGE)
    }

    /// The client logs in.
    fn sends_with_its_password(&self, tls: &str, from: &str) {
        let password = self.password();
        let runner = self.world.runner();
        let to = address(&runner, &self.listener);
        let mut keys = vec![
            ("relay", format!("[127.0.0.1]:{}", to.port()).into()),
            ("tls", tls.into()),
            ("username", self.client.clone().into()),
            ("password", password.into()),
        ];
        match tls {
            "none" => keys.push(("allow_plaintext", true.into())),
            _ => keys.push(("tls_ca", "house.pem".into())),
        }
        let device = World::new().account_keys("house", &keys);
        // Where the example names no certificate, the CA is exported as the manual says.
        let exported = self.world.postrider(&["check", "--ca"]);
        let ca = if exported.status == Some(0) { &exported.stdout } else { &self.ca };
        device.file("house.pem", ca, 0o644);
        let recipient = format!("{}@isp.example", self.client);
        device.sendmail(&["-f", from, &recipient], format!("From: {from}\nSubject: x\n\ny\n")).code(0);
        device.run_once();
        assert!(device.spool("queue").is_empty(), "{} {}", device.mailq(), runner.log());
        arrived(&self.isp, &recipient);
    }
}

#[test]
fn a_nas_with_a_login_sends() {
    Example::of("A NAS OR A PROGRAM WITH A LOGIN").sends_with_its_password("starttls", "nas@home.lan");
}

#[test]
fn a_scanner_without_tls_and_login_sends_to_the_house_alone() {
    let example = Example::of("A SCANNER WITHOUT TLS OR LOGIN");
    example.sends_as_it_is("x@y.z", "alice@isp.example");
    let runner = example.world.runner();
    assert!(example.says(&runner, "x@y.z", "bob@away.example").starts_with("550 5.7.1 scanner may not write to"));
}

#[test]
fn a_device_that_only_knows_tls_1_0_sends_without() {
    Example::of("A DEVICE THAT SUPPORTS ONLY TLS 1.0").sends_with_its_password("none", "copier@home.lan");
}

#[test]
fn a_container_on_a_bridge_sends() {
    Example::of("CONTAINERS ON A BRIDGE").sends_with_its_password("none", "wiki@home.lan");
}

#[test]
fn a_program_that_only_speaks_smtp_sends() {
    let example = Example::of("PROGRAMS ON THIS MACHINE THAT ONLY SPEAK SMTP");
    example.sends_as_it_is("grafana@home.lan", "bob@away.example");
}

#[test]
fn a_laptop_abroad_sends_under_its_own_address() {
    Example::of("A LAPTOP AWAY FROM HOME").sends_with_its_password("implicit", "me@isp.example");
}

#[test]
fn the_smarthost_of_other_machines_relays_for_them() {
    Example::of("A SMARTHOST FOR OTHER MACHINES").sends_with_its_password("starttls", "cron@web1.home.lan");
}

/// With the folders of this test, and without a group that it lacks.
#[test]
fn the_hook_of_certbot_puts_the_certificate_where_it_is_read() {
    let world = World::new();
    let hook = PAGE.split(".Bd -literal -offset indent\n#!/bin/sh\n").nth(1).unwrap().split(".Ed").next().unwrap();
    let folder = world.path(".").display().to_string();
    let hook = hook.replace("\\(dq", "\"").replace("/etc/postrider", &folder).replace(" -g postrider", "");
    world.file("fullchain.pem", "chain", 0o600);
    world.file("privkey.pem", "key", 0o600);
    let mut shell = world.command("/bin/sh", &["-euc", &hook]);
    assert!(shell.env("RENEWED_LINEAGE", &folder).status().unwrap().success());
    let read = |name: &str| std::fs::read_to_string(world.path(name)).unwrap();
    assert_eq!((read("mail.pem").as_str(), read("mail.key").as_str()), ("chain", "key"));
}
