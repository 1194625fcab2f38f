//! Ends the waiting of sessions. Of those that are still being opened at once: a server that accepts a connection may take minutes to
//! greet, and nothing is lost by leaving it. All others have a few seconds for each reply, in place of minutes. Where the runner has
//! no time at all, their connections are cut, and each records what it knows then.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::net::Shutdown;

/// How long a session of a runner that is to end waits for a reply, counted from its last step or from the stop.
const FOR_A_REPLY: Duration = Duration::from_secs(10);
/// And how long for all replies, from the stop.
const FOR_ALL_REPLIES: Duration = Duration::from_secs(20);
/// Yet each reply has this long: content that takes longer to send has an answer, too.
const AT_LEAST: Duration = Duration::from_secs(3);

/// Shared by whoever may end the waiting and by those who wait.
#[derive(Debug, Clone, Default)]
pub struct Interruption(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Since when it is wanted.
    since: OnceLock<Instant>,
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    are_cut: bool,
    open: Vec<Weak<OwnedFd>>,
}

/// Keeps a connection among those that may be cut.
#[derive(Debug)]
pub struct Cuttable {
    #[expect(dead_code, reason = "it is held as long as the connection")]
    connection: Arc<OwnedFd>,
    state: Arc<State>,
}

impl Cuttable {
    /// Whether it was cut, so that its end is not the server's doing.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.state.connections.lock().are_cut
    }
}

impl Interruption {
    /// Ends the waiting of sessions that are not open yet, for good, and that of others soon.
    pub fn interrupt(&self) {
        self.0.since.get_or_init(Instant::now);
    }

    /// Whether it was ended.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.0.since.get().is_some()
    }

    /// Until when an open session waits for a reply that it has waited for since `began`; `None`: as long as it likes.
    #[must_use]
    pub fn deadline(&self, began: Instant) -> Option<Instant> {
        let since = *self.0.since.get()?;
        let soon = began.max(since) + FOR_A_REPLY;
        Some(soon.min((since + FOR_ALL_REPLIES).max(began + AT_LEAST)))
    }

    /// Cuts all connections, and those that are made later: what reads or writes at one meets its end.
    pub fn cut(&self) {
        self.interrupt();
        let mut connections = self.0.connections.lock();
        connections.are_cut = true;
        for connection in connections.open.drain(..).filter_map(|connection| connection.upgrade()) {
            shut(&connection);
        }
    }

    /// Counts a connection among those that may be cut.
    pub fn include(&self, connection: BorrowedFd<'_>) -> io::Result<Cuttable> {
        let connection = Arc::new(connection.try_clone_to_owned()?);
        let mut connections = self.0.connections.lock();
        if connections.are_cut {
            shut(&connection);
        }
        connections.open.retain(|other| other.strong_count() > 0);
        connections.open.push(Arc::downgrade(&connection));
        drop(connections);
        Ok(Cuttable { connection, state: Arc::clone(&self.0) })
    }
}

/// It may have ended by itself.
fn shut(connection: &OwnedFd) {
    let _ = rustix::net::shutdown(connection, Shutdown::Both);
}
