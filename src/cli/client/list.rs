//! `postrider client list`: the clients, and what the runner remembers of them.

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::exit::{Exit, Failure};
use crate::cli::queue::{QueueError, quiet};
use crate::config::Config;
use crate::config::client::Client;
use crate::mail::printable::printable;
use crate::spool::Spool;
use crate::spool::client_activity::{self, ClientActivity, FailedHandshake, Seen};

pub(super) fn run(config: &Config) -> Result<Exit, Failure> {
    let activity = Spool::find(&config.spool)?.map(|spool| client_activity::read(&spool)).unwrap_or_default();
    quiet(print(config, &activity, &mut io::stdout().lock()).map_err(QueueError::from))
}

fn print(config: &Config, activity: &ClientActivity, out: &mut impl Write) -> io::Result<()> {
    if config.clients.is_empty() {
        writeln!(out, "There are no network clients; \"postrider client add NAME\" adds one.")?;
    }
    for client in &config.clients {
        writeln!(out, "{}", headline(client))?;
        let seen = activity.clients.get(client.name.as_str()).cloned().unwrap_or_default();
        lines(&seen).iter().try_for_each(|line| writeln!(out, "    {}", printable(line)))?;
    }
    if !activity.handshakes.is_empty() {
        writeln!(out, "Failed TLS handshakes:")?;
    }
    activity.handshakes.iter().try_for_each(|failed| writeln!(out, "    {}", printable(&handshake(failed))))
}

fn headline(client: &Client) -> String {
    let networks: Vec<String> = client.networks.iter().map(ToString::to_string).collect();
    let (networks, owner) = (networks.join(", "), &client.owner);
    let known = match (client.scram.is_empty(), networks.is_empty()) {
        (true, true) => "has neither a password nor an address yet".to_owned(),
        (true, false) => format!("known by its address, {networks}"),
        (false, true) => "logs in".to_owned(),
        (false, false) => format!("logs in from {networks}"),
    };
    format!("{}  owner {owner}, {known}", client.name)
}

fn lines(seen: &Seen) -> Vec<String> {
    let login = seen.last_login.as_ref().map(|login| {
        let how = login.mechanism.iter().chain(&login.tls).cloned().collect::<Vec<_>>().join(", ");
        let how = if how.is_empty() { String::new() } else { format!(" ({how})") };
        format!("last login    {}  from {}{how}", time(login.at), login.from)
    });
    let refusal = seen.last_refusal.as_ref().map(|refused| {
        format!("last refusal  {}  from {}, {}: {}", time(refused.at), refused.from, refused.command, refused.reason)
    });
    Some(login.unwrap_or_else(|| "never logged in".to_owned())).into_iter().chain(refusal).collect()
}

fn handshake(failed: &FailedHandshake) -> String {
    let offered = match failed.offered.as_slice() {
        [] => String::new(),
        versions => format!(", offering {}", versions.join(", ")),
    };
    format!("{}  from {} at listener {}{offered}: {}", time(failed.at), failed.from, failed.listener, failed.reason)
}

fn time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}
