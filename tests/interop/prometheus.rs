//! The figures of two machines in a real Prometheus, by the textfile collector of a real node exporter, as postrider-machines(7) has it;
//! and the rules of contrib in it, one of which alarms when an account is in trouble. All on loopback.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::provider::{Provider, Verb, on};
use support::wait::wait_until;
use support::world::World;

use crate::need;
use crate::provider::free_port;

/// Figures are written once a minute at most, and read some seconds later.
const PATIENCE: Duration = Duration::from_mins(3);
const PAGE: &str = include_str!("../../man/postrider-machines.7");

/// Ended with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn daemon(program: &Path, log: &Path, args: &[String]) -> Daemon {
    let log = fs::File::create(log).unwrap();
    let child =
        Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    Daemon(child)
}

/// What a web server on loopback answers, without the header.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

fn contrib(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/prometheus").join(name)
}

/// The display of the page that has this in it, as it is read.
fn shown(part: &str) -> String {
    let blocks = PAGE.split(".Bd -literal -offset indent\n").skip(1).map(|rest| rest.split(".Ed").next().unwrap());
    blocks.into_iter().find(|block| block.contains(part)).unwrap().replace("\\(dq", "\"")
}

#[test]
fn promtool_finds_nothing_wrong_with_the_rules_and_the_figures() {
    let Some(programs) = need::prometheus() else { return };
    let promtool = programs.join("promtool");
    let checked = Command::new(&promtool).args(["check", "rules"]).arg(contrib("alerts.yml")).output().unwrap();
    let said = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
    assert!(checked.status.success() && said.contains("SUCCESS"), "{said}");
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("later@away.example").reply("450 4.2.0 later")).start();
    let world = World::at_home(&isp);
    let _runner = world.runner().ready(&world);
    world.send_to(&["bob@away.example"]).code(0);
    world.send_to(&["later@away.example"]).code(0);
    let figures = || world.postrider(&["metrics"]).code(0).stdout;
    let is_there = || figures().contains("outcome=\"deferred\"} 1").then_some(());
    wait_until(PATIENCE, is_there, figures);
    let linted = support::world::fed(Command::new(&promtool).args(["check", "metrics"]), figures().as_bytes());
    let said = String::from_utf8_lossy(&[linted.stdout, linted.stderr].concat()).into_owned();
    assert!(linted.status.success() && said.trim().is_empty(), "{said}\n{}", figures());
}

#[test]
fn a_prometheus_collects_two_machines_and_alarms_when_an_account_of_one_is_in_trouble() {
    let Some(programs) = need::prometheus() else { return };
    let folder = tempfile::Builder::new().prefix("interop-prometheus-").tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let names = ["homebox", "web1"];
    let isps = names.map(|_| Provider::start());
    let place = shown("textfile =").split('"').nth(1).unwrap().to_owned();
    let worlds = [0, 1].map(|at| {
        fs::create_dir(path(names[at])).unwrap();
        let file = path(names[at]).join(Path::new(&place).file_name().unwrap());
        let metrics = json!({"textfile": file.to_str().unwrap()});
        World::at_home(&isps[at]).queue_set("warn_after", "1s").set("metrics", metrics)
    });
    let _runners = worlds.each_ref().map(World::runner);
    let ports = names.map(|_| free_port());
    let _exporters = [0, 1].map(|at| {
        let args = [
            "--collector.disable-defaults".to_owned(),
            "--collector.textfile".to_owned(),
            format!("--collector.textfile.directory={}", path(names[at]).display()),
            format!("--web.listen-address=127.0.0.1:{}", ports[at]),
        ];
        daemon(&programs.join("prometheus-node-exporter"), &path(&format!("{}.log", names[at])), &args)
    });
    // The rules as they are, but for the minutes that they wait.
    let rules = fs::read_to_string(contrib("alerts.yml")).unwrap();
    fs::write(path("alerts.yml"), rules.replace("for: 5m", "for: 1s")).unwrap();
    let config = shown("scrape_configs:")
        .replace("/etc/prometheus/postrider/alerts.yml", path("alerts.yml").to_str().unwrap())
        .replace("homebox:9100", &format!("127.0.0.1:{}", ports[0]))
        .replace("web1:9100", &format!("127.0.0.1:{}", ports[1]));
    fs::write(path("prometheus.yml"), format!("global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\n{config}"))
        .unwrap();
    let port = free_port();
    let args = [
        format!("--config.file={}", path("prometheus.yml").display()),
        format!("--storage.tsdb.path={}", path("data").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ];
    let _prometheus = daemon(&programs.join("prometheus"), &path("prometheus.log"), &args);
    let log = || fs::read_to_string(path("prometheus.log")).unwrap();
    let asked = |what: &str| -> Vec<Value> {
        let answer = get(port, what).and_then(|body| serde_json::from_str::<Value>(&body).ok()).unwrap_or_default();
        let data = answer["data"]["result"].as_array().or_else(|| answer["data"]["alerts"].as_array());
        data.cloned().unwrap_or_default()
    };
    let query = |name: &str| asked(&format!("/api/v1/query?query={name}"));
    let eventually = |what: &str, holds: &dyn Fn() -> bool| {
        wait_until(PATIENCE, || holds().then_some(()), || format!("in vain until {what}:\n{}", log()));
    };

    eventually("both machines are there, in good health", &|| {
        let found = query("postrider_status");
        found.len() == 2 && found.iter().all(|sample| sample["value"][1] == "0")
    });
    assert_eq!(query("postrider_build_info").len(), 2);
    assert_eq!(asked("/api/v1/alerts"), Vec::<Value>::new());

    // The provider of the second no longer takes its password.
    isps[1].change_password("another");
    for world in &worlds {
        world.send_to(&["bob@away.example"]).code(0);
    }
    let instance = format!("127.0.0.1:{}", ports[1]);
    eventually("the alert fires for the second machine", &|| {
        asked("/api/v1/alerts").iter().any(|alert| {
            let labels = &alert["labels"];
            alert["state"] == "firing"
                && labels["alertname"] == "PostriderNeedsAttention"
                && labels["instance"] == instance.as_str()
        })
    });
    let firing = asked("/api/v1/alerts");
    assert!(firing.iter().all(|alert| alert["labels"]["instance"] == instance.as_str()), "{firing:?}");
    let outage = query("postrider_account_outage_start_timestamp_seconds");
    assert_eq!((outage.len(), &outage[0]["metric"]["account"]), (1, &json!("isp")), "{outage:?}");

    // The right one again, and its owner has been at the configuration.
    let (_, password) = isps[1].credential();
    isps[1].change_password(password);
    let config = fs::read_to_string(worlds[1].path("config.toml")).unwrap();
    worlds[1].file("config.toml", &config, 0o600);
    eventually("the alert is over", &|| {
        worlds[1].flush();
        !asked("/api/v1/alerts").iter().any(|alert| alert["labels"]["alertname"] == "PostriderNeedsAttention")
    });
}
