//! A client of the mailbox program on a machine, and how that is set up: what the runner says on its socket.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout};

use crate::machine::{MAILBOX_PROGRAM, Machine};
use crate::machine_runner::CONFIG;
use support::wait::wait_for;

/// A machine whose homes have something in them, and whose mailboxes are these.
pub fn machine(mailbox: &str) -> Machine {
    let machine = Machine::new();
    machine
        .sh("root", "for login in his her; do install -o $login -g $login /dev/null /home/$login/.profile; done", b"")
        .good();
    configure(&machine, &format!("mailbox = \"{mailbox}\"\n"));
    machine
}

pub fn configure(machine: &Machine, text: &str) {
    fs::write(machine.path(CONFIG), text).unwrap();
    fs::set_permissions(machine.path(CONFIG), fs::Permissions::from_mode(0o640)).unwrap();
}

/// What joins a client outside the machine to the program on it.
const RELAY: &str = include_str!("relay.py");

/// One connection.
pub struct Client {
    relay: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Client {
    /// To a program of its own, which root started by these words before its name.
    pub fn start(machine: &Machine, before: &str) -> Self {
        Self::by(machine, "root", &format!("{before} {MAILBOX_PROGRAM}"))
    }

    /// To the program that listens, as this login.
    pub fn connect(machine: &Machine, login: &str) -> Self {
        Self::by(machine, login, "--connect")
    }

    fn by(machine: &Machine, login: &str, arguments: &str) -> Self {
        let script = format!("exec /usr/bin/python3 -c \"$RELAY\" {arguments}");
        let mut relay = machine.command(login, &script).env("RELAY", RELAY).spawn().unwrap();
        let (input, output) = (relay.stdin.take(), BufReader::new(relay.stdout.take().unwrap()));
        Self { relay, input, output }
    }

    /// What the server that has gone said on standard error.
    fn said(&mut self) -> String {
        let mut said = String::new();
        if let Some(errors) = self.relay.stderr.as_mut() {
            let _ = errors.read_to_string(&mut said);
        }
        said
    }

    /// The last line of the next reply; empty where the server has gone.
    pub fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).is_err() || line.is_empty() {
                return String::new();
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Says a command, or content with its dot; what the server answers.
    pub fn say(&mut self, command: &str) -> String {
        if let Some(input) = &mut self.input {
            let _ = input.write_all(format!("{command}\r\n").as_bytes());
        }
        self.reply()
    }

    /// The greeting and a whole transaction.
    pub fn deliver_greeted(&mut self, login: &str, content: &str) -> String {
        let greeting = self.reply();
        assert!(greeting.starts_with("220 "), "{greeting}{}", self.said());
        self.deliver("", login, content)
    }

    /// A whole transaction behind the greeting: the reply that ends it, which is that to the content if it comes so far.
    pub fn deliver(&mut self, parameters: &str, login: &str, content: &str) -> String {
        for command in [format!("MAIL FROM:<friend@away.example>{parameters}"), format!("RCPT TO:<{login}@home.lan>")] {
            let said = self.say(&command);
            if !said.starts_with("250 ") {
                return said;
            }
        }
        let said = self.say("DATA");
        if said.starts_with("354 ") { self.say(&format!("{}.", content.replace('\n', "\r\n"))) } else { said }
    }
}

/// One message to a login, by a program of its own; the reply that ends it.
pub fn deliver(machine: &Machine, login: &str, content: &str) -> String {
    Client::start(machine, "").deliver_greeted(login, content)
}

/// The program that listens, started by root; ended with the test.
pub struct Listener(Child);

impl Listener {
    /// Started, and answering the runner.
    pub fn start(machine: &Machine) -> Self {
        let listener = Self(machine.start("root", &format!("exec {MAILBOX_PROGRAM} --listen")));
        wait_for("the mailbox program to listen", || Client::connect(machine, "postrider").reply().starts_with("220 "));
        listener
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The files in a folder of the machine.
pub fn files(machine: &Machine, folder: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(machine.path(folder)) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.relay.wait();
    }
}
