//! Who is at the other end of a Unix socket.

use std::io;
use std::os::unix::net::UnixStream;

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;

/// The effective uid of the process that connected (`SO_PEERCRED`). The kernel noted it at that moment, and the process
/// cannot choose it.
pub fn uid(stream: &UnixStream) -> io::Result<u32> {
    // By nix: rustix's process number cannot be 0, which it is for a peer in another pid namespace.
    Ok(getsockopt(stream, PeerCredentials)?.uid())
}
