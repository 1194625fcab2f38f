//! A mail provider for the demo: a submission server on loopback with STARTTLS, AUTH
//! and one customer, who may send only from addresses of its own. It keeps what
//! it accepted in memory.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::net::{AddressFamily, SocketType, bind, listen as listen_on, socket};

use crate::config::Secret;
use crate::mail::address::{Address, ReversePath};
use crate::submit::smtp_server::auth::Proof;
use crate::submit::smtp_server::dialogue::{
    Attempt, Client, Clients, Decision, Dialogue, Envelope, Limits, LineEnds, LoginRule, Message, Offered, Policy,
    Refusal, Service, Settings, TlsRule,
};
use crate::submit::smtp_server::serve::serve;
use crate::tls::Server;

/// How long a silent client is borne.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections that wait to be accepted.
const BACKLOG: i32 = 16;

/// The one customer.
#[derive(Debug, Clone)]
pub(super) struct Customer {
    /// The provider's name, which its certificate carries.
    pub(super) host: &'static str,
    /// Login name, and local part of its address.
    pub(super) username: &'static str,
    /// The domain of its addresses.
    pub(super) domain: &'static str,
    /// Its password.
    pub(super) password: Secret,
}

/// A message that a provider took responsibility for.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) client: Client,
    pub(super) envelope: Envelope,
    pub(super) content: Vec<u8>,
}

type Inbox = Arc<Mutex<Vec<Received>>>;

/// A free port of 127.0.0.1 that is nobody else's and refuses connections until a provider opens.
pub(super) struct Port {
    socket: OwnedFd,
    number: u16,
}

impl Port {
    /// Takes one.
    pub(super) fn reserve() -> io::Result<Self> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        // Its kind as a standard socket; it does not listen yet.
        let socket = TcpListener::from(socket);
        let number = socket.local_addr()?.port();
        Ok(Self { socket: OwnedFd::from(socket), number })
    }

    /// As in `127.0.0.1:NUMBER`.
    pub(super) fn number(&self) -> u16 {
        self.number
    }
}

/// A running server; it stops when dropped.
pub(super) struct Provider {
    port: u16,
    inbox: Inbox,
    stop: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Provider {
    /// Listens on the port.
    pub(super) fn start(customer: Customer, tls: Server, port: Port) -> io::Result<Self> {
        listen_on(&port.socket, BACKLOG)?;
        let (listener, port) = (TcpListener::from(port.socket), port.number);
        let inbox = Inbox::default();
        let stop = Arc::new(AtomicBool::new(false));
        let house = House { customer, inbox: Arc::clone(&inbox) };
        let told = Arc::clone(&stop);
        let listening = std::thread::Builder::new().spawn(move || listen(&listener, &house, &tls, &told))?;
        Ok(Self { port, inbox, stop, listening: Some(listening) })
    }

    /// What arrived so far.
    pub(super) fn received(&self) -> Vec<Received> {
        self.inbox.lock().clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A connection wakes accept(); if even that fails, the thread ends with the process.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        if TcpStream::connect_timeout(&address, PATIENCE).is_ok()
            && let Some(listening) = self.listening.take()
        {
            let _ = listening.join();
        }
    }
}

fn listen(listener: &TcpListener, house: &House, tls: &Server, stop: &AtomicBool) {
    for stream in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let (house, tls) = (house.clone(), tls.clone());
        // A connection that fails is the client's to notice; the demo judges by what arrived.
        let _ = std::thread::Builder::new().spawn(move || attend(stream, house, &tls));
    }
}

fn attend(stream: TcpStream, house: House, tls: &Server) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let settings = Settings {
        hostname: house.customer.host.to_owned(),
        tls: TlsRule::Starttls,
        login: LoginRule::Required(Offered::passwords()),
        clients: Clients::Network,
        line_ends: LineEnds::Normalized,
        limits: Limits { size: 10_000_000, ..Limits::default() },
    };
    serve(stream, Dialogue::new(settings, house), Some(tls))
}

#[derive(Clone)]
struct House {
    customer: Customer,
    inbox: Inbox,
}

impl Policy for House {
    fn sender(&mut self, _client: &Client, sender: &ReversePath) -> Result<(), Refusal> {
        let own = |address: &Address| {
            let name = address.local().split('+').next();
            address.domain() == self.customer.domain && name == Some(self.customer.username)
        };
        if sender.mailbox().is_none_or(own) {
            return Ok(());
        }
        Err(Refusal::new(553, "5.7.1", format!("<{sender}> is not owned by user {}", self.customer.username)))
    }

    fn recipient(&mut self, _client: &Client, _envelope: &Envelope, recipient: &Address) -> Result<(), Refusal> {
        // Names that exist on no Internet are what a real provider refuses as well.
        if recipient.domain().rsplit('.').next() != Some("lan") && recipient.domain().contains('.') {
            return Ok(());
        }
        Err(Refusal::new(550, "5.1.2", format!("<{recipient}>: no such domain")))
    }
}

impl Service for House {
    type Message = Letter;

    fn login(&mut self, _client: &Client, attempt: &Attempt) -> Decision {
        if let Proof::Password(password) = &attempt.proof
            && attempt.username == self.customer.username
            && password.expose() == self.customer.password.expose()
        {
            return Decision::at_once(Ok(()));
        }
        Decision::at_once(Err(Refusal::new(535, "5.7.8", "wrong user name or password")))
    }

    fn begin(&mut self, client: &Client, envelope: &Envelope) -> Result<Letter, Refusal> {
        let received = Received { client: client.clone(), envelope: envelope.clone(), content: Vec::new() };
        Ok(Letter { received, inbox: Arc::clone(&self.inbox) })
    }
}

struct Letter {
    received: Received,
    inbox: Inbox,
}

impl Message for Letter {
    fn write(&mut self, content: &[u8]) -> Result<(), Refusal> {
        self.received.content.extend_from_slice(content);
        Ok(())
    }

    fn finish(self) -> Result<String, Refusal> {
        let mut inbox = self.inbox.lock();
        inbox.push(self.received);
        Ok(format!("queued as DEMO{:04}", inbox.len()))
    }
}

#[cfg(test)]
mod tests;
