//! Threads that wake the runner, besides its timer and workers: for new files in queue/, changes to the
//! configuration, secrets and tables, and signals. Each turns what it sees into an [`Event`].
//!
//! inotify is used for promptness and not relied upon. Its queue has a bounded length, it does not see changes that
//! another machine makes on a network file system, and it may be unavailable (`max_user_watches` in inotify(7)). An
//! overflow therefore becomes a scan, and scans happen at intervals in any case.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use parking_lot::Mutex;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::config::conf_d;
use crate::runner::durability::DurabilityGate;
use crate::runner::event::Event;
use crate::spool::{MessageId, Spool};
use crate::sys::folder_watch::{FolderWatch, Folders, See, Seen, Watched};

/// Files that appear in queue/ within this time are read from inotify together, so that a program that stores many
/// messages does not wake the runner for each.
const GATHERING: Duration = Duration::from_millis(5);

/// Where Kubernetes mounts secrets and configurations, each file is a link below this one, which is replaced when they change.
const KUBERNETES_LINK: &str = "..data";

/// Watches queue/ until the process ends.
///
/// A message appears in queue/ by link(2) or rename(2), complete and synced, so its name can be reported as soon as it
/// is seen. The names of journals and temporary files are no ids and are ignored.
pub fn watch_queue(spool: &Spool, events: Sender<Event>) -> io::Result<()> {
    let mut watch = FolderWatch::new(64 << 10)?;
    watch.folders().add(&spool.dir().join("queue"), See::NewFiles)?;
    std::thread::Builder::new().name("queue".into()).spawn(move || {
        while let Ok(seen) = watch.wait() {
            for seen in seen {
                let event = match seen {
                    Seen::Overflow => Some(Event::Rescan),
                    Seen::Created(_, name) | Seen::Changed(_, name) => {
                        name.to_str().and_then(MessageId::parse).map(Event::Queued)
                    }
                };
                if event.is_some_and(|event| events.send(event).is_err()) {
                    return;
                }
            }
            std::thread::sleep(GATHERING);
        }
    })?;
    Ok(())
}

/// Watches files that mail may be waiting for, until the process ends. It watches their folders: editors write a new
/// file and rename it over the old one, so a watch on the file itself would end.
#[derive(Debug)]
pub struct FileWatcher {
    folders: Folders,
    names: Arc<Mutex<Names>>,
}

/// The relevant names in each watched folder.
#[derive(Debug, Default)]
struct Names {
    named: HashMap<Watched, HashSet<OsString>>,
    /// conf.d folders, in which all names of configuration files are relevant, also of files that do not exist yet.
    conf_d: HashSet<Watched>,
}

impl Names {
    fn include(&self, folder: &Watched, name: &OsStr) -> bool {
        (self.conf_d.contains(folder) && conf_d::includes(name))
            || self.named.get(folder).is_some_and(|ours| ours.contains(name))
    }
}

impl FileWatcher {
    /// Starts with these files. A folder among them is a conf.d.
    pub fn start(paths: &[PathBuf], events: Sender<Event>) -> io::Result<Self> {
        let mut watch = FolderWatch::new(16 << 10)?;
        let watcher = Self { folders: watch.folders(), names: Arc::default() };
        watcher.set_paths(paths);
        let names = Arc::clone(&watcher.names);
        std::thread::Builder::new().name("files".into()).spawn(move || {
            while let Ok(mut seen) = watch.wait() {
                let is_ours = |seen: Seen<'_>| match seen {
                    Seen::Overflow => true,
                    // A file that was only created has no content yet; it is reported again when it is closed.
                    Seen::Created(..) => false,
                    Seen::Changed(folder, name) => names.lock().include(&folder, name),
                };
                if seen.any(is_ours) && events.send(Event::FilesChanged).is_err() {
                    return;
                }
            }
        })?;
        Ok(watcher)
    }

    /// Replaces the watched files, as after a reload of the configuration.
    ///
    /// Old watches stay, since other files may be in the same folder; what they report is filtered by name. What is
    /// written after this call is reported; for what was written before, `reload_if_changed` compares the files with
    /// those that were read.
    pub fn set_paths(&self, paths: &[PathBuf]) {
        let mut names = Names::default();
        for path in paths {
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
            // A folder that does not exist has no changes.
            if let Ok(watched) = self.folders.add(folder, See::ChangedFiles) {
                let names = names.named.entry(watched).or_default();
                names.extend([name.to_owned(), KUBERNETES_LINK.into()]);
            }
            if path.is_dir()
                && let Ok(watched) = self.folders.add(path, See::ChangedFiles)
            {
                names.conf_d.insert(watched);
            }
        }
        *self.names.lock() = names;
    }
}

/// Watches for signals until the process ends.
///
/// signal-hook delivers signals through a pipe to this thread, so that no code runs in a signal handler, where neither
/// a lock nor memory could be used.
pub fn watch_signals(gate: Arc<DurabilityGate>, events: Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGTERM, SIGINT])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let event = if signal == SIGHUP {
                Event::Reload
            } else {
                // Who says it twice does not want to wait for servers.
                if gate.is_stopping() {
                    gate.interruption().cut();
                }
                // Workers that wait for the disk must not have to wait for the event loop as well.
                gate.stop();
                Event::Stop
            };
            if events.send(event).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
