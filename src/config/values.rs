//! The keys and values of a configuration as one JSON object, nested as the sections are, from all its files and, in a
//! container, the environment. Secrets are null.

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::keys::TABLE_KEYS;
use super::{Config, ConfigError, container, locate, outline};

/// Reads the files of a configuration that has been read without a fault before.
pub fn read(config: &Config) -> Result<Value, ConfigError> {
    let mut all = Map::new();
    let files = [&config.path].into_iter().chain(&config.others);
    let mut texts = files.map(|path| outline::text(path)).collect::<Result<Vec<_>, _>>()?;
    if container::is_here() {
        texts.push(Zeroizing::new(locate::environment()?.text));
    }
    for text in texts {
        let (table, _) = DeTable::parse_recoverable(&text);
        for (key, value) in object(table.get_ref()) {
            let value = if TABLE_KEYS.contains(&key.as_str()) { listed(value) } else { value };
            add(&mut all, key, value);
        }
    }
    Ok(Value::Object(all))
}

/// Adds what one file has of a key: tables and named sections may stand in several.
fn add(all: &mut Map<String, Value>, key: String, value: Value) {
    match (all.get_mut(&key), value) {
        (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
        (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
        (_, value) => drop(all.insert(key, value)),
    }
}

/// An option of tables has a list of them or one alone.
fn listed(value: Value) -> Value {
    if value.is_array() { value } else { Value::Array(vec![value]) }
}

fn object(table: &DeTable) -> Map<String, Value> {
    let mut keys: Vec<_> = table.iter().collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    let shown = keys.into_iter().map(|(key, value)| {
        let name: &str = key.get_ref();
        let is_secret = outline::is_secret(name, value.get_ref());
        (name.to_owned(), if is_secret { Value::Null } else { json(value.get_ref()) })
    });
    shown.collect()
}

fn json(value: &DeValue) -> Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().into(),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().into(),
        DeValue::Boolean(truth) => (*truth).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => object(table).into(),
    }
}
