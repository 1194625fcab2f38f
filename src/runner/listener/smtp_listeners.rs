//! The sockets of all listeners: opened and closed as configured, with one thread that accepts. `smtp_connection` handles a
//! connection while there is input, `idle_connections` has it until then.
//!
//! A reload replaces the accepting thread and keeps the sockets. An address that stays in the configuration is never
//! closed, so no client is refused while the configuration changes. For a moment the old and the new thread accept
//! from the same sockets; the sockets do not block, and each connection goes to one of them.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{bind, listen, sockopt};

use super::accept_gate::Admitted;
use super::idle_connections::IdleConnections;
use super::intake_state::IntakeState;
use super::private_certificate::PrivateCertificate;
use super::served_certificate::ServedCertificate;
use super::smtp_accepted::Accepted;
use super::smtp_places::{Connections, Login, Place};
use super::smtp_state::Shared;
use crate::config::Config;
use crate::config::listener::Listener;
use crate::control::loaded::Loaded;
use crate::log;
use crate::rules::submission;
use crate::spool::listener_health::{self, Closed, ListenerHealth};
use crate::submit::smtp_server::dialogue::Refusal;
use crate::sys::stream_socket::{self, Calls};

/// Connections waiting to be accepted.
const BACKLOG: i32 = 128;
/// How often to try again to listen on an address, which may not exist yet.
const AGAIN: Duration = Duration::from_secs(10);

/// All listeners of the runner.
#[derive(Debug)]
pub struct SmtpListeners {
    shared: Arc<Shared>,
    connections: Arc<Mutex<Connections>>,
    idle: Arc<IdleConnections>,
    /// Dropping this ends the accepting thread.
    ///
    /// The thread polls the other end of this pair along with its sockets: closing this end is the one wake-up that
    /// cannot be missed, because it stays readable.
    accepting: Option<(UnixStream, Arc<Mutex<Sockets>>)>,
}

/// Open sockets by address, and the addresses that could not be opened with the last logged error.
#[derive(Debug, Default)]
struct Sockets {
    /// The addresses in the current configuration. A thread that has not noticed yet that it must end opens no
    /// others.
    wanted: Vec<SocketAddr>,
    /// The listeners of this configuration.
    names: Vec<String>,
    open: HashMap<SocketAddr, Arc<TcpListener>>,
    failed: HashMap<SocketAddr, io::ErrorKind>,
    /// What was last written for `status`.
    recorded: Option<ListenerHealth>,
}

/// A listener with its certificate.
#[derive(Debug)]
struct Served {
    listener: Arc<Listener>,
    /// Where it listens, on sockets that are passed as well.
    addresses: Vec<SocketAddr>,
    certificate: ServedCertificate,
}

impl SmtpListeners {
    /// Without open sockets yet.
    pub fn new(intake: Arc<IntakeState>) -> io::Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared::new(intake)?),
            connections: Arc::default(),
            idle: Arc::default(),
            accepting: None,
        })
    }

    /// Opens and closes sockets for this configuration. Open connections stay.
    pub fn follow(&mut self, loaded: &Loaded) {
        let configured = &loaded.config.listeners;
        self.shared.activity.retain(&loaded.config);
        let sockets = self.accepting.take().map(|(_, sockets)| sockets).unwrap_or_default();
        let served: Vec<Arc<Served>> =
            configured.iter().map(|listener| Arc::new(self.served(&loaded.config, listener))).collect();
        let wanted: Vec<SocketAddr> = served.iter().flat_map(|served| served.addresses.clone()).collect();
        let names: Vec<String> = configured.iter().map(|listener| listener.name.clone()).collect();
        {
            let mut sockets = sockets.lock();
            sockets.open.retain(|address, _| wanted.contains(address));
            sockets.failed.retain(|address, _| wanted.contains(address));
            (sockets.wanted, sockets.names) = (wanted, names);
        }
        if served.is_empty() {
            record(&self.shared, &mut sockets.lock(), ListenerHealth::new());
            return;
        }
        let started = UnixStream::pair().and_then(|(ours, theirs)| {
            let accepting = Accepting {
                shared: Arc::clone(&self.shared),
                connections: Arc::clone(&self.connections),
                idle: Arc::clone(&self.idle),
                served,
            };
            let shared_sockets = Arc::clone(&sockets);
            std::thread::Builder::new().name("smtp".into()).spawn(move || accepting.run(&shared_sockets, &theirs))?;
            Ok(ours)
        });
        match started {
            Ok(ours) => self.accepting = Some((ours, sockets)),
            Err(error) => log::warning(format_args!("cannot listen for SMTP clients: {error}")),
        }
    }
}

