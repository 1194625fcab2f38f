//! The pickup thread: it checks drop/ and raw/ when something appears there, after a change of the configuration or a
//! table, and at intervals.
//!
//! A file is removed only after its message is in queue/ and synced. A crash in between leaves both. By the time of
//! the next check the runner has read the token from the queue, so it recognises the file and removes it. Nothing in
//! drop/ is trusted: the owner of the file, as the kernel recorded it, says whose mail it is.
//!
//! Everything is done by one thread. Two could pick the same file up twice.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::intake_state::IntakeState;
use crate::log;
use crate::spool::dropped::Place;
use crate::submit::admit::pickup::{self, Picked};
use crate::sys::folder_watch::{FolderWatch, See};

/// Time until the next check if something could not be picked up.
const SOON: Duration = Duration::from_secs(20);
/// Time until the next check if nothing is waiting, in case a notification was lost.
const SELDOM: Duration = Duration::from_mins(15);

/// Starts pickup. Sending to the returned channel triggers a check.
pub fn start(intake: Arc<IntakeState>) -> std::io::Result<Sender<()>> {
    let (trigger, triggers) = mpsc::channel();
    watch_drop(&intake, trigger.clone())?;
    intake.pickup_listens(trigger.clone());
    std::thread::Builder::new().name("pickup".into()).spawn(move || run(&intake, &triggers))?;
    Ok(trigger)
}

/// Only drop/ is watched: the listener triggers a check itself after it keeps something in raw/.
fn watch_drop(intake: &IntakeState, trigger: Sender<()>) -> std::io::Result<()> {
    let mut watch = FolderWatch::new(16 << 10)?;
    // A folder that does not exist yet is checked at intervals.
    let folder = intake.spool.dir().join(Place::Drop.folder());
    let _ = watch.folders().add(&folder, See::NewFiles);
    std::thread::Builder::new().name("drop".into()).spawn(move || {
        while watch.wait().is_ok() {
            if trigger.send(()).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

fn run(intake: &IntakeState, triggers: &Receiver<()>) {
    if let Err(error) = intake.spool.count_rest() {
        log::warning(format_args!("{error}; its contents do not count towards any user's limits"));
    }
    let (mut patience, mut over) = (Duration::ZERO, HashSet::new());
    loop {
        match triggers.recv_timeout(patience) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        // One check sees everything that was announced so far. A file that appears during the check triggers the next
        // one, so none is missed.
        while triggers.try_recv().is_ok() {}
        // A runner that leaves must not take a file out of drop/ that it has not seen.
        let _entered = intake.gate.enter();
        patience = if look(intake, &mut over) { SELDOM } else { SOON };
    }
}

/// Picks up everything. Returns whether nothing is left. `over` has the users that were over their limits at the last
/// check, so that each is logged once.
///
/// A user over a limit holds up only their own files. The names are skipped by uid without opening them: a user may
/// have put a hundred thousand there.
pub(crate) fn look(intake: &IntakeState, over: &mut HashSet<String>) -> bool {
    let (mut is_empty, before) = (true, std::mem::take(over));
    for place in Place::ALL {
        match intake.spool.waiting_names(place) {
            Ok(names) => {
                intake.release_removed(|of, name| of == place && !names.iter().any(|there| there == name));
                for name in names {
                    let uid = name.split_once('.').map_or("", |(uid, _)| uid);
                    if place == Place::Drop && over.contains(uid) {
                        continue;
                    }
                    match take(intake, place, &name) {
                        Taken::Yes => {}
                        Taken::No => is_empty = false,
                        Taken::Over(why) => {
                            if !before.contains(uid) {
                                log::warning(format_args!(
                                    "{}/{name}: {why}; it will be picked up later",
                                    place.folder()
                                ));
                            }
                            over.insert(uid.to_owned());
                            is_empty = false;
                        }
                    }
                }
            }
            Err(error) => {
                log::warning(error);
                is_empty = false;
            }
        }
    }
    is_empty
}

/// The result for one file.
enum Taken {
    Yes,
    No,
    /// Its user is over a limit, so their other files need not be tried.
    Over(String),
}

/// Messages are released after each file, whatever became of it: without its release a message that was stored would
/// never be attempted. One whose file could not be removed waits until the file is gone, by its token at the next check.
fn take(intake: &IntakeState, place: Place, name: &str) -> Taken {
    let Ok(loaded) = intake.loaded() else { return Taken::No };
    let picked = pickup::pick_up(place, name, (&loaded.config, loaded.arriving()), &loaded.spool, intake);
    if let Ok(Picked::NotRemoved(id, _)) = &picked {
        intake.hold_until_removed(id, (place, name));
    }
    intake.release_picked_up();
    let why = match picked {
        Ok(Picked::Up(_) | Picked::Known | Picked::Nothing) => {
            intake.release_removed(|of, removed| of == place && removed == name);
            return Taken::Yes;
        }
        Ok(Picked::Aside(why)) => {
            log::set_aside(name, &why);
            return Taken::Yes;
        }
        Ok(Picked::Over(why)) => return Taken::Over(why),
        Ok(Picked::Later(why)) => why,
        Ok(Picked::NotRemoved(_, error)) | Err(error) => error.to_string(),
    };
    log::warning(format_args!("{}/{name}: {why}; it will be picked up later", place.folder()));
    Taken::No
}
