//! What a configuration of Sendmail sets, whichever of its two languages it is written in: `mc` reads one, `cf` the other,
//! into this. What it means is for the files beside it.

use std::collections::{BTreeMap, BTreeSet};

/// Sendmail's own folder: with another source, files in it are read from there.
pub(super) const FOLDER: &str = "/etc/mail";

/// Values by what names them in sendmail.cf, as the operations guide has it.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// `D` lines: S the smart host, H the hub, R the relay of bare names, M the masquerade name, j this machine's name.
    pub(super) macros: BTreeMap<String, String>,
    /// `C` lines: w this machine's names, M and N what is masqueraded and what is not, E who is not, G, R and `VirtHost`.
    classes: BTreeMap<String, Vec<String>>,
    /// `F` lines: class, file.
    pub(super) class_files: Vec<(String, String)>,
    /// `K` lines: what follows the name.
    pub(super) maps: BTreeMap<String, String>,
    /// `O` lines.
    pub(super) options: BTreeMap<String, String>,
    /// The `A=` of `M` lines.
    pub(super) mailers: BTreeMap<String, String>,
    /// Features by name.
    pub(super) features: BTreeSet<String>,
    /// `DaemonPortOptions`, of which there are several.
    pub(super) daemons: Vec<String>,
    /// Names of what is set and has no part in this, for a remark each.
    pub(super) others: Vec<String>,
}

impl Settings {
    /// A macro that is not empty.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.macros.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The names in a class, of lines alone.
    pub(super) fn class(&self, name: &str) -> &[String] {
        self.classes.get(name).map_or(&[], Vec::as_slice)
    }

    /// Adds names, between blanks, to a class.
    pub(super) fn add_to_class(&mut self, class: &str, names: &str) {
        let known = self.classes.entry(class.to_owned()).or_default();
        known.extend(names.split_whitespace().map(str::to_owned));
    }

    pub(super) fn has(&self, feature: &str) -> bool {
        self.features.contains(feature)
    }

    /// The text file of a map: the database beside it has the same rows.
    pub(super) fn map_file(&self, name: &str) -> Option<&str> {
        let file = self.maps.get(name)?.split_whitespace().find(|word| word.starts_with('/'))?;
        Some(file.strip_suffix(".db").unwrap_or(file))
    }
}

/// The rows of a map's text, as makemap(8) reads them.
pub(super) fn rows(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.filter_map(|line| line.trim().split_once(char::is_whitespace));
    rows.map(|(key, value)| (key, value.trim())).collect()
}
