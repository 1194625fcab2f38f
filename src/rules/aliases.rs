//! Aliases of envelope recipients: virtual ones for any address, local ones (aliases(5))
//! for this machine's own, applied until nobody is left to be replaced. What cannot be
//! delivered to, and circles, are refused with the reason.

use std::collections::HashSet;
use std::path::Path;

use super::inbound::{Arrival, Destination, Step};
use super::map::complete;
use crate::config::{Hit, Propagates, Span, TableFault};
use crate::mail::address::{Address, without_extension};
use crate::mail::fold_case::fold_case;
use crate::mail::list;

/// What the reason of a loop begins with; the addresses follow.
pub const LOOP: &str = "alias loop: ";

/// No recipient stands for more.
const MOST: usize = 1000;

/// Included lists within included lists.
const DEEPEST: usize = 20;

/// What one recipient comes to.
pub(super) struct Expansion<'a> {
    rules: Arrival<'a>,
    /// What is being replaced, outermost first.
    within: Vec<Address>,
    found: Vec<Destination>,
    /// What is found, in the form in which doubles are equal.
    known: HashSet<(String, Option<String>)>,
    steps: Vec<Step>,
}

impl<'a> Expansion<'a> {
    /// Destinations without doubles, in the order of the rows.
    pub(super) fn of(
        rules: Arrival<'a>,
        address: &Address,
        steps: Vec<Step>,
    ) -> Result<(Vec<Destination>, Vec<Step>), TableFault> {
        let mut expansion = Self { rules, within: Vec::new(), found: Vec::new(), known: HashSet::new(), steps };
        expansion.address(address)?;
        Ok((expansion.found, expansion.steps))
    }

    fn address(&mut self, address: &Address) -> Result<(), TableFault> {
        if self.within.last().is_some_and(|last| last.same_mailbox(address)) {
            // A row that names itself keeps it: virtual's may still have a local alias.
            return self.local(address);
        }
        if self.within.iter().any(|outer| outer.same_mailbox(address)) {
            self.circle(address);
            return Ok(());
        }
        if self.within.len() > MOST || self.found.len() > MOST {
            self.refuse(address, format!("its aliases expand to more than {MOST} addresses; shorten them"));
            return Ok(());
        }
        let Some(hit) = self.rules.map(&self.rules.tables.virtuals, Propagates::Virtual).many(address)? else {
            return self.local(address);
        };
        self.step("virtual", &hit.key, &joined(&hit.addresses), &hit.place);
        self.within.push(address.clone());
        for one in &hit.addresses {
            self.address(one)?;
        }
        self.within.pop();
        Ok(())
    }

    fn local(&mut self, address: &Address) -> Result<(), TableFault> {
        let again = self.steps.iter().any(|step| step.by == "aliases")
            && self.within.last().is_some_and(|last| last.same_mailbox(address));
        match self.alias(address)? {
            Some((hit, key, unmatched)) if !again => {
                self.step("aliases", &key, &hit.value, &hit.place);
                self.within.push(address.clone());
                self.members(address, &hit, &hit.value, unmatched, 0)?;
                self.within.pop();
            }
            _ => self.keep(Destination::Address(address.clone())),
        }
        Ok(())
    }

