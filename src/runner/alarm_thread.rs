//! The thread that looks for trouble as `status` does and tells people of it: alarms, the message of the day, and the service
//! manager's status line. It blocks on servers and scripts of others, so it shares nothing with the threads that handle mail.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::event::Event;
use crate::control::alarm;
use crate::control::loaded::Loaded;
use crate::control::report::{Level, Report};
use crate::control::{certificate_end, exposition, status};
use crate::log;
use crate::spool::{SpoolError, account_health};
use crate::sys::{notify, replaced_file};

/// It looks at least this often. An idle machine is not woken more often.
const EVERY: Duration = Duration::from_mins(15);
/// And this often while something is wrong: a disk that has room again or a clock that is right tells nobody.
const EVERY_IN_TROUBLE: Duration = Duration::from_mins(1);
/// What happens within this time is looked at together.
const GATHERING: Duration = Duration::from_secs(1);
/// It looks at the whole queue, so it takes at most this share of the time.
const REST: u32 = 20;

enum Signal {
    Look,
    Adopt(Arc<Loaded>),
    Write(PathBuf, String),
    End,
}

/// The thread, as the event loop reaches it. Without a channel and a service manager there is none.
#[derive(Debug, Default)]
pub struct AlarmThread {
    signals: Option<Sender<Signal>>,
    thread: Option<JoinHandle<()>>,
    /// What it found last.
    found: Level,
}

impl AlarmThread {
    /// Starts it.
    pub fn start(loaded: &Arc<Loaded>, events: Sender<Event>) -> Self {
        let (signals, received) = mpsc::channel();
        let loaded = Arc::clone(loaded);
        let look = move || look_until_the_end(loaded, &received, &events);
        match std::thread::Builder::new().name("alarms".into()).spawn(look) {
            Ok(thread) => Self { signals: Some(signals), thread: Some(thread), found: Level::Ok },
            Err(error) => {
                log::warning(format_args!("cannot start the thread for alarms: {error}"));
                Self::default()
            }
        }
    }

    /// Something happened that may be worth an alarm.
    pub fn look(&self) {
        self.signal(Signal::Look);
    }

    /// It has looked.
    pub fn looked(&mut self, found: Level) {
        self.found = found;
    }

    /// Something happened that may end what is wrong, if anything is.
    pub fn look_whether_over(&self) {
        if self.found != Level::Ok {
            self.look();
        }
    }

    /// Writes figures to a file.
    pub fn write(&self, path: PathBuf, text: String) {
        self.signal(Signal::Write(path, text));
    }

    /// The configuration changed.
    pub fn adopt(&self, loaded: &Arc<Loaded>) {
        self.signal(Signal::Adopt(Arc::clone(loaded)));
    }

    /// Looks once more and waits for the end of that. A runner that was told to stop does not wait for servers of others.
    pub fn finish(&mut self) {
        self.signal(Signal::End);
        if let Some(thread) = self.thread.take() {
            // A panic has ended the process.
            let _ = thread.join();
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(signals) = &self.signals {
            // The thread ends last.
            let _ = signals.send(signal);
        }
    }
}

fn look_until_the_end(mut loaded: Arc<Loaded>, signals: &Receiver<Signal>, events: &Sender<Event>) {
    let mut earliest = Instant::now() + GATHERING;
    let mut due = earliest;
    loop {
        match signals.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(Signal::Look) => due = due.min(earliest.max(Instant::now() + GATHERING)),
            Ok(Signal::Adopt(next)) => {
                loaded = next;
                due = due.min(earliest.max(Instant::now() + GATHERING));
            }
            Ok(Signal::Write(path, text)) => {
                if let Err(error) = replaced_file::replace(&path, &text, 0o644) {
                    log::warning(format_args!("cannot write {}: {error}", path.display()));
                }
            }
            Ok(Signal::End) => {
                look(&loaded, events);
                return;
            }
            Err(RecvTimeoutError::Timeout) => {
                let looked = look(&loaded, events);
                earliest = Instant::now() + looked.cost.saturating_mul(REST);
                due = earliest.max(Instant::now() + looked.again.unwrap_or(EVERY).clamp(GATHERING, EVERY));
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// What a look took, and when the next is due at the latest.
#[derive(Debug, Default)]
struct Looked {
    /// The time that went into reading the queue. Waiting for somebody's server costs the machine nothing.
    cost: Duration,
    again: Option<Duration>,
}

/// Looks and tells.
fn look(loaded: &Loaded, events: &Sender<Event>) -> Looked {
    let alarm = &loaded.config.alarm;
    if !(alarm.has_channel()
        || alarm.motd
        || alarm.heartbeat.is_some()
        || loaded.config.metrics.textfile.is_some()
        || notify::is_wanted())
    {
        return Looked::default();
    }
    let begun = Instant::now();
    let report = find(loaded, events);
    let cost = begun.elapsed();
    let told = report.and_then(|report| {
        let due = alarm::tell(&loaded.config, Some(&loaded.spool), &report)?;
        let again = (report.level != Level::Ok).then_some(EVERY_IN_TROUBLE);
        Ok(due.into_iter().chain(again).min())
    });
    let again = told.unwrap_or_else(|error| {
        log::warning(format_args!("cannot look for trouble: {error}"));
        None
    });
    Looked { cost, again }
}

/// What is wrong, as the event loop and the service manager are told at once.
fn find(loaded: &Loaded, events: &Sender<Event>) -> Result<Report, SpoolError> {
    let (config, spool) = (&loaded.config, &loaded.spool);
    let mut report = status::look(Some(config), Some(spool))?;
    report.extend(loaded.unreadable().map(status::unreadable));
    let health = account_health::current(spool, Some(config));
    let ends = certificate_end::all(config, Some(spool));
    let metrics = exposition::of_status(&report, &health, &ends, Timestamp::now());
    // The loop may have ended.
    let _ = events.send(Event::Looked { metrics, level: report.level });
    notify::status(&report.clone().public().summary());
    Ok(report)
}
