//! A provider that takes everything and remembers it: SMTP on loopback, in this process. What it offers is said by who starts it;
//! with a certificate there is STARTTLS too, and any login is right. Nothing goes any further.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// One transaction as it came.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// The name of the door that it came by.
    pub relay: String,
    /// User name and password, if there was a login.
    pub login: Option<(String, String)>,
    /// What stands between the angle brackets of MAIL.
    pub sender: String,
    /// The parameters behind it.
    pub parameters: Vec<String>,
    /// What stands between those of each RCPT.
    pub recipients: Vec<String>,
    /// The data without dot-stuffing.
    pub data: Vec<u8>,
}

/// A place where connections are taken.
#[derive(Clone)]
pub struct Door {
    /// As it is called in what was taken.
    pub name: String,
    /// A keyword each, said to EHLO.
    pub offers: Vec<&'static str>,
    /// For STARTTLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// TLS begins with the first byte.
    pub implicit: Implicit,
}

/// When TLS begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Implicit {
    /// With the first byte.
    Yes,
    /// By STARTTLS, or never.
    No,
}

/// Running doors; their threads end with the process.
#[derive(Clone, Default)]
pub struct Recorder {
    seen: Arc<Mutex<Vec<Transaction>>>,
}

impl Recorder {
    /// Starts one that says `offers` to EHLO, without TLS and login; the port of 127.0.0.1 where it listens.
    pub fn start(offers: &[&'static str]) -> (Self, u16) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let recorder = Self::default();
        let door = Door { name: String::new(), offers: offers.to_vec(), tls: None, implicit: Implicit::No };
        recorder.open(listener, door);
        (recorder, port)
    }

    /// Opens one more door.
    pub fn open(&self, listener: TcpListener, door: Door) {
        let seen = Arc::clone(&self.seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, door) = (Arc::clone(&seen), door.clone());
                // A client that goes away in the middle is its own affair.
                thread::spawn(move || Session::new(stream, &door)?.serve(&door, &seen));
            }
        });
    }

    /// What came since the last call, in order.
    pub fn take(&self) -> Vec<Transaction> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

trait Channel: Read + Write + Send {}
impl<T: Read + Write + Send> Channel for T {}

struct Session {
    socket: TcpStream,
    channel: BufReader<Box<dyn Channel>>,
    login: Option<(String, String)>,
}

impl Session {
    fn new(socket: TcpStream, door: &Door) -> std::io::Result<Self> {
        let channel: Box<dyn Channel> = Box::new(socket.try_clone()?);
        let mut session = Self { socket, channel: BufReader::new(channel), login: None };
        if door.implicit == Implicit::Yes {
            session.start_tls(door)?;
        }
        Ok(session)
    }

    fn start_tls(&mut self, door: &Door) -> std::io::Result<()> {
        let config = Arc::clone(door.tls.as_ref().expect("a door with TLS"));
        let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
        self.channel = BufReader::new(Box::new(StreamOwned::new(connection, self.socket.try_clone()?)));
        Ok(())
    }

    fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.channel.get_mut().write_all(text.as_bytes())?;
        self.channel.get_mut().flush()
    }

    fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = Vec::new();
        let octets = self.channel.read_until(b'\n', &mut line)?;
        Ok((octets > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    fn serve(mut self, door: &Door, seen: &Mutex<Vec<Transaction>>) -> std::io::Result<()> {
        let mut open = Transaction::default();
        self.say("220 recorder.example ESMTP\r\n")?;
        while let Some(line) = self.line()? {
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    let starttls = door.tls.as_ref().filter(|_| door.implicit == Implicit::No).map(|_| "STARTTLS");
                    let offers = door.offers.iter().copied().chain(starttls);
                    let lines: Vec<&str> = ["recorder.example"].into_iter().chain(offers).collect();
                    self.say(&format!("250-{}\r\n250 HELP\r\n", lines.join("\r\n250-")))?;
                    continue;
                }
                "STAR" => {
                    self.say("220 2.0.0 go on\r\n")?;
                    self.start_tls(door)?;
                    continue;
                }
                "AUTH" => {
                    self.login = Some(self.auth(&line)?);
                    self.say("235 2.7.0 welcome\r\n")?;
                    continue;
                }
                "MAIL" => {
                    let sender = path(&line);
                    let behind = line.split_once(&format!("<{sender}>")).map_or("", |(_, behind)| behind);
                    let parameters = behind.split_whitespace().map(str::to_owned).collect();
                    let (relay, login) = (door.name.clone(), self.login.clone());
                    open = Transaction { relay, login, sender, parameters, ..Transaction::default() };
                }
                "RCPT" => open.recipients.push(path(&line)),
                "DATA" => {
                    self.say("354 go on\r\n")?;
                    open.data = data(&mut self.channel)?;
                    seen.lock().unwrap().push(open.clone());
                }
                "QUIT" => return self.say("221 bye\r\n"),
                _ => {}
            }
            self.say("250 2.0.0 Ok\r\n")?;
        }
        Ok(())
    }

    /// PLAIN or LOGIN, with an initial response or without.
    fn auth(&mut self, line: &str) -> std::io::Result<(String, String)> {
        let mut words = line.split_whitespace().skip(1);
        let (mechanism, initial) = (words.next().unwrap_or_default().to_owned(), words.next().map(str::to_owned));
        let answer = |session: &mut Self, given: Option<String>, challenge: &str| -> std::io::Result<String> {
            let answer = if let Some(given) = given {
                given
            } else {
                session.say(&format!("334 {}\r\n", STANDARD.encode(challenge)))?;
                session.line()?.unwrap_or_default()
            };
            let decoded = STANDARD.decode(answer).map_err(std::io::Error::other)?;
            Ok(String::from_utf8_lossy(&decoded).into_owned())
        };
        if mechanism.eq_ignore_ascii_case("PLAIN") {
            let response = answer(self, initial, "")?;
            let mut parts = response.split('\0').skip(1).map(str::to_owned);
            return Ok((parts.next().unwrap_or_default(), parts.next().unwrap_or_default()));
        }
        Ok((answer(self, initial, "Username:")?, answer(self, None, "Password:")?))
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

fn data(reader: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
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
