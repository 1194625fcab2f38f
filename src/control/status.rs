//! Is mail flowing, and if not, why: what `postrider status` prints, and what a `status` request
//! on the socket returns. It looks at the spool, the configuration and the disk, and at no server.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::{Timestamp, Zoned};

use super::account_files;
use super::alarm_files;
use super::certificate_end;
use super::clock_health;
use super::fallback;
use super::listeners;
use super::loaded::Unreadable;
use super::own_mailbox;
use super::password_end;
use super::report::{Figures, Kind, Level, Reason, Report};
use super::runner_health;
use super::silence::{self, QueuedSenders};
use super::spool_health;
use crate::config::mailbox::shown_account;
use crate::config::places::is_system_spool;
use crate::config::{ArrivalTables, Config, LeavingTables, Limits};
use crate::deliver::plan::{self, NoPlan};
use crate::mail::outcome::Outcome;
use crate::mail::submitter::Submitter;
use crate::spool::account_health::{self, Health, Outage, Trouble};
use crate::spool::clock::Clock;
use crate::spool::dropped::Place;
use crate::spool::history;
use crate::spool::journal::Journal;
use crate::spool::state::State;
use crate::spool::usage::Usage;
use crate::spool::{Envelope, MessageId, Spool, SpoolError, lock};
use crate::sys::descriptor;
use crate::sys::user::Caller;

/// When mail is late while no configuration can be read.
const WARN_AFTER: Duration = Duration::from_hours(4);

/// So many files are open at once while it looks.
const DESCRIPTORS: usize = 6;

/// So many cures of a kind are named; mail may ask for any number.
const MOST_CURES: usize = 10;

/// The share of a limit from which a user's mail is about to be refused, in percent.
const NEARLY_FULL: u64 = 80;

/// Looks at the spool, with the configuration if it can be read.
pub fn look(config: Option<&Config>, spool: Option<&Spool>) -> Result<Report, SpoolError> {
    let too_few = |error| SpoolError::Io { action: "open", path: "/dev/null".into(), error };
    descriptor::spare(DESCRIPTORS).map_err(too_few)?;
    let warn_after = config.map_or(WARN_AFTER, |config| config.queue.warn_after);
    let leaving = config.map(LeavingTables::load);
    let mut report = Report::default();
    if let (Some(config), Some(leaving)) = (config, &leaving) {
        report.extend(configured(config, leaving));
    }
    let mut figures = Figures { warn_after: warn_after.as_secs(), ..Figures::default() };
    report.extend(spool_health::room(config, spool)?);
    let mut outages = Health::new();
    let now = Timestamp::now();
    report.extend(clock_health::stopped(now));
    report.extend(config.into_iter().flat_map(|config| certificate_end::warnings(config, spool, now)));
    if let Some(spool) = spool {
        report.extend(spool_health::unusable(spool)?);
        outages = account_health::current(spool, config);
        // The lock is taken for a moment only.
        figures.runner = lock::is_held(spool).unwrap_or(false);
        if figures.runner {
            report.extend(listeners::closed(spool));
            report.extend(runner_health::without_socket(spool));
        }
        figures.failed = known(spool.failed())?.len();
        figures.dropped = known(spool.waiting_names(Place::Drop))?.len();
        figures.raw = known(spool.waiting_names(Place::Raw))?.len();
        let mut queue = QueueScan { figures, served: config.zip(leaving.as_ref()), ..QueueScan::new(spool)? };
        queue.expected = config.map(QueuedSenders::of).unwrap_or_default();
        queue.run(warn_after)?;
        if let Some(config) = config {
            // Without the state directory, the rest can be said all the same.
            let silent = silence::warnings(config, spool, &queue.expected, &queue.clock);
            report.extend(
                silent.unwrap_or_else(|error| vec![Reason::new(Level::Warning, Kind::Spool, error.to_string())]),
            );
        }
        queue.count_history(config.map_or_else(Limits::default, |config| config.limits))?;
        report.extend(queue.reasons(config));
        figures = queue.figures;
    }
    let mut taken_over = config.map(|config| fallback::taken_over(config, spool)).unwrap_or_default();
    taken_over.retain(|reason| reason.subject.as_ref().is_none_or(|account| !outages.contains_key(account)));
    report.extend(of_accounts(config, outages, Lateness { now, after: warn_after }));
    report.extend(taken_over);
    report.extend(config.and_then(own_mailbox::unusable));
    report.extend(counted(&figures));
    if spool.is_some_and(is_the_machines) && !figures.runner {
        report.extend(runner_health::absent(&figures));
    } else if !figures.runner && figures.waiting + figures.dropped + figures.raw > 0 {
        let stopped = Reason::new(Level::Ok, Kind::Runner, "the postrider service is not running");
        report.add(stopped.cured_by("`postrider flush` sends now, `postrider run` keeps running"));
    }
    report.queue = Some(figures);
    Ok(report)
}

