//! The worked examples of postrider-machines(7) that need no other program: a smarthost and the machines that send through it, with
//! the configurations as they stand there, but for addresses and ports, which are this test's.

use std::collections::BTreeMap;
use std::fs;

use rustix::process::Signal;
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::world::{Runner, World, login};

use crate::submit::smtp_client::address;

const PAGE: &str = include_str!("../../../man/postrider-machines.7");

/// The display of the page that has this in it, as it is read.
fn shown(part: &str) -> String {
    let blocks = PAGE.split(".Bd -literal -offset indent\n").skip(1).map(|rest| rest.split(".Ed").next().unwrap());
    let block = blocks.into_iter().find(|block| block.contains(part)).unwrap_or_else(|| panic!("no display of {part}"));
    block.replace("\\(dq", "\"")
}

/// The smarthost, with a listener on a port that stays the same, and what it gave to the other machines.
struct House {
    isp: Provider,
    smarthost: World,
    port: u16,
    ca: String,
}

impl House {
    /// With these other machines, web1 among them as the manual has it.
    fn with(machines: &[&str]) -> Self {
        let isp = Provider::start();
        let smarthost = World::new().account("isp", &isp).queue_set("retry_min", "1s");
        let mut text = shown("[listen.house]");
        for other in machines.iter().filter(|name| **name != "web1") {
            let client = text.split("[client.web1]").nth(1).unwrap().split("[client.").next().unwrap().to_owned();
            text.push_str(&format!("[client.web1]{client}").replace("web1", other));
            let row = format!("= [{{ \"@{other}.home.lan\" = \"me+{other}@isp.example\", ");
            text = text.replacen("= [{ ", &row, 1);
        }
        let text = text.replace("192.168.1.2:587", "127.0.0.1:0").replace("\"alice\"", &format!("\"{}\"", login()));
        let text = text.replace("networks =", "tls = \"starttls\"\nnetworks =");
        let place = smarthost.path("conf.d");
        fs::create_dir(&place).unwrap();
        smarthost.file("conf.d/house.toml", &text, 0o600);
        let runner = smarthost.runner();
        let port = address(&runner, "house").port();
        drop(runner);
        smarthost.file("conf.d/house.toml", &text.replace("127.0.0.1:0", &format!("127.0.0.1:{port}")), 0o600);
        let ca = smarthost.postrider(&["check", "--ca"]).code(0).stdout;
        Self { isp, smarthost, port, ca }
    }

    /// The service of the smarthost, once it listens.
    fn runner(&self) -> Runner {
        let runner = self.smarthost.runner();
        address(&runner, "house");
        runner
    }

    /// Another machine of the house, which logs in there.
    fn machine(&self, name: &str) -> World {
        let said = self.smarthost.postrider(&["client", "password", name]).code(0).stdout;
        let password = said.lines().find_map(|line| line.trim().strip_prefix("Password:")).unwrap().trim();
        let text = shown("[account.homebox]").replace("web1", name);
        let text = text.replace("192.168.1.2]:587", &format!("127.0.0.1]:{}", self.port));
        // What the configuration of a test has already.
        let text = text.replace(&format!("origin = \"{name}.home.lan\"\n"), "");
        let world = World::new().set("origin", format!("{name}.home.lan")).queue_set("retry_min", "1s");
        for folder in ["conf.d", "secrets"] {
            fs::create_dir(world.path(folder)).unwrap();
        }
        world.file("homebox.pem", &self.ca, 0o644);
        world.file("secrets/homebox", password, 0o600);
        world.file("conf.d/homebox.toml", &text, 0o600);
        world
    }

    /// How often each subject has arrived.
    fn arrived(&self) -> BTreeMap<String, usize> {
        let mut arrived = BTreeMap::new();
        for mail in self.isp.mails() {
            *arrived.entry(mail.fields("Subject").concat()).or_default() += 1;
        }
        arrived
    }
}

/// How often each machine sends; the smarthost is down for every third.
const ROUNDS: usize = 12;

