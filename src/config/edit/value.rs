//! One value of a configuration, as TOML: its texts, and the value without some of them.

use toml_edit::{Array, InlineTable, Value};

/// What is left of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// All of it.
    Whole,
    /// The elements of a list, or the rows of its tables, without some of them.
    Part(String),
    /// Nothing that means anything.
    Nothing,
}

/// All texts in a value, names of rows included.
#[must_use]
pub fn texts(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    match value.parse() {
        Ok(value) => collect(&value, &mut found),
        Err(_) => found.push(value.to_owned()),
    }
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.value().clone()),
        Value::Array(array) => array.iter().for_each(|value| collect(value, found)),
        Value::InlineTable(table) => {
            for (key, value) in table {
                found.push(key.to_owned());
                collect(value, found);
            }
        }
        other => found.push(other.to_string().trim().to_owned()),
    }
}

/// The value without the texts that do not fit. A list goes on without an element; a table in it without a row.
#[must_use]
pub fn without(value: &str, fits: &dyn Fn(&str) -> bool) -> Rest {
    if texts(value).iter().all(|text| fits(text)) {
        return Rest::Whole;
    }
    match value.parse() {
        Ok(Value::Array(mut array)) => {
            keep(&mut array, fits);
            if array.is_empty() { Rest::Nothing } else { Rest::Part(array.to_string().trim().to_owned()) }
        }
        _ => Rest::Nothing,
    }
}

fn keep(array: &mut Array, fits: &dyn Fn(&str) -> bool) {
    for element in array.iter_mut() {
        if let Value::InlineTable(table) = element {
            keep_rows(table, fits);
        }
    }
    array.retain(|element| match element {
        Value::InlineTable(table) => !table.is_empty(),
        other => texts_of(other).iter().all(|text| fits(text)),
    });
    if let Some(first) = array.get_mut(0) {
        first.decor_mut().clear();
    }
}

fn keep_rows(table: &mut InlineTable, fits: &dyn Fn(&str) -> bool) {
    table.retain(|key, value| fits(key) && texts_of(value).iter().all(|text| fits(text)));
}

fn texts_of(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

#[cfg(test)]
mod tests;