    /// The row of a local recipient, its key, and the extension that the key does not have.
    fn alias<'q>(&self, address: &'q Address) -> Result<Option<(Hit, String, &'q str)>, TableFault> {
        let (config, tables) = (self.rules.config, &self.rules.tables.aliases);
        if tables.is_empty() || !config.is_own_domain(address.domain()) {
            return Ok(None);
        }
        let local = address.local();
        if let Some(hit) = tables.lookup(local, Span::Whole)? {
            return Ok(Some((hit, fold_case(local).into_owned(), "")));
        }
        let Some(bare) = without_extension(local, &config.recipient_delimiter) else { return Ok(None) };
        let hit = tables.lookup(bare, Span::Part)?;
        Ok(hit.map(|hit| (hit, fold_case(bare).into_owned(), &local[bare.len()..])))
    }

    /// The values of a row, or of a list that it includes.
    fn members(
        &mut self,
        of: &Address,
        hit: &Hit,
        text: &str,
        unmatched: &str,
        depth: usize,
    ) -> Result<(), TableFault> {
        for item in items(text) {
            let plain = unquoted(&item);
            if let Some(path) = plain.strip_prefix(":include:") {
                if depth >= DEEPEST {
                    self.refuse(of, format!("{}: included lists include each other in a loop; remove one", hit.place));
                    continue;
                }
                let list = (self.rules.include)(self.rules.config, Path::new(path.trim()))?;
                self.members(of, hit, &list, unmatched, depth + 1)?;
            } else if let Some(what) = undeliverable(&plain) {
                self.refuse(of, format!("{}: this alias {what}; use a mail address instead", hit.place));
            } else {
                self.member(of, hit, &item, unmatched)?;
            }
        }
        Ok(())
    }

    fn member(&mut self, of: &Address, hit: &Hit, item: &str, unmatched: &str) -> Result<(), TableFault> {
        let config = self.rules.config;
        let (item, final_one) = item.strip_prefix('\\').map_or((item, false), |item| (item, true));
        for found in list::parse(item.as_bytes()) {
            let address = complete(&found.spec, &config.origin).ok_or_else(|| {
                TableFault(format!("{}: \"{item}\" is not a mail address; write user or user@domain", hit.place))
            })?;
            let propagates = config.rewriting.propagate_extensions.contains(&Propagates::Alias);
            let extended = format!("{}{unmatched}", address.local());
            let address = address.with_local(&extended).ok().filter(|_| propagates).unwrap_or(address);
            // \user is the mailbox itself; so is a row's own name in it.
            if final_one || address.same_mailbox(of) {
                self.keep(Destination::Address(address));
            } else {
                self.address(&address)?;
            }
        }
        Ok(())
    }

    /// What led into the loop is not part of it.
    fn circle(&mut self, address: &Address) {
        let begin = self.within.iter().position(|outer| outer.same_mailbox(address)).unwrap_or(0);
        let way = joined(&[&self.within[begin..], std::slice::from_ref(address)].concat()).replace(", ", " -> ");
        self.refuse(address, format!("{LOOP}{way}; remove one of these entries"));
    }

    fn refuse(&mut self, address: &Address, why: String) {
        self.keep(Destination::Refused(address.clone(), why));
    }

    fn keep(&mut self, destination: Destination) {
        let same = match &destination {
            Destination::Address(address) => (address.folded(), None),
            Destination::Refused(address, why) => (address.to_string(), Some(why.clone())),
        };
        if self.known.insert(same) {
            self.found.push(destination);
        }
    }

    fn step(&mut self, by: &'static str, key: &str, result: &str, place: &str) {
        self.steps.push(Step { by, key: key.to_owned(), result: result.to_owned(), place: place.to_owned() });
    }
}

fn joined(addresses: &[Address]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What no provider can be given.
fn undeliverable(item: &str) -> Option<String> {
    let shown: String = item.chars().take(60).collect();
    match item.chars().next()? {
        '|' => Some(format!("runs a program (\"{shown}\"), which postrider does not do")),
        '/' => Some(format!("delivers to a file (\"{shown}\"), which postrider does not do")),
        _ => None,
    }
}

/// The values between commas and line ends that stand outside of quotes.
fn items(text: &str) -> Vec<String> {
    let (mut items, mut item, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                item.push(c);
                item.extend(chars.next());
            }
            ',' | '\n' if !quoted => items.push(std::mem::take(&mut item)),
            c => {
                quoted ^= c == '"';
                item.push(c);
            }
        }
    }
    items.push(item);
    items.into_iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}

/// Without the quotes around all of it.
fn unquoted(item: &str) -> String {
    match item.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) => inside.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => item.to_owned(),
    }
}
