//! Alarms: people learn of trouble by ways that are not mail, once when it begins and once when it is over.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::web::{self, Answer, WebServer};
use support::world::World;

/// A secret part of the web address.
const TOPIC: &str = "topic-73af1c";

/// A server that alarms are posted to, and the machine that knows it.
fn with_receiver(world: World, keys: &Value, answer: Box<Answer>) -> (World, WebServer) {
    let server = WebServer::start((Ipv4Addr::LOCALHOST, 0), &["localhost"], answer);
    world.file("roots.pem", &server.authority, 0o644);
    world.file("alarm-url", &format!("https://localhost:{}/{TOPIC}\n", server.port()), 0o600);
    let mut keys = keys.clone();
    keys["url"] = json!({"file": "alarm-url"});
    (world.set("alarm", keys), server)
}

fn accepts() -> Box<Answer> {
    Box::new(|_| web::page(b"ok"))
}

/// What was posted, parsed.
fn posted(server: &WebServer) -> Vec<Value> {
    let body = |request: String| request.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap();
    server.asked().into_iter().map(|request| serde_json::from_str(&body(request)).unwrap()).collect()
}

/// A provider that rejects the first login with words that nobody else may read.
fn rejecting() -> Provider {
    Provider::setup().rule(on(Verb::Auth).once().reply("535 5.7.8 CANARY-REPLY for canary-login@isp.example")).start()
}

fn state_of(world: &World) -> String {
    fs::read_to_string(world.path("spool/state/alarms.json")).unwrap_or_default()
}

#[test]
fn an_outage_raises_one_alarm_whatever_waits_and_whoever_restarts_and_one_when_it_is_over() {
    let isp = rejecting();
    let (world, server) = with_receiver(World::at_home(&isp), &json!({}), accepts());
    for text in ["one", "two"] {
        let mail = format!(
            "From: Canary-From <alice>\nSubject: CANARY-SUBJECT\nX-Other: CANARY-FIELD\n\nCANARY-BODY {text}\n"
        );
        world.sendmail(&["-f", "alice", "canary-rcpt@away.example"], mail).code(0);
    }
    let log = world.run_once().stderr;
    let alarms = posted(&server);
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    let members = ["host", "state", "kind", "account"].map(|name| alarms[0][name].as_str().unwrap());
    assert_eq!(members, ["homebox.home.lan", "raised", "account", "isp"]);
    assert_eq!(alarms[0]["text"], "the provider rejects the login of account isp");
    assert!(alarms[0]["cure"].as_str().unwrap().contains("postrider password set isp"), "{alarms:?}");
    let all = server.asked().concat() + &log;
    assert!(!server.asked().concat().to_lowercase().contains("canary"), "{all}");
    assert!(!log.contains(TOPIC), "{log}");
    // Further runners, of which each looks again.
    world.run_once();
    world.run_once();
    assert_eq!(posted(&server).len(), 1);
    // Its owner changes something, and the login works.
    let world = world.queue_set("warn_after", "3h");
    world.drain();
    let alarms = posted(&server);
    assert_eq!(alarms.len(), 2, "{alarms:?}");
    assert_eq!((&alarms[1]["state"], &alarms[1]["account"]), (&json!("over"), &json!("isp")));
    world.run_once();
    assert_eq!(posted(&server).len(), 2);
    assert_eq!(fs::metadata(world.path("spool/state/alarms.json")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_alarm_quotes_addresses_and_the_provider_only_where_its_owner_wants_that() {
    let isp = rejecting();
    let (world, server) = with_receiver(World::at_home(&isp), &json!({"detail": true}), accepts());
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert!(posted(&server)[0]["text"].as_str().unwrap().contains("535 5.7.8"), "{:?}", posted(&server));
}

#[test]
fn mail_that_waits_for_long_is_an_alarm_with_its_number_until_it_is_gone() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 not now")).start();
    let (world, server) = with_receiver(World::at_home(&isp), &json!({}), accepts());
    world.send_to(&["bob@away.example"]).code(0);
    world.send_to(&["eve@away.example"]).code(0);
    world.run_once();
    assert_eq!(posted(&server), [] as [Value; 0]);
    let world = world.queue_set("warn_after", "0s");
    world.run_once();
    let late: Vec<Value> = posted(&server).into_iter().filter(|alarm| alarm["kind"] == "late").collect();
    assert_eq!((late.len(), &late[0]["count"]), (1, &json!(2)), "{late:?}");
    world.postrider(&["queue", "delete", "--all"]).code(0);
    world.run_once();
    let over = posted(&server).pop().unwrap();
    assert_eq!((&over["kind"], &over["state"]), (&json!("late"), &json!("over")));
}

#[test]
fn what_is_wrong_is_over_as_soon_as_the_mail_is_gone() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp).queue_set("warn_after", "1s").set("alarm", json!({"motd": true}));
    let motd = world.path("spool/motd");
    let runner = world.runner().ready(&world);
    for end in [&["flush"][..], &["queue", "delete", "--all"]] {
        world.send_to(&["bob@away.example"]).code(0);
        wait_for("it is said to be late", || {
            world.postrider(&["flush"]);
            motd.exists()
        });
        if end == ["flush"] {
            isp.behave();
        }
        wait_for("no session is in the way", || world.postrider(end).status == Some(0));
        wait_for("nothing is wrong", || !motd.exists());
        isp.add(on(Verb::Rcpt).reply("450 4.2.0 not now"));
    }
    drop(runner);
}

