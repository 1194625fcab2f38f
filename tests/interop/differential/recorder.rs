//! A provider that takes everything and remembers it: SMTP without TLS and login on loopback, in this process.
//! It offers what the set-up says, and nothing goes any further.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One transaction as it came.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// What stands between the angle brackets of MAIL.
    pub sender: String,
    /// The parameters behind it.
    pub parameters: Vec<String>,
    /// What stands between those of each RCPT.
    pub recipients: Vec<String>,
    /// The data without dot-stuffing.
    pub data: Vec<u8>,
}

/// A running recorder; its threads end with the process.
pub struct Recorder {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    seen: Arc<Mutex<Vec<Transaction>>>,
}

impl Recorder {
    /// Starts one that says `offers` (a keyword each) to EHLO.
    pub fn start(offers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let recorder = Self { port, seen: Arc::clone(&seen) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                // A client that goes away in the middle is its own affair.
                thread::spawn(move || serve(&stream, offers, &seen));
            }
        });
        recorder
    }

    /// What came since the last call, in order.
    pub fn take(&self) -> Vec<Transaction> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

fn serve(stream: &TcpStream, offers: &[&str], seen: &Mutex<Vec<Transaction>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    let mut open = Transaction::default();
    writer.write_all(b"220 recorder.example ESMTP\r\n")?;
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                writer.write_all(b"250-recorder.example\r\n")?;
                for offer in offers {
                    writer.write_all(format!("250-{offer}\r\n").as_bytes())?;
                }
                writer.write_all(b"250 HELP\r\n")?;
                continue;
            }
            "MAIL" => {
                let sender = path(&line);
                let behind = line.split_once(&format!("<{sender}>")).map_or("", |(_, behind)| behind);
                let parameters = behind.split_whitespace().map(str::to_owned).collect();
                open = Transaction { sender, parameters, ..Transaction::default() };
            }
            "RCPT" => open.recipients.push(path(&line)),
            "DATA" => {
                writer.write_all(b"354 go on\r\n")?;
                open.data = data(&mut reader)?;
                seen.lock().unwrap().push(open.clone());
            }
            "QUIT" => return writer.write_all(b"221 bye\r\n"),
            _ => {}
        }
        writer.write_all(b"250 2.0.0 Ok\r\n")?;
    }
}

/// The address in `MAIL FROM:<...> PARAMETER...`; a quoted local part may hold anything.
fn path(line: &str) -> String {
    let inner = line.split_once('<').map_or("", |(_, rest)| rest);
    let mut quoted = false;
    let mut escaped = false;
    let end = inner.find(|c| {
        let was_escaped = escaped;
        escaped = c == '\\' && !was_escaped;
        if c == '"' && !was_escaped {
            quoted = !quoted;
        }
        c == '>' && !quoted
    });
    inner[..end.unwrap_or(inner.len())].to_owned()
}

fn data(reader: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let start = data.len();
        if reader.read_until(b'\n', &mut data)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if &data[start..] == b".\r\n" {
            data.truncate(start);
            return Ok(data);
        }
        if data[start] == b'.' {
            data.remove(start);
        }
    }
}
