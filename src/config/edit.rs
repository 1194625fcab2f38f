//! Changes to the text of a configuration file that leave the rest of it as it is, comments included. Text in, text out; what the
//! text means is `read`'s.

pub mod value;

use std::fmt;

use toml_edit::{Array, DocumentMut, InlineTable, Item, RawString, Table, TableLike, Value};

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
    /// A number.
    Number(usize),
    /// A table of strings in one line, such as `{ file = "PATH" }`.
    Table(Vec<(&'static str, String)>),
}

/// A file's text.
#[derive(Debug)]
pub struct ConfigText {
    document: DocumentMut,
    line_end: LineEnd,
}

/// How each line of a text ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    Lf,
    CrLf,
}

impl ConfigText {
    /// Reads it.
    pub fn parse(text: &str) -> Result<Self, EditError> {
        let document = text.parse().map_err(|error: toml_edit::TomlError| EditError::Syntax(error.to_string()))?;
        let is_dos = text.contains('\n') && text.split_inclusive('\n').all(|line| line.ends_with("\r\n"));
        Ok(Self { document, line_end: if is_dos { LineEnd::CrLf } else { LineEnd::Lf } })
    }

    /// Whether it has the section `[kind.name]`.
    #[must_use]
    pub fn has(&self, kind: &str, name: &str) -> bool {
        self.document.get(kind).and_then(Item::as_table_like).is_some_and(|sections| sections.contains_key(name))
    }

    /// Whether it has this key above all sections.
    #[must_use]
    pub fn has_top(&self, key: &str) -> bool {
        self.document.contains_key(key)
    }

    /// Sets a key above all sections, which it has not.
    pub fn set_top(&mut self, key: &str, setting: &Setting) {
        self.document.insert(key, Item::Value(setting.value()));
    }

    /// Adds a table with these rows to those of a key above all sections.
    pub fn add_rows(&mut self, key: &str, rows: &[(String, String)]) {
        let table = rows.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<InlineTable>();
        match self.document.get_mut(key).and_then(Item::as_array_mut) {
            Some(tables) => tables.push(table),
            None => drop(self.document.insert(key, Item::Value(Array::from_iter([table]).into()))),
        }
    }

    /// Whether `[kind.name]` has this key.
    #[must_use]
    pub fn has_key(&self, kind: &str, name: &str, key: &str) -> bool {
        let section = self.document.get(kind).and_then(|sections| sections.get(name));
        section.and_then(Item::as_table_like).is_some_and(|section| section.contains_key(key))
    }

    /// Takes a key out of `[kind.name]`, with the comments right above it and behind it. What a blank line sets apart from it
    /// stays.
    pub fn remove_key(&mut self, kind: &str, name: &str, key: &str) {
        let Some(sections) = self.document.get_mut(kind).and_then(Item::as_table_like_mut) else { return };
        let position = Above::of(sections, name).and_then(|section| section.position);
        let Some(section) = sections.get_mut(name).and_then(Item::as_table_like_mut) else { return };
        let Some(above) = Above::of(section, key) else { return };
        let values = section.iter().filter(|(_, item)| item.is_value()).map(|(name, _)| name.to_owned());
        let next = values.skip_while(|name| name != key).nth(1);
        section.remove(key);
        let kept = apart(&above.text);
        match next.and_then(|next| section.key_mut(&next)) {
            Some(mut next) if !kept.trim().is_empty() => {
                let decor = next.leaf_decor_mut();
                decor.set_prefix(joined(kept, text_of(decor.prefix()), "\n"));
            }
            Some(_) => {}
            None => self.keep(Some(Above { position, ..above })),
        }
    }

    /// Sets keys of `[kind.name]`, which is added at the end where it is missing.
    pub fn set(&mut self, kind: &str, name: &str, settings: &[(&str, Setting)]) -> Result<(), EditError> {
        let no_sections = || EditError::NoSections(kind.to_owned());
        let is_new = !self.has(kind, name);
        let mut sections = Table::new();
        sections.set_implicit(true);
        let sections = self.document.entry(kind).or_insert(Item::Table(sections));
        let sections = sections.as_table_like_mut().ok_or_else(no_sections)?;
        let section = sections.entry(name).or_insert_with(|| Item::Table(Table::new()));
        let section = section.as_table_like_mut().ok_or_else(no_sections)?;
        for (key, setting) in settings {
            let mut value = setting.value();
            match section.get_mut(key) {
                // The comments above the key and behind the value stay.
                Some(Item::Value(old)) => {
                    *value.decor_mut() = old.decor().clone();
                    *old = value;
                }
                _ => drop(section.insert(key, Item::Value(value))),
            }
        }
        if is_new {
            self.put_last(kind, name);
        }
        Ok(())
    }

