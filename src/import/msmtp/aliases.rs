//! msmtp's aliases: those of aliases(5), with comments behind values, and `default` for every local user without an entry.

use std::fmt::Write as _;

use super::OwnNames;
use crate::import::ImportContext;
use crate::import::draft::{Draft, inline, quoted};

pub(super) fn carry(context: &ImportContext<'_>, path: &str, own_mail: OwnNames, draft: &mut Draft) {
    let text = match (context.read)(path.as_ref()) {
        Ok(text) => text,
        Err(error) => {
            draft.left_out(format!("aliases {path}"), format!("cannot be read: {error}; set `aliases`"));
            return;
        }
    };
    let rows = rows(&text);
    if own_mail == OwnNames::AtTheRelay {
        // `aliases` is for people here, of whom there are none.
        let key = |name: &str| if name == "default" { String::new() } else { name.to_owned() };
        let row = |(name, values): &(String, String)| {
            format!("{} = {}", quoted(&format!("{}@{}", key(name), context.hostname)), quoted(values))
        };
        let rows: Vec<String> = rows.iter().map(row).collect();
        if !rows.is_empty() {
            draft.top.values("virtual", &[inline(&rows)], "aliases: what has no row goes to the relay");
            draft.changed("aliases", "they are a copy in `virtual`: edit that from now on");
        }
        return;
    }
    // aliases(5) knows comments only as lines of their own.
    let is_plain = text.lines().all(|line| line.trim_start().starts_with('#') || !line.contains('#'));
    let place = if is_plain { path.to_owned() } else { copy(&rows, draft) };
    let mut sources = vec![format!("hash:{place}")];
    if let Some((_, others)) = rows.iter().find(|(name, _)| name == "default") {
        sources.push(format!("static:{others}"));
    }
    let comment = if sources.len() > 1 { "aliases; the last is their entry \"default\"" } else { "aliases" };
    draft.top.list("aliases", &sources, comment);
}

/// Names and values.
fn rows(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.split('#').next()?.split_once(':'));
    lines.map(|(name, values)| (name.trim().to_owned(), values.trim().to_owned())).collect()
}

fn copy(rows: &[(String, String)], draft: &mut Draft) -> String {
    let mut text = String::new();
    for (name, values) in rows {
        let name = if name.contains(char::is_whitespace) { quoted(name) } else { name.clone() };
        let _ = writeln!(text, "{name}: {values}");
    }
    draft.table("aliases", text)
}
