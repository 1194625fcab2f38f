//! A web server with TLS that answers what a test wants.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use rustls::{ServerConnection, StreamOwned};

use crate::provider::identity::{Certificate, Identity};

/// The whole answer, status line and header included, for a request with its header and body.
pub type Answer = dyn Fn(&str) -> Vec<u8> + Send + Sync;

/// It listens until the process ends.
pub struct WebServer {
    /// PEM of the authority that vouches for it.
    pub authority: String,
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl WebServer {
    /// Listens at this address under these names.
    pub fn start(address: impl Into<SocketAddr>, names: &[&str], answer: Box<Answer>) -> Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Self::showing(&Certificate::For(names), address, answer)
    }

    /// The same with another certificate.
    pub fn showing(certificate: &Certificate, address: impl Into<SocketAddr>, answer: Box<Answer>) -> Self {
        let identity = Identity::new(certificate);
        let listener = TcpListener::bind(address.into()).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (server, seen, answer) = (identity.server, Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            while let Ok((tcp, _)) = listener.accept() {
                let (server, seen, answer) = (Arc::clone(&server), Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut stream = StreamOwned::new(ServerConnection::new(server).unwrap(), tcp);
                    let mut head = String::new();
                    let mut reader = BufReader::new(&mut stream);
                    while reader.read_line(&mut head).is_ok_and(|length| length > 2) {}
                    if head.is_empty() {
                        return;
                    }
                    let length = head.lines().find_map(|line| {
                        line.to_ascii_lowercase().strip_prefix("content-length: ")?.trim().parse::<u64>().ok()
                    });
                    let _ = reader.take(length.unwrap_or_default()).read_to_string(&mut head);
                    seen.lock().unwrap().push(head.clone());
                    // The client may have heard enough.
                    let _ = stream.write_all(&answer(&head)).and_then(|()| stream.flush());
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                });
            }
        });
        Self { authority: identity.authority, address, asked }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What was asked, header included.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// A page.
pub fn page(content: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", content.len());
    [head.as_bytes(), content].concat()
}

/// JSON with this status.
pub fn json(number: u16, value: &serde_json::Value) -> Vec<u8> {
    let content = value.to_string();
    format!(
        "HTTP/1.1 {number} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{content}",
        content.len()
    )
    .into_bytes()
}

/// The same by a server whose clock says this.
pub fn dated(date: &str, number: u16, value: &serde_json::Value) -> Vec<u8> {
    let answer = String::from_utf8(json(number, value)).unwrap();
    answer.replacen("\r\n", &format!("\r\nDate: {date}\r\n"), 1).into_bytes()
}

/// A redirect.
pub fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

/// An error.
pub fn status(number: u16) -> Vec<u8> {
    format!("HTTP/1.1 {number} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}
