//! master.cf as master(5) describes it: the services of the SMTP client, each with the parameters that it has of its own.

use super::main_cf::{elements_by_blanks, logical_lines};

/// The service that mail takes where nothing else is said.
pub(crate) const USUAL: &str = "smtp";

/// Services of the SMTP client by name, with what their `-o` options set.
pub(crate) struct Services(Vec<(String, Vec<(String, String)>)>);

impl Services {
    /// Without a file there are those that Postfix brings.
    pub(crate) fn read(text: Option<&str>) -> Self {
        let Some(text) = text else {
            return Self([USUAL, "relay"].map(|name| (name.to_owned(), Vec::new())).into());
        };
        Self(logical_lines(text).iter().filter_map(|line| service(line)).collect())
    }

    /// What a service sets; `None`: it is not one of the SMTP client.
    pub(crate) fn options(&self, name: &str) -> Option<&[(String, String)]> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, options)| options.as_slice())
    }
}

fn service(line: &str) -> Option<(String, Vec<(String, String)>)> {
    let mut words = elements_by_blanks(line).into_iter();
    let fields: Vec<String> = words.by_ref().take(8).collect();
    let [name, kind, .., command] = fields.as_slice() else { return None };
    if kind == "inet" || command != "smtp" || fields.len() < 8 {
        return None;
    }
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("-o") else { continue };
        let option = if option.is_empty() { words.next().unwrap_or_default() } else { option.to_owned() };
        let option = option.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(&option);
        if let Some((name, value)) = option.split_once('=') {
            options.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Some((name.clone(), options))
}
