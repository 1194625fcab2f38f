//! What a draft cannot hold because it is not UTF-8: it is taken out and noted with the line that it comes from, so that all else
//! is imported. Programs that take bytes as they are have such values at work.

use super::{Draft, DraftAccount, Elsewhere, Note, Section, password_file};
use crate::config::edit::value::{self, Rest};
use crate::config::sender_pattern::is_pattern;
use crate::import::origin::{self, Place, Texts};
use crate::import::raw_bytes::{is_stand_in, shown};

/// What to do about such a line.
const SAVE: &str = "save the file as UTF-8 and import it again";

/// A value that was taken out: its key, where in the draft, and the text that is not UTF-8.
struct Removed {
    key: &'static str,
    section: String,
    text: String,
}

impl Draft {
    /// Takes it out.
    pub fn without_raw(&mut self, texts: &Texts) {
        let mut known: Vec<Place> = Vec::new();
        self.notes_without_raw(texts, &mut known);
        for removed in self.keys_without_raw() {
            let places = texts.of_raw(&removed.text);
            let Removed { key, section, text } = &removed;
            let seen = match *key {
                "password" => String::new(),
                _ => format!(" \"{}\"", shown(text)),
            };
            let cure = match *key {
                "password" => {
                    let account = section.trim_start_matches("account ");
                    format!("set it with \"postrider password set {account}\"")
                }
                "username" => format!("its password is left out as well; {SAVE}, or set `username` and `password`"),
                "relay" => format!("without another relay there is no such account; {SAVE}"),
                key => format!("{SAVE}, or set `{key}`"),
            };
            let of = if section.is_empty() { String::new() } else { format!(" ({section})") };
            self.changed(format!("{key}{seen}{of}"), format!("{}; {cure}", origin::not_utf8(&places)));
            known.extend(places);
        }
        self.said_without_raw();
        self.note_further_lines(texts, &known);
    }

    /// The lines that no value was taken from: rows of tables, which keep their bytes, and what an importer passed over.
    fn note_further_lines(&mut self, texts: &Texts, known: &[Place]) {
        for (place, line) in texts.raw_lines() {
            let is_about = |note: &Note| matches!(note, Note::NoEffect(what, _) if first_word(line).is_some() && first_word(what) == first_word(line));
            if known.contains(&place) || self.notes.iter().any(is_about) {
                continue;
            }
            let copy = self.tables.iter().find(|table| table.text.lines().any(|row| row == line));
            let named = format!(":{}\"", place.path.display());
            let file = match copy {
                Some(table) => Some(format!("tables/{}", table.name)),
                None if self.top.lines.iter().any(|line| line.value.contains(&named)) => Some("the file".to_owned()),
                None => None,
            };
            let how = match file {
                Some(file) => format!("not UTF-8, and mail that needs this entry waits; save {file} as UTF-8"),
                None if !origin::without_comment(line).contains(is_stand_in) => continue,
                None => format!("not UTF-8, so that a value in it may be missing; {SAVE}"),
            };
            self.changed(origin::shown(&[place]), how);
        }
    }

    /// What was left out because of such a byte is told first, with its line.
    fn notes_without_raw(&mut self, texts: &Texts, known: &mut Vec<Place>) {
        for note in &mut self.notes {
            let (_, what, why) = note.parts();
            let text = format!("{what} {why}");
            if !text.contains(is_stand_in) {
                continue;
            }
            let places = texts.of_raw(&text);
            let at = format!("{}; {}", shown(why), origin::not_utf8(&places));
            *note = match note {
                Note::Changed(what, _) | Note::LeftOut(what, _) => Note::Changed(shown(what), at),
                Note::NoEffect(what, why) => Note::NoEffect(shown(what), shown(why)),
            };
            known.extend(places);
        }
    }

    fn keys_without_raw(&mut self) -> Vec<Removed> {
        let mut removed = Vec::new();
        take_out(&mut self.top, "", &mut removed);
        take_out(&mut self.queue, "queue", &mut removed);
        for section in &mut self.sections {
            take_out(&mut section.keys, &format!("{} {}", section.kind, section.name), &mut removed);
        }
        for account in &mut self.accounts {
            account_without_raw(account, &mut removed);
        }
        let gone = |account: &DraftAccount| !account.keys.sets("relay");
        let names: Vec<String> = self.accounts.iter().filter(|one| gone(one)).map(|one| one.name.clone()).collect();
        for name in &names {
            self.remove_account(name);
        }
        removed
    }

    fn said_without_raw(&mut self) {
        for account in &mut self.accounts {
            for relay in &mut account.said.relays {
                relay.name = shown(&relay.name);
                relay.login = relay.login.as_deref().map(shown);
            }
            account.said.sender = account.said.sender.as_deref().map(shown);
        }
        self.serves.iter_mut().for_each(|how| *how = shown(how));
        self.others = self.others.as_deref().map(shown);
    }

    /// Takes an account out, and what names it.
    pub(super) fn remove_account(&mut self, name: &str) {
        for account in self.accounts.extract_if(.., |account| account.name == name) {
            let relays: Vec<&str> = account.said.relays.iter().map(|relay| relay.name.as_str()).collect();
            let relay = relays.join(", then ");
            let listed =
                account.keys.lines.iter().find(|line| line.key == "senders").map(|line| value::texts(&line.value));
            let senders = listed.unwrap_or_default().into_iter().filter(|sender| !is_pattern(sender));
            self.elsewhere.extend(senders.map(|sender| Elsewhere::relay(sender, &relay)));
        }
        let value = super::quoted(name);
        self.top.lines.retain(|line| line.key != "default_account" || line.value != value);
    }
}

fn first_word(text: &str) -> Option<&str> {
    text.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|word| !word.is_empty())
}

fn account_without_raw(account: &mut DraftAccount, removed: &mut Vec<Removed>) {
    let name = format!("account {}", account.name);
    let before = removed.len();
    if let Some(secret) = account.secret.take_if(|secret| secret.expose().contains(is_stand_in)) {
        removed.push(Removed { key: "password", section: name.clone(), text: secret.expose().to_owned() });
    }
    take_out(&mut account.keys, &name, removed);
    let is_gone = |key: &str| removed[before..].iter().any(|one| one.key == key);
    let (no_user, no_password) = (is_gone("username") && !account.keys.sets("username"), is_gone("password"));
    if no_user {
        account.secret = None;
        account.keys.lines.retain(|line| line.key != "password");
        removed.retain(|one| one.key != "password" || one.section != name);
    } else if no_password {
        account.keys.line("password", password_file(&account.name), "");
    }
}

fn take_out(section: &mut Section, name: &str, removed: &mut Vec<Removed>) {
    let fits = |text: &str| !text.contains(is_stand_in);
    section.lines.retain_mut(|line| {
        line.comment = shown(&line.comment);
        let rest = value::without(&line.value, &fits);
        if rest != Rest::Whole {
            let raw = value::texts(&line.value).into_iter().filter(|text| !fits(text));
            removed.extend(raw.map(|text| Removed { key: line.key, section: name.to_owned(), text }));
        }
        match rest {
            Rest::Whole => true,
            Rest::Part(value) => {
                line.value = value;
                true
            }
            Rest::Nothing => false,
        }
    });
}
