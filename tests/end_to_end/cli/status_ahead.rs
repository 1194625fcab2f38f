//! What `postrider status` tells before it keeps mail from flowing: certificates that end, and a clock that is wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use super::status::{is_well, reason};
use support::provider::Provider;
use support::provider::identity::{Certificate, pem_for_days};
use support::world::World;

fn identity(days: u64) -> String {
    pem_for_days("homebox.home.lan", days)
}

#[test]
fn certificates_that_end_soon_are_named_before_they_end() {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let isp = Provider::setup().certificate(Certificate::ForDays(names, 10)).start();
    let world = World::at_home(&isp);
    is_well(&world);
    // Of a relay, once it was seen.
    world.send_to(&["bob@away.example"]).code(0);
    world.drain();
    let ends = |what: &str| {
        let found = reason(&world, 1, "tls");
        assert!(found["text"].as_str().unwrap().starts_with(what), "{found}");
    };
    ends("the certificate of account isp's relay ends on 20");
    // Its own roots say that the owner is concerned; what others vouch for is renewed at the last moment, often.
    let relayed = world.account_keys("isp", &[("relay", json!("[127.0.0.1]:1"))]);
    is_well(&relayed);
    relayed.file("client.pem", &identity(10), 0o600);
    let client = relayed.account_keys("isp", &[("tls_client_cert", json!("client.pem"))]);
    let found = reason(&client, 1, "tls");
    assert!(found["text"].as_str().unwrap().starts_with("the client certificate of account isp ends on 20"), "{found}");
    client.file("client.pem", &identity(20), 0o600);
    is_well(&client);
    client.file("lan.pem", &identity(10), 0o600);
    let listening = client.set("listen", json!({"lan": {"address": "127.0.0.1:0", "certificate": "lan.pem"}}));
    let found = reason(&listening, 1, "tls");
    assert!(found["text"].as_str().unwrap().starts_with("the certificate of listener lan ends on 20"), "{found}");
    listening.file("lan.pem", &identity(20), 0o600);
    is_well(&listening);
}

#[test]
fn mail_from_the_future_is_told_as_a_wrong_clock() {
    let world = World::at_home(&Provider::start());
    world.send_to(&["bob@away.example"]).code(0);
    let name = format!("spool/queue/{}", world.queued()[0]);
    let text = fs::read_to_string(world.path(&name)).unwrap();
    let year = jiff::Timestamp::now().strftime("\"arrived\":\"%Y-").to_string();
    assert!(text.contains(&year), "{text}");
    world.file(&name, &text.replace(&year, "\"arrived\":\"2090-"), 0o600);
    let found = reason(&world, 1, "clock");
    assert!(
        found["text"].as_str().unwrap().starts_with("1 message in the queue that arrived in the future"),
        "{found}"
    );
    world.postrider(&["queue", "delete", "--all"]).code(0);
    is_well(&world);
}

#[test]
fn a_mailbox_of_ones_own_that_cannot_be_written_is_named_before_mail_waits_for_it() {
    type Make = fn(&Path);
    let not_a_file: Make = |path| fs::create_dir(path).unwrap();
    let not_a_folder: Make = |path| fs::write(path, "").unwrap();
    let closed: Make = |path| {
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o444)).unwrap();
    };
    let in_closed: Make = |path| {
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o555)).unwrap();
    };
    for (format, make, expected, is_for_root) in [
        ("mbox", not_a_file, "box is not a file", true),
        ("maildir", not_a_folder, "box is not a folder", true),
        ("mbox", closed, "postrider cannot write to", false),
        ("mbox", in_closed, "postrider cannot create files in", false),
        ("maildir", in_closed, "postrider cannot create files in", false),
    ] {
        if !is_for_root && rustix::process::geteuid().is_root() {
            continue;
        }
        let world = World::at_home(&Provider::start());
        let folder = world.path("mail");
        fs::create_dir(&folder).unwrap();
        let path = folder.join("box");
        let world = world.set("mailbox", format!("{format}:{}", path.display()));
        is_well(&world);
        make(&path);
        let found = reason(&world, 2, "account");
        let text = found["text"].as_str().unwrap();
        assert!(
            text.starts_with("mail for users of this machine waits, because ") && text.contains(expected),
            "{found}"
        );
        assert!(!text.contains("os error"), "{text}");
        world.postrider(&["check"]).says(expected);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn an_alarm_that_cannot_be_sent_is_a_warning_before_it_is_needed() {
    let world = |alarm: Value| World::at_home(&Provider::start()).set("alarm", alarm);
    for (alarm, words) in [
        (json!({"url": {"file": "nowhere"}}), "`url` of [alarm]: "),
        (json!({"url": {"file": "plain"}}), "does not hold a web address that begins with https://"),
        (json!({"heartbeat": {"url": {"file": "nowhere"}}}), "`heartbeat`: "),
        (json!({"command": ["/no/such/program"]}), "/no/such/program is not a program"),
    ] {
        let world = world(alarm);
        world.file("plain", "http://localhost/CANARY\n", 0o600);
        let said = world.postrider(&["status", "--json"]).code(1).stdout;
        let report: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(report["reasons"][0]["kind"], "alarm", "{said}");
        assert!(said.contains(words) && !said.contains("CANARY"), "{said}");
        world.postrider(&["check"]).code(1).says(words);
    }
    let good = world(json!({"url": {"file": "good"}, "command": ["true"]}));
    good.file("good", "https://localhost/x\n", 0o600);
    good.postrider(&["check"]).code(0);
}
