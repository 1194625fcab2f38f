//! The top of the file, `[queue]`, and what holds between sections.

use std::path::PathBuf;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::faults::Faults;
use super::section::{At, Section, Value, not_zero, wrong_type};
use super::tables::{Rows, sources};
use super::{Surroundings, account, alarm, client, flood, idle_exit, limits, listener, mailbox, rewriting};
use crate::config::keys::{METRICS_KEYS, QUEUE_KEYS, TOP_KEYS, nearest};
use crate::config::{Account, Config, Delivery, Log, Metrics, Queue, places};
use crate::log::DEFAULT_NAME;
use crate::mail::address::Address;

/// Of `syslog_name`, in octets.
const LONGEST_NAME: usize = 32;
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const RETRY_MIN: Duration = Duration::from_mins(1);
const RETRY_MAX: Duration = HOUR;

/// The whole config; faults that were added make it unusable even where it is `Some`.
pub(super) fn config(around: &Surroundings, table: &DeTable, faults: &mut Faults) -> Option<Config> {
    let top = Section::open(table, TOP_KEYS, faults);
    let hostname = domain(&top, "hostname", faults);
    let origin = domain(&top, "origin", faults);
    let accounts = account::accounts(around, &top, faults);
    let default_account = default_account(&top, &accounts, faults);
    let on_stuck_after = top.duration("on_stuck_after", faults).map_or(HOUR, |read| read.value);
    let mut config = Config {
        path: around.path.to_owned(),
        others: Vec::new(),
        default_account,
        postmaster: postmaster(&top, faults),
        operators: words("operators", &top, faults),
        on_stuck: words("on_stuck", &top, faults),
        on_stuck_after,
        delivery: delivery(&top, faults),
        log: log(&top, faults),
        syslog_name: syslog_name(&top, faults),
        from_name: from_name(&top, faults),
        received: top.flag("received", faults).unwrap_or(true),
        generic: sources("generic", Rows::Postmap, around, &top, faults),
        generic_classes: rewriting::generic_classes(&top, faults),
        rewriting: rewriting::rewriting(around, &top, faults),
        recipient_delimiter: delimiter(&top, faults),
        queue: queue(&top, faults),
        limits: limits::limits(&top, faults),
        alarm: alarm::alarm(around, on_stuck_after, &top, faults),
        metrics: metrics(around, &top, faults),
        flood: flood::flood(&top, faults),
        spool: spool(around, &top, faults)?,
        local: mailbox::mailbox(around, &top, &accounts, faults),
        local_users: mailbox::local_users(around, &top, faults),
        accounts,
        listeners: listener::listeners(around, &top, faults),
        clients: client::clients(around, &top, faults),
        hostname: String::new(),
        origin: String::new(),
        own_domains: top.has("own_domains").then(|| rewriting::domains("own_domains", &top, faults)),
    };
    client::check_names(&top, &config, faults);
    idle_exit::check(around, &top, &config, faults);
    let state = places::state_dir(&config.spool);
    for account in &mut config.accounts {
        if let Some(oauth) = &mut account.oauth {
            oauth.state.clone_from(&state);
        }
    }
    let hostname = hostname.unwrap_or_else(around.hostname);
    Some(Config { origin: origin.unwrap_or_else(|| hostname.clone()), hostname, ..config })
}

fn domain(top: &Section, name: &str, faults: &mut Faults) -> Option<String> {
    let text = top.text(name, faults)?;
    let name_only = text.value.is_ascii() && !text.value.starts_with(['[', '.']);
    if !name_only || Address::new("x", text.value).is_err() {
        faults.add(text.at, format!("`{name}` is not a domain name: write one such as \"homebox.home.lan\""));
    }
    Some(text.value.to_owned())
}

fn postmaster(top: &Section, faults: &mut Faults) -> String {
    let Some(text) = top.text("postmaster", faults) else { return "root".to_owned() };
    let complete = if text.value.contains('@') { text.value.to_owned() } else { format!("{}@x", text.value) };
    if let Err(error) = Address::parse(&complete) {
        faults.add(text.at, format!("`postmaster` must be one address or login: {error}"));
    }
    text.value.to_owned()
}

fn words(name: &str, top: &Section, faults: &mut Faults) -> Vec<String> {
    let words = top.texts(name, faults).unwrap_or_default();
    words.into_iter().map(|word| word.value.to_owned()).collect()
}

fn delivery(top: &Section, faults: &mut Faults) -> Delivery {
    let Some(text) = top.text("delivery", faults) else { return Delivery::Background };
    match text.value {
        "queue" => Delivery::Queue,
        "background" => Delivery::Background,
        "interactive" => Delivery::Interactive,
        _ => {
            faults.add(text.at, "`delivery` must be \"queue\", \"background\" or \"interactive\"");
            Delivery::Background
        }
    }
}

fn log(top: &Section, faults: &mut Faults) -> Option<Log> {
    let text = top.text("log", faults)?;
    match text.value {
        "syslog" => Some(Log::Syslog),
        "stderr" => Some(Log::Stderr),
        _ => {
            faults.add(text.at, "`log` must be \"syslog\" or \"stderr\"");
            None
        }
    }
}

