//! Each kind of alarm, raised by real trouble and over when that is fixed, at a real server: a Matrix homeserver (`matrix-synapse` from
//! `PyPI`), whose room gets each alarm as a message. The runner and what the timer runs both look, and each outage raises one alarm. All
//! on loopback.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::provider::identity::{Certificate, pem_for_days};
use support::provider::{Provider, Verb, on};
use support::wait::wait_until;
use support::world::{World, fed};
use tempfile::TempDir;

use crate::need;
use crate::provider::{certificate_for, free_port};

/// For a server that starts on a machine with much to do.
const PATIENCE: Duration = Duration::from_mins(2);
const NAME: &str = "localhost";

/// A homeserver with one room, and its reader.
struct Room {
    folder: TempDir,
    server: Child,
    port: u16,
    token: String,
    id: String,
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Room {
    fn open(packages: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("interop-room-").tempdir().unwrap();
        certificate_for(folder.path(), NAME);
        let (port, at) = (free_port(), |name: &str| folder.path().join(name));
        let config = json!({
            "server_name": "chat.home.lan",
            "listeners": [{
                "port": port, "bind_addresses": ["127.0.0.1"], "type": "http", "tls": true,
                "resources": [{ "names": ["client"] }],
            }],
            "tls_certificate_path": at("chain.pem"), "tls_private_key_path": at("chain.pem"),
            "database": { "name": "sqlite3", "args": { "database": at("room.db") } },
            "signing_key_path": at("signing.key"), "media_store_path": at("media"), "pid_file": at("pid"),
            "trusted_key_servers": [], "report_stats": false, "macaroon_secret_key": "of this test",
            "enable_registration": true, "enable_registration_without_verification": true,
            "rc_message": { "per_second": 100, "burst_count": 100 },
        });
        // JSON is YAML.
        fs::write(at("homeserver.yaml"), config.to_string()).unwrap();
        let synapse = |more: &[&str]| {
            let log = File::options().append(true).create(true).open(at("log")).unwrap();
            let mut command = Command::new(need::PYTHON);
            command.args(["-m", "synapse.app.homeserver", "--config-path"]).arg(at("homeserver.yaml")).args(more);
            command.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(folder.path());
            command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
            command
        };
        assert!(synapse(&["--generate-keys"]).status().unwrap().success());
        let server = synapse(&[]).spawn().unwrap();
        let mut room = Self { server, port, token: String::new(), id: String::new(), folder };
        let log = room.folder.path().join("log");
        let reader = json!({ "username": "boss", "password": "of the boss", "auth": { "type": "m.login.dummy" } });
        let register = || room.ask("register", Some(&reader));
        let registered = wait_until(PATIENCE, register, || fs::read_to_string(log).unwrap_or_default());
        registered["access_token"].as_str().unwrap().clone_into(&mut room.token);
        let created = room.ask("createRoom", Some(&json!({}))).unwrap();
        created["room_id"].as_str().unwrap().clone_into(&mut room.id);
        room
    }

    fn url(&self, what: &str) -> String {
        format!("https://{NAME}:{}/_matrix/client/v3/{what}", self.port)
    }

    /// Where a machine posts, with its right to do so.
    fn secret_url(&self) -> String {
        self.url(&format!("rooms/{}/send/m.room.message?access_token={}", self.id, self.token))
    }

    /// A request of its reader's.
    fn ask(&self, what: &str, content: Option<&Value>) -> Option<Value> {
        let mut command = Command::new("curl");
        command.args(["--silent", "--fail", "--cacert"]).arg(self.folder.path().join("ca.pem")).arg(self.url(what));
        if !self.token.is_empty() {
            command.args(["--header", &format!("Authorization: Bearer {}", self.token)]);
        }
        if content.is_some() {
            command.args(["--data-binary", "@-"]);
        }
        let answer = fed(&mut command, content.map(Value::to_string).unwrap_or_default().as_bytes());
        answer.status.success().then(|| serde_json::from_slice(&answer.stdout).unwrap())
    }

    /// What its reader sees, the oldest first.
    fn messages(&self) -> Vec<String> {
        let page = self.ask(&format!("rooms/{}/messages?dir=f&limit=1000", self.id), None).unwrap();
        let events = page["chunk"].as_array().unwrap().iter();
        let bodies = events.filter(|event| event["type"] == "m.room.message").map(|event| &event["content"]["body"]);
        bodies.map(|body| body.as_str().unwrap().to_owned()).collect()
    }
}

/// What begins and ends an outage on a machine.
type Act = Box<dyn Fn(World) -> World>;

/// Trouble of this kind, of which the alarm says this.
struct Trouble {
    kind: &'static str,
    said: &'static str,
    begin: Act,
    end: Act,
}

fn trouble(
    kind: &'static str,
    said: &'static str,
    begin: impl Fn(World) -> World + 'static,
    end: impl Fn(World) -> World + 'static,
) -> Trouble {
    Trouble { kind, said, begin: Box::new(begin), end: Box::new(end) }
}

/// A mail that goes away, or waits.
fn send(world: &World) {
    world.send_to(&["canary-bob@away.example"]).code(0);
}

/// Its queue is empty in the end.
fn emptied(world: World) -> World {
    world.postrider(&["queue", "delete", "--all"]);
    wait_until(PATIENCE, || world.queued().is_empty().then_some(()), || world.postrider(&["queue", "list"]).stdout);
    world
}

/// Mail that waits leaves.
fn flushed(world: World) -> World {
    let left = || {
        world.postrider(&["flush"]);
        world.queued().is_empty().then_some(())
    };
    wait_until(PATIENCE, left, || world.postrider(&["queue", "list"]).stdout);
    world
}

/// The troubles of mail that is on its way.
fn of_mail(isp: &'static Provider, other: &'static Provider) -> Vec<Trouble> {
    let password = isp.credential().1.to_owned();
    let refuse = move |verb: Verb, reply: &str| isp.add(on(verb).reply(reply));
    let behave = move |world: World| {
        isp.behave();
        flushed(world)
    };
    vec![
        trouble(
            "account",
            "the provider rejects the login of account isp (run `postrider password set isp`, then `postrider flush`)",
            move |world| {
                isp.change_password("another");
                send(&world);
                world
            },
            move |world| {
                isp.change_password(&password);
                // Its owner has been at the configuration.
                flushed(world.queue_set("retry_min", "7m"))
            },
        ),
        trouble(
            "late",
            "1 message waits for longer than `warn_after` (`mailq` says why)",
            move |world| {
                refuse(Verb::Rcpt, "450 4.2.0 CANARY-REPLY not now");
                send(&world);
                world.queue_set("warn_after", "1s")
            },
            move |world| {
                isp.behave();
                emptied(world).queue_set("warn_after", "4h")
            },
        ),
        trouble(
            "rejected",
            "1 message is rejected by the provider",
            move |world| {
                refuse(Verb::Mail, "553 5.7.1 CANARY-REPLY not owned by user");
                send(&world);
                world
            },
            behave,
        ),
        trouble(
            "failed",
            "1 message is in failed/",
            move |world| {
                refuse(Verb::Rcpt, "550 5.1.1 CANARY-REPLY no such user");
                world.sendmail(&["-f", "<>", "canary-bob@away.example"], "Subject: CANARY\n\nCANARY\n").code(0);
                flushed(world)
            },
            move |world| {
                isp.behave();
                world.postrider(&["queue", "delete", "--failed"]).code(0);
                world
            },
        ),
        trouble(
            "unserved",
            "1 message waits because no account serves the sender",
            |world| {
                let world = world.account_keys("isp", &[("senders", json!(["@home.lan"]))]);
                let world = world.account_with("other", other, &[("senders", json!(["@work.example"]))]);
                world.sendmail(&["-f", "canary@nowhere.example", "bob@away.example"], "\n").code(0);
                world
            },
            emptied,
        ),
        trouble(
            "clock",
            "the clock of this machine is wrong",
            move |world| {
                refuse(Verb::Rcpt, "450 4.2.0 CANARY-REPLY not now");
                send(&world);
                wait_until(PATIENCE, || (isp.count(Verb::Rcpt) > 0).then_some(()), || "no attempt".to_owned());
                let name = format!("spool/queue/{}", world.queued()[0]);
                let text = fs::read_to_string(world.path(&name)).unwrap();
                let year = jiff::Timestamp::now().strftime("\"arrived\":\"%Y-").to_string();
                world.file(&name, &text.replace(&year, "\"arrived\":\"2090-"), 0o600);
                world
            },
            move |world| {
                isp.behave();
                emptied(world)
            },
        ),
    ]
}

/// A sender that writes every day, and did not.
fn of_silence() -> Trouble {
    trouble(
        "silence",
        "an expected sender has been silent for too long",
        |world| {
            let world = world.set("alarm", alarm(&json!({ "expect": { "canary-backup@home.lan": "25h" } })));
            let known = world.path("spool/state/expected.json");
            let seen = || fs::read_to_string(&known).ok().filter(|text| text.contains("canary-backup"));
            let text = wait_until(
                PATIENCE,
                || {
                    world.postrider(&["status"]);
                    seen()
                },
                || "it is not expected".to_owned(),
            );
            let mut last: Value = serde_json::from_str(&text).unwrap();
            last["last"]["canary-backup@home.lan"] =
                json!(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(26));
            world.file("spool/state/expected.json", &last.to_string(), 0o600);
            world
        },
        |world| {
            world.sendmail(&["-f", "canary-backup@home.lan", "bob@away.example"], "Subject: CANARY\n\n").code(0);
            flushed(world)
        },
    )
}

/// The troubles that show before any mail meets them.
fn of_setup(isp: &'static Provider, ending: &'static Provider) -> Vec<Trouble> {
    let (at_isp, at_ending) = (isp.relay(), ending.relay());
    let pinned = at_isp.clone();
    vec![
        trouble(
            "config",
            "the configuration cannot be read (`postrider check` names the line)",
            |world| {
                let config = fs::read_to_string(world.path("config.toml")).unwrap();
                world.file("config.toml", &format!("CANARY = 1\n{config}"), 0o600);
                world
            },
            |world| world.queue_set("retry_min", "6m"),
        ),
        trouble(
            "table",
            "a lookup table cannot be read",
            |world| world.set("virtual", "CANARY"),
            |world| {
                world.table("CANARY", "");
                world
            },
        ),
        trouble(
            "space",
            "the disk is almost full, so mail is refused",
            |world| world.queue_set("min_free_space", "10000TB"),
            |world| world.queue_set("min_free_space", "1MB"),
        ),
        trouble(
            "password",
            "account isp: Outlook.com / Hotmail / Live accepts no passwords since 2024-09-16",
            |world| world.account_keys("isp", &[("relay", json!("[smtp-mail.outlook.com]:587"))]),
            move |world| world.account_keys("isp", &[("relay", json!(at_isp))]),
        ),
        trouble(
            "tls",
            "the certificate of account isp's relay ends on 20",
            move |world| {
                let pin = [("relay", json!(at_ending)), ("tls_fingerprint", json!([ending.fingerprint()]))];
                let world = world.account_keys("isp", &pin);
                send(&world);
                flushed(world)
            },
            move |world| {
                world.account_keys("isp", &[("relay", json!(pinned)), ("tls_fingerprint", json!([isp.fingerprint()]))])
            },
        ),
        trouble(
            "tls",
            "the client certificate of account isp ends on 20",
            |world| {
                world.file("client.pem", &pem_for_days("homebox.home.lan", 10), 0o600);
                world.account_keys("isp", &[("tls_client_cert", json!("client.pem"))])
            },
            |world| world.account_keys("isp", &[("tls_client_cert", Value::Null)]),
        ),
        trouble(
            "tls",
            "the certificate of listener lan ends on 20",
            |world| {
                world.file("lan.pem", &pem_for_days("homebox.home.lan", 10), 0o600);
                world.set("listen", json!({ "lan": { "address": "127.0.0.1:0", "certificate": "lan.pem" } }))
            },
            |world| {
                world.file("lan.pem", &pem_for_days("homebox.home.lan", 20), 0o600);
                world
            },
        ),
        trouble(
            "alarm",
            "an alarm cannot be sent",
            |world| world.set("alarm", alarm(&json!({ "command": ["/no/such/CANARY"] }))),
            |world| world.set("alarm", alarm(&json!({}))),
        ),
    ]
}

/// The section, with further keys.
fn alarm(more: &Value) -> Value {
    let template = r#"{"msgtype": "m.text", "body": "{state} {kind} at {host}: {text} ({cure})"}"#;
    let mut keys = json!({ "url": { "file": "room-url" }, "format": { "json": template }, "motd": true });
    keys.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    keys
}

fn lasting(provider: Provider) -> &'static Provider {
    Box::leak(Box::new(provider))
}