#[test]
fn a_relay_that_is_away_for_a_moment_raises_no_alarm_and_one_that_stays_away_does() {
    let world = World::at_home(&Provider::start()).account_keys("isp", &[("relay", json!("[127.0.0.1]:1"))]);
    let (world, server) = with_receiver(world, &json!({"after": "1h"}), accepts());
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert_eq!(posted(&server), [] as [Value; 0]);
    let world = world.set("alarm", json!({"after": "0s", "url": {"file": "alarm-url"}}));
    world.run_once();
    let alarms = posted(&server);
    assert_eq!((alarms.len(), &alarms[0]["kind"]), (1, &json!("relay")));
    assert_eq!(alarms[0]["text"], "account isp cannot reach its provider");
}

#[test]
fn a_configuration_that_cannot_be_read_is_an_alarm_of_the_runner_that_keeps_the_old_one_and_ends_no_other() {
    let isp = rejecting();
    let (world, server) = with_receiver(World::at_home(&isp), &json!({}), accepts());
    world.send_to(&["bob@away.example"]).code(0);
    let config = fs::read_to_string(world.path("config.toml")).unwrap();
    let runner = world.runner();
    let kinds = |server: &WebServer| {
        let name = |alarm: Value| format!("{} {}", alarm["kind"].as_str().unwrap(), alarm["state"].as_str().unwrap());
        posted(server).into_iter().map(name).collect::<Vec<_>>()
    };
    wait_for("the alarm of the account", || kinds(&server) == ["account raised"]);
    world.file("config.toml", &format!("nonsense = 1\n{config}"), 0o600);
    wait_for("that of the configuration", || kinds(&server) == ["account raised", "config raised"]);
    world.file("config.toml", &config, 0o600);
    wait_for("their ends", || {
        let mut kinds = kinds(&server);
        kinds.sort();
        kinds == ["account over", "account raised", "config over", "config raised"]
    });
    drop(runner);
}

