//! Clients of a listener that keep their connections open and say nothing: they cost no thread and next to no memory, and go on
//! when they like.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use postrider::tls::{Client as Tls, Roots, TlsStream};
use serde_json::{Value, json};
use support::provider::Provider;
use support::wait::wait_for;
use support::world::{Runner, login};

use super::smtp_client::{Client, MESSAGE, address, arrived, certificate, scanner, world};

const CLIENTS: usize = 450;

/// What a runner has, as /proc/PID/status counts it.
fn counted(runner: &Runner, what: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", runner.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
}

/// The threads of a runner that has started, once none is added any more.
fn settled_threads(runner: &Runner) -> usize {
    let (mut last, mut same) = (0, 0);
    wait_for("the runner's threads to have started", || {
        let now = counted(runner, "Threads");
        (last, same) = if now == last { (now, same + 1) } else { (now, 0) };
        same == 20
    });
    last
}

fn listener(tls: &str) -> Value {
    json!({ "address": "127.0.0.1:0", "tls": tls, "trust": ["scanner"], "connections_per_address": 1000,
        "connections_before_login": 1000, "certificate": "lan.pem", "key": "lan.key" })
}

#[test]
fn hundreds_of_idle_clients_have_no_thread_and_little_memory_and_go_on_when_they_like() {
    let isp = Provider::start();
    let mut plain = listener("none");
    plain.as_object_mut().unwrap().retain(|key, _| !matches!(key.as_str(), "certificate" | "key"));
    let world = world(&isp, &plain, &scanner());
    let runner = world.runner();
    let to = address(&runner, "lan");
    let before = (settled_threads(&runner), counted(&runner, "RssAnon"));
    let mut clients: Vec<Client> = (0..CLIENTS)
        .map(|_| {
            let (mut client, _) = Client::connect(to);
            client.say("EHLO scanner");
            client
        })
        .collect();
    wait_for("the threads end", || counted(&runner, "Threads") <= before.0 + 1);
    let grown = counted(&runner, "RssAnon").saturating_sub(before.1);
    println!("{CLIENTS} idle clients before TLS: {grown} KiB");
    assert!(grown < 8 * 1024, "{grown} KiB for {CLIENTS} idle clients");
    for (number, client) in clients.iter_mut().enumerate().step_by(100) {
        let recipient = format!("bob{number}@away.example");
        assert!(client.send("scanner@home.lan", &recipient, MESSAGE).starts_with("250 2.0.0 Ok"));
        arrived(&isp, &recipient);
    }
    // In the middle of a message as well.
    let last = clients.last_mut().unwrap();
    for line in ["MAIL FROM:<scanner@home.lan>", "RCPT TO:<eve@away.example>", "DATA", "Subject: slow\r\n\r\nfirst"] {
        if line.starts_with("Subject") {
            last.write(line);
        } else {
            last.say(line);
        }
    }
    wait_for("the thread ends", || counted(&runner, "Threads") <= before.0 + 1 + 4);
    assert!(last.say("\r\nlast\r\n.").starts_with("250 2.0.0 Ok"));
    assert_eq!(arrived(&isp, "eve@away.example").body(), b"first\r\nlast\r\n");
}

struct Secure(TlsStream<TcpStream>);

impl Secure {
    fn connect(tls: &Tls, to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut client = Self(tls.connect("127.0.0.1", stream).unwrap());
        client.hear("220 ");
        client
    }

    fn say(&mut self, text: &str, reply: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
        self.0.flush().unwrap();
        self.hear(reply);
    }

    /// Reads until the last line of a reply begins like this.
    fn hear(&mut self, reply: &str) {
        let mut heard = String::new();
        let mut buffer = [0; 4096];
        while !heard.lines().any(|line| line.starts_with(reply)) {
            let filled = self.0.read(&mut buffer).unwrap();
            assert!(filled > 0, "{heard}");
            heard.push_str(std::str::from_utf8(&buffer[..filled]).unwrap());
        }
    }
}

#[test]
fn hundreds_of_idle_clients_below_tls_and_some_that_never_shake_hands_have_no_thread_either() {
    let isp = Provider::start();
    let clients = json!({ "scanner": { "owner": login(), "networks": ["127.0.0.1"] } });
    let world = world(&isp, &listener("implicit"), &clients);
    certificate(&world);
    let runner = world.runner();
    let to = address(&runner, "lan");
    let before = (settled_threads(&runner), counted(&runner, "RssAnon"));
    let tls = Tls::new(Roots::File(&world.path("lan.pem"))).unwrap();
    let silent: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(to).unwrap()).collect();
    let mut clients: Vec<Secure> = (0..CLIENTS - silent.len()).map(|_| Secure::connect(&tls, to)).collect();
    for client in &mut clients {
        client.say("EHLO scanner\r\n", "250 ");
    }
    wait_for("the threads end", || counted(&runner, "Threads") <= before.0 + 1);
    let grown = counted(&runner, "RssAnon").saturating_sub(before.1);
    println!("{CLIENTS} idle clients after the handshake: {grown} KiB");
    assert!(grown < 24 * 1024, "{grown} KiB for {CLIENTS} idle clients");
    for (number, client) in clients.iter_mut().enumerate().step_by(150) {
        client.say("MAIL FROM:<scanner@home.lan>\r\n", "250 ");
        client.say(&format!("RCPT TO:<bob{number}@away.example>\r\n"), "250 ");
        client.say("DATA\r\n", "354 ");
        client.say("Subject: x\r\n\r\ntext\r\n.\r\n", "250 ");
        arrived(&isp, &format!("bob{number}@away.example"));
    }
    drop(silent);
    wait_for("those who said nothing are gone", || runner.log().matches("disconnect from").count() >= 40);
}
