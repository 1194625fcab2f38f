//! A configuration in the making: what a translation found, as values, and how it is
//! written as TOML with its reasons beside it.

mod not_utf8;
mod own_mail;
mod refused;

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

pub use self::own_mail::{Elsewhere, OwnMail};
pub use self::refused::Attempt;
use super::raw_bytes::is_stand_in;
use super::said::Said;
use crate::config::Secret;
use crate::mail::address::Address;
use crate::mail::printable::misleads;

/// What people have to know of a translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It will not be as before: the parameter, and what is different.
    Changed(String, String),
    /// It is not carried over: the parameter, and why.
    LeftOut(String, String),
    /// It decides nothing about mail: the parameter, and why.
    NoEffect(String, String),
}

impl Note {
    /// Its kind, the parameter, and what to know of it.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &str, &str) {
        match self {
            Self::Changed(what, how) => ("Changed", what, how),
            Self::LeftOut(what, why) => ("Not imported", what, why),
            Self::NoEffect(what, why) => ("No effect", what, why),
        }
    }
}

/// A table that is written beside the config, in `tables/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftTable {
    /// Its file name.
    pub name: String,
    /// In the format of its kind.
    pub text: String,
}

/// A key with its value as TOML, and why it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    key: &'static str,
    value: String,
    comment: String,
}

/// The keys of one section.
#[derive(Debug, Clone, Default)]
pub struct Section {
    lines: Vec<Line>,
}

impl Section {
    /// A text.
    pub fn text(&mut self, key: &'static str, value: &str, comment: impl Into<String>) {
        self.line(key, quoted(value), comment);
    }

    /// A list of texts.
    pub fn list(&mut self, key: &'static str, values: &[String], comment: impl Into<String>) {
        let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        self.values(key, &values, comment);
    }

    /// A list of values that are TOML already.
    pub fn values(&mut self, key: &'static str, values: &[String], comment: impl Into<String>) {
        self.line(key, format!("[{}]", values.join(", ")), comment);
    }

    /// A value that is TOML already; the first for a key counts.
    pub fn line(&mut self, key: &'static str, value: String, comment: impl Into<String>) {
        if !self.sets(key) {
            self.lines.push(Line { key, value, comment: comment.into() });
        }
    }

    /// Adds the lines of another section, for keys that this one does not have.
    pub fn append(&mut self, other: &Self) {
        for Line { key, value, comment } in &other.lines {
            self.line(key, value.clone(), comment.as_str());
        }
    }

    /// Takes a key out.
    pub(crate) fn unset(&mut self, key: &str) {
        self.lines.retain(|line| line.key != key);
    }

    /// Adds texts to a list.
    pub(crate) fn extend_list(&mut self, key: &str, values: &[String], comment: &str) {
        for line in self.lines.iter_mut().filter(|line| line.key == key) {
            let added: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            line.value = format!("{}, {}]", line.value.trim_end_matches(']'), added.join(", "));
            line.comment = format!("{}, {comment}", line.comment);
        }
    }

    /// Whether a key is set.
    #[must_use]
    pub fn sets(&self, key: &str) -> bool {
        self.lines.iter().any(|line| line.key == key)
    }

    /// Whether it sets the same keys to the same values.
    pub(crate) fn has_same_values(&self, other: &Self) -> bool {
        let values =
            |section: &Self| section.lines.iter().map(|line| (line.key, line.value.clone())).collect::<Vec<_>>();
        values(self) == values(other)
    }

    /// Whether this is in the value of a key, as TOML.
    pub(crate) fn contains(&self, key: &str, part: &str) -> bool {
        self.lines.iter().any(|line| line.key == key && line.value.contains(part))
    }

    /// Whether a key has this value, as TOML.
    pub(crate) fn has(&self, key: &str, value: &str) -> bool {
        self.lines.iter().any(|line| line.key == key && line.value == value)
    }

    fn comments(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| line.comment.as_str())
    }

    fn write(&self, out: &mut String) {
        for Line { key, value, comment } in &self.lines {
            let _ = match comment.as_str() {
                "" => writeln!(out, "{key} = {value}"),
                comment => writeln!(out, "{key} = {value}    # {}", plain(comment)),
            };
        }
    }
}

/// An account in the making.
#[derive(Debug, Clone)]
pub struct DraftAccount {
    /// The NAME in `[account.NAME]`.
    pub name: String,
    /// Its keys but for the password.
    pub keys: Section,
    /// Goes into a file of its own.
    pub secret: Option<Secret>,
    /// What it is made of.
    pub said: Said,
}

/// A listener or a client.
#[derive(Debug, Clone)]
pub struct DraftSection {
    /// `listen` or `client`.
    pub kind: &'static str,
    /// The NAME in `[listen.NAME]`.
    pub name: String,
    /// Its keys.
    pub keys: Section,
}

impl DraftSection {
    /// Whether it has these keys with these values, and `other`.
    pub(crate) fn has_same_but(&self, other: &str, keys: &Section) -> bool {
        let own = self.keys.lines.iter().filter(|line| line.key != other).map(|line| (line.key, &line.value));
        own.eq(keys.lines.iter().map(|line| (line.key, &line.value)))
    }
}

