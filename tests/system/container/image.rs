//! contrib/container: the instructions of the Containerfile are carried out on a bare machine, and the service of compose.yaml is
//! started as it says, from nothing to the first delivered mail.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::time::{Duration, Instant};

use super::started::{Container, Setup};
use crate::machine::{Machine, can_run};
use crate::machine_runner::MAIL;
use support::provider::Provider;
use support::wait::wait_for;

/// An instruction, and what is behind it.
type Instruction = (String, String);

fn contrib(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/container").join(name)).unwrap()
}

/// The instructions of a Containerfile by their stages.
fn stages(text: &str) -> Vec<Vec<Instruction>> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut stages: Vec<Vec<Instruction>> = Vec::new();
    for (instruction, rest) in lines.map(|line| line.split_once(' ').unwrap()) {
        if instruction == "FROM" {
            stages.push(Vec::new());
        }
        stages.last_mut().unwrap().push((instruction.to_owned(), rest.trim().to_owned()));
    }
    stages
}

/// The words of the form in JSON.
fn words(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap()
}

/// A program and its health check.
struct Image {
    environment: Vec<String>,
    program: Vec<String>,
    health: Vec<String>,
    volumes: Vec<String>,
}

/// Carries the stages out; what the first one builds is what cargo has built for these tests.
fn build(machine: &Machine) -> Image {
    let stages = stages(&contrib("Containerfile"));
    let [build, last] = stages.as_slice() else { panic!("two stages: {stages:?}") };
    assert!(build.contains(&("RUN".to_owned(), "cargo build --locked --release".to_owned())), "{build:?}");
    let mut image = Image { environment: Vec::new(), program: Vec::new(), health: Vec::new(), volumes: Vec::new() };
    for (instruction, rest) in last {
        match instruction.as_str() {
            "FROM" => assert!(rest.starts_with("docker.io/library/debian:"), "{rest}"),
            // The machine is a Debian as well; its packages come from the network.
            "RUN" if rest.starts_with("apt-get update") => {
                let packages = rest.split("--no-install-recommends ").nth(1).unwrap().split(" &&").next().unwrap();
                machine.sh("root", &format!("dpkg -s {packages} >/dev/null"), b"").good();
            }
            "RUN" => run(machine, rest),
            "ENV" => image.environment = rest.split(' ').map(str::to_owned).collect(),
            "VOLUME" => image.volumes = words(rest),
            "HEALTHCHECK" => image.health = words(rest.split_once(" CMD ").unwrap().1),
            "ENTRYPOINT" => image.program = words(rest),
            other => panic!("{other} is not known here"),
        }
    }
    image
}

/// A RUN that has the source of the first stage mounted.
fn run(machine: &Machine, rest: &str) {
    let (mount, script) = rest.strip_prefix("--mount=").unwrap().split_once(' ').unwrap();
    let of = |name: &str| mount.split(',').find_map(|part| part.strip_prefix(name)).unwrap();
    assert_eq!((of("type="), of("from="), of("source=")), ("bind", "build", "/source"));
    let target = of("target=");
    let script = format!(
        "set -e; mkdir -p {target} /run/ours/source/target; ln -sfn /run/ours/programs /run/ours/source/target/release; \
         mount --bind /run/ours/source {target}; {{ {script}; }}; umount {target}; rmdir {target}"
    );
    machine.sh("root", &script, b"").good();
}

/// The lines of compose.yaml below these keys, each with its key or `-`, and its value.
fn compose(text: &str, path: &[&str]) -> Vec<(String, String)> {
    let (mut depth, mut found) = (0, Vec::new());
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')) {
        let indent = (line.len() - line.trim_start().len()) / 2;
        if indent < depth && depth == path.len() {
            break;
        }
        let (key, value) = match line.trim().strip_prefix("- ") {
            Some(item) => ("-", item),
            None => line.trim().split_once(':').unwrap(),
        };
        if indent == depth && depth < path.len() && key == path[depth] {
            depth += 1;
        } else if depth == path.len() {
            found.push((key.to_owned(), value.trim().trim_matches('"').to_owned()));
        }
    }
    found
}