#[test]
fn a_server_that_does_not_take_alarms_costs_no_mail_any_time_and_gets_each_once_it_does() {
    let isp = rejecting();
    let is_open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&is_open);
    let answer = move |_: &str| if gate.load(Ordering::Relaxed) { web::page(b"") } else { web::status(500) };
    let (world, server) = with_receiver(World::at_home(&isp), &json!({}), Box::new(answer));
    world.send_to(&["bob@away.example"]).code(0);
    let log = world.run_once().stderr;
    assert!(log.contains("cannot send an alarm: the server of `url`: the server answered with status 500"), "{log}");
    assert!(!log.contains(TOPIC) && !log.contains("localhost"), "{log}");
    // Not again before a minute is over.
    world.run_once();
    assert_eq!(server.asked().len(), 1);
    let state = state_of(&world);
    assert!(state.contains("\"failures\":1"), "{state}");
    is_open.store(true, Ordering::Relaxed);
    let mut early: Value = serde_json::from_str(&state).unwrap();
    early["retry"]["next"] = json!("2020-01-01T00:00:00Z");
    world.file("spool/state/alarms.json", &early.to_string(), 0o600);
    world.run_once();
    assert_eq!(server.asked().len(), 2);
    world.run_once();
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn no_redirect_is_followed_and_no_certificate_believed_that_nobody_vouches_for() {
    let elsewhere = WebServer::start((Ipv4Addr::LOCALHOST, 0), &["localhost"], accepts());
    let to = format!("https://localhost:{}/elsewhere", elsewhere.port());
    let (world, server) =
        with_receiver(World::at_home(&Provider::start()), &json!({}), Box::new(move |_| web::redirect(&to)));
    world.file("roots.pem", &(server.authority.clone() + &elsewhere.authority), 0o644);
    let said = world.postrider(&["alarm", "test"]).code(69).stdout;
    assert!(said.contains("redirects to another address, which is not followed"), "{said}");
    assert_eq!((server.asked().len(), elsewhere.asked().len()), (1, 0));
    world.file("roots.pem", &server.authority, 0o644);
    world.file("alarm-url", &format!("https://localhost:{}/{TOPIC}", elsewhere.port()), 0o600);
    let said = world.postrider(&["alarm", "test"]).code(69).stdout;
    assert!(!said.contains(TOPIC) && said.contains("url: the server of `url`:"), "{said}");
    assert_eq!(elsewhere.asked().len(), 0);
    world.file("alarm-url", &format!("http://localhost:{}/{TOPIC}", server.port()), 0o600);
    let said = world.postrider(&["alarm", "test"]).code(69).stdout;
    assert!(said.contains("begins with https://") && !said.contains(TOPIC), "{said}");
}

#[test]
fn mail_is_taken_as_fast_while_the_server_of_alarms_says_nothing() {
    let isp = rejecting();
    let silent = |_: &str| {
        std::thread::sleep(std::time::Duration::from_mins(1));
        Vec::new()
    };
    let (world, server) = with_receiver(World::at_home(&isp), &json!({}), Box::new(silent));
    world.send_to(&["bob@away.example"]).code(0);
    let runner = world.runner();
    wait_for("the alarm", || server.asked().len() == 1);
    let began = Instant::now();
    // Its owner changes something; mail leaves while the server still says nothing.
    let world = world.queue_set("warn_after", "3h");
    world.send_to(&["eve@away.example"]).code(0);
    wait_for("both", || isp.received() == 2);
    assert!(began.elapsed().as_secs() < 8, "{:?}", began.elapsed());
    drop(runner);
}

#[test]
fn those_who_log_in_see_what_is_wrong_until_it_is_over() {
    let isp = rejecting();
    let world = World::at_home(&isp).set("alarm", json!({"motd": true}));
    let motd = world.path("spool/motd");
    world.sendmail(&["-f", "alice", "canary-rcpt@away.example"], "Subject: CANARY\n\n").code(0);
    world.run_once();
    let text = fs::read_to_string(&motd).unwrap();
    assert!(text.contains("account isp is in trouble") && !text.to_lowercase().contains("canary"), "{text}");
    assert_eq!(fs::metadata(&motd).unwrap().permissions().mode() & 0o777, 0o644);
    world.postrider(&["alarm", "test"]).code(0).says("spool/motd says so");
    // The script shows it at the login.
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/update-motd.d/90-postrider");
    let ours = fs::read_to_string(script).unwrap().replace("/run/postrider/motd", motd.to_str().unwrap());
    let shown =
        |script: &str| String::from_utf8(Command::new("sh").args(["-c", script]).output().unwrap().stdout).unwrap();
    assert_eq!(shown(&ours), text);
    let world = world.queue_set("warn_after", "3h");
    world.drain();
    assert!(!motd.exists());
    assert_eq!(shown(&ours), "");
}