impl SmtpListeners {
    fn served(&self, config: &Config, listener: &Listener) -> Served {
        let passed =
            self.shared.intake.passed.iter().filter(|passed| listener.is_passed && passed.name == listener.name);
        let addresses: Vec<SocketAddr> =
            listener.addresses.iter().copied().chain(passed.map(|passed| passed.address)).collect();
        let private = PrivateCertificate::of(config, listener, &addresses, &self.shared.making_certificates);
        let certificate = ServedCertificate::of(listener, private);
        Served { listener: Arc::new(listener.clone()), addresses, certificate }
    }
}

/// The thread that accepts.
struct Accepting {
    shared: Arc<Shared>,
    connections: Arc<Mutex<Connections>>,
    idle: Arc<IdleConnections>,
    served: Vec<Arc<Served>>,
}

impl Accepting {
    /// Accepts connections until the other end of `ended` is dropped.
    ///
    /// With everything open the thread sleeps until a client comes. Only while an address is missing does it wake to
    /// try again.
    fn run(&self, sockets: &Mutex<Sockets>, ended: &UnixStream) {
        for served in &self.served {
            // Log problems with a certificate at once. Each client has it checked again.
            served.certificate.server();
        }
        let (mut open, mut is_complete) = (Vec::new(), false);
        loop {
            if !is_complete {
                open = self.open(sockets);
                is_complete = self.record(&mut sockets.lock());
            }
            let mut fds: Vec<PollFd<'_>> = vec![PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::IN)];
            fds.extend(open.iter().map(|(_, _, socket)| PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN)));
            let again = Timespec { tv_sec: AGAIN.as_secs().cast_signed(), tv_nsec: 0 };
            match poll(&mut fds, (!is_complete).then_some(&again)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                // No file descriptors or memory are left. Connections that end will free some.
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
            if !fds[0].revents().is_empty() {
                return;
            }
            let ready: Vec<usize> = (0..open.len()).filter(|at| !fds[at + 1].revents().is_empty()).collect();
            for at in ready {
                let (served, address, socket) = &open[at];
                match self.shared.intake.gate.accept(|| socket.accept()) {
                    Ok(((stream, peer), admitted)) => {
                        self.admit(served, *address, (stream, admitted), peer.ip().to_canonical());
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => std::thread::sleep(Duration::from_millis(50)),
                }
            }
        }
    }

    /// Opens the sockets that are not open yet.
    fn open(&self, sockets: &Mutex<Sockets>) -> Vec<(Arc<Served>, SocketAddr, Arc<TcpListener>)> {
        let (mut sockets, mut all) = (sockets.lock(), Vec::new());
        for served in &self.served {
            for address in &served.addresses {
                if !sockets.open.contains_key(address) && sockets.wanted.contains(address) {
                    match self.passed(*address).map_or_else(|| open(*address).map(Arc::new), Ok) {
                        Ok(socket) => {
                            log::listening(&served.listener.name, socket.local_addr().unwrap_or(*address));
                            sockets.failed.remove(address);
                            sockets.open.insert(*address, socket);
                        }
                        Err(error) => {
                            let kind = error.kind();
                            if sockets.failed.insert(*address, kind) != Some(kind) {
                                log::warning(format_args!(
                                    "cannot listen on {address} ([listen.{}]): {kind}; trying again every {} seconds",
                                    served.listener.name,
                                    AGAIN.as_secs()
                                ));
                            }
                        }
                    }
                }
                if let Some(socket) = sockets.open.get(address) {
                    all.push((Arc::clone(served), *address, Arc::clone(socket)));
                }
            }
        }
        all
    }

    /// Records what is wrong. Returns whether everything works.
    fn record(&self, sockets: &mut Sockets) -> bool {
        let mut health = ListenerHealth::new();
        // A thread that has not noticed yet that it is to end has nothing to say of listeners that are gone.
        let is_wanted = |served: &&Arc<Served>| sockets.names.contains(&served.listener.name);
        for served in self.served.iter().filter(is_wanted) {
            let closed = served.addresses.iter().filter_map(|address| {
                let kind = *sockets.failed.get(address)?;
                Some(Closed {
                    address: address.to_string(),
                    reason: kind.to_string(),
                    cure: bind_remedy(kind).to_owned(),
                })
            });
            let closed: Vec<Closed> = closed.chain(self.not_passed(&served.listener)).collect();
            if !closed.is_empty() {
                health.insert(served.listener.name.clone(), closed);
            }
        }
        let is_complete = health.is_empty();
        record(&self.shared, sockets, health);
        is_complete
    }

    /// The socket of this address that was open already.
    fn passed(&self, address: SocketAddr) -> Option<Arc<TcpListener>> {
        let passed = self.shared.intake.passed.iter().find(|passed| passed.address == address)?;
        Some(Arc::clone(&passed.socket))
    }

    /// What a listener misses that needs sockets of the service manager.
    fn not_passed(&self, listener: &Listener) -> Option<Closed> {
        let name = &listener.name;
        let is_missing = listener.is_passed && !self.shared.intake.passed.iter().any(|passed| passed.name == *name);
        is_missing.then(|| Closed {
            address: "systemd".to_owned(),
            reason: format!("no socket named {name} was passed to the service"),
            cure: format!(
                "enable a .socket unit with FileDescriptorName={name} and Service=postrider.service, and start the service \
                 after it"
            ),
        })
    }

    /// All of this runs in the one accepting thread, so nothing here may wait for a client. The checks need no thread
    /// and no slot: a client that is refused costs one write. Only an accepted one gets a thread, while it says something.
    fn admit(&self, served: &Arc<Served>, address: SocketAddr, client: (TcpStream, Admitted), peer: IpAddr) {
        let (stream, admitted) = client;
        let listener = &served.listener;
        // Mail works without either: a reply may be delayed a little, and the timeouts detect a dead peer.
        let _ = stream.set_nodelay(true);
        if stream.set_nonblocking(false).is_err() {
            return;
        }
        let refuse = |refusal: Refusal| {
            let mut stream = &stream;
            // The reply fits into the socket's buffer. A client that does not read it is not waited for.
            let _ = stream.set_nonblocking(true).and_then(|()| stream.write_all(&refusal.to_wire()));
        };
        let around = self.shared.surroundings();
        if !submission::may_connect(listener, &around, peer) {
            let text = format!("{peer} may not connect; see networks in [listen.{}]", listener.name);
            log::client_refused(peer, "CONNECT", format_args!("554 5.7.1 {text}"));
            return refuse(Refusal::new(554, "5.7.1", "you may not use this service"));
        }
        let Ok(loaded) = self.shared.intake.loaded() else {
            return refuse(Refusal::new(421, "4.3.5", "the configuration cannot be read; try again later"));
        };
        let trusted = submission::trusted(&loaded.config, listener, &around, peer).map(|client| client.name.clone());
        // A client without a login guesses nothing, and others at its address, such as the users of this machine, must not
        // be able to lock it out. Where it logs in all the same, the guard looks at that.
        if trusted.is_none() && self.shared.guard.is_blocked(peer) {
            return refuse(Refusal::new(421, "4.7.0", "too many rejected logins from this address; try again later"));
        }
        let login = if trusted.is_some() { Login::Unneeded } else { Login::Awaited };
        let Some(place) = Place::take(&self.connections, peer, listener, login) else {
            return refuse(Refusal::new(421, "4.7.0", "too many connections; try again later"));
        };
        let accepted = Accepted {
            shared: Arc::clone(&self.shared),
            loaded,
            listener: Arc::clone(listener),
            tls: listener.tls_at(address),
            server: served.certificate.server(),
            peer,
            trusted,
            admitted,
        };
        self.idle.go_on(accepted.connection(stream, place));
    }
}

/// Opens a listening socket, with `SO_REUSEADDR`. An IPv6 socket accepts IPv6 only, because IPv4 has its own.
fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = stream_socket::tcp(&address, Calls::Nonblocking)?;
    // Otherwise connections of the last runner in TIME_WAIT would keep this one from binding for minutes (socket(7)).
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// What the administrator can do about an error of bind(2).
fn bind_remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "stop what uses the port, or change `address`",
        io::ErrorKind::AddrNotAvailable => {
            "it is tried again, since an interface may come up; otherwise change `address`"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 need AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit",
        _ => "see `address` in postrider.toml(5)",
    }
}

/// Records what is wrong, if it is not recorded yet.
fn record(shared: &Shared, sockets: &mut Sockets, health: ListenerHealth) {
    if sockets.recorded.as_ref() == Some(&health) {
        return;
    }
    match listener_health::write(&shared.intake.spool, &health) {
        Ok(()) => sockets.recorded = Some(health),
        Err(error) => log::warning(format_args!(
            "cannot save listeners.json, so \"postrider status\" may be wrong about listeners: {error}"
        )),
    }
}
