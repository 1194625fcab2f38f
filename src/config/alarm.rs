//! `[alarm]`: the ways by which people learn of trouble without mail, and what is told there. When one is raised is decided in
//! `control::alarm`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Password;

/// The section. Without a channel no alarm is raised.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// The words of a command that is run at the beginning and at the end of trouble; empty: none.
    pub command: Vec<String>,
    /// Where the web address is kept that alarms are posted to. It is a secret, since whoever knows it can post there too.
    pub url: Option<Password>,
    /// What is posted.
    pub format: Format,
    /// Whether alarms quote addresses and the provider's words.
    pub detail: bool,
    /// Whether a file says what is wrong to those who log in.
    pub motd: bool,
    /// How long a relay must be out of reach.
    pub after: Duration,
    /// Senders that write within this time each, case-folded.
    pub expect: BTreeMap<String, Duration>,
    /// Who notices that this machine is silent.
    pub heartbeat: Option<Heartbeat>,
}

/// A web address that is asked for as long as all is well, so that whoever is there notices silence.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// Where the address is kept.
    pub url: Password,
    /// How often.
    pub every: Duration,
}

impl Heartbeat {
    /// Of `every`.
    pub const EVERY: Duration = Duration::from_hours(24);
}

impl Alarm {
    /// Of `after`.
    pub const AFTER: Duration = Duration::from_hours(1);

    /// Whether anybody is told of trouble.
    #[must_use]
    pub fn has_channel(&self) -> bool {
        !self.command.is_empty() || self.url.is_some()
    }
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            url: None,
            format: Format::Json,
            detail: false,
            motd: false,
            after: Self::AFTER,
            heartbeat: None,
            expect: BTreeMap::new(),
        }
    }
}

/// What is posted to the web address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// Text with the header fields of an ntfy server.
    Ntfy,
    /// What the owner wrote.
    Template(Template),
}

/// What a template becomes, which decides how values are escaped in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// JSON; values stand within strings.
    Json,
    /// The content of a web form.
    Form,
    /// Plain text.
    Text,
}

impl Target {
    /// Each with its name in the config.
    pub const ALL: [(&str, Self); 3] = [("json", Self::Json), ("form", Self::Form), ("text", Self::Text)];

    /// Of what is posted.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Text => "text/plain; charset=utf-8",
        }
    }

    /// A value as it stands there, so that it cannot end the place that it was given.
    fn escaped(self, value: &str) -> String {
        match self {
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned()
            }
            Self::Form => utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
            Self::Text => value.to_owned(),
        }
    }
}

/// A value that a template may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// This machine's name.
    Host,
    /// `raised`, `over` or `test`.
    State,
    /// Of the condition.
    Kind,
    /// The account; empty where it is about none.
    Account,
    /// Of messages; empty where none are counted.
    Count,
    /// Since when, in words.
    Age,
    /// What is wrong.
    Text,
    /// What to do about it.
    Remedy,
}

impl Placeholder {
    /// Each with its name.
    pub const ALL: [(&str, Self); 8] = [
        ("host", Self::Host),
        ("state", Self::State),
        ("kind", Self::Kind),
        ("account", Self::Account),
        ("count", Self::Count),
        ("age", Self::Age),
        ("text", Self::Text),
        ("cure", Self::Remedy),
    ];
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Value(Placeholder),
}

/// A text with places for values, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    target: Target,
    parts: Vec<Part>,
}

/// Why a text is no template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It asks for something that there is not.
    #[error("there is no value {{{0}}}; the values are {known}", known = names())]
    Unknown(String),
    /// With values in it, it is no JSON.
    #[error("it is not JSON, with each value within a string, such as {{\"text\": \"{{text}}\"}}")]
    NotJson,
}

fn names() -> String {
    let mut names = String::new();
    for (name, _) in Placeholder::ALL {
        let comma = if names.is_empty() { "" } else { ", " };
        let _ = write!(names, "{comma}{{{name}}}");
    }
    names
}

impl Template {
    /// Reads a text with `{name}` where a value goes. Other braces stand for themselves.
    pub fn parse(target: Target, text: &str) -> Result<Self, TemplateError> {
        let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find('{') {
            let behind = &rest[at + 1..];
            let end =
                behind.find(|c: char| !c.is_ascii_lowercase()).filter(|&end| end > 0 && behind[end..].starts_with('}'));
            let Some(end) = end else {
                literal.push_str(&rest[..=at]);
                rest = behind;
                continue;
            };
            let name = &behind[..end];
            let known = Placeholder::ALL.iter().find(|(known, _)| *known == name);
            let Some((_, value)) = known else { return Err(TemplateError::Unknown(name.to_owned())) };
            literal.push_str(&rest[..at]);
            parts.extend([Part::Literal(std::mem::take(&mut literal)), Part::Value(*value)]);
            rest = &behind[end + 1..];
        }
        literal.push_str(rest);
        parts.push(Part::Literal(literal));
        let template = Self { target, parts };
        // What stands within a string may be anything; elsewhere this breaks it.
        let probe = template.fill(|_| "\"\\\n:".to_owned());
        if target == Target::Json && serde_json::from_str::<serde_json::Value>(&probe).is_err() {
            return Err(TemplateError::NotJson);
        }
        Ok(template)
    }

    /// Of what it becomes.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        self.target.content_type()
    }

    /// With values in their places.
    #[must_use]
    pub fn fill(&self, value: impl Fn(Placeholder) -> String) -> String {
        let part = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Value(placeholder) => self.target.escaped(&value(*placeholder)),
        };
        self.parts.iter().map(part).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