/// Sends a mail by SMTP as an application in another container does.
fn submit(port: u16, sender: &str) {
    let mut smtp = BufReader::new(TcpStream::connect(("127.0.0.1", port)).unwrap());
    let mut replies = String::new();
    let dialogue = [
        "EHLO app".to_owned(),
        format!("MAIL FROM:<{sender}>"),
        "RCPT TO:<friend@away.example>".to_owned(),
        "DATA".to_owned(),
        format!("From: {sender}\r\nSubject: of an application\r\n\r\ntext\r\n."),
        "QUIT".to_owned(),
    ];
    for line in [String::new()].into_iter().chain(dialogue) {
        if !line.is_empty() {
            smtp.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        }
        while smtp.read_line(&mut replies).unwrap() > 0 && replies.lines().last().unwrap().as_bytes()[3] == b'-' {}
    }
    assert!(replies.contains("\n354 ") && replies.contains("\n221 "), "{replies}");
}

#[test]
fn the_containerfile_and_the_compose_file_lead_from_nothing_to_the_first_mail() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = Machine::bare();
    let begun = Instant::now();
    let image = build(&machine);
    let text = contrib("compose.yaml");
    let service = |key: &str| compose(&text, &["services", "postrider", key]);
    assert!(service("build").contains(&("dockerfile".to_owned(), "contrib/container/Containerfile".to_owned())));
    let volumes: Vec<String> =
        service("volumes").into_iter().map(|(_, volume)| volume.split_once(':').unwrap().1.to_owned()).collect();
    assert_eq!(volumes, image.volumes, "each of the image's volumes has a name");
    // What its owner writes into it: the provider and the login. Other containers are on the loopback interface here.
    let (username, password) = isp.credential();
    let relay = isp.relay();
    let subnet = compose(&text, &["networks", "mail", "ipam", "config"])[0].1.clone();
    let subnet = subnet.strip_prefix("subnet: ").unwrap();
    let own = BTreeMap::from([
        ("[mail.isp.example]:587", relay.as_str()),
        ("me@isp.example", username),
        (subnet, "127.0.0.0/8"),
    ]);
    fs::write(machine.path("/etc/ssl/certs/isp.pem"), isp.authority()).unwrap();
    let mut setup = Setup::new(&machine).program(image.program).variable("TLS_CA", "/etc/ssl/certs/isp.pem");
    for setting in &image.environment {
        let (name, value) = setting.split_once('=').unwrap();
        setup = setup.environment(name, value);
    }
    for (name, value) in service("environment") {
        let value = own.get(value.as_str()).map_or(value.as_str(), |own| own);
        setup = setup.environment(&name, if name == "POSTRIDER_LISTEN" { "127.0.0.1:0" } else { value });
    }
    // As Compose mounts a file: with the owner and the mode that it has outside.
    let secret = Path::new("/run/secrets").join(&service("secrets")[0].1);
    fs::create_dir(machine.path("/run/secrets")).unwrap();
    fs::write(machine.path(secret.to_str().unwrap()), format!("{password}\n")).unwrap();
    fs::set_permissions(machine.path(secret.to_str().unwrap()), fs::Permissions::from_mode(0o444)).unwrap();
    chown(machine.path(secret.to_str().unwrap()), Some(1000), Some(1000)).unwrap();
    let container = setup.start();
    container.exec("root", "sendmail -i friend@away.example", MAIL).good();
    wait_for("the first mail", || isp.received() == 1);
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
    submit(container.port(), "app@homebox.home.lan");
    wait_for("the mail of another container", || isp.received() == 2);
    let senders: Vec<String> = isp.mails().iter().map(|mail| mail.field("From")).collect();
    assert!(senders[1].contains("me+homebox@isp.example"), "{senders:?}");
    is_healthy(&container, &image.health);
    let (ended, _, _) = container.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

fn is_healthy(container: &Container, health: &[String]) {
    let check = health.join(" ");
    wait_for("the queue to be empty", || container.exec("root", "mailq", b"").printed == "Mail queue is empty\n");
    assert_eq!(container.exec("root", &check, b"").code, Some(0));
}