    /// Puts a new section below all that the text has, the comments at its end included.
    fn put_last(&mut self, kind: &str, name: &str) {
        let above = text_of(Some(self.document.trailing())).to_owned();
        let is_first = above.is_empty() && self.document.iter().all(|(key, _)| key == kind);
        let last = headers(self.document.as_table()).into_iter().max().unwrap_or(0);
        let Some(Item::Table(section)) = self.document.get_mut(kind).and_then(|sections| sections.get_mut(name)) else {
            return;
        };
        let is_apart = above.ends_with("\n\n") || above.ends_with("\n\r\n");
        let gap = if is_apart || is_first { "" } else { "\n" };
        section.set_position(Some(last + 1));
        section.decor_mut().set_prefix(format!("{above}{gap}"));
        self.document.set_trailing("");
    }

    /// Takes `[kind.name]` out, with the comments right above it. What a blank line sets apart from it stays.
    pub fn remove(&mut self, kind: &str, name: &str) {
        let Some(sections) = self.document.get_mut(kind).and_then(Item::as_table_like_mut) else { return };
        let section = Above::of(sections, name);
        sections.remove(name);
        let is_last = sections.is_empty();
        self.keep(section);
        if is_last {
            let sections = Above::of(self.document.as_table(), kind);
            self.document.remove(kind);
            self.keep(sections);
        }
    }

    /// Puts what stood apart above something that has been taken out above what follows.
    fn keep(&mut self, above: Option<Above>) {
        let Some(Above { position, text }) = above else { return };
        let kept = apart(&text);
        if kept.trim().is_empty() {
            return;
        }
        let next = headers(self.document.as_table()).into_iter().filter(|other| Some(*other) > position).min();
        if let Some(next) = next.and_then(|next| header(self.document.as_table_mut(), next)) {
            let joined = joined(kept, text_of(next.decor().prefix()), "\n");
            next.decor_mut().set_prefix(joined);
        } else {
            let trailing = text_of(Some(self.document.trailing()));
            let joined = joined(kept, trailing, if trailing.is_empty() { "" } else { "\n" });
            self.document.set_trailing(joined);
        }
    }

    /// Whether it sets nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.document.is_empty()
    }
}

impl fmt::Display for ConfigText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.document.to_string();
        match self.line_end {
            LineEnd::Lf => f.write_str(&text),
            LineEnd::CrLf => f.write_str(&text.replace("\r\n", "\n").replace('\n', "\r\n")),
        }
    }
}

/// What stands above a section or a key in the text.
struct Above {
    /// The place among the headers, of the section or of that which the key is in.
    position: Option<isize>,
    text: String,
}

impl Above {
    fn of(parent: &dyn TableLike, name: &str) -> Option<Self> {
        let inside = |key: &toml_edit::Key| text_of(key.leaf_decor().prefix()).to_owned();
        match parent.get(name)? {
            Item::Table(table) if table.is_dotted() => Self::of(table, table.iter().next()?.0),
            Item::Table(table) => {
                Some(Self { position: table.position(), text: text_of(table.decor().prefix()).to_owned() })
            }
            _ => Some(Self { position: None, text: parent.key(name).map(inside)? }),
        }
    }
}

fn text_of(raw: Option<&RawString>) -> &str {
    raw.and_then(RawString::as_str).unwrap_or_default()
}

/// The part of a comment above something that is not of it: up to the last blank line.
fn apart(text: &str) -> &str {
    let (mut at, mut end) = (0, 0);
    for line in text.split_inclusive('\n') {
        if line.ends_with('\n') && line.trim().is_empty() {
            end = at;
        }
        at += line.len();
    }
    &text[..end]
}

/// Two texts with a blank line between them.
fn joined(kept: &str, next: &str, gap: &str) -> String {
    let is_apart = next.starts_with('\n') || next.starts_with("\r\n");
    format!("{kept}{}{next}", if is_apart { "" } else { gap })
}

/// The places of the headers below a table.
fn headers(table: &Table) -> Vec<isize> {
    let below = table.iter().flat_map(|(_, item)| match item {
        Item::Table(table) => headers(table),
        Item::ArrayOfTables(tables) => tables.iter().flat_map(headers).collect(),
        _ => Vec::new(),
    });
    table.position().filter(|_| has_header(table)).into_iter().chain(below).collect()
}

fn header(table: &mut Table, position: isize) -> Option<&mut Table> {
    if table.position() == Some(position) && has_header(table) {
        return Some(table);
    }
    table.iter_mut().find_map(|(_, item)| match item {
        Item::Table(table) => header(table, position),
        Item::ArrayOfTables(tables) => tables.iter_mut().find_map(|table| header(table, position)),
        _ => None,
    })
}

fn has_header(table: &Table) -> bool {
    !table.is_implicit() && !table.is_dotted()
}

impl Setting {
    fn value(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Number(number) => i64::try_from(*number).unwrap_or(i64::MAX).into(),
            Self::Table(rows) => rows.iter().map(|(key, text)| (*key, text.as_str())).collect::<InlineTable>().into(),
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
