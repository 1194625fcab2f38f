//! What wakes the runner besides its timer: new files in queue/, a changed config or
//! secret (inotify) and signals. Each listener is a thread that turns what it hears into
//! a [`Event`].

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::control::access::AuthorisedSelection;
use crate::control::modify::AuthorisedChange;
use crate::control::protocol::Response;
use crate::runner::durability::DurabilityGate;
use crate::runner::event::WorkerEvent;
use crate::spool::{MessageId, Spool};

/// Names that appear in queue/ within this time after others are heard of together.
const GATHERING: Duration = Duration::from_millis(5);

/// Something for the runner's loop.
#[derive(Debug)]
pub enum Event {
    /// A message appeared in queue/.
    Queued(MessageId),
    /// Perhaps something was missed: read the directory again.
    Rescan,
    /// The timer rings.
    Due,
    /// A file that the owner may have mended was written: the config, a secret, a table.
    Mended,
    /// SIGHUP: read the config again.
    Reload,
    /// SIGTERM or SIGINT: finish what is in hand and end.
    Stop,
    /// A session's thread has news.
    WorkerEvent(WorkerEvent),
    /// Attempt these messages now; what becomes of them goes to `responses`.
    Flush {
        /// Which.
        selection: AuthorisedSelection,
        /// To the requester.
        responses: Sender<Response>,
    },
    /// Change messages; what becomes of it goes to `responses`.
    Change {
        /// How, and which.
        change: AuthorisedChange,
        /// To the requester.
        responses: Sender<Response>,
    },
    /// Respond with the messages that are being sent.
    Active {
        /// To the requester.
        responses: Sender<Response>,
    },
}

/// Where listeners send what they hear, and where the loop takes it from. It exists before the
/// lock is taken: a signal that comes at once must find its listener.
#[derive(Debug)]
pub struct EventChannel {
    /// One clone for each listener.
    pub sender: Sender<Event>,
    /// The loop's end.
    pub wakes: Receiver<Event>,
}

impl Default for EventChannel {
    fn default() -> Self {
        let (sender, wakes) = mpsc::channel();
        Self { sender, wakes }
    }
}

/// Listens to queue/ until the process ends.
pub fn queue(spool: &Spool, wakes: Sender<Event>) -> io::Result<()> {
    let mut inotify = Inotify::init()?;
    inotify.watches().add(spool.dir().join("queue"), WatchMask::CREATE | WatchMask::MOVED_TO)?;
    std::thread::Builder::new().name("queue".into()).spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(events) = inotify.read_events_blocking(&mut buffer) {
            for event in events {
                let wake = if event.mask.contains(EventMask::Q_OVERFLOW) {
                    Some(Event::Rescan)
                } else {
                    event.name.and_then(OsStr::to_str).and_then(MessageId::parse).map(Event::Queued)
                };
                if wake.is_some_and(|wake| wakes.send(wake).is_err()) {
                    return;
                }
            }
            // Who stores many in a row wakes the runner once for several.
            std::thread::sleep(GATHERING);
        }
    })?;
    Ok(())
}

/// Listens, until the process ends, to files that their owner may mend: through their folders, since editors replace files.
#[derive(Debug)]
pub struct FileWatcher {
    watches: Watches,
    names: Arc<Mutex<Names>>,
}

/// By folder.
type Names = HashMap<WatchDescriptor, HashSet<OsString>>;

impl FileWatcher {
    /// Listens to these.
    pub fn start(paths: &[PathBuf], wakes: Sender<Event>) -> io::Result<Self> {
        let mut inotify = Inotify::init()?;
        let ear = Self { watches: inotify.watches(), names: Arc::default() };
        ear.follow(paths);
        let names = Arc::clone(&ear.names);
        std::thread::Builder::new().name("files".into()).spawn(move || {
            let mut buffer = vec![0; 16 << 10];
            while let Ok(mut events) = inotify.read_events_blocking(&mut buffer) {
                let is_ours = |event: inotify::Event<&OsStr>| {
                    let names = names.lock().unwrap_or_else(PoisonError::into_inner);
                    event.mask.contains(EventMask::Q_OVERFLOW)
                        || event.name.is_some_and(|name| names.get(&event.wd).is_some_and(|ours| ours.contains(name)))
                };
                let heard = events.any(is_ours);
                if heard && wakes.send(Event::Mended).is_err() {
                    return;
                }
            }
        })?;
        Ok(ear)
    }

    /// Listens to these instead.
    pub fn follow(&self, paths: &[PathBuf]) {
        // What mends a file may be a chmod alone.
        let mask = WatchMask::CLOSE_WRITE | WatchMask::MOVED_TO | WatchMask::ATTRIB;
        let mut names = Names::new();
        for path in paths {
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
            // A folder that is not there (yet) has nothing to tell.
            if let Ok(watch) = self.watches.clone().add(folder, mask) {
                names.entry(watch).or_default().insert(name.to_owned());
            }
        }
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }
}

/// Listens to signals until the process ends.
pub fn signals(safety: Arc<DurabilityGate>, wakes: Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGTERM, SIGINT])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let wake = if signal == SIGHUP { Event::Reload } else { Event::Stop };
            if signal != SIGHUP {
                // Sessions that wait for the disk hear it at once.
                safety.stop();
            }
            if wakes.send(wake).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}
