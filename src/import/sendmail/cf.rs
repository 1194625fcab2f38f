//! sendmail.cf and submit.cf, line by line: the first letter says what a line sets (the operations guide, 5). Rulesets are not
//! read; the features that made them are named in comments.

use super::settings::Settings;

/// Adds what a configuration sets.
pub(super) fn read(text: &str, settings: &mut Settings) {
    for line in text.lines() {
        if let Some(feature) = feature(line) {
            settings.features.insert(feature.to_owned());
        }
    }
    for line in logical_lines(text) {
        add(&line, settings);
    }
    settings.others.push("rulesets and other options".to_owned());
}

/// Adds what one line sets.
pub(super) fn add(line: &str, settings: &mut Settings) {
    let mut letters = line.chars();
    let (Some(kind), rest) = (letters.next(), letters.as_str()) else { return };
    match kind {
        'D' => {
            let (name, value) = named(rest);
            settings.macros.insert(name.to_owned(), value.trim().to_owned());
        }
        'C' => {
            let (name, names) = named(rest);
            settings.add_to_class(name, names);
        }
        'F' => {
            let (name, file) = named(rest);
            let file = file.split_whitespace().find(|word| word.starts_with('/') || word.starts_with("-o/"));
            let file = file.map(|file| file.trim_start_matches("-o").to_owned());
            settings.class_files.extend(file.map(|file| (name.to_owned(), file)));
        }
        'K' => {
            if let Some((name, map)) = rest.split_once(char::is_whitespace) {
                settings.maps.insert(name.to_owned(), map.trim().to_owned());
            }
        }
        'O' => option(rest, settings),
        'M' => {
            let (name, fields) = rest.split_once(',').unwrap_or((rest, ""));
            if let Some((_, arguments)) = fields.rsplit_once("A=") {
                settings.mailers.insert(name.trim().to_owned(), arguments.trim().to_owned());
            }
        }
        _ => {}
    }
}

/// ` Name=value`; the one-letter options of old have no part in this.
fn option(text: &str, settings: &mut Settings) {
    let Some((name, value)) = text.trim().split_once('=') else { return };
    let (name, value) = (name.trim(), value.trim().to_owned());
    if name == "DaemonPortOptions" {
        settings.daemons.push(value);
    } else {
        settings.options.insert(name.to_owned(), value);
    }
}

/// A name is a letter, or several in braces; and what follows it.
fn named(text: &str) -> (&str, &str) {
    match text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some(parts) => parts,
        None => text.split_at(text.chars().next().map_or(0, char::len_utf8)),
    }
}

/// Lines with those that continue them, which begin with white space.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        match lines.last_mut() {
            Some(before) if line.starts_with([' ', '\t']) => {
                before.push(' ');
                before.push_str(line.trim());
            }
            _ => lines.push(line.trim_end().to_owned()),
        }
    }
    lines
}

/// `##### $Id: NAME.m4,v ... #####`, as the macro files leave it.
fn feature(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix("#####")?.trim_start().strip_prefix("$Id: ")?.split_once(".m4,v")?;
    Some(name)
}
