//! The text of a machine's config. Values are given as JSON, which is TOML as well as
//! far as strings, numbers, booleans and lists of them go.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

type Keys = BTreeMap<String, String>;

/// What the config says.
pub struct Settings {
    top: Keys,
    queue: Keys,
    /// In the order in which they were added.
    accounts: Vec<(String, Keys)>,
}

impl Settings {
    pub fn new() -> Self {
        Self { top: Keys::new(), queue: Keys::new(), accounts: Vec::new() }
    }

    pub fn top(&mut self, key: &str, value: &Value) {
        self.top.insert(key.to_owned(), toml(value));
    }

    pub fn queue(&mut self, key: &str, value: &Value) {
        self.queue.insert(key.to_owned(), toml(value));
    }

    pub fn generic(&mut self, rows: &[(&str, &str)]) {
        let rows: serde_json::Map<String, Value> =
            rows.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        self.top("generic", &Value::Array(vec![Value::Object(rows)]));
    }

    pub fn account(&mut self, name: &str, keys: &[(&str, Value)]) {
        let at = self.accounts.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.accounts.push((name.to_owned(), Keys::new()));
            self.accounts.len() - 1
        });
        let set = |value: &Value| toml(value);
        for (key, value) in keys {
            match value {
                Value::Null => drop(self.accounts[at].1.remove(*key)),
                _ => drop(self.accounts[at].1.insert((*key).to_owned(), set(value))),
            }
        }
    }
}

fn toml(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let rows: Vec<String> =
                members.iter().map(|(key, value)| format!("{} = {}", Value::from(key.as_str()), toml(value))).collect();
            format!("{{ {} }}", rows.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        plain => plain.to_string(),
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let write = |f: &mut fmt::Formatter<'_>, keys: &Keys| {
            keys.iter().try_for_each(|(key, value)| writeln!(f, "{key} = {value}"))
        };
        write(f, &self.top)?;
        for (name, keys) in &self.accounts {
            writeln!(f, "\n[account.{name}]")?;
            write(f, keys)?;
        }
        writeln!(f, "\n[queue]")?;
        write(f, &self.queue)
    }
}