#[test]
fn an_alarm_has_the_form_that_its_receiver_wants() {
    let forms = [
        (json!("ntfy"), "title: postrider: test", "homebox.home.lan: this is a test"),
        (
            json!({"json": "{\"text\": \"<{host}> {text}\"}"}),
            "application/json",
            "{\"text\": \"<homebox.home.lan> this is",
        ),
        (
            json!({"form": "chat=1&text={host}:+{kind}"}),
            "www-form-urlencoded",
            "chat=1&text=homebox%2Ehome%2Elan:+test",
        ),
        (json!({"text": "{state} {account}{count}."}), "text/plain", "test ."),
    ];
    for (format, field, body) in forms {
        let (world, server) = with_receiver(World::at_home(&Provider::start()), &json!({"format": format}), accepts());
        world.postrider(&["alarm", "test"]).code(0).says("url: the test was sent");
        let asked = server.asked().concat();
        let (head, sent) = asked.split_once("\r\n\r\n").unwrap();
        assert!(head.to_lowercase().contains(field) && sent.starts_with(body), "{asked}");
        assert!(head.starts_with(&format!("POST /{TOPIC} ")), "{head}");
    }
}

#[test]
fn the_web_address_stands_in_no_configuration_and_every_mistake_is_told_with_the_right_form() {
    let wrong = [
        (json!({"url": "https://ntfy.example/CANARY"}), "is a secret"),
        (json!({"url": {"keyring": true}}), "cannot be in the keyring"),
        (json!({"format": "xml"}), "must be \"json\", \"ntfy\" or a template"),
        (json!({"format": {"json": "{text}"}}), "it is not JSON"),
        (json!({"format": {"text": "{reason}"}}), "there is no value {reason}; the values are {host}"),
        (json!({"format": {"text": "a", "json": "{}"}}), "must be one template"),
        (json!({"motd": "yes"}), "true or false"),
        (json!({"urls": 1}), "did you mean `url`?"),
    ];
    for (keys, expected) in wrong {
        let said = World::at_home(&Provider::start()).set("alarm", keys.clone()).postrider(&["check"]).stdout;
        assert!(said.contains(expected) && !said.contains("CANARY"), "{keys}: {said}");
    }
    let nobody = World::at_home(&Provider::start()).postrider(&["alarm", "test"]).code(78);
    assert!(nobody.stderr.contains("set `command`, `url` or `motd` in [alarm]"), "{}", nobody.stderr);
}

#[test]
fn alarms_are_raised_without_a_runner_and_not_again_by_one() {
    let isp = Provider::start();
    let (world, server) = with_receiver(World::at_home(&isp), &json!({"motd": true}), accepts());
    world.send_to(&["bob@away.example"]).code(0);
    world.postrider(&["status", "--alarm"]).code(0);
    assert_eq!(posted(&server), [] as [Value; 0]);
    let world = world.queue_set("warn_after", "0s");
    world.postrider(&["status", "--alarm"]).code(1).says("waiting longer than warn_after");
    world.postrider(&["status", "--alarm", "--json"]).code(1);
    let alarms = posted(&server);
    assert_eq!((alarms.len(), &alarms[0]["kind"], &alarms[0]["count"]), (1, &json!("late"), &json!(1)));
    assert!(fs::read_to_string(world.path("spool/motd")).unwrap().contains("longer than warn_after"));
    // The runner goes on where it left off.
    let runner = world.runner();
    // Once it is stored, too: a crash before that repeats it.
    wait_for("the end", || state_of(&world).contains("\"over\":[\"url\"]"));
    assert_eq!(posted(&server)[1]["state"], "over");
    drop(runner);
    world.postrider(&["status", "--alarm"]).code(0);
    assert_eq!(posted(&server).len(), 2);
    assert!(!world.path("spool/motd").exists());
    // A configuration with a mistake still says where to tell of it.
    world.file(
        "config.toml",
        &format!("nonsense = 1\n{}", fs::read_to_string(world.path("config.toml")).unwrap()),
        0o600,
    );
    world.postrider(&["status", "--alarm"]).code(2);
    assert_eq!(posted(&server).len(), 3);
    assert_eq!(posted(&server)[2]["state"], "raised");
}