/// What could be counted. What a folder of the spool keeps from it is a reason of its own.
fn known<T: Default>(counted: Result<T, SpoolError>) -> Result<T, SpoolError> {
    match counted {
        Err(error) if !error.is_shortage() => Ok(T::default()),
        counted => counted,
    }
}

/// That nothing is sent, and what comes in is only kept.
#[must_use]
pub fn unreadable(unreadable: Unreadable) -> Reason {
    let Unreadable { place, reason } = unreadable;
    let what = reason.as_ref().unwrap_or(&place);
    let text = format!("cannot read the configuration: {what}");
    let reason = Reason::new(Level::Critical, Kind::Config, text).of(place);
    reason.cured_by("see `postrider check`; a service that is running keeps the one it has read, any other keeps mail until it is fixed")
}

/// What can be said without looking at any mail.
fn configured(config: &Config, leaving: &LeavingTables) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if config.accounts.is_empty() {
        let reason = Reason::new(Level::Warning, Kind::NoAccount, "no account is set up yet, so all mail waits");
        reasons.push(reason.of(config.path.display()).cured_by("run `postrider init`"));
    }
    reasons.extend(listeners::certificates(config, Timestamp::now()));
    reasons.extend(password_end::warnings(config, Zoned::now().date()));
    reasons.extend(listeners::unidentified(config));
    reasons.extend(alarm_files::unusable(config));
    reasons.extend(listeners::renewals(config, Timestamp::now()));
    let faults = leaving.first_faults().into_iter().chain(ArrivalTables::load(&config.rewriting).first_faults());
    reasons.extend(faults.map(|(path, fault)| {
        let reason = Reason::new(Level::Critical, Kind::Table, fault.to_string()).of(path.display());
        reason.cured_by("see `postrider check`")
    }));
    reasons
}

/// What the counts alone mean.
fn counted(figures: &Figures) -> Vec<Reason> {
    let counts = [
        (
            figures.raw,
            Level::Critical,
            Kind::Table,
            "accepted while the configuration or a table could not be read",
            None,
        ),
        (figures.damaged, Level::Critical, Kind::Damaged, "unreadable", Some("see the log")),
        // Any user can have a message set aside, so that alone does not call anybody at night.
        (figures.failed, Level::Warning, Kind::Failed, "in failed/", Some("see `postrider queue list --failed`")),
    ];
    let counts = counts.into_iter().filter(|(count, ..)| *count > 0);
    counts
        .map(|(count, level, kind, what, cure)| Reason {
            cure: cure.map(str::to_owned),
            ..Reason::new(level, kind, messages(count, what)).counting(count)
        })
        .collect()
}

fn messages(count: usize, what: &str) -> String {
    let noun = if count == 1 { "message" } else { "messages" };
    format!("{count} {noun} {what}")
}

/// Messages of one kind for which the same helps.
#[derive(Debug, Clone, Default)]
struct Tally {
    messages: usize,
    since: Option<Timestamp>,
    /// What the provider said of the first.
    said: Option<String>,
}

impl Tally {
    fn add(&mut self, since: Timestamp) -> &mut Self {
        self.messages += 1;
        self.since = Some(self.since.map_or(since, |known| known.min(since)));
        self
    }

    fn said(&mut self, outcome: &Outcome) {
        self.said.get_or_insert_with(|| outcome.said());
    }
}

/// One look at every message of the queue.
struct QueueScan<'a> {
    spool: &'a Spool,
    clock: Clock,
    served: Option<(&'a Config, &'a LeavingTables)>,
    figures: Figures,
    tallies: BTreeMap<(Kind, Option<String>), Tally>,
    used: HashMap<Submitter, Usage>,
    expected: QueuedSenders<'a>,
    now: Timestamp,
}

impl<'a> QueueScan<'a> {
    fn new(spool: &'a Spool) -> Result<Self, SpoolError> {
        Ok(Self {
            spool,
            clock: Clock::start(spool),
            served: None,
            figures: Figures::default(),
            tallies: BTreeMap::new(),
            used: known(spool.used_beside_the_queue())?,
            expected: QueuedSenders::default(),
            now: Timestamp::now(),
        })
    }

