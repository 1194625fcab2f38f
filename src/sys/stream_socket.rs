//! Stream sockets for calls that the standard library does not make, such as binding before connecting. Set at once and not
//! afterwards, so that no child process inherits one in between.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// Whether calls on it wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// They wait.
    Blocking,
    /// They return at once.
    Nonblocking,
}

/// For a Unix socket's address.
pub fn unix(calls: Calls) -> io::Result<OwnedFd> {
    open(AddressFamily::UNIX, calls)
}

/// For TCP to or from an address like this one.
pub fn tcp(address: &SocketAddr, calls: Calls) -> io::Result<OwnedFd> {
    open(if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }, calls)
}

fn open(family: AddressFamily, calls: Calls) -> io::Result<OwnedFd> {
    let flags = match calls {
        Calls::Blocking => SocketFlags::CLOEXEC,
        Calls::Nonblocking => SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
    };
    Ok(socket_with(family, SocketType::STREAM, flags, None)?)
}
