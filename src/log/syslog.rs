//! The system's log: datagrams to /dev/log as libc's syslog(3) writes them (RFC 3164), read by
//! journald and every syslogd. Which lines there are is not decided here.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Zoned;

use crate::log::Severity;

/// Where every system has its log.
pub const SOCKET: &str = "/dev/log";

/// Facility mail, in the place that the priority has for it.
const FACILITY: u8 = 2 << 3;

/// A log that does not read holds up the mail once for so long, and no more until it reads again.
const PATIENCE: Duration = Duration::from_secs(1);

/// A log that is not there is looked for again after so long, and not for each line.
const PAUSE: Duration = Duration::from_secs(1);

/// Where the log is, and the way to it while there is one.
#[derive(Debug)]
pub struct Syslog {
    path: PathBuf,
    socket: Option<UnixDatagram>,
    /// When it was not there.
    missed: Option<Instant>,
    pause: Duration,
}

impl Syslog {
    /// The log at `path`; it may come later, or never.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), socket: None, missed: None, pause: PAUSE }
    }

    /// Sends one line; whether the log has taken it. Connects where that is needed: a syslogd that was
    /// started anew has a new socket.
    pub fn send(&mut self, tag: &str, severity: Severity, text: &str) -> bool {
        let stamp = Zoned::now().strftime("%b %e %H:%M:%S");
        let line = format!("<{}>{stamp} {tag}: {text}", FACILITY | severity.number());
        let first = self.socket.as_ref().map(|socket| deliver(socket, line.as_bytes()));
        match first {
            Some(Ok(())) => true,
            Some(Err(error)) if is_full(&error) => false,
            None if self.missed.is_some_and(|missed| missed.elapsed() < self.pause) => false,
            Some(Err(_)) | None => {
                self.socket = connect(&self.path).ok();
                self.missed = self.socket.is_none().then(Instant::now);
                self.socket.as_ref().is_some_and(|socket| deliver(socket, line.as_bytes()).is_ok())
            }
        }
    }
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.connect(path)?;
    Ok(socket)
}

fn deliver(socket: &UnixDatagram, line: &[u8]) -> io::Result<()> {
    let sent = socket.send(line);
    // After a wait in vain no line waits; after one that went, the next may.
    match &sent {
        Ok(_) => socket.set_nonblocking(false)?,
        Err(error) if is_full(error) => socket.set_nonblocking(true)?,
        Err(_) => {}
    }
    sent.map(|_| ())
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests;
