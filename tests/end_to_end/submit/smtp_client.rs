//! What tests of listeners share: a machine with one, and a client that says one line at a time.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use postrider::config::scram::{ScramHash, StoredKeys};
use serde_json::{Value, json};
use support::provider::{Mail, Provider};
use support::wait::{wait_for, wait_until};
use support::world::{Runner, World, login};

/// Where the listener of this name listens.
pub fn address(runner: &Runner, listener: &str) -> SocketAddr {
    let mark = format!("({listener})");
    let find = || {
        let log = runner.log();
        let line = log.lines().find(|line| line.contains("listening on ") && line.ends_with(&mark))?;
        line.split("listening on ").nth(1)?.split(' ').next()?.parse().ok()
    };
    wait_until(Duration::from_secs(30), find, || format!("no listener {listener}: {}", runner.log()))
}

/// A client that says one line at a time.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub fn connect(to: SocketAddr) -> (Self, String) {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut client = Self { stream: BufReader::new(stream) };
        let greeting = client.reply();
        (client, greeting)
    }

    /// A whole reply.
    pub fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            reply.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return reply.trim_end().to_owned();
            }
        }
    }

    pub fn say(&mut self, line: &str) -> String {
        self.say_as_is(&format!("{line}\r\n"))
    }

    /// Says something without a line end of its own.
    pub fn say_as_is(&mut self, text: &str) -> String {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
        self.reply()
    }

    /// Says something that has no reply yet.
    pub fn write(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Sends a message; the last reply.
    pub fn send(&mut self, from: &str, to: &str, message: &str) -> String {
        for (line, code) in
            [(format!("MAIL FROM:<{from}>"), "250"), (format!("RCPT TO:<{to}>"), "250"), ("DATA".to_owned(), "354")]
        {
            let reply = self.say(&line);
            if !reply.starts_with(code) {
                return reply;
            }
        }
        self.say(&format!("{message}\r\n."))
    }
}

/// The mail to this recipient, once it is there.
pub fn arrived(isp: &Provider, recipient: &str) -> Mail {
    wait_for("the mail", || isp.mails().iter().any(|mail| mail.to.iter().any(|to| to == recipient)));
    isp.mail_to(recipient)
}

pub fn keys(password: &str, hash: ScramHash) -> String {
    StoredKeys::of(hash, password, b"salt of the test", 4096.try_into().unwrap()).to_string()
}

/// A machine with a listener on loopback and these clients.
pub fn world(isp: &Provider, listener: &Value, clients: &Value) -> World {
    let own = ["@home.lan", "me@isp.example"];
    World::at_home(isp)
        .account_keys("isp", &[("senders", json!(own))])
        .set("listen", json!({ "lan": listener }))
        .set("client", clients.clone())
}

pub fn scanner() -> Value {
    json!({ "scanner": { "owner": login(), "networks": ["127.0.0.1"] } })
}

pub fn trusting() -> Value {
    json!({ "address": "127.0.0.1:0", "tls": "none", "trust": ["scanner"] })
}

pub const MESSAGE: &str = "Subject: scan\r\n\r\n..page\r\nbare\nline";

/// A certificate for loopback, as files of the machine.
pub fn certificate(world: &World) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    world.file("lan.pem", &made.cert.pem(), 0o644);
    world.file("lan.key", &made.signing_key.serialize_pem(), 0o600);
    made.cert.pem()
}
