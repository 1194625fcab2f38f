//! The first hour: `init` writes a config that works, and the commonest mistakes each lead to an error that names the cure, in the
//! words that postrider-trouble(7) shows.

use std::net::Ipv4Addr;

use serde_json::json;

use support::provider::{Blackhole, Provider, Setup, Verb, on};
use support::world::{Ran, World, is_root};

const MANUAL: &str = include_str!("../../../man/postrider-trouble.7");

/// The manual has these words, and so has what the program says.
#[track_caller]
fn told(said: &str, words: &str) {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(plain(said).contains(words), "the program must say {words:?}:\n{said}");
    assert!(plain(MANUAL).contains(words), "postrider-trouble(7) must show {words:?}; it said:\n{said}");
}

#[track_caller]
fn tested(world: &World) -> Ran {
    world.postrider(&["test", "isp"])
}

/// A provider where people log in with their address.
fn provider() -> Setup {
    Provider::setup().login("me@isp.example", "correct horse")
}

/// The usual machine, whose account logs in with its address.
fn at_home(isp: &Provider) -> World {
    World::at_home(isp).account_keys("isp", &[("username", json!("me@isp.example"))])
}

#[test]
fn init_asks_four_questions_and_writes_a_config_that_works() {
    let isp = provider().start();
    let world = World::new();
    let folder = world.path("fresh");
    let folder = folder.to_str().unwrap();
    let init = |answers: &str| world.postrider_with(&["init", "--offline", "--output", folder], answers);
    let answers = format!("me@isp.example\n127.0.0.1:{}\n\ncorrect horse\n", isp.port());
    init(&answers).code(0).says("postrider test --to me@isp.example");

    // What only a test needs: whom to trust, and where to keep the queue.
    let config = world.path("fresh/config.toml");
    let written = std::fs::read_to_string(&config).unwrap();
    let trusting = written.replace("username =", "tls_ca = \"../ca.pem\"\nusername =");
    assert_ne!(written, trusting);
    world.file("ca.pem", isp.authority(), 0o644);
    world.file("fresh/config.toml", &format!("spool = \"../spool\"\nlog = \"stderr\"\n{trusting}"), 0o600);
    let config = config.to_str().unwrap();
    world.postrider(&["--config", config, "check"]).code(0);
    world.postrider(&["--config", config, "test", "--to", "me@isp.example"]).code(0);
    assert_eq!(isp.mail().to, ["me@isp.example"]);
    world
        .postrider(&["--config", config, "route", "root@localhost", "--from", "root@localhost"])
        .says("me@isp.example");

    // The second time, the same address changes only what is asked for.
    let before = std::fs::read_to_string(config).unwrap();
    world.postrider_with(&["init", "--offline", "--output", folder], "me@isp.example\n\n\nnew\n").code(0);
    assert_eq!(std::fs::read_to_string(config).unwrap(), before);
    world.file("fresh/config.toml", &format!("{before}\nnonsense = 1\n"), 0o600);
    init(&answers).code(78).says("was left unchanged");
    world
        .postrider_with(&["init", "--offline", "--output", world.path("other").to_str().unwrap()], "nobody\n")
        .code(65);
    assert!(!world.path("other").exists(), "nothing is written where the answers do not do");
}

#[test]
fn a_wrong_password_is_told_as_such() {
    let isp = provider().start();
    let world = at_home(&isp).account_keys("isp", &[("password", json!("wrong horse"))]);
    let said = tested(&world).code(78).stdout;
    told(&said, "wrong user name or password for [account.isp]; many providers require the full address as `username`");
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    told(&world.mailq(), "the server rejects the login of account isp; check `username` and `password`");
}

#[test]
fn an_app_password_is_asked_for_where_the_provider_wants_one() {
    let refusal = on(Verb::Auth).reply("534 5.7.9 Application-specific password required");
    let isp = provider().rule(refusal).start();
    let world = at_home(&isp);
    let said = tested(&world).code(78).stdout;
    told(&said, "the provider requires an app password (created on its security page), not the one for its web site");
}

