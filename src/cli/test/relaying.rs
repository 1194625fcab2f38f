//! The seventeen ways of the public relay tests of old: whether a server takes mail from a stranger for a stranger. Nothing is
//! sent: a recipient that is accepted is enough to know.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use rustix::net::{bind, connect};

use crate::config::listener::ListenTls;
use crate::mail::printable::printable;
use crate::sys::stream_socket::{self, Calls};
use crate::tls::{Client, Roots};

/// A sender and a recipient, as they stand behind MAIL and RCPT.
pub(super) struct Way {
    sender: String,
    recipient: String,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MAIL FROM:<{}> RCPT TO:<{}>", self.sender, self.recipient)
    }
}

/// Domains that nobody has (RFC 2606).
const FOREIGN: &str = "relaytest.example";

/// All of them, against a server of this name and address.
pub(super) fn ways(host: &str, ip: IpAddr) -> Vec<Way> {
    let literal = match ip {
        IpAddr::V4(ip) => format!("[{ip}]"),
        IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
    };
    let way = |sender: &str, recipient: String| Way { sender: sender.to_owned(), recipient };
    let user = format!("user@{FOREIGN}");
    let own = format!("spamtest@{host}");
    vec![
        way(&format!("spamtest@{FOREIGN}"), user.clone()),
        way("spamtest", user.clone()),
        way("", user.clone()),
        way(&own, user.clone()),
        way(&format!("spamtest@{literal}"), user.clone()),
        way(&own, format!("user%{FOREIGN}@{host}")),
        way(&own, format!("user%{FOREIGN}@{literal}")),
        way(&own, format!("\"{user}\"")),
        way(&own, format!("\"user%{FOREIGN}\"")),
        way(&own, format!("{user}@{host}")),
        way(&own, format!("\"{user}\"@{host}")),
        way(&own, format!("{user}@{literal}")),
        way(&own, format!("@{host}:{user}")),
        way(&own, format!("@{literal}:{user}")),
        way(&own, format!("{FOREIGN}!user")),
        way(&own, format!("{FOREIGN}!user@{host}")),
        way(&own, format!("{FOREIGN}!user@{literal}")),
    ]
}

/// What came of one.
pub(super) enum Attempted {
    /// With this reply.
    Refused(String),
    /// The recipient was accepted.
    Accepted,
    /// The server could not be asked.
    Failed(String),
}

/// Where to try, from where, and how TLS begins.
pub(super) struct Server<'a> {
    pub(super) address: SocketAddr,
    pub(super) source: IpAddr,
    pub(super) tls: ListenTls,
    /// What to trust, and the name to expect.
    pub(super) roots: Option<&'a Path>,
    pub(super) name: &'a str,
}

/// No reply takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

impl Server<'_> {
    /// On a connection of its own.
    pub(super) fn attempt(&self, way: &Way) -> Attempted {
        self.try_to_relay(way).unwrap_or_else(|error| Attempted::Failed(error.to_string()))
    }

    fn try_to_relay(&self, way: &Way) -> io::Result<Attempted> {
        let stream = self.connect()?;
        let mut peer = match self.tls {
            ListenTls::Implicit => Peer::new(self.secure(stream)?),
            ListenTls::Starttls => {
                let mut peer = Peer::new(Box::new(stream.try_clone()?));
                let greeting = peer.reply()?;
                if is_good(&greeting) {
                    peer.say("EHLO relaytest")?;
                }
                let reply = if is_good(&greeting) { peer.say("STARTTLS")? } else { greeting };
                if !is_good(&reply) {
                    return Ok(Attempted::Refused(reply));
                }
                return transact(&mut Peer::new(self.secure(stream)?), way);
            }
            ListenTls::Optional | ListenTls::None => Peer::new(Box::new(stream)),
        };
        let greeting = peer.reply()?;
        if is_good(&greeting) { transact(&mut peer, way) } else { Ok(Attempted::Refused(greeting)) }
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let socket = stream_socket::tcp(&self.address, Calls::Blocking)?;
        bind(&socket, &SocketAddr::new(self.source, 0))?;
        connect(&socket, &self.address)?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    fn secure(&self, stream: TcpStream) -> io::Result<Box<dyn Stream>> {
        let roots = self.roots.ok_or_else(|| io::Error::other("the listener has no certificate"))?;
        let client = Client::new(Roots::File(roots)).map_err(io::Error::other)?;
        Ok(Box::new(client.connect(self.name, stream).map_err(io::Error::other)?))
    }
}

fn transact(peer: &mut Peer, way: &Way) -> io::Result<Attempted> {
    let commands =
        ["EHLO relaytest".to_owned(), format!("MAIL FROM:<{}>", way.sender), format!("RCPT TO:<{}>", way.recipient)];
    for command in commands {
        let reply = peer.say(&command)?;
        if !is_good(&reply) {
            let _ = peer.say("QUIT");
            return Ok(Attempted::Refused(reply));
        }
    }
    let _ = peer.say("RSET").and_then(|_| peer.say("QUIT"));
    Ok(Attempted::Accepted)
}

fn is_good(reply: &str) -> bool {
    reply.starts_with('2')
}

trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// The other side of a connection.
struct Peer(BufReader<Box<dyn Stream>>);

/// Octets of a line of a reply that are read.
const LONGEST: u64 = 4096;

impl Peer {
    fn new(stream: Box<dyn Stream>) -> Self {
        Self(BufReader::new(stream))
    }

    fn say(&mut self, command: &str) -> io::Result<String> {
        let stream = self.0.get_mut();
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        stream.flush()?;
        self.reply()
    }

    /// The last line of a reply.
    fn reply(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            if self.0.by_ref().take(LONGEST).read_line(&mut line)? == 0 {
                return Err(io::Error::other("the server closed the connection"));
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(printable(line.trim_end()));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
