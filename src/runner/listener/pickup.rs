//! Pickup's own thread: it looks into drop/ and raw/ when something appears there, when the
//! config or a table was mended, and now and then.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use inotify::{Inotify, WatchMask};

use super::intake_state::IntakeState;
use crate::log;
use crate::spool::dropped::Place;
use crate::submit::admit::pickup::{self, Picked};

/// What could not be picked up is tried again after this.
const SOON: Duration = Duration::from_secs(20);
/// Nothing waits: a look in case that something was missed.
const SELDOM: Duration = Duration::from_mins(15);

/// Begins to pick up; whoever sends through what is given back has it look at once.
pub fn start(front: Arc<IntakeState>) -> std::io::Result<Sender<()>> {
    let (nudge, nudges) = mpsc::channel();
    listen(&front, nudge.clone())?;
    front.has_porter(nudge.clone());
    std::thread::Builder::new().name("pickup".into()).spawn(move || work(&front, &nudges))?;
    Ok(nudge)
}

fn listen(front: &IntakeState, nudge: Sender<()>) -> std::io::Result<()> {
    let mut inotify = Inotify::init()?;
    // What is kept raw is told of by whoever keeps it. A folder that is not there yet is looked at now and then.
    let folder = front.spool.dir().join(Place::Drop.folder());
    let _ = inotify.watches().add(folder, WatchMask::CREATE | WatchMask::MOVED_TO);
    std::thread::Builder::new().name("drop".into()).spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        while inotify.read_events_blocking(&mut buffer).is_ok() {
            if nudge.send(()).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

fn work(front: &IntakeState, nudges: &Receiver<()>) {
    if let Err(error) = front.spool.count_rest() {
        log::warning(format_args!("{error}; its contents do not count towards any user's limits"));
    }
    let (mut patience, mut over) = (Duration::ZERO, HashSet::new());
    loop {
        match nudges.recv_timeout(patience) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while nudges.try_recv().is_ok() {}
        patience = if look(front, &mut over) { SELDOM } else { SOON };
    }
}

/// One look at all that waits; whether nothing is left. `over` are those who were over their limits at the last look.
pub(crate) fn look(front: &IntakeState, over: &mut HashSet<String>) -> bool {
    let (mut is_empty, before) = (true, std::mem::take(over));
    for place in Place::ALL {
        match front.spool.waiting_names(place) {
            Ok(names) => {
                for name in names {
                    let whose = name.split_once('.').map_or("", |(uid, _)| uid);
                    if place == Place::Drop && over.contains(whose) {
                        continue;
                    }
                    match take(front, place, &name) {
                        Taken::Yes => {}
                        Taken::No => is_empty = false,
                        Taken::Over(why) => {
                            if !before.contains(whose) {
                                log::warning(format_args!(
                                    "{}/{name}: {why}; it will be picked up later",
                                    place.folder()
                                ));
                            }
                            over.insert(whose.to_owned());
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

/// Whether one was taken.
enum Taken {
    Yes,
    No,
    /// Nor will any other of its user's be.
    Over(String),
}

fn take(front: &IntakeState, place: Place, name: &str) -> Taken {
    let Ok(settings) = front.settings() else { return Taken::No };
    let picked = pickup::pick_up(place, name, (&settings.config, settings.arriving()), &settings.spool, front);
    front.let_picked_up_go();
    let why = match picked {
        Ok(Picked::Up(_) | Picked::Known | Picked::Nothing) => return Taken::Yes,
        Ok(Picked::Aside(why)) => {
            log::set_aside(name, &why);
            return Taken::Yes;
        }
        Ok(Picked::Over(why)) => return Taken::Over(why),
        Ok(Picked::Later(why)) => why,
        Err(error) => error.to_string(),
    };
    log::warning(format_args!("{}/{name}: {why}; it will be picked up later", place.folder()));
    Taken::No
}