fn send(world: &World, subject: &str, to: &str) {
    world.sendmail(&["-i", "-f", "root", to], format!("From: root\nTo: {to}\nSubject: {subject}\n\nx\n")).code(0);
}

#[test]
fn machines_send_through_one_and_lose_nothing_while_it_is_down_and_up_again() {
    let names = ["web1", "web2", "nas"];
    let house = House::with(&names);
    let machines = names.map(|name| (name, house.machine(name)));
    let services = machines.each_ref().map(|(_, world)| world.runner());
    let mut smarthost = Some(house.runner());
    for round in 0..ROUNDS {
        // It is down for every third round, ended while mail comes in.
        match (round % 3, smarthost.take()) {
            (2, Some(mut runner)) => {
                for (name, world) in &machines {
                    send(world, &format!("{name} before the stop {round}"), "bob@away.example");
                }
                runner.signal(Signal::TERM);
                assert_eq!(runner.end(), Some(0), "{}", runner.log());
            }
            (_, running) => smarthost = running.or_else(|| Some(house.runner())),
        }
        for (name, world) in &machines {
            send(world, &format!("{name} {round}"), "bob@away.example");
        }
    }
    let _smarthost = smarthost.unwrap_or_else(|| house.runner());
    for (_, world) in &machines {
        world.flush();
    }
    let expected = names.len() * (ROUNDS + ROUNDS / 3);
    wait_for("all mail", || house.isp.received() >= expected && house.smarthost.spool("queue").is_empty());
    let arrived = house.arrived();
    assert_eq!(arrived.len(), expected, "{arrived:?}");
    assert!(arrived.values().all(|times| *times == 1), "a duplicate: {arrived:?}");
    for (name, world) in &machines {
        assert!(world.spool("queue").is_empty(), "{name}: {}", world.mailq());
        assert!(house.isp.mails().iter().any(|mail| mail.from == format!("me+{name}@isp.example")), "{name}");
    }
    drop(services);
}

#[test]
fn a_bounce_goes_to_the_machine_s_own_address_and_to_no_other() {
    let house = House::with(&["web1", "web2"]);
    house.isp.add(on(Verb::Rcpt).about("nobody@away.example").reply("550 5.1.1 No such user"));
    let (web1, _web2) = (house.machine("web1"), house.machine("web2"));
    let _smarthost = house.runner();
    send(&web1, "to nobody", "nobody@away.example");
    web1.drain();
    assert!(web1.spool("queue").is_empty() && web1.spool("failed").is_empty(), "{}", web1.mailq());
    wait_for("the bounce", || house.isp.received() == 1);
    let bounce = &house.isp.mails()[0];
    assert_eq!(bounce.to, ["me+web1@isp.example"]);
    assert!(
        bounce.text().contains("No such user") && bounce.text().contains("Subject: to nobody"),
        "{}",
        bounce.text()
    );
}

#[test]
fn the_status_of_all_machines_is_collected_by_the_loop_that_is_shown() {
    let isp = Provider::start();
    let (good, bad) = (World::at_home(&isp), World::new());
    let folder = tempfile::tempdir().unwrap();
    let path = |world: &World| world.path("config.toml").display().to_string();
    let ssh = format!(
        "ssh() {{ case $1 in homebox) export POSTRIDER_CONFIG={};; *) export POSTRIDER_CONFIG={};; esac; shift; \"$@\"; }}\n",
        path(&good),
        path(&bad)
    );
    let program = support::world::built("postrider");
    let script = format!("{ssh}postrider() {{ {} \"$@\"; }}\n{}", program.display(), shown("for host in"));
    let mut shell = good.command("/bin/sh", &["-uc", &script]);
    let output = shell.current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("web1: exit status") && !said.contains("homebox"), "{said}");
    for name in ["homebox", "web1"] {
        let text = fs::read_to_string(folder.path().join(format!("{name}.json"))).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap().is_object(), "{name}: {text}");
    }
}
