//! Pickup's own thread: it looks into drop/ and raw/ when something appears there, when the
//! config or a table was mended, and now and then.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use inotify::{Inotify, WatchMask};

use super::front::Front;
use crate::events;
use crate::spool::waiting::Place;
use crate::submit::pickup::{self, Picked};

/// What could not be picked up is tried again after this.
const SOON: Duration = Duration::from_secs(20);
/// Nothing waits: a look in case that something was missed.
const SELDOM: Duration = Duration::from_mins(15);

/// Begins to pick up; whoever sends through what is given back has it look at once.
pub fn start(front: Arc<Front>) -> std::io::Result<Sender<()>> {
    let (nudge, nudges) = mpsc::channel();
    listen(&front, nudge.clone())?;
    std::thread::Builder::new().name("pickup".into()).spawn(move || work(&front, &nudges))?;
    Ok(nudge)
}

fn listen(front: &Front, nudge: Sender<()>) -> std::io::Result<()> {
    let mut inotify = Inotify::init()?;
    for place in Place::ALL {
        let folder = front.spool.dir().join(place.folder());
        // One that is not there yet is looked at now and then.
        let _ = inotify.watches().add(folder, WatchMask::CREATE | WatchMask::MOVED_TO);
    }
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

fn work(front: &Front, nudges: &Receiver<()>) {
    let mut patience = Duration::ZERO;
    loop {
        match nudges.recv_timeout(patience) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while nudges.try_recv().is_ok() {}
        patience = if look(front) { SELDOM } else { SOON };
    }
}

/// One look at all that waits; whether nothing is left.
fn look(front: &Front) -> bool {
    let mut is_empty = true;
    for place in Place::ALL {
        match front.spool.waiting_names(place) {
            Ok(names) => {
                for name in names {
                    is_empty &= take(front, place, &name);
                }
            }
            Err(error) => {
                events::warning(error);
                is_empty = false;
            }
        }
    }
    is_empty
}

fn take(front: &Front, place: Place, name: &str) -> bool {
    let Ok(settings) = front.settings() else { return false };
    let picked = pickup::pick_up(place, name, &settings.config, &settings.spool, front);
    front.let_all_go();
    match picked {
        Ok(Picked::Up(_) | Picked::Known | Picked::Nothing) => true,
        Ok(Picked::Aside(why)) => {
            events::set_aside(name, &why);
            true
        }
        Ok(Picked::Later(why)) => {
            events::warning(format_args!("{}/{name}: {why}; it is picked up later", place.folder()));
            false
        }
        Err(error) => {
            events::warning(format_args!("{}/{name}: {error}; it is picked up later", place.folder()));
            false
        }
    }
}
