//! (tests) A scripted server on loopback: one connection, played by a closure; what it
//! received is handed over at the end. And an account that submits to it.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::observer::{Observer, Step};
use crate::config::relay::{Lookup, Relay};
use crate::config::{Account, Mechanism, StepLimits, TlsMin, TlsMode};
use crate::tls::{Server, TlsStream};

enum Line {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Gone,
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
            Self::Gone => Ok(0),
        }
    }
}

/// The server's end.
pub struct Peer {
    line: BufReader<Line>,
    received: Vec<String>,
}

impl Peer {
    /// One line of command, without its end; empty when the client is gone.
    pub fn hear(&mut self) -> String {
        let mut bytes = Vec::new();
        let _ = self.line.read_until(b'\n', &mut bytes);
        let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
        if !bytes.is_empty() {
            self.received.push(line.clone());
        }
        line
    }

    /// The next line, blank ones included; none when the client is gone.
    pub fn next_line(&mut self) -> Option<String> {
        if self.is_over() { None } else { Some(self.hear()) }
    }

    /// Hears one line and answers it.
    pub fn answer(&mut self, reply: &str) -> String {
        let line = self.hear();
        self.say(reply);
        line
    }

    /// The lines up to the lone dot, and that.
    pub fn content(&mut self) {
        loop {
            let line = self.hear();
            if line == "." || line.is_empty() && self.is_over() {
                return;
            }
        }
    }

    fn is_over(&mut self) -> bool {
        self.line.fill_buf().map_or(true, <[u8]>::is_empty)
    }

    /// Lines with CRLF; the client may be gone.
    pub fn say(&mut self, lines: &str) {
        self.raw(format!("{}\r\n", lines.replace('\n', "\r\n")).as_bytes());
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        let _ = match self.line.get_mut() {
            Line::Plain(socket) => socket.write_all(bytes),
            Line::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Line::Gone => Ok(()),
        };
    }

    /// What is received from here on comes over TLS; nothing does if the client breaks off.
    pub fn start_tls(&mut self, server: &Server) {
        if let Line::Plain(socket) = std::mem::replace(self.line.get_mut(), Line::Gone)
            && let Ok(stream) = server.accept(socket)
        {
            *self.line.get_mut() = Line::Tls(Box::new(stream));
        }
    }

    /// Greeting and EHLO with these extensions.
    pub fn welcome(&mut self, extensions: &[&str]) {
        self.say("220 mail.isp.example ESMTP");
        self.ehlo(extensions);
    }

    /// EHLO with these extensions.
    pub fn ehlo(&mut self, extensions: &[&str]) {
        let mut lines = vec!["mail.isp.example"];
        lines.extend(extensions);
        let last = lines.len() - 1;
        let reply: Vec<String> =
            lines.iter().enumerate().map(|(at, l)| format!("250{}{l}", if at == last { ' ' } else { '-' })).collect();
        self.answer(&reply.join("\n"));
    }
}

/// A server at work.
pub struct Scripted {
    /// Where it listens.
    pub port: u16,
    thread: JoinHandle<Vec<String>>,
}

impl Scripted {
    /// Plays the script on the first connection.
    pub fn play(script: impl FnOnce(&mut Peer) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (socket, _) = listener.accept().unwrap();
            socket.set_nodelay(true).unwrap();
            let mut peer = Peer { line: BufReader::new(Line::Plain(socket)), received: Vec::new() };
            script(&mut peer);
            peer.received
        });
        Self { port, thread }
    }

    /// Everything it received, once its script is over.
    pub fn received(self) -> Vec<String> {
        self.thread.join().unwrap()
    }
}

/// An account for servers on loopback.
pub fn account(ports: &[u16], tls: TlsMode, ca: Option<&Path>) -> Account {
    let relay = |&port: &u16| Relay { host: "127.0.0.1".to_owned(), port, lookup: Lookup::Address };
    Account {
        name: "isp".to_owned(),
        lmtp: None,
        relays: ports.iter().map(relay).collect(),
        tls: Some(tls),
        tls_ca: ca.map(Path::to_owned),
        tls_name: None,
        tls_fingerprint: Vec::new(),
        tls_client: None,
        tls_min: TlsMin::Tls12,
        username: None,
        oauth: None,
        password: None,
        auth: Mechanism::usual(),
        senders: Vec::new(),
        users: None,
        clients: None,
        fallback: None,
        sender_grace: Duration::ZERO,
        timeout: Some(Duration::from_secs(5)),
        timeouts: StepLimits::default(),
        source_address: Vec::new(),
        max_per_minute: None,
        early_data: false,
        discard_ehlo_keywords: crate::config::ehlo_keywords::EhloKeywords::default(),
        max_connections: 1,
        max_messages_per_connection: 100,
        allow_plaintext: false,
        from: None,
        missing_to: None,
    }
}

/// Keeps every step as a line: `S: ` sent, `R: ` received, `N: ` noted.
#[derive(Clone, Default)]
pub struct Transcript(Arc<Mutex<Vec<String>>>);

impl Transcript {
    /// All of it.
    pub fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

impl Observer for Transcript {
    fn step(&mut self, step: Step<'_>) {
        self.0.lock().unwrap().push(match step {
            Step::Reached(text) | Step::Note(text) => format!("N: {text}"),
            Step::Sent(text) => format!("S: {text}"),
            Step::Received(text) => format!("R: {text}"),
        });
    }
}
