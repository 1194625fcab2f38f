//! The process at the other end of a Unix socket.

use std::io;
use std::os::unix::net::UnixStream;

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;

/// The effective uid of the process that connected (`SO_PEERCRED`). The kernel recorded it when the connection was
/// made, and the process cannot influence it.
pub fn uid(stream: &UnixStream) -> io::Result<u32> {
    // nix is used here because rustix has no process id 0, which a peer in another pid namespace has.
    Ok(getsockopt(stream, PeerCredentials)?.uid())
}
