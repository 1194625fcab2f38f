//! The table of phrases: its rows, the providers and their hosts, and the search for the first row that knows a
//! reply. The rows themselves are data, in `phrases.tsv`, whose header tells how to add one.

use std::sync::LazyLock;
use std::time::Duration;

use super::pattern::{Folded, Pattern};
use super::wait;
use crate::rules::meaning::{Meaning, Stage};

/// The table as it is shipped. `no_row_is_bad` proves that every row of it is read.
static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(PHRASES).0);

/// Its rows of hosts alone. Every session needs them, but the patterns, which take long to parse, only a refusal.
static HOSTS: LazyLock<Vec<Host>> = LazyLock::new(|| PHRASES.lines().filter_map(hosts).flatten().collect());

const PHRASES: &str = include_str!("phrases.tsv");

/// In the first column: the row holds for every server.
const ANY_PROVIDER: &str = "*";

/// A mail provider, known by the names of its servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Provider(&'static str);

impl Provider {
    /// The provider that a relay of these host names belongs to.
    pub fn of<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        hosts.into_iter().find_map(provider).map(Self)
    }

    /// Its word in the table of phrases.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// What a row says of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) meaning: Meaning,
    /// The time in place of `{wait}`.
    pub(super) wait: Option<Duration>,
    /// The time that the row has beside its meaning.
    pub(super) usual_wait: Option<Duration>,
    pub(super) owner: Owner,
}

/// Whose words a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The provider's of this account.
    Provider,
    /// Anybody's.
    Anyone,
}

/// The first row that knows the reply: the provider's rows, then the general ones.
pub(super) fn first(provider: Option<Provider>, stage: Stage, folded: &Folded) -> Option<Hit> {
    TABLE.first(provider, stage, folded)
}

/// The rows in the order of the file.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<Row>,
    hosts: Vec<Host>,
}

/// Provider and the end of a host name.
type Host = (&'static str, &'static str);

#[derive(Debug)]
struct Row {
    /// `None`: every provider.
    provider: Option<&'static str>,
    stages: Vec<Stage>,
    pattern: Pattern,
    meaning: Meaning,
    wait: Option<Duration>,
}

/// A line of the table that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
struct BadRow {
    line: usize,
    reason: String,
}

fn columns(line: &'static str) -> Vec<&'static str> {
    line.split('\t').map(str::trim).collect()
}

/// A row of hosts.
fn hosts(line: &'static str) -> Option<impl Iterator<Item = Host>> {
    match columns(line)[..] {
        ["hosts", provider, hosts] if !hosts.is_empty() => Some(hosts.split(' ').map(move |host| (provider, host))),
        _ => None,
    }
}

fn provider(host: &str) -> Option<&'static str> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_at_or_below = |end: &str| host.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    HOSTS.iter().find(|(_, end)| is_at_or_below(end)).map(|(provider, _)| *provider)
}

impl Table {
    /// Reads the table; rows that cannot be read are left out and named.
    fn read(text: &'static str) -> (Self, Vec<BadRow>) {
        let (mut table, mut bad) = (Self::default(), Vec::new());
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(reason) = table.add(line) {
                bad.push(BadRow { line: at + 1, reason });
            }
        }
        (table, bad)
    }

    fn add(&mut self, line: &'static str) -> Result<(), String> {
        if let Some(hosts) = hosts(line) {
            self.hosts.extend(hosts);
            return Ok(());
        }
        match columns(line)[..] {
            [provider, stages, pattern, meaning, source] if !source.is_empty() => {
                let is_known = |name| self.hosts.iter().any(|(known, _)| *known == name);
                if provider != ANY_PROVIDER && !is_known(provider) {
                    return Err(format!("provider \"{provider}\" has no row of hosts before this one"));
                }
                let (meaning, wait) = read_meaning(meaning)?;
                let stages = stages.split(' ').map(read_stage).collect::<Result<Vec<_>, _>>()?.concat();
                let pattern = Pattern::parse(pattern).map_err(|error| error.to_string())?;
                let provider = (provider != ANY_PROVIDER).then_some(provider);
                self.rows.push(Row { provider, stages, pattern, meaning, wait });
                Ok(())
            }
            _ => Err("a row has five columns, none of them empty, divided by tabs".to_owned()),
        }
    }

    fn first(&self, provider: Option<Provider>, stage: Stage, folded: &Folded) -> Option<Hit> {
        let hit = |row: &Row| {
            let found = row.stages.contains(&stage).then(|| row.pattern.find(folded)).flatten()?;
            let owner = if row.provider.is_some() { Owner::Provider } else { Owner::Anyone };
            Some(Hit { meaning: row.meaning, wait: found.wait, usual_wait: row.wait, owner })
        };
        let own =
            provider.and_then(|Provider(name)| self.rows.iter().filter(|row| row.provider == Some(name)).find_map(hit));
        own.or_else(|| self.rows.iter().filter(|row| row.provider.is_none()).find_map(hit))
    }
}

/// `sending-limit`, or `sending-limit 24 hours`.
fn read_meaning(text: &str) -> Result<(Meaning, Option<Duration>), String> {
    let (name, wait) = text.split_once(' ').map_or((text, None), |(name, wait)| (name, Some(wait)));
    let meaning = Meaning::named(name).ok_or_else(|| format!("\"{name}\" is not a meaning"))?;
    match wait.map(|wait| (wait, wait::at_start(wait))) {
        None => Ok((meaning, None)),
        Some((text, Some((wait, length)))) if length == text.len() => Ok((meaning, Some(wait))),
        Some((text, _)) => Err(format!("\"{text}\" is not a time such as \"24 hours\"")),
    }
}

/// A stage, or a word for several.
fn read_stage(name: &str) -> Result<Vec<Stage>, String> {
    match name {
        "any" => Ok(Stage::ALL.to_vec()),
        "message" => Ok(Stage::ALL.into_iter().filter(|stage| stage.is_in_transaction()).collect()),
        _ => Stage::ALL
            .into_iter()
            .find(|stage| stage.name() == name)
            .map(|stage| vec![stage])
            .ok_or_else(|| format!("\"{name}\" is not a stage")),
    }
}

#[cfg(test)]
mod tests;
