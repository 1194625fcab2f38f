//! A port that answers nobody, as behind a firewall that drops what comes.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};

/// A listener whose queue is full: it lets nobody in, and refuses nobody.
pub struct Blackhole {
    address: SocketAddr,
    _listener: OwnedFd,
    _waiting: Vec<TcpStream>,
}

impl Blackhole {
    /// At this address; port 0: any.
    pub fn at(address: impl Into<SocketAddr>) -> Self {
        Self::at_free(address).expect("the address is free")
    }

    /// At this address, unless somebody else is there.
    pub fn at_free(address: impl Into<SocketAddr>) -> Option<Self> {
        let address = address.into();
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let listener = rustix::net::socket(family, SocketType::STREAM, None).unwrap();
        rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::CLOEXEC).unwrap();
        match rustix::net::bind(&listener, &address) {
            Err(rustix::io::Errno::ADDRINUSE) => return None,
            bound => bound.unwrap(),
        }
        rustix::net::listen(&listener, 0).unwrap();
        let address = SocketAddr::try_from(rustix::net::getsockname(&listener).unwrap()).unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            waiting.push(stream);
        }
        Some(Self { address, _listener: listener, _waiting: waiting })
    }

    /// As a config's `relay`.
    pub fn relay(&self) -> String {
        format!("[{}]:{}", self.address.ip(), self.address.port())
    }
}