    fn run(&mut self, warn_after: Duration) -> Result<(), SpoolError> {
        for id in self.spool.ids()? {
            match state(self.spool, &id) {
                Ok((envelope, octets, state)) => {
                    self.expected.saw(&envelope.sender, envelope.arrived);
                    let used = self.used.entry(envelope.submitter.clone()).or_default();
                    used.messages += 1;
                    used.octets = used.octets.saturating_add(octets);
                    if state.held {
                        self.figures.held += 1;
                        if state.is_held_by_us() {
                            self.tallies.entry((Kind::Held, None)).or_default().add(envelope.arrived);
                        }
                    } else {
                        self.waits(&envelope, &state, warn_after);
                    }
                }
                Err(SpoolError::Gone(_)) => {}
                Err(error) if error.is_shortage() => return Err(error),
                Err(_) => self.figures.damaged += 1,
            }
        }
        Ok(())
    }

    /// What was written of their mail today counts as well. It is read only where it may bring somebody near the limit.
    fn count_history(&mut self, limits: Limits) -> Result<(), SpoolError> {
        let now = Timestamp::now();
        let most = self.used.values().map(|used| used.octets).max().unwrap_or_default();
        let all = history::octets_of_day(self.spool, now);
        if all == 0 || !is_near(most.saturating_add(all), limits.waiting_size) {
            return Ok(());
        }
        for (submitter, octets) in known(history::octets_by_submitter(self.spool, now))? {
            let used = self.used.entry(submitter).or_default();
            used.octets = used.octets.saturating_add(octets);
        }
        Ok(())
    }

    fn waits(&mut self, envelope: &Envelope, state: &State, warn_after: Duration) {
        let age = self.clock.age(envelope.arrived);
        self.figures.waiting += 1;
        self.figures.oldest = self.figures.oldest.max(age.as_secs());
        let mut count = |kind| {
            self.tallies.entry((kind, None)).or_default().add(envelope.arrived);
        };
        if age >= warn_after {
            self.figures.late += 1;
            count(Kind::Late);
        }
        if clock_health::is_in_the_future(envelope.arrived, self.now) {
            count(Kind::Clock);
        }
        if self.served.is_some_and(|(config, generic)| is_unserved(config, generic, envelope, &state.pending())) {
            count(Kind::Unserved);
        }
        let since = state.grace_from.unwrap_or(envelope.arrived);
        let mut named: Vec<(Kind, &str)> = Vec::new();
        let pending = state.recipients.iter().filter(|recipient| recipient.is_pending());
        for outcome in pending.filter_map(|recipient| recipient.outcome.as_ref()) {
            let Some(cure) = outcome.cure.as_deref() else { continue };
            let kind = if outcome.code.is_some() { Kind::Rejected } else { Kind::Unmapped };
            if !named.contains(&(kind, cure)) {
                named.push((kind, cure));
                let tally = self.tallies.entry((kind, Some(cure.to_owned()))).or_default().add(since);
                if kind == Kind::Rejected {
                    tally.said(outcome);
                }
            }
        }
    }

    fn reasons(&mut self, config: Option<&Config>) -> Vec<Reason> {
        let mut of_kind: HashMap<Kind, usize> = HashMap::new();
        let mut reasons = Vec::new();
        for ((kind, cure), Tally { messages: count, since, said }) in std::mem::take(&mut self.tallies) {
            let known = of_kind.entry(kind).or_default();
            *known += 1;
            if *known > MOST_CURES {
                continue;
            }
            let (level, what, see) = match kind {
                Kind::Late => (Level::Warning, "waiting longer than warn_after", "see `mailq`"),
                // Any user can bring that about.
                Kind::Held => (
                    Level::Warning,
                    "held by postrider until somebody decides",
                    "see `mailq`, then release or delete it",
                ),
                Kind::Clock => (Level::Warning, clock_health::FROM_THE_FUTURE, clock_health::REMEDY),
                Kind::Unserved => (Level::Critical, "without an account for the sender", "see `postrider check`"),
                Kind::Rejected => {
                    (Level::Critical, "rejected by the provider for a reason to fix or wait out", "see `mailq`")
                }
                _ => (Level::Critical, "to a local user for whom no address is known", "see `mailq`"),
            };
            let said = said.map(|said| format!(": {said}")).unwrap_or_default();
            let reason = Reason::new(level, kind, messages(count, what) + &said).since(since).counting(count);
            reasons.push(reason.cured_by(cure.unwrap_or_else(|| see.to_owned())));
        }
        let limits = config.map_or_else(Limits::default, |config| config.limits);
        reasons.extend(self.used.iter().filter_map(|(who, used)| nearly_full(self.spool, who, *used, &limits)));
        reasons
    }
}

