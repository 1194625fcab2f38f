//! What an announcement says: one JSON object, a text for ntfy, or the owner's template. It holds host name, account name, kind,
//! number, age and our own words. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::config::alarm::{Format, Placeholder};
use crate::config::units;
use crate::mail::printable::printable;
use crate::spool::alarm_state::Condition;

/// Of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It began.
    Raised,
    /// It is over.
    Over,
    /// There is none; somebody wants to see that announcements arrive.
    Test,
}

impl Phase {
    /// As programs are told.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Over => "over",
            Self::Test => "test",
        }
    }
}

/// One announcement.
#[derive(Debug)]
pub struct Announcement<'a> {
    host: &'a str,
    phase: Phase,
    condition: &'a Condition,
    now: Timestamp,
}

/// What is posted.
#[derive(Debug)]
pub struct Posted {
    /// Of the body.
    pub content_type: &'static str,
    /// Further header fields.
    pub fields: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl<'a> Announcement<'a> {
    /// Of this machine.
    #[must_use]
    pub fn new(config: &'a Config, phase: Phase, condition: &'a Condition, now: Timestamp) -> Self {
        Self { host: &config.hostname, phase, condition, now }
    }

    /// A value by itself; empty where it has none.
    #[must_use]
    pub fn value(&self, placeholder: Placeholder) -> String {
        let condition = self.condition;
        let value = match placeholder {
            Placeholder::Host => self.host.to_owned(),
            Placeholder::State => self.phase.name().to_owned(),
            Placeholder::Kind => condition.kind.clone(),
            Placeholder::Account => condition.account.clone().unwrap_or_default(),
            Placeholder::Count => condition.count.map(|count| count.to_string()).unwrap_or_default(),
            Placeholder::Age => units::in_words(self.age()),
            Placeholder::Text => condition.text.clone(),
            Placeholder::Remedy => condition.cure.clone(),
        };
        printable(&value)
    }

    /// Since when.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.condition.since
    }

    fn age(&self) -> std::time::Duration {
        self.now.duration_since(self.condition.since).try_into().unwrap_or_default()
    }

    /// Cause and way out in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let [host, text, remedy] =
            [Placeholder::Host, Placeholder::Text, Placeholder::Remedy].map(|one| self.value(one));
        match self.phase {
            Phase::Raised => format!("{host}: {text} ({remedy})"),
            Phase::Over => format!("{host}: over after {}: {text}", self.value(Placeholder::Age)),
            Phase::Test => format!("{host}: {text}"),
        }
    }

    /// In the form that the receiver wants.
    #[must_use]
    pub fn posted(&self, format: &Format) -> Posted {
        match format {
            Format::Json => {
                let fields = Vec::new();
                Posted { content_type: "application/json", fields, body: self.object().to_string() }
            }
            Format::Ntfy => {
                let (tags, priority) = match self.phase {
                    Phase::Raised => ("warning", "high"),
                    Phase::Over => ("white_check_mark", "default"),
                    Phase::Test => ("mailbox", "default"),
                };
                let title = format!("postrider: {}", self.phase.name());
                let fields = vec![("Title", title), ("Tags", tags.to_owned()), ("Priority", priority.to_owned())];
                Posted { content_type: "text/plain; charset=utf-8", fields, body: self.sentence() }
            }
            Format::Template(template) => Posted {
                content_type: template.content_type(),
                fields: Vec::new(),
                body: template.fill(|placeholder| self.value(placeholder)),
            },
        }
    }

    /// The same members as a template has values, in their own types.
    fn object(&self) -> Value {
        let value = |(name, placeholder): (&str, Placeholder)| {
            let value = match placeholder {
                Placeholder::Count => json!(self.condition.count),
                Placeholder::Account => json!(self.condition.account),
                Placeholder::Age => json!(self.age().as_secs()),
                _ => Value::String(self.value(placeholder)),
            };
            (name.to_owned(), value)
        };
        let members: Map<String, Value> = Placeholder::ALL.into_iter().map(value).collect();
        Value::Object(members)
    }
}
