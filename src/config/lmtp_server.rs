//! Where a server of this machine takes mail by LMTP, as `mailbox` names it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where the mailboxes lie, and how that is written in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// As it is read.
    pub read: postrider_mailbox::setting::Setting,
    /// As it is written.
    pub text: String,
}

/// A server of this machine that speaks LMTP (RFC 2033).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LmtpServer {
    /// It listens on a Unix socket.
    Socket(PathBuf),
    /// It listens on loopback.
    Loopback(SocketAddr),
    /// The privileged program, which becomes the recipient and writes the mailbox.
    Program(Setting),
    /// This process, which writes its own user's mailbox.
    Own(Setting),
}

impl fmt::Display for LmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "lmtp:{}", path.display()),
            Self::Loopback(address) => write!(f, "lmtp:[{}]:{}", address.ip(), address.port()),
            Self::Program(setting) | Self::Own(setting) => f.write_str(&setting.text),
        }
    }
}
