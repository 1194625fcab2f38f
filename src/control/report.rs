//! What keeps mail from flowing, or will: the one shape in which `status`, `check` and `route` report it, and the closed list of
//! its kinds. Finding it is the business of each; postrider-formats(5) describes the JSON.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How bad something is, with the numbers of monitoring plug-ins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Level {
    /// Nothing to do.
    #[default]
    Ok = 0,
    /// It may go by itself, or loses nothing yet.
    Warning = 1,
    /// It needs a person.
    Critical = 2,
    /// It could not be looked at.
    Unknown = 3,
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level as Self
    }
}

impl TryFrom<u8> for Level {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        let all = [Self::Ok, Self::Warning, Self::Critical, Self::Unknown];
        all.into_iter().find(|level| u8::from(*level) == number).ok_or_else(|| format!("{number} is not a level"))
    }
}

/// What a reason is about. Programs tell reasons apart by it, so a name never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It could not be looked.
    Unknown,
    /// The configuration.
    Config,
    /// A lookup table.
    Table,
    /// The runner.
    Runner,
    /// Free space.
    Space,
    /// A limit of a user.
    Limit,
    /// A listener.
    Listener,
    /// An account that its owner must fix.
    Account,
    /// A relay that cannot be used now.
    Relay,
    /// No account at all.
    NoAccount,
    /// A sender that no account serves.
    Unserved,
    /// A sender, or a client, that the provider rejects.
    Rejected,
    /// A local recipient without an address.
    Unmapped,
    /// A recipient that is refused.
    Refused,
    /// Mail that nobody asked to hold.
    Held,
    /// Mail that waits for long.
    Late,
    /// Mail in failed/.
    Failed,
    /// A message that cannot be read.
    Damaged,
    /// A row that rewrites wrongly, or is missing.
    Rewriting,
    /// A password.
    Password,
    /// Certificates.
    Tls,
    /// A file that others may read or change.
    Permissions,
    /// The spool.
    Spool,
    /// A file, user or group of the installation.
    Installation,
    /// The names under which programs call a mailer.
    Sendmail,
    /// An alias.
    Alias,
    /// The recipients of cron's mail.
    Cron,
    /// This machine's clock.
    Clock,
    /// An expected sender that does not write.
    Silence,
    /// Alarms that cannot be sent.
    Alarm,
}

impl Kind {
    /// As in JSON.
    #[must_use]
    pub fn name(self) -> String {
        let name = serde_json::to_value(self).ok();
        name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// How bad it is.
    pub level: Level,
    /// What it is about.
    pub kind: Kind,
    /// Which one of these: an account, a file, an address.
    pub subject: Option<String>,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub cure: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Messages that it concerns, where they are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
}

impl Reason {
    /// What is wrong.
    #[must_use]
    pub fn new(level: Level, kind: Kind, text: impl Into<String>) -> Self {
        Self { level, kind, subject: None, text: text.into(), cure: None, since: None, count: None }
    }

    /// One sentence: what is wrong, a semicolon, what to do.
    #[must_use]
    pub fn of_sentence(level: Level, kind: Kind, sentence: &str) -> Self {
        let (text, cure) = sentence.split_once("; ").map_or((sentence, None), |(text, cure)| (text, Some(cure)));
        Self { cure: cure.map(str::to_owned), ..Self::new(level, kind, text) }
    }

    /// Of which one.
    #[must_use]
    pub fn of(self, subject: impl fmt::Display) -> Self {
        Self { subject: Some(subject.to_string()), ..self }
    }

    /// What to do.
    #[must_use]
    pub fn cured_by(self, cure: impl Into<String>) -> Self {
        Self { cure: Some(cure.into()), ..self }
    }

    /// Since when.
    #[must_use]
    pub fn since(self, since: Option<Timestamp>) -> Self {
        Self { since, ..self }
    }

    /// How many messages it concerns.
    #[must_use]
    pub fn counting(self, count: usize) -> Self {
        Self { count: Some(count), ..self }
    }

    /// As far as anybody may know it: servers quote addresses, and so do cures and keys.
    fn public(self) -> Self {
        let subject = self.subject.as_deref().unwrap_or_default();
        let text = match self.kind {
            Kind::Account | Kind::Relay => format!("account {subject} is in trouble"),
            Kind::Config => return Self { text: format!("cannot read the configuration: {subject}"), ..self },
            Kind::Limit => {
                return Self {
                    subject: None,
                    text: "a user has almost reached a limit".to_owned(),
                    cure: None,
                    ..self
                };
            }
            Kind::Silence => {
                return Self { subject: None, text: "an expected sender is silent".to_owned(), cure: None, ..self };
            }
            // Behind the colon are the provider's words.
            Kind::Rejected => self.text.split(": ").next().unwrap_or_default().to_owned(),
            Kind::Unmapped => return Self { cure: None, ..self },
            // What follows quotes the entry.
            Kind::Table => self.text.split("invalid pattern").next().unwrap_or_default().to_owned(),
            _ => return self,
        };
        Self { text, cure: None, ..self }
    }
}

/// As people read it: what is wrong, and the way out in parentheses.
impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cure {
            Some(cure) => write!(out, "{} ({cure})", self.text),
            None => out.write_str(&self.text),
        }
    }
}

/// What was counted: messages, unless noted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// To be sent.
    pub waiting: usize,
    /// Held.
    pub held: usize,
    /// Waiting for longer than `warn_after`.
    pub late: usize,
    /// In drop/.
    pub dropped: usize,
    /// In raw/.
    pub raw: usize,
    /// In failed/.
    pub failed: usize,
    /// Not readable.
    pub damaged: usize,
    /// The age of the oldest that waits, in seconds.
    pub oldest: u64,
    /// Of the configuration, in seconds.
    pub warn_after: u64,
    /// Whether a runner holds the lock.
    pub runner: bool,
}

/// All that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// That of the worst reason.
    pub level: Level,
    /// The worst first.
    pub reasons: Vec<Reason>,
    /// What was counted, where the queue was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Figures>,
}

impl Report {
    /// Of these reasons.
    #[must_use]
    pub fn of(reasons: impl IntoIterator<Item = Reason>) -> Self {
        let mut report = Self::default();
        report.extend(reasons);
        report
    }

    /// With one reason more, after those that are as bad.
    pub fn add(&mut self, reason: Reason) {
        self.level = self.level.max(reason.level);
        let at = self.reasons.partition_point(|known| known.level >= reason.level);
        self.reasons.insert(at, reason);
    }

    /// The worst in one line, and how many there are.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut bad = self.reasons.iter().filter(|reason| reason.level > Level::Ok);
        match (bad.next(), bad.count()) {
            (None, _) => self.queue.as_ref().map_or_else(String::new, |queue| format!("{} queued", queue.waiting)),
            (Some(worst), 0) => worst.text.clone(),
            (Some(worst), more) => format!("{}, and {more} more", worst.text),
        }
    }

    /// As far as anybody may know it.
    #[must_use]
    pub fn public(self) -> Self {
        Self { reasons: self.reasons.into_iter().map(Reason::public).collect(), ..self }
    }
}

impl Extend<Reason> for Report {
    fn extend<T: IntoIterator<Item = Reason>>(&mut self, reasons: T) {
        for reason in reasons {
            self.add(reason);
        }
    }
}

#[cfg(test)]
mod tests;