/// Empty means none, so this is the one text that may be.
fn delimiter(top: &Section, faults: &mut Faults) -> String {
    let Some(value) = top.get("recipient_delimiter") else { return "+".to_owned() };
    let DeValue::String(text) = value.get_ref() else {
        wrong_type("recipient_delimiter", "a string in quotes", value, faults);
        return String::new();
    };
    if text.chars().any(|c| !c.is_ascii_graphic() || "@\"<>,\\".contains(c)) {
        let message =
            "`recipient_delimiter` must be the characters between user and extension, such as \"+\", or \"\" for none";
        faults.add(value.span().start, message);
    }
    text.to_string()
}

/// What a tag of syslog can hold (RFC 3164 section 4.1.3) and its readers expect of Postfix's.
fn from_name(top: &Section, faults: &mut Faults) -> Option<String> {
    let text = top.text("from_name", faults)?;
    if text.value.contains(char::is_control) {
        faults.add(text.at, "`from_name` contains a control character");
    }
    Some(text.value.to_owned())
}

fn syslog_name(top: &Section, faults: &mut Faults) -> String {
    let Some(text) = top.text("syslog_name", faults) else { return DEFAULT_NAME.to_owned() };
    let is_usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if text.value.len() > LONGEST_NAME || !text.value.chars().all(is_usual) {
        let message = "`syslog_name` must be a name of at most 32 letters, digits and -_./ such as \"postfix\"";
        faults.add(text.at, message);
    }
    text.value.to_owned()
}

fn spool(around: &Surroundings, top: &Section, faults: &mut Faults) -> Option<PathBuf> {
    if top.has("spool") {
        return top.path("spool", around, faults);
    }
    if around.spool.is_none() {
        faults.add(0, "this user has no home directory for the spool: set `spool` to a directory of this user");
    }
    around.spool.clone()
}

fn default_account(top: &Section, accounts: &[Account], faults: &mut Faults) -> Option<String> {
    let only = || match accounts {
        [only] => Some(only.name.clone()),
        _ => None,
    };
    let Some(text) = top.text("default_account", faults) else { return only() };
    if !accounts.iter().any(|account| account.name == text.value) {
        let near = nearest(text.value, accounts.iter().map(|account| account.name.as_str()));
        let way_out = match (near, accounts) {
            (Some(near), _) => format!("did you mean \"{near}\"?"),
            (None, []) => "there are no accounts".to_owned(),
            (None, _) => {
                let names = accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>();
                format!("existing accounts: {}", names.join(", "))
            }
        };
        faults.add(text.at, format!("`default_account` does not match any [account.NAME] in this file; {way_out}"));
    }
    Some(text.value.to_owned())
}

fn queue(top: &Section, faults: &mut Faults) -> Queue {
    let nothing = DeTable::new();
    let value = top.get("queue");
    let table = match value.map(Value::get_ref) {
        Some(DeValue::Table(table)) => table,
        _ => &nothing,
    };
    if let Some(value) = value.filter(|value| !value.get_ref().is_table()) {
        wrong_type("queue", "a section, [queue]", value, faults);
    }
    let section = Section::open(table, QUEUE_KEYS, faults);
    let retry_min = section.duration("retry_min", faults);
    let retry_max = section.duration("retry_max", faults);
    paces_fit(retry_min, retry_max, faults);
    let or = |read: Option<At<Duration>>, default| read.map_or(default, |read| read.value);
    let mut time = |name, default| or(section.duration(name, faults), default);
    let (lifetime, warn_after) = (time("lifetime", DAY * 5), time("warn_after", HOUR * 4));
    let history = time("history", DAY * 90);
    let reports = section.count("reports_per_hour", faults).unwrap_or(20);
    Queue {
        retry_min: or(retry_min, RETRY_MIN),
        retry_max: or(retry_max, RETRY_MAX),
        lifetime,
        warn_after,
        max_message_size: section.size("max_message_size", faults).map_or(50_000_000, |read| read.value),
        min_free_space: section.size("min_free_space", faults).map_or(Queue::MIN_FREE_SPACE, |read| read.value),
        history,
        bounce_size: section.size("bounce_size", faults).map_or(50_000, |read| read.value),
        reports_per_hour: reports.try_into().unwrap_or(u32::MAX),
        idle_exit: section.duration("idle_exit", faults).map(|read| read.value),
    }
}

fn metrics(around: &Surroundings, top: &Section, faults: &mut Faults) -> Metrics {
    let nothing = DeTable::new();
    let value = top.get("metrics");
    let table = match value.map(Value::get_ref) {
        Some(DeValue::Table(table)) => table,
        _ => &nothing,
    };
    if let Some(value) = value.filter(|value| !value.get_ref().is_table()) {
        wrong_type("metrics", "a section, [metrics]", value, faults);
    }
    let section = Section::open(table, METRICS_KEYS, faults);
    Metrics { textfile: section.path("textfile", around, faults) }
}

fn paces_fit(least: Option<At<Duration>>, most: Option<At<Duration>>, faults: &mut Faults) {
    for (name, read) in [("retry_min", least), ("retry_max", most)] {
        if let Some(read) = read {
            not_zero(name, &read, faults);
        }
    }
    match (least, most) {
        (Some(least), Some(most)) if most.value < least.value => {
            faults.add(most.at, "`retry_max` is shorter than `retry_min`: make it at least as long");
        }
        (None, Some(most)) if most.value < RETRY_MIN => {
            faults.add(most.at, "`retry_max` is shorter than `retry_min`, which is 1m by default: set both");
        }
        (Some(least), None) if least.value > RETRY_MAX => {
            faults.add(least.at, "`retry_min` is longer than `retry_max`, which is 1h by default: set both");
        }
        _ => {}
    }
}
