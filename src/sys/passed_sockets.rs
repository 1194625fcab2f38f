//! Sockets that a service manager has opened and passes on (`sd_listen_fds`(3)), by kind and by the name that `FileDescriptorName=`
//! gives them. They are taken over once, at the start of a runner. What is done with them is decided elsewhere.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;

/// All of them.
#[derive(Debug, Default)]
pub struct PassedSockets {
    /// Where this machine's users submit mail.
    pub submission: Option<UnixListener>,
    /// Where network clients do.
    pub network: Vec<NamedSocket>,
}

/// Who opened the socket on which mail is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// The service manager, which keeps it while no runner is there and starts one for whoever connects.
    ServiceManager,
    /// The runner itself.
    Runner,
}

/// A socket of TCP.
#[derive(Debug, Clone)]
pub struct NamedSocket {
    /// Its `FileDescriptorName=`.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// It does not block.
    pub socket: Arc<TcpListener>,
}

impl PassedSockets {
    /// Takes over what is passed to this process; the environment says it only once.
    #[must_use]
    pub fn take() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names: Vec<&str> = names.split(':').collect();
        let mut passed = listenfd::ListenFd::from_env();
        let mut sockets = Self::default();
        for at in 0..passed.len() {
            // Of units of several kinds, the order says nothing.
            if let Ok(Some(socket)) = passed.take_unix_listener(at) {
                sockets.submission.get_or_insert(socket);
            } else if let Ok(Some(socket)) = passed.take_tcp_listener(at) {
                let name = names.get(at).copied().unwrap_or_default();
                sockets.network.extend(NamedSocket::of(name, socket));
            }
        }
        sockets
    }

    /// Who opened the socket for submissions.
    #[must_use]
    pub fn opener(&self) -> Opener {
        if self.submission.is_some() { Opener::ServiceManager } else { Opener::Runner }
    }
}

impl NamedSocket {
    fn of(name: &str, socket: TcpListener) -> Option<Self> {
        socket.set_nonblocking(true).ok()?;
        let address = socket.local_addr().ok()?;
        Some(Self { name: name.to_owned(), address, socket: Arc::new(socket) })
    }
}