/// That the mail of this submitter will soon be refused: cron and most others lose what is refused.
fn nearly_full(spool: &Spool, submitter: &Submitter, used: Usage, limits: &Limits) -> Option<Reason> {
    let is_limited = match submitter {
        Submitter::Local(_) => is_the_machines(spool) && *submitter != Submitter::ROOT,
        Submitter::Client(_) => true,
    };
    let of_messages = is_near(used.messages, limits.waiting.into());
    if !is_limited || !(of_messages || is_near(used.octets, limits.waiting_size)) {
        return None;
    }
    let who = name_of(submitter);
    let (share, key) = if of_messages {
        (format!("has {} of {} messages in the queue or in failed/", used.messages, limits.waiting), "waiting")
    } else {
        let (used, limit) = (used.octets, limits.waiting_size);
        let of = "messages in the queue and in failed/, their journals, and today's history";
        (format!("uses {used} of {limit} bytes ({of})"), "waiting_size")
    };
    let text = format!("{who} {share}; mail is refused when the limit is reached");
    let reason = Reason::new(Level::Critical, Kind::Limit, text).of(who);
    Some(reason.cured_by(format!(
        "list the messages with `mailq`; delete those that are no longer needed, or raise `{key}` in [limits]"
    )))
}

fn is_near(used: u64, most: u64) -> bool {
    used.saturating_mul(100) >= most.saturating_mul(NEARLY_FULL)
}

fn name_of(submitter: &Submitter) -> String {
    match submitter {
        Submitter::Local(uid) => Caller::of(*uid).login,
        Submitter::Client(_) => submitter.to_string(),
    }
}

/// What keeps accounts from sending: what deliveries met, and what shows beforehand of those that met nothing yet.
fn of_accounts(config: Option<&Config>, outages: Health, lateness: Lateness) -> Vec<Reason> {
    let beforehand = config.map(account_files::unusable).unwrap_or_default().into_iter();
    let is_new = |reason: &Reason| {
        let outage = reason.subject.as_ref().and_then(|account| outages.get(account));
        outage.is_none_or(|outage| !outage.trouble.is_owners())
    };
    let mut reasons: Vec<Reason> = beforehand.filter(is_new).collect();
    let trouble = |(account, outage): (String, Outage)| trouble(shown_account(&account), outage, lateness);
    reasons.extend(outages.into_iter().map(trouble));
    reasons
}

/// When trouble that passes by itself has lasted long enough for a warning.
#[derive(Clone, Copy)]
struct Lateness {
    now: Timestamp,
    after: Duration,
}

fn trouble(account: &str, outage: Outage, lateness: Lateness) -> Reason {
    let Outage { reason, cure, resumes, next, since, trouble, .. } = outage;
    let reason = cure.as_ref().map_or_else(|| reason.clone(), |cure| without(&reason, cure));
    let lasted = Duration::try_from(lateness.now.duration_since(since)).unwrap_or_default();
    let (level, kind) = match trouble {
        Trouble::Login | Trouble::Setup => (Level::Critical, Kind::Account),
        Trouble::Relay if lasted >= lateness.after => (Level::Warning, Kind::Relay),
        Trouble::Relay => (Level::Ok, Kind::Relay),
    };
    // Our own sentences name it already.
    let named = format!("account {account}");
    let reason = if reason.starts_with(&format!("{named} ")) { reason } else { format!("{named}: {reason}") };
    let at = |time: Timestamp| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string();
    let text = match resumes {
        Some(resumes) if resumes > next => {
            format!("{reason} (it should be over at {}; trying once an hour until then)", at(resumes))
        }
        // At the time that the server named, or later where it named one before.
        Some(_) => format!("{reason} (next try at {})", at(next)),
        None => reason,
    };
    Reason { cure, ..Reason::new(level, kind, text).of(account).since(Some(since)) }
}

/// The text of an outage without the cure that it ends with, or that is followed by what the fallback accounts met.
fn without(reason: &str, cure: &str) -> String {
    let joints = [": ", "; "].map(|joint| format!("{joint}{cure}"));
    let found = joints.iter().find(|joint| reason.contains(joint.as_str()));
    found.map_or_else(|| reason.to_owned(), |joint| reason.replacen(joint.as_str(), "", 1))
}

fn is_the_machines(spool: &Spool) -> bool {
    is_system_spool(spool.dir())
}

/// Whether no account serves the sender. A default account serves every sender.
fn is_unserved(config: &Config, leaving: &LeavingTables, envelope: &Envelope, pending: &[usize]) -> bool {
    // The default serves every sender, but not mail for which another account was asked for.
    (config.default_account.is_none() || envelope.account.is_some())
        && matches!(plan::account_name(config, leaving, envelope, pending), Err(NoPlan::Account(_)))
}

/// The envelope, the octets on disk and the state of one message.
fn state(spool: &Spool, id: &MessageId) -> Result<(Envelope, u64, State), SpoolError> {
    let stored = spool.open_message(id)?;
    let octets = stored.octets().saturating_add(spool.journal_octets(id));
    let envelope = stored.envelope;
    let state = Journal::peek(spool, id, envelope.recipients.len())?;
    Ok((envelope, octets, state))
}