/// All that a translation found.
#[derive(Debug, Default)]
pub struct Draft {
    /// Above the first section.
    pub top: Section,
    /// In order.
    pub accounts: Vec<DraftAccount>,
    /// `[queue]`.
    pub queue: Section,
    /// Listeners and clients.
    pub sections: Vec<DraftSection>,
    /// Rows that are in no file that will stay.
    pub tables: Vec<DraftTable>,
    /// How the source does what postrider does not: receive mail from others, deliver without a relay.
    pub serves: Vec<String>,
    /// Whether mail that no account is for went without a relay.
    pub is_direct: bool,
    /// What the source does with mail of senders that none of its accounts is for, where it says so.
    pub others: Option<String>,
    /// Senders whose mail the source sends through a relay that no account has.
    pub elsewhere: Vec<Elsewhere>,
    /// Where mail to this machine's users goes.
    pub own_mail: OwnMail,
    /// For people.
    pub notes: Vec<Note>,
}

impl Draft {
    /// Notes a difference.
    pub fn changed(&mut self, what: impl Into<String>, how: impl Into<String>) {
        self.note(Note::Changed(what.into(), how.into()));
    }

    /// Notes what is not carried over.
    pub fn left_out(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.note(Note::LeftOut(what.into(), why.into()));
    }

    /// Notes what makes no difference.
    pub fn no_effect(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.note(Note::NoEffect(what.into(), why.into()));
    }

    /// Notes that a relay is not tried after the account's others.
    pub(crate) fn not_shared(&mut self, relay: &str, difference: &str) {
        let how = "all relays of an account share login, port and TLS, and mail waits while the others do not answer";
        self.changed(format!("relay {relay}"), format!("not used, because {difference}: {how}"));
    }

    /// Notes that mail would be lost where postrider takes this program's place.
    pub(crate) fn serves(&mut self, how: impl Into<String>) {
        self.serves.push(how.into());
    }

    /// Notes that mail went to the servers of its recipients, and which parameter says so.
    pub(crate) fn is_direct(&mut self, by: &str) {
        self.is_direct = true;
        self.serves.push(format!("delivers mail without a relay ({by})"));
        let why = "mail is delivered directly to each recipient's mail server; postrider needs a relay: name one with --relay";
        self.left_out(by, why);
    }

    /// Adds a table, and how the config names it.
    pub(crate) fn table(&mut self, name: &str, text: String) -> String {
        let name = name.replace(is_stand_in, "_");
        let is_free = |name: &String| self.tables.iter().all(|table| table.name != *name);
        let numbered = (2..).map(|number| format!("{name}{number}"));
        let name = std::iter::once(name.clone()).chain(numbered).find(is_free).unwrap_or_default();
        let place = format!("tables/{name}");
        self.tables.push(DraftTable { name, text });
        place
    }

    /// Notes that the port is the one that nobody wrote.
    pub(crate) fn port_25(&mut self, account: &str) {
        let how = "the default, which many networks block and many providers no longer accept logins on; if \
                   \"postrider test\" cannot connect, write :587";
        self.changed(format!("port 25 (account {account})"), how);
    }

    /// The name in EHLO decides nothing else: where it is not this machine's name, mail to it goes out like any other.
    pub(crate) fn greets_as(&mut self, name: &str, machine: &str, by: &str) {
        if !is_domain(name) {
            self.left_out(format!("{by} {name}"), "not a domain name; set `hostname`");
            return;
        }
        self.top.text("hostname", name, by);
        if !name.eq_ignore_ascii_case(machine) {
            let own = names_of(machine);
            self.top.text("origin", machine, "this machine's name");
            self.top.list("own_domains", &own, format!("{by} is the name in EHLO, not a domain of this machine"));
        }
    }

    /// Addresses of this machine get another domain on their way out, and keep their user; `rows` of single users come
    /// first. Not `origin`: its domain would count as this machine's own, and mail to others there would go nowhere.
    pub(crate) fn sends_as(&mut self, own: &str, domain: &str, rows: &[String], comment: &str) {
        self.rewrites(own, &format!("@{domain}"), rows, comment);
    }

    /// The same with one address, or a domain, for all of them.
    pub(crate) fn rewrites(&mut self, own: &str, into: &str, rows: &[String], comment: &str) {
        let every = names_of(own).into_iter().map(|name| format!("{} = {}", quoted(&format!("@{name}")), quoted(into)));
        let rows: Vec<String> = rows.iter().cloned().chain(every).collect();
        self.top.text("origin", own, "rewritten by generic");
        self.top.values("generic", &[inline(&rows)], comment);
    }

