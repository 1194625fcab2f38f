//! Lookup tables: what is wrong in them, what in them is never used, and results that no provider knows. Where addresses lead
//! through them is for `routes` to say.

use super::Findings;
use crate::config::{ArrivalTables, Config, LeavingTables, TableSource};
use crate::control::report::Kind;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    let (leaving, arriving) = (LeavingTables::load(config), ArrivalTables::load(&config.rewriting));
    for fault in leaving.faults().into_iter().chain(arriving.faults()) {
        findings.error(Kind::Table, None, fault.to_string());
    }
    for row in leaving.without_effect().into_iter().chain(arriving.without_effect()) {
        findings.warning(Kind::Table, None, row.to_string());
    }
    generic_results(config, findings);
}

/// Rows whose result only the origin completes: no provider knows that.
fn generic_results(config: &Config, findings: &mut Findings) {
    for (place, key, value) in config.generic.iter().flat_map(rows) {
        if !value.contains('@') {
            let origin = &config.origin;
            findings.warning(Kind::Rewriting, Some(&place), format!(
                "{place}: the result \"{value}\" for \"{key}\" has no domain and becomes {value}@{origin}; write the full \
                 address"
            ));
        }
    }
}

/// Place, key or pattern, and result of each row; what is no row is told elsewhere.
fn rows(source: &TableSource) -> Vec<(String, String, String)> {
    if let TableSource::Inline(rows) = source {
        let row = |(key, value): &(String, String)| ("generic (inline)".to_owned(), key.clone(), value.clone());
        return rows.iter().map(row).collect();
    }
    if let TableSource::Static(value) = source {
        return vec![("generic (static)".to_owned(), "everything".to_owned(), value.clone())];
    }
    let Some((path, text)) = source.path().and_then(|path| Some((path, std::fs::read_to_string(path).ok()?))) else {
        return Vec::new();
    };
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.starts_with(['#', ' ', '\t']));
    let row = |(number, line): (usize, &str)| {
        let (key, value) = line.trim_end().split_once(char::is_whitespace)?;
        // A pattern with blanks in it, and if and endif, are not looked into.
        let is_row = !value.trim_start().contains(char::is_whitespace) && !matches!(key, "if" | "endif");
        is_row.then(|| (format!("{}:{}", path.display(), number + 1), key.to_owned(), value.trim_start().to_owned()))
    };
    numbered.filter_map(row).collect()
}
