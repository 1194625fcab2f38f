//! Values that are wrong in the other program's configuration, as reading the result finds: each is taken out and noted with the
//! line that it comes from, so that all else is imported.

use super::{Draft, DraftAccount, DraftSection, Section, plain, quoted_key};
use crate::config::Fault;
use crate::config::edit::value;
use crate::import::origin::{self, Texts};

/// Whether something was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// Reading it again may find it good.
    Another,
    /// There is nothing to take out.
    Vain,
}

/// A part of a draft: which account or section, by its position.
#[derive(Debug, Clone, Copy)]
enum Part {
    Top,
    Queue,
    Account(usize),
    Section(usize),
}

/// The lines above the one that is wrong.
struct At<'t> {
    /// Without brackets; empty above the first.
    section: &'t str,
    /// Empty: the section itself.
    key: &'t str,
}

fn at(config: &str, line: usize) -> Option<At<'_>> {
    let header = |line: &'_ str| line.starts_with('[') && line.ends_with(']');
    let lines: Vec<&str> = config.lines().take(line).collect();
    let section = lines.iter().rev().find(|line| header(line)).map_or("", |line| &line[1..line.len() - 1]);
    let last = lines.last()?;
    let key = if header(last) { "" } else { last.split_once(" = ")?.0 };
    Some(At { section, key })
}

impl Draft {
    /// Takes out what these faults of the draft's config are about.
    pub fn without_refused(&mut self, config: &str, faults: &[Fault], texts: &Texts) -> Attempt {
        let mut attempt = Attempt::Vain;
        for fault in faults {
            let Some(at) = at(config, fault.line).filter(|at| !at.section.is_empty() || !at.key.is_empty()) else {
                continue;
            };
            if self.take_out(&at, &fault.message, texts) {
                attempt = Attempt::Another;
            }
        }
        attempt
    }

    fn take_out(&mut self, at: &At<'_>, message: &str, texts: &Texts) -> bool {
        let Some(part) = self.part(at.section) else { return false };
        let keys = self.keys(part);
        let Some(value) = written(keys, at.key) else { return false };
        let places = match origin::shown(&texts.of(&value::texts(&value))) {
            places if places.is_empty() => String::new(),
            places => format!(" ({places})"),
        };
        let (left_out, name) = match (part, at.key) {
            (Part::Account(index), "" | "relay") => {
                let name = self.accounts[index].name.clone();
                self.remove_account(&name);
                ("the account is left out", format!(" (account {name})"))
            }
            (Part::Account(index), "username" | "password") => {
                let account = &mut self.accounts[index];
                account.keys.lines.retain(|line| line.key != "username" && line.key != "password");
                account.secret = None;
                ("the login is left out", format!(" (account {})", account.name))
            }
            (Part::Section(index), _) => {
                self.sections.remove(index);
                ("the section is left out", format!(" ({})", at.section))
            }
            (Part::Account(_) | Part::Queue | Part::Top, key) => {
                keys.lines.retain(|line| line.key != key);
                let of = at.section.strip_prefix("account.").map(|name| format!(" (account {name})"));
                ("it is left out", of.unwrap_or_default())
            }
        };
        let what =
            if at.key.is_empty() { format!("{}{name}", at.section) } else { format!("{} = {value}{name}", at.key) };
        self.changed(plain(&what), format!("{}{places}; {left_out}", message.replace('\n', " ")));
        true
    }

    fn part(&self, section: &str) -> Option<Part> {
        let is_account = |account: &DraftAccount| format!("account.{}", quoted_key(&account.name)) == section;
        let is_section = |one: &DraftSection| format!("{}.{}", one.kind, quoted_key(&one.name)) == section;
        match section {
            "" => Some(Part::Top),
            "queue" => Some(Part::Queue),
            _ => {
                let account = self.accounts.iter().position(is_account).map(Part::Account);
                account.or_else(|| self.sections.iter().position(is_section).map(Part::Section))
            }
        }
    }

    fn keys(&mut self, part: Part) -> &mut Section {
        match part {
            Part::Account(index) => &mut self.accounts[index].keys,
            Part::Section(index) => &mut self.sections[index].keys,
            Part::Queue => &mut self.queue,
            Part::Top => &mut self.top,
        }
    }
}

/// The value of a key; of a section, the first of them.
fn written(keys: &Section, key: &str) -> Option<String> {
    let line = keys.lines.iter().find(|line| line.key == key || key.is_empty())?;
    Some(line.value.clone())
}