#[test]
fn a_sender_that_the_account_does_not_own_is_told_with_the_row_that_mends_it() {
    let isp = provider().rule(on(Verb::Mail).reply("553 5.7.1 Sender address rejected: not owned")).start();
    let world = at_home(&isp).account_keys("isp", &[("senders", json!(["@isp.example"]))]);
    world.sendmail(&["-f", "me@work.example", "bob@away.example"], "Subject: x\n\n").code(0);
    let said = world.run_once().stderr;
    told(&said, "the provider does not let account isp send as me@work.example");
    told(&said, "in `generic`, map me@work.example to an address of yours: \"me@work.example\" = \"me@isp.example\"");
}

#[test]
fn a_missing_generic_row_is_found_before_the_provider_complains() {
    let isp = provider().start();
    let world = World::new().account_with("isp", &isp, &[("username", json!("me@isp.example"))]);
    let said = world.postrider(&["check"]).code(1).stdout;
    told(&said, "no entry of `generic` maps root@home.lan to a real address");
    told(&said, "add \"@home.lan\" = \"me@isp.example\"");
    let world = world.generic(&[("@home.lan", "me@isp.example")]);
    world.postrider(&["check"]).code(0);
}

#[test]
fn a_blocked_port_is_told_as_such() {
    let (isp, nobody) = (provider().start(), Blackhole::at((Ipv4Addr::LOCALHOST, 0)));
    let keys = [("relay", json!(nobody.relay())), ("timeouts", json!({"connect": "1s"}))];
    let world = at_home(&isp).account_keys("isp", &keys);
    let said = tested(&world).code(75).stdout;
    told(&said, "a firewall or the Internet provider blocks the port: try 587 or 465 (port 25 is often blocked)");
}

#[test]
fn a_password_file_that_others_read_or_nobody_can_is_told_with_the_command_that_mends_it() {
    let isp = provider().start();
    let world = at_home(&isp).account_keys("isp", &[("password", json!({"file": "secret"}))]);
    let path = world.file("secret", "correct horse\n", 0o644);
    let said = world.postrider(&["check"]).code(78).stdout;
    told(&said.replace(path.to_str().unwrap(), "FILE"), "chmod 600 FILE");
    std::fs::remove_file(&path).unwrap();
    let said = world.postrider(&["check"]).code(78).stdout;
    told(
        &said.replace(path.to_str().unwrap(), "FILE"),
        "write the password into it, as one line, and run \"chmod 600 FILE\"",
    );
}

#[test]
fn a_certificate_for_another_name_is_told_with_the_key_that_names_it() {
    let isp = provider().named("mail.other.example").start();
    let said = tested(&at_home(&isp)).stdout;
    told(
        &said,
        "the certificate is not for 127.0.0.1 but for mail.other.example; if that is the right server, use that name",
    );
}

#[test]
fn a_machine_without_network_is_told_so() {
    let isp = provider().start();
    let world = at_home(&isp).account_keys("isp", &[("relay", json!("[mail.isp.example]:587"))]);
    // A network of its own, with nothing in it.
    let unshare = if is_root() { &["-n"][..] } else { &["-rn"] };
    let available = std::process::Command::new("unshare").args(unshare).arg("true").output();
    if !available.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no network namespace can be made here");
        return;
    }
    let program = env!("CARGO_BIN_EXE_postrider");
    let mut command = world.command("unshare", unshare);
    command.args([program, "test", "isp"]);
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    told(&said, "the host in `relay` of [account.isp] is misspelt, or this machine has no working DNS or network");
}

#[test]
fn a_full_disk_is_told_at_once_and_the_caller_keeps_its_mail() {
    let world = World::at_home(&provider().start()).queue_set("min_free_space", "8000000TB");
    let said = world.send_to(&["bob@away.example"]).code(75).one_line().stderr;
    told(&said, "disk almost full:");
    told(&said, "free some space");
}