#[test]
fn each_kind_of_trouble_is_told_once_in_a_real_room_and_once_when_it_is_over() {
    let Some(packages) = need::synapse() else { return };
    let room = Room::open(&packages);
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let isp = lasting(Provider::start());
    let other = lasting(Provider::start());
    let ending = lasting(Provider::setup().certificate(Certificate::ForDays(names, 10)).start());
    let mut world = World::at_home(isp);
    world.file("roots.pem", &fs::read_to_string(room.folder.path().join("ca.pem")).unwrap(), 0o644);
    world.file("room-url", &room.secret_url(), 0o600);
    world = world.set("alarm", alarm(&json!({})));
    world.postrider(&["alarm", "test"]).code(0).says("url: the test was sent");
    let _runner = world.runner().ready(&world);
    assert_eq!(
        room.messages(),
        ["test test at homebox.home.lan: this is a test; alarms of this machine arrive here (no action needed)"]
    );

    let mut told = 1;
    for Trouble { kind, said, begin, end } in
        of_setup(isp, ending).into_iter().chain(of_mail(isp, other)).chain([of_silence()])
    {
        for (state, act) in [("raised", begin), ("over", end)] {
            world = act(world);
            let expected = format!("{state} {kind} at homebox.home.lan: {said}");
            let new = || {
                // As the timer does; the runner looks as well.
                world.postrider(&["status", "--alarm"]);
                room.messages().split_off(told)
            };
            let said = wait_until(
                PATIENCE,
                || Some(new()).filter(|new| !new.is_empty()),
                || format!("in vain: {expected}\n{}", world.postrider(&["status"]).stdout),
            );
            told += 1;
            assert!(said.len() == 1 && said[0].starts_with(&expected), "{expected}: {said:?}");
            let motd = fs::read_to_string(world.path("spool/motd")).unwrap_or_default();
            assert_eq!(motd.is_empty(), state == "over", "{expected}: {motd}");
            println!("{}", said[0]);
        }
    }
    world.postrider(&["status", "--alarm"]).code(0);
    let all = room.messages();
    assert_eq!(all.len(), told, "{all:?}");
    assert!(!all.concat().to_lowercase().contains("canary"), "{all:?}");
}