    /// Whether a comment or a note speaks of this parameter.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        let sections = [&self.top, &self.queue].into_iter().chain(self.accounts.iter().map(|account| &account.keys));
        let sections = sections.chain(self.sections.iter().map(|section| &section.keys));
        let notes = self.notes.iter().flat_map(|note| match note {
            Note::Changed(what, why) | Note::LeftOut(what, why) | Note::NoEffect(what, why) => [what.as_str(), why],
        });
        let mut told = sections.flat_map(Section::comments).chain(notes);
        told.any(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name))
    }

    /// What changes mail first, then what is missing, then what makes no difference.
    #[must_use]
    pub fn sorted_notes(&self) -> Vec<&Note> {
        let mut notes: Vec<&Note> = self.notes.iter().collect();
        notes.sort_by_key(|note| match note {
            Note::Changed(..) => 0,
            Note::LeftOut(..) => 1,
            Note::NoEffect(..) => 2,
        });
        notes
    }

    fn note(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// A name for an account that none has yet, after the relay's host.
    #[must_use]
    pub fn account_name(&self, host: &str) -> String {
        let labels: Vec<&str> = host.split('.').filter(|label| !label.is_empty()).collect();
        let label = match labels.as_slice() {
            _ if host.parse::<std::net::IpAddr>().is_ok() => "relay",
            [.., domain, _] => domain,
            [only] => only,
            [] => "relay",
        };
        let plain: String = label.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let plain = if plain.is_empty() || plain.starts_with('-') { "relay".to_owned() } else { plain };
        self.free_name(plain)
    }

    /// A name that an account may have, in place of one from another program. It names a file as well.
    pub(crate) fn allowed_name(&mut self, written: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.@+".contains(c) { c } else { '_' };
        let mapped: String = written.chars().map(plain).collect();
        let mapped = mapped.trim_start_matches(['-', '.']);
        let name = self.free_name(if mapped.is_empty() { "account".to_owned() } else { mapped.to_owned() });
        if name != written {
            self.changed(format!("account {written}"), format!("its name is now {name}"));
        }
        name
    }

    fn free_name(&self, plain: String) -> String {
        let taken: BTreeSet<&str> = self.accounts.iter().map(|account| account.name.as_str()).collect();
        let numbered = (2..).map(|number| format!("{plain}{number}"));
        std::iter::once(plain.clone()).chain(numbered).find(|name| !taken.contains(name.as_str())).unwrap_or(plain)
    }

    /// The config file's text. Passwords are in `secrets/NAME` beside it.
    #[must_use]
    pub fn config(&self, from: &str) -> String {
        let mut out = format!("# Written by \"postrider import\" from {from}. postrider.toml(5) explains every key.\n");
        for note in self.sorted_notes() {
            let (kind, what, why) = note.parts();
            let _ = writeln!(out, "# {kind}: {}: {}", plain(what), plain(why));
        }
        out.push('\n');
        self.top.write(&mut out);
        for account in &self.accounts {
            let _ = writeln!(out, "\n[account.{}]", quoted_key(&account.name));
            account.keys.write(&mut out);
            if account.secret.is_some() {
                let _ = writeln!(out, "password = {}", password_file(&account.name));
            }
        }
        let of_kind = |kind| self.sections.iter().filter(move |section| section.kind == kind);
        for section in of_kind("listen").chain(of_kind("client")) {
            let _ = writeln!(out, "\n[{}.{}]", section.kind, quoted_key(&section.name));
            section.keys.write(&mut out);
        }
        if !self.queue.lines.is_empty() {
            out.push_str("\n[queue]\n");
            self.queue.write(&mut out);
        }
        out
    }
}

/// Whether a name may stand for this machine.
pub(crate) fn is_domain(name: &str) -> bool {
    name.is_ascii() && !name.starts_with(['[', '.', '!']) && Address::new("x", name).is_ok()
}

/// The last labels of names that no provider has.
const FICTITIOUS: [&str; 11] =
    ["lan", "local", "localdomain", "localhost", "home", "arpa", "internal", "intranet", "private", "test", "invalid"];

/// Whether a domain may be one to which others send mail.
pub(crate) fn is_public(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default().to_lowercase();
    is_domain(name) && name.contains('.') && !FICTITIOUS.contains(&last.as_str())
}

/// A machine's full name, its short one and `localhost`.
pub(crate) fn names_of(machine: &str) -> Vec<String> {
    let short = machine.split('.').next().unwrap_or(machine);
    let mut names = vec![machine.to_owned()];
    names.extend([short, "localhost"].into_iter().filter(|name| *name != machine).map(str::to_owned));
    names.dedup();
    names
}

/// Whether a relay's host is this machine, where a password needs no TLS.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A table of rows `"key" = "value"` in the config itself; of one key the first counts.
pub(crate) fn inline(rows: &[String]) -> String {
    let mut seen = HashSet::new();
    let key = |row: &String| row.split_once(" = ").map_or(row.clone(), |(key, _)| key.to_lowercase());
    let rows: Vec<&str> = rows.iter().filter(|row| seen.insert(key(row))).map(String::as_str).collect();
    format!("{{ {} }}", rows.join(", "))
}

/// What a comment may hold.
fn plain(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace(misleads, "?")
}

/// A TOML basic string.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if misleads(c) => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The value of `password` for a file in `secrets/`.
pub(crate) fn password_file(account: &str) -> String {
    format!("{{ file = {} }}", quoted(&format!("secrets/{account}")))
}

fn quoted_key(name: &str) -> String {
    let bare = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare { name.to_owned() } else { quoted(name) }
}
