//! Several files as one: the main file and those of conf.d, each parsed by itself, with all offsets in one space, so that a
//! fault finds its file. The tables of one option add up, in the order of the files; any other key or section that two files
//! have is a fault that names both.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::faults::{self, Faults};
use crate::config::keys::TABLE_KEYS;

/// Sections that hold named sections: each of these stands in one file, the kind may stand in all.
const KINDS: [&str; 3] = ["account", "listen", "client"];

/// All files as one table. `None` where the syntax of one is broken: a tree from it would only add follow-on faults. A key
/// that one file has twice breaks nothing.
pub(super) fn merged<'t>(faults: &mut Faults<'t>) -> Option<DeTable<'t>> {
    let (mut all, mut is_sound) = (DeTable::new(), true);
    for (start, source) in faults.sources() {
        let (table, errors) = DeTable::parse_recoverable(source.text);
        is_sound &= errors.iter().all(|error| error.message() == faults::TWICE);
        faults.add_syntax(start, &errors);
        let table = if start == 0 { table.into_inner() } else { shifted_table(table.into_inner(), start) };
        for (key, value) in table {
            add(&mut all, key, value, faults);
        }
    }
    is_sound.then_some(all)
}

fn add<'t>(
    all: &mut DeTable<'t>,
    key: Spanned<std::borrow::Cow<'t, str>>,
    value: Spanned<DeValue<'t>>,
    faults: &mut Faults,
) {
    let name = key.get_ref().to_string();
    let Some((known_at, known)) = all.get_key_value(name.as_str()).map(|(key, value)| (key.span().start, value)) else {
        all.insert(key, value);
        return;
    };
    if TABLE_KEYS.contains(&name.as_str()) {
        if let Some(known) = all.get_mut(name.as_str()) {
            join(known, value);
        }
        return;
    }
    let are_sections = known.get_ref().is_table() && value.get_ref().is_table();
    if !KINDS.contains(&name.as_str()) || !are_sections {
        let what = if are_sections { format!("[{name}]") } else { format!("`{name}`") };
        faults.add(key.span().start, twice(&what, known_at, faults));
        return;
    }
    let DeValue::Table(sections) = value.into_inner() else { return };
    let Some(DeValue::Table(known)) = all.get_mut(name.as_str()).map(Spanned::get_mut) else { return };
    for (section, value) in sections {
        let heading = format!("[{name}.{}]", section.get_ref());
        match known.get_key_value(section.get_ref().as_ref()) {
            Some((first, _)) => faults.add(section.span().start, twice(&heading, first.span().start, faults)),
            None => {
                known.insert(section, value);
            }
        }
    }
}

/// The tables of both, each of which has a list of them or one alone.
fn join<'t>(known: &mut Spanned<DeValue<'t>>, more: Spanned<DeValue<'t>>) {
    let nothing = Spanned::new(known.span(), DeValue::Boolean(false));
    let both = tables(std::mem::replace(known, nothing)).into_iter().chain(tables(more));
    *known.get_mut() = DeValue::Array(both.collect::<DeArray>());
}

fn tables(value: Spanned<DeValue<'_>>) -> Vec<Spanned<DeValue<'_>>> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Array(list) => list.into_iter().collect(),
        alone => vec![Spanned::new(span, alone)],
    }
}

fn twice(what: &str, first: usize, faults: &Faults) -> String {
    let (source, line, _) = faults.place(first);
    format!("{what} is also in {}: keep one of them", source.line(line))
}

fn shifted_table(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    let shifted = |(key, value): (Spanned<_>, Spanned<_>)| {
        (Spanned::new(moved(key.span(), by), key.into_inner()), shifted_value(value, by))
    };
    table.into_iter().map(shifted).collect()
}

fn shifted_value(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = moved(value.span(), by);
    let inner = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(shifted_table(table, by)),
        DeValue::Array(mut items) => {
            for item in items.iter_mut() {
                let whole = std::mem::replace(item, Spanned::new(0..0, DeValue::Boolean(false)));
                *item = shifted_value(whole, by);
            }
            DeValue::Array(items)
        }
        plain => plain,
    };
    Spanned::new(span, inner)
}

fn moved(span: Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
