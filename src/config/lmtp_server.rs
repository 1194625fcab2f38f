//! Where a server of this machine takes mail by LMTP, as `mailbox` names it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A server of this machine that speaks LMTP (RFC 2033).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LmtpServer {
    /// It listens on a Unix socket.
    Socket(PathBuf),
    /// It listens on loopback.
    Loopback(SocketAddr),
}

impl fmt::Display for LmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "lmtp:{}", path.display()),
            Self::Loopback(address) => write!(f, "lmtp:[{}]:{}", address.ip(), address.port()),
        }
    }
}
