//! Changes to the text of a configuration file that leave the rest of it as it is, comments included. Text in, text out; what the
//! text means is `read`'s.

use std::fmt;

use toml_edit::{Array, DocumentMut, Item, Table, Value};

/// Why a text cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Not TOML.
    #[error("it is not valid TOML: {0}")]
    Syntax(String),
    /// The name is taken by something else than sections.
    #[error("`{0}` is not a section in it: write [{0}.NAME] above its keys")]
    NoSections(String),
}

/// What a key is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// A string.
    Text(String),
    /// An array of strings, each on a line of its own.
    Texts(Vec<String>),
}

/// A file's text.
#[derive(Debug)]
pub struct ConfigText(DocumentMut);

impl ConfigText {
    /// Reads it.
    pub fn parse(text: &str) -> Result<Self, EditError> {
        text.parse().map(Self).map_err(|error: toml_edit::TomlError| EditError::Syntax(error.to_string()))
    }

    /// Whether it has the section `[kind.name]`.
    #[must_use]
    pub fn has(&self, kind: &str, name: &str) -> bool {
        self.0.get(kind).and_then(Item::as_table_like).is_some_and(|sections| sections.contains_key(name))
    }

    /// Sets keys of `[kind.name]`, which is added at the end where it is missing.
    pub fn set(&mut self, kind: &str, name: &str, settings: &[(&str, Setting)]) -> Result<(), EditError> {
        let no_sections = || EditError::NoSections(kind.to_owned());
        let mut sections = Table::new();
        sections.set_implicit(true);
        let sections = self.0.entry(kind).or_insert(Item::Table(sections));
        let sections = sections.as_table_like_mut().ok_or_else(no_sections)?;
        let section = sections.entry(name).or_insert_with(|| Item::Table(Table::new()));
        let section = section.as_table_like_mut().ok_or_else(no_sections)?;
        for (key, setting) in settings {
            section.insert(key, Item::Value(setting.value()));
        }
        Ok(())
    }

    /// Takes `[kind.name]` out, with the comments right above it.
    pub fn remove(&mut self, kind: &str, name: &str) {
        if let Some(sections) = self.0.get_mut(kind).and_then(Item::as_table_like_mut) {
            sections.remove(name);
            if sections.is_empty() {
                self.0.remove(kind);
            }
        }
    }

    /// Whether it sets nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for ConfigText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting {
    fn value(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Texts(texts) if texts.len() == 1 => Array::from_iter(texts).into(),
            Self::Texts(texts) => {
                let mut array = Array::from_iter(texts);
                for element in array.iter_mut() {
                    element.decor_mut().set_prefix("\n    ");
                }
                array.set_trailing("\n");
                array.set_trailing_comma(true);
                array.into()
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
