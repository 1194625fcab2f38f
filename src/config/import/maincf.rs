//! main.cf as postconf(5) describes it: continuation lines, comments, `$name`, and the
//! text tables that it names. What parameters mean is for `postfix`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Given;
use crate::config::table::rows_of_text;

/// Postfix's own folder: with another source, tables in it are read from there.
const USUAL: &str = "/etc/postfix";

/// How often `$name` may stand for something with `$name` in it.
const DEEPEST: usize = 20;

/// The parameters that are set, and those of the defaults that others use.
pub(super) struct MainCf<'a> {
    given: &'a Given<'a>,
    /// In the file's order; the last of a name counts.
    set: Vec<(String, String)>,
    used: RefCell<BTreeSet<String>>,
}

/// A table as main.cf names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// `hash`, `pcre`, ...; `hash` where none is written.
    pub(super) kind: String,
    /// Where its source is.
    pub(super) path: PathBuf,
}

impl<'a> MainCf<'a> {
    pub(super) fn new(given: &'a Given<'a>, text: &str) -> Self {
        let mut logical: Vec<String> = Vec::new();
        for line in text.lines() {
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            match logical.last_mut() {
                Some(before) if line.starts_with([' ', '\t']) => {
                    before.push(' ');
                    before.push_str(line.trim());
                }
                _ => logical.push(line.trim().to_owned()),
            }
        }
        let parted = logical.iter().filter_map(|line| line.split_once('='));
        let set = parted.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
        Self { given, set, used: RefCell::new(BTreeSet::new()) }
    }

    /// The expanded value, if the parameter is set to something.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.used.borrow_mut().insert(name.to_owned());
        let value = self.expand(self.raw(name)?, 0);
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The expanded value, also where that is empty; the default where the parameter is not set.
    pub(super) fn or_default(&self, name: &str, default: &str) -> String {
        self.used.borrow_mut().insert(name.to_owned());
        self.expand(self.raw(name).unwrap_or(default), 0).trim().to_owned()
    }

    /// `yes`, in any case.
    pub(super) fn is_yes(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    /// Whether main.cf says anything of it, and be it that it is empty.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The elements of a list; those in braces stay whole.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        elements(&self.get(name).unwrap_or_default())
    }

    /// What is set and nobody asked for, in the file's order.
    pub(super) fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        let mut names: Vec<String> = Vec::new();
        for (name, _) in self.set.iter().filter(|(name, _)| !used.contains(name)) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// Reads a file of the machine, or of the source.
    pub(super) fn read(&self, path: &Path) -> std::io::Result<String> {
        (self.given.read)(path)
    }

    /// Where a path of main.cf is, for this source.
    pub(super) fn place(&self, path: &str) -> PathBuf {
        let folder = self.folder();
        match Path::new(path).strip_prefix(USUAL) {
            Ok(below) => folder.join(below),
            Err(_) => folder.join(path),
        }
    }

    /// A `type:path` of a list; `Err`: a type that is no file of ours.
    pub(super) fn table(&self, element: &str) -> Result<Named, String> {
        let element = element.strip_prefix("proxy:").unwrap_or(element);
        let (kind, path) = match element.split_once(':').filter(|(kind, _)| !kind.contains('/')) {
            Some((kind, path)) => (kind, path),
            None => ("hash", element),
        };
        match kind {
            "hash" | "btree" | "lmdb" | "cdb" | "dbm" | "texthash" | "regexp" | "pcre" => {
                Ok(Named { kind: kind.to_owned(), path: self.place(path) })
            }
            _ => Err(format!("tables of type {kind} are not read")),
        }
    }

    /// The rows of a text table, keys as written.
    pub(super) fn rows(&self, table: &Named) -> Result<Vec<(String, String)>, String> {
        if table.kind == "regexp" || table.kind == "pcre" {
            return Err(format!("{}: a pattern table cannot be taken apart into accounts", table.path.display()));
        }
        let text = self.read(&table.path).map_err(|error| format!("{}: {error}", table.path.display()))?;
        Ok(rows_of_text(text.as_bytes()))
    }

    fn folder(&self) -> &Path {
        let source = self.given.source;
        if source.file_name().is_some_and(|name| name == "main.cf") {
            source.parent().unwrap_or(source)
        } else {
            source
        }
    }

    fn raw(&self, name: &str) -> Option<&str> {
        self.set.iter().rev().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }

    fn expand(&self, text: &str, depth: usize) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('$') {
            out.push_str(before);
            if let Some(behind) = behind.strip_prefix('$') {
                out.push('$');
                rest = behind;
                continue;
            }
            let (name, behind) = match behind.chars().next() {
                Some('{') => behind[1..].split_once('}').unwrap_or((&behind[1..], "")),
                Some('(') => behind[1..].split_once(')').unwrap_or((&behind[1..], "")),
                _ => behind
                    .split_at(behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len())),
            };
            if depth < DEEPEST {
                out.push_str(&self.expand(&self.macro_value(name), depth + 1));
            }
            rest = behind;
        }
        out + rest
    }

    /// `name`, `name?value` (where set) and `name:value` (where not).
    fn macro_value(&self, text: &str) -> String {
        match text.find(['?', ':']) {
            Some(at) => {
                let is_set = self.get(&text[..at]).is_some();
                let wanted = text.as_bytes()[at] == b'?';
                if is_set == wanted { text[at + 1..].trim_matches(['{', '}']).to_owned() } else { String::new() }
            }
            None => self.get(text).unwrap_or_else(|| self.default_of(text)),
        }
    }

    /// Defaults that people refer to.
    fn default_of(&self, name: &str) -> String {
        match name {
            "myhostname" => self.given.hostname.to_owned(),
            "mydomain" => {
                let host = self.get("myhostname").unwrap_or_else(|| self.given.hostname.to_owned());
                host.split_once('.').map_or_else(|| "localdomain".to_owned(), |(_, domain)| domain.to_owned())
            }
            "myorigin" => self.macro_value("myhostname"),
            "config_directory" => self.folder().display().to_string(),
            "default_database_type" => "hash".to_owned(),
            "smtp_sasl_security_options" => "noplaintext, noanonymous".to_owned(),
            _ => String::new(),
        }
    }
}

/// Divided by commas and white space, outside of braces.
pub(super) fn elements(text: &str) -> Vec<String> {
    let (mut found, mut element, mut depth) = (Vec::new(), String::new(), 0_usize);
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            c if (c == ',' || c.is_whitespace()) && depth == 0 => {
                found.push(std::mem::take(&mut element));
                continue;
            }
            _ => {}
        }
        element.push(c);
    }
    found.push(element);
    found.retain(|element| !element.is_empty());
    found
}
