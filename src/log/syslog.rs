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
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut line = [0; 512];
        let length = socket.recv(&mut line).unwrap();
        String::from_utf8(line[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_line_has_priority_stamp_and_tag_and_finds_a_log_that_was_started_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut syslog = Syslog { pause: Duration::ZERO, ..Syslog::at(&path) };
        assert!(!syslog.send("postrider/qmgr[7]", Severity::Info, "no log is there yet"));
        for severity in [Severity::Info, Severity::Warning, Severity::Error, Severity::Critical] {
            let log = UnixDatagram::bind(&path).unwrap();
            assert!(syslog.send("postrider/qmgr[7]", severity, "hello"));
            let line = received(&log);
            let (priority, rest) = line.strip_prefix('<').unwrap().split_once('>').unwrap();
            assert_eq!(priority, (16 + severity.number()).to_string());
            // "Nov  5 07:08:09 ", then the tag.
            assert_eq!(&rest[15..], " postrider/qmgr[7]: hello");
            drop(log);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_log_that_is_not_there_is_not_looked_for_at_each_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut syslog = Syslog { pause: Duration::from_hours(1), ..Syslog::at(&path) };
        assert!(!syslog.send("t", Severity::Info, "lost"));
        let log = UnixDatagram::bind(&path).unwrap();
        assert!(!syslog.send("t", Severity::Info, "within the pause"));
        syslog.pause = Duration::ZERO;
        assert!(syslog.send("t", Severity::Info, "after it"));
        assert!(received(&log).ends_with("after it"));
    }

    #[test]
    fn a_log_that_does_not_read_holds_up_no_more_than_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::at(&path);
        let mut taken = 0;
        while syslog.send("t", Severity::Info, "filling") {
            taken += 1;
        }
        let started = std::time::Instant::now();
        for _ in 0..100 {
            assert!(!syslog.send("t", Severity::Info, "lost"));
        }
        assert!(started.elapsed() < PATIENCE);
        for _ in 0..taken {
            received(&log);
        }
        assert!(syslog.send("t", Severity::Info, "again"), "a log that reads again gets lines again");
    }
}
