//! main.cf as postconf(5) describes it: continuation lines, comments and lists. What parameters mean is for `postfix`,
//! `$name` for `expansion`, the services that have some of their own for `master_cf`.

use std::path::{Path, PathBuf};

use super::expansion::{expand, expand_value, is_circular, names};
use crate::import::{ImportContext, Tables};

/// Postfix's own folder: with another source, tables in it are read from there.
const USUAL: &str = "/etc/postfix";

/// The parameters that are set.
pub(crate) struct MainCf<'a> {
    context: &'a ImportContext<'a>,
    /// In the file's order; the last of a name counts.
    set: Vec<(String, String)>,
}

impl<'a> MainCf<'a> {
    pub(crate) fn new(context: &'a ImportContext<'a>, text: &str) -> Self {
        let lines = logical_lines(text);
        let parted = lines.iter().filter_map(|line| line.split_once('=')).filter(|(name, _)| !name.trim().is_empty());
        let set = parted.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
        Self { context, set }
    }

    /// With the parameters that a service of master.cf has of its own, which come before those of main.cf.
    pub(crate) fn with(&self, options: &[(String, String)]) -> Self {
        let set = self.set.iter().chain(options).cloned().collect();
        Self { context: self.context, set }
    }

    /// The expanded value, if the parameter is set to something.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        Some(self.or_default(name, "")).filter(|value| !value.is_empty())
    }

    /// The expanded value, also where that is empty; the default where the parameter is not set.
    pub(crate) fn or_default(&self, name: &str, default: &str) -> String {
        let raw = |name: &str| self.unexpanded(name);
        let value = if self.is_set(name) { expand_value(name, &raw) } else { expand(default, &raw) };
        value.trim().to_owned()
    }

    /// The parameters whose value refers to itself.
    pub(crate) fn circular(&self) -> Vec<&str> {
        let is_circular = |name: &&str| is_circular(name, &|name| self.unexpanded(name));
        self.names().into_iter().filter(is_circular).collect()
    }

    fn unexpanded(&self, name: &str) -> String {
        self.raw(name).map_or_else(|| self.default_of(name), str::to_owned)
    }

    /// `yes`, in any case.
    pub(crate) fn is_yes(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    /// Whether main.cf says anything of it, and be it that it is empty.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The elements of a list; those in braces stay whole.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        elements(&self.get(name).unwrap_or_default())
    }

    /// The names of what is set, in the file's order.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in &self.set {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// Whether another parameter refers to this one.
    pub(crate) fn is_referred_to(&self, name: &str) -> bool {
        self.set.iter().any(|(_, value)| names(value).contains(&name))
    }

    /// Reads a file of the machine, or of the source.
    pub(crate) fn read(&self, path: &Path) -> std::io::Result<String> {
        (self.context.read)(path)
    }

    /// Where a path of main.cf is, for this source.
    pub(crate) fn place(&self, path: &str) -> PathBuf {
        let folder = self.folder();
        match Path::new(path).strip_prefix(USUAL) {
            Ok(below) => folder.join(below),
            Err(_) => folder.join(path),
        }
    }

    /// Whether a table is in Postfix's own folder, which goes with Postfix, and is to be copied.
    pub(crate) fn is_copied(&self, table: &Path) -> bool {
        self.context.tables == Tables::Copied && table.starts_with(self.folder())
    }

    fn folder(&self) -> &Path {
        self.context.folder()
    }

    fn raw(&self, name: &str) -> Option<&str> {
        self.set.iter().rev().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }

    /// Defaults that people refer to.
    fn default_of(&self, name: &str) -> String {
        match name {
            // A name without a domain gets mydomain.
            "myhostname" if self.context.hostname.contains('.') => self.context.hostname.to_owned(),
            "myhostname" => {
                let domain = self.raw("mydomain").unwrap_or("localdomain");
                format!("{}.{domain}", self.context.hostname)
            }
            "mydomain" => {
                let host = self.or_default("myhostname", self.context.hostname);
                host.split_once('.').map_or_else(|| "localdomain".to_owned(), |(_, domain)| domain.to_owned())
            }
            "myorigin" => "$myhostname".to_owned(),
            "config_directory" => self.folder().display().to_string(),
            "compatibility_level" => "0".to_owned(),
            "default_database_type" => "hash".to_owned(),
            "mydestination" => "$myhostname, localhost.$mydomain, localhost".to_owned(),
            "smtp_sasl_security_options" => "noplaintext, noanonymous".to_owned(),
            _ => String::new(),
        }
    }
}

/// Lines that are no `name = value`, at which Postfix itself stops.
pub(crate) fn malformed(text: &str) -> Vec<String> {
    let has_name = |line: &String| line.split_once('=').is_some_and(|(name, _)| !name.trim().is_empty());
    logical_lines(text).into_iter().filter(|line| !has_name(line)).collect()
}

/// Lines with those that continue them; comments and empty lines are skipped, also between these.
pub(crate) fn logical_lines(text: &str) -> Vec<String> {
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
    logical
}

pub(crate) fn elements_by_blanks(text: &str) -> Vec<String> {
    divided(text, char::is_whitespace)
}

/// Divided by commas and white space, outside of braces.
pub(crate) fn elements(text: &str) -> Vec<String> {
    divided(text, |c| c == ',' || c.is_whitespace())
}

fn divided(text: &str, divides: impl Fn(char) -> bool) -> Vec<String> {
    let (mut found, mut element, mut depth) = (Vec::new(), String::new(), 0_usize);
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            c if divides(c) && depth == 0 => {
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