#[test]
fn the_heartbeat_goes_out_once_a_period_and_only_while_all_is_well() {
    let (isp, server) = (Provider::start(), WebServer::start((Ipv4Addr::LOCALHOST, 0), &["localhost"], accepts()));
    let world = World::at_home(&isp);
    world.file("roots.pem", &server.authority, 0o644);
    world.file("beat", &format!("https://localhost:{}/{TOPIC}", server.port()), 0o600);
    let world = world.set("alarm", json!({"heartbeat": {"url": {"file": "beat"}, "every": "1h"}}));
    world.postrider(&["status", "--alarm"]).code(0);
    world.run_once();
    world.postrider(&["status", "--alarm"]).code(0);
    assert_eq!(server.asked().len(), 1);
    assert!(server.asked()[0].starts_with(&format!("GET /{TOPIC} ")), "{:?}", server.asked());
    let mut state: Value = serde_json::from_str(&state_of(&world)).unwrap();
    state["heartbeat"] = json!(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1));
    world.file("spool/state/alarms.json", &state.to_string(), 0o600);
    // The hour is over, but mail is late.
    let world = world.queue_set("warn_after", "0s");
    world.send_to(&["bob@away.example"]).code(0);
    world.postrider(&["status", "--alarm"]).code(1);
    assert_eq!(server.asked().len(), 1);
    world.drain();
    assert_eq!(server.asked().len(), 2);
    world.postrider(&["status", "--alarm"]).code(0);
    assert_eq!(server.asked().len(), 2);
    let wrong = [
        (json!({"every": "1h"}), "`heartbeat` has no `url`"),
        (json!({"url": {"file": "beat"}, "every": "0s"}), "must not be zero"),
        (json!("https://CANARY.example"), "must be a table"),
    ];
    for (heartbeat, expected) in wrong {
        let world = World::at_home(&Provider::start()).set("alarm", json!({"heartbeat": heartbeat}));
        let said = world.postrider(&["check"]).stdout;
        assert!(said.contains(expected) && !said.contains("CANARY"), "{said}");
    }
}

#[test]
fn an_expected_sender_that_is_silent_is_a_warning_and_an_alarm_until_it_writes() {
    let isp = Provider::start();
    let keys = json!({"expect": {"Alice@home.lan": "1h"}, "motd": true});
    let (world, server) = with_receiver(World::at_home(&isp), &keys, accepts());
    // The time begins when it is first expected.
    world.postrider(&["status", "--alarm"]).code(0);
    world.send_to(&["bob@away.example"]).code(0);
    world.drain();
    world.postrider(&["status", "--alarm"]).code(0);
    let known = world.path("spool/state/expected.json");
    let mut last: Value = serde_json::from_str(&fs::read_to_string(&known).unwrap()).unwrap();
    last["last"]["alice@home.lan"] = json!(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(26));
    world.file("spool/state/expected.json", &last.to_string(), 0o600);
    let said = world.postrider(&["status", "--alarm"]).code(1);
    said.says("no mail from alice@home.lan for 26 h, which is expected every 60 min");
    let alarms = posted(&server);
    assert_eq!((alarms.len(), &alarms[0]["kind"]), (1, &json!("silence")));
    let motd = fs::read_to_string(world.path("spool/motd")).unwrap();
    assert!(!(server.asked().concat() + &motd).contains("alice"), "{motd}");
    // In the queue counts as well.
    world.send_to(&["bob@away.example"]).code(0);
    world.postrider(&["status", "--alarm"]).code(0);
    assert_eq!(posted(&server)[1]["state"], "over");
    world.drain();
    world.postrider(&["status", "--alarm"]).code(0);
    assert_eq!(posted(&server).len(), 2);
    for (expect, expected) in [
        (json!({"no address": "1h"}), "`expect` names senders, such as"),
        (json!({"a@home.lan": "soon"}), "`expect`: write whole numbers"),
        (json!("1h"), "must be a table"),
    ] {
        let wrong = World::at_home(&isp).set("alarm", json!({"expect": expect}));
        let said = wrong.postrider(&["check"]).stdout;
        assert!(said.contains(expected), "{said}");
    }
}
