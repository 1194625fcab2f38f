//! `postrider client`: clients are added, listed, given passwords and removed from the command line, and a runner follows.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postrider::config::scram::ScramHash;
use serde_json::{Value, json};
use support::provider::Provider;
use support::wait::wait_for;
use support::world::{Runner, World, login};

use super::smtp_client::{Client, MESSAGE, address, arrived, certificate, keys, scanner, trusting, world};

/// A machine with a listener on which clients of this machine may log in without TLS, if their sections say so.
fn plain(isp: &Provider) -> World {
    World::at_home(isp).set("listen", json!({ "lan": { "address": "127.0.0.1:0", "tls": "none" } }))
}

fn file_of(world: &World, name: &str) -> String {
    fs::read_to_string(world.path(&format!("conf.d/client-{name}.toml"))).unwrap()
}

/// The value behind a label that the command prints.
fn printed(said: &str, label: &str) -> String {
    let line = said.lines().find(|line| line.trim_start().starts_with(label));
    line.unwrap_or_else(|| panic!("no {label}: {said}")).split_once(label).unwrap().1.trim().to_owned()
}

/// What the listener says to a login without TLS.
fn log_in(runner: &Runner, name: &str, password: &str) -> String {
    let (mut client, _) = Client::connect(address(runner, "lan"));
    client.say("EHLO device");
    client.say(&format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{name}\0{password}"))))
}

/// Lets the client log in without TLS.
fn in_the_clear(world: &World, name: &str) {
    let text = file_of(world, name) + "networks = [\"127.0.0.1\"]\nallow_plaintext = true # for the test\n";
    world.file(&format!("conf.d/client-{name}.toml"), &text, 0o600);
}

#[test]
fn a_client_is_added_with_a_made_password_and_a_running_runner_lets_it_in() {
    let isp = Provider::start();
    let world = plain(&isp);
    let runner = world.runner().ready(&world);
    let said = world.postrider(&["client", "add", "scanner", "--owner", &login()]).code(0).stdout;
    assert!(
        said.contains("No listener has TLS with a certificate that can be read, so scanner cannot log in yet"),
        "{said}"
    );
    assert!(file_of(&world, "scanner").contains("# Written by \"postrider client\"."));
    assert!(file_of(&world, "scanner").contains("account = \"isp\""), "no account lists scanner@home.lan");
    let mode = fs::metadata(world.path("conf.d/client-scanner.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    in_the_clear(&world, "scanner");
    let said = world.postrider(&["client", "password", "scanner"]).code(0).stdout;
    let text = file_of(&world, "scanner");
    assert!(text.contains("allow_plaintext = true # for the test"), "comments stay: {text}");
    let password = printed(&said, "Password:");
    assert_eq!(password.len(), 16, "{said}");
    assert!(!text.contains(&password), "only stored keys are kept");
    assert_eq!(printed(&said, "User name:"), "scanner");
    assert_eq!(printed(&said, "From:"), "scanner@home.lan");
    assert_eq!(printed(&said, "Server:"), "127.0.0.1, port 0, no encryption");
    wait_for("the runner to know the client", || log_in(&runner, "scanner", &password).starts_with("235"));
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    client.say("EHLO device");
    client.say(&format!("AUTH PLAIN {}", STANDARD.encode(format!("\0scanner\0{password}"))));
    assert!(client.send("scanner@home.lan", "bob@away.example", MESSAGE).starts_with("250"));
    arrived(&isp, "bob@away.example");
}

#[test]
fn a_client_that_has_a_password_is_listed_with_what_it_did_and_what_kept_it_out() {
    let isp = Provider::start();
    let world = plain(&isp);
    world.file("password", "pencil\n", 0o600);
    let file = world.path("password").display().to_string();
    let add = ["client", "add", "camera", "--owner", &login(), "--password-file", &file, "--account", "isp"];
    world.postrider(&add).code(0);
    in_the_clear(&world, "camera");
    world
        .postrider(&["client", "list"])
        .code(0)
        .says(&format!("camera  owner {}, logs in from 127.0.0.1", login()))
        .says("never");
    let runner = world.runner();
    assert!(log_in(&runner, "camera", "wrong").starts_with("535"));
    let wrong = "from 127.0.0.1, AUTH: wrong password; \"postrider client password camera\" sets another";
    world.postrider(&["client", "list"]).code(0).says(wrong);
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    client.say("EHLO camera");
    client.say(&format!("AUTH PLAIN {}", STANDARD.encode("\0camera\0pencil")));
    let reply = client.send("alice@home.lan", "bob@away.example", MESSAGE);
    assert!(reply.starts_with("550 5.7.1 camera may not send as <alice@home.lan>"), "{reply}");
    let list = world.postrider(&["client", "list"]).code(0).stdout;
    assert!(list.contains("from 127.0.0.1 (PLAIN)"), "{list}");
    assert!(
        list.contains("127.0.0.1, MAIL: camera may not send as <alice@home.lan> (MAIL FROM); add it to senders"),
        "{list}"
    );
}

#[test]
fn a_device_that_is_too_old_is_listed_with_the_versions_that_it_offered() {
    use std::io::Write as _;
    let isp = Provider::start();
    let listener = json!({ "address": "127.0.0.1:0", "tls": "implicit", "certificate": "lan.pem", "key": "lan.key" });
    let world = world(&isp, &listener, &scanner());
    certificate(&world);
    let runner = world.runner();
    let mut device = std::net::TcpStream::connect(address(&runner, "lan")).unwrap();
    // A ClientHello of TLS 1.0 without extensions.
    let body = [&[3, 1][..], &[7; 32], &[0, 0, 2, 0, 47, 1, 0]].concat();
    let length = u8::try_from(body.len()).unwrap();
    device.write_all(&[&[22, 3, 1, 0, length + 4, 1, 0, 0, length], &body[..]].concat()).unwrap();
    let line = "at listener lan, offering TLS 1.0: the client is too old: postrider supports TLS 1.2 and 1.3";
    wait_for("the failure to be listed", || world.postrider(&["client", "list"]).stdout.contains(line));
    assert!(
        runner.log().contains("SSL_accept error from unknown[127.0.0.1]: the client is too old"),
        "{}",
        runner.log()
    );
}

#[test]
fn a_client_known_by_its_address_needs_a_listener_that_trusts_it() {
    let isp = Provider::start();
    let world = plain(&isp);
    let add = ["client", "add", "scanner", "--owner", &login(), "--no-password"];
    let refused = world.postrider(&add).code(64);
    assert!(refused.stderr.contains("this client has neither a password nor an address"), "{}", refused.stderr);
    assert!(refused.stderr.contains("nothing was changed") && !world.path("conf.d").exists());
    world
        .postrider(&[&add[..], &["--network", "127.0.0.1"]].concat())
        .code(0)
        .says("No listener trusts scanner yet: add trust");
    let world = world.set("listen", json!({ "lan": trusting() }));
    let runner = world.runner();
    let (mut client, _) = Client::connect(address(&runner, "lan"));
    client.say("EHLO scanner");
    assert!(client.send("scanner@home.lan", "bob@away.example", MESSAGE).starts_with("250"));
    arrived(&isp, "bob@away.example");
    world.postrider(&["client", "list"]).says("known by its address, 127.0.0.1").says("last login");
}

#[test]
fn what_the_configuration_would_refuse_is_not_written() {
    let isp = Provider::start();
    let world = World::at_home(&isp)
        .set("client", json!({ "laptop": { "owner": login(), "scram": keys("x", ScramHash::Sha256) } }));
    let owner = login();
    let add = |more: &[&str]| world.postrider(&[&["client", "add", "scanner", "--owner", &owner], more].concat());
    for (arguments, code, text) in [
        (&["--network", "192.168.1"][..], 78, "`networks`: write an address such as 192.168.1.30"),
        (&["--sender", "a b@home.lan"], 78, "`senders`"),
        (&["--from", "nobody"], 78, "`from`"),
        (&["--account", "work"], 78, "`account` does not match any [account.NAME]"),
        (&["--password-file", "/nowhere"], 66, "cannot read /nowhere"),
    ] {
        let refused = add(arguments).code(code);
        assert!(refused.stderr.contains(text) && refused.stderr.contains("nothing was"), "{}", refused.stderr);
    }
    for (arguments, code, text) in [
        (&["add", "laptop", "--owner", &owner][..], 64, "there is a client laptop already, in "),
        (&["add", "a b", "--owner", &owner], 64, "a client's name begins with a letter or digit"),
        (&["add", "scanner"], 64, "Give the login of the user who gets its bounces: --owner LOGIN"),
        (&["add", "scanner", "--owner", "nobody-of-that-name"], 65, "no user here has this login"),
        (&["password", "scanner"], 64, "there is no client scanner; existing clients: laptop"),
        (&["delete", "scanner"], 64, "there is no client scanner"),
    ] {
        let refused = world.postrider(&[&["client"], arguments].concat()).code(code);
        assert!(refused.stderr.contains(text), "{}", refused.stderr);
    }
    assert!(!world.path("conf.d").exists());
}

#[test]
fn several_accounts_need_a_word_and_a_reserved_one_says_what_to_add() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account("work", &isp);
    let add = ["client", "add", "scanner", "--owner", &login()];
    let text = "no account lists <scanner@home.lan> in `senders`; name one with --account: isp, work";
    world.postrider(&add).code(78).says(text);
    let world = world.account_keys("work", &[("users", json!([login()]))]);
    let text = "client scanner may not use account work; add \"scanner\" to `clients` in [account.work]";
    world.postrider(&[&add[..], &["--account", "work"]].concat()).code(0).says(text);
    // The account that lists the sender is found without a word.
    let world = world.account_keys("isp", &[("senders", json!(["@home.lan"]))]);
    world.postrider(&["client", "add", "camera", "--owner", &login()]).code(0);
    assert!(!file_of(&world, "camera").contains("account ="));
}

#[test]
fn a_client_is_removed_unless_something_names_it() {
    let isp = Provider::start();
    let world = plain(&isp);
    let owner = login();
    world
        .postrider(&["client", "add", "scanner", "--owner", &owner, "--no-password", "--network", "127.0.0.1"])
        .code(0);
    let world = world.set("listen", json!({ "lan": trusting() }));
    let refused = world.postrider(&["client", "delete", "scanner"]).code(78);
    assert!(refused.stderr.contains("`trust` names scanner, but there is no [client.scanner]"), "{}", refused.stderr);
    let world = world.set("listen", json!({ "lan": { "address": "127.0.0.1:0", "tls": "none" } }));
    world.postrider(&["client", "delete", "scanner"]).code(0).says("client scanner removed");
    assert!(!world.path("conf.d/client-scanner.toml").exists());
    // One in the main file is taken out of it; the rest stays.
    let clients: Value = json!({ "laptop": { "owner": owner, "scram": keys("x", ScramHash::Sha256) } });
    let world = world.set("client", clients);
    world.postrider(&["client", "delete", "laptop"]).code(0);
    let text = fs::read_to_string(world.path("config.toml")).unwrap();
    assert!(!text.contains("laptop") && text.contains("[account.isp]"), "{text}");
    world.postrider(&["client", "list"]).code(0).says("There are no network clients");
}

#[test]
fn a_client_that_is_written_by_hand_gets_its_first_password_by_the_command_that_check_names() {
    let isp = Provider::start();
    let world = plain(&isp).set("client", json!({ "laptop": { "owner": login(), "account": "isp" } }));
    let missing = "laptop has neither a password nor an address, so it cannot submit mail; run \"postrider client password laptop\"";
    world.postrider(&["check"]).code(1).says(missing);
    world.postrider(&["client", "password", "laptop"]).code(0).says("password for client laptop saved");
    world.postrider(&["check"]).code(0);
    // Another error is not for this command to pass over.
    let world = world.set("client", json!({ "laptop": { "owner": login(), "account": "work" } }));
    let refused = world.postrider(&["client", "password", "laptop"]).code(78);
    assert!(refused.stderr.contains("`account` does not match") && refused.stderr.contains("nothing was changed"));
}
