//! How the table is read, and that every row of it can decide something.

use super::*;

#[test]
fn no_row_is_bad() {
    let (table, bad) = Table::read(include_str!("../phrases.tsv"));
    assert_eq!(bad, [], "every row is read");
    assert!(table.rows.len() > 200, "{} rows", table.rows.len());
}

/// The rows with their text, so that the test can say which one is meant.
fn patterns() -> Vec<&'static str> {
    let columns = include_str!("../phrases.tsv").lines().filter(|line| !line.starts_with('#'));
    columns.filter_map(|line| line.split('\t').nth(2).filter(|_| !line.starts_with("hosts"))).collect()
}

#[test]
fn every_row_decides_the_text_that_it_describes() {
    let (table, _) = Table::read(include_str!("../phrases.tsv"));
    let patterns = patterns();
    assert_eq!(patterns.len(), table.rows.len());
    for (row, pattern) in table.rows.iter().zip(patterns) {
        let text = Folded::new(599, &pattern.replace('*', " x ").replace("{wait}", "5 minutes"));
        let first = |stage: &Stage| {
            let fits = |other: &&Row| other.provider.is_none_or(|name| row.provider == Some(name));
            let own = table
                .rows
                .iter()
                .filter(|other| other.provider.is_some())
                .chain(table.rows.iter().filter(|other| other.provider.is_none()));
            own.filter(fits).find(|other| other.stages.contains(stage) && other.pattern.find(&text).is_some()).unwrap()
        };
        for stage in &row.stages {
            let meaning = first(stage).meaning;
            assert_eq!(meaning, row.meaning, "a row before \"{pattern}\" decides at {}", stage.name());
        }
        let is_needed = row.stages.iter().any(|stage| std::ptr::eq(first(stage), row));
        assert!(is_needed, "rows before \"{pattern}\" say the same");
    }
}

#[test]
fn a_bad_row_is_named() {
    let text = "# x\nhosts\tisp\tisp.example\nisp\tmail\tnot yours\tsender-not-owned\tme\n*\tmail\ttoo bad\tbad\tme\n\
                *\tlunch\ttoo bad\tserver-trouble\tme\n*\tmail\t{x}abc\tserver-trouble\tme\n*\tmail\tabc\tserver-trouble\n\
                other\tmail\tabc\tserver-trouble\tme\n*\tmail\tabc\tsending-limit soon\tme\n";
    let (table, bad) = Table::read(text);
    assert_eq!(table.rows.len(), 1);
    assert_eq!(bad.iter().map(|row| row.line).collect::<Vec<_>>(), [4, 5, 6, 7, 8, 9]);
    assert!(bad[0].to_string().contains("\"bad\" is not a meaning"));
}

#[test]
fn a_provider_is_known_by_the_end_of_its_host() {
    let name = |host| Provider::of([host]).map(Provider::name);
    assert_eq!(name("smtp.gmail.com"), Some("gmail"));
    assert_eq!(name("SMTP-Relay.Gmail.Com."), Some("gmail"));
    assert_eq!(name("email-smtp.eu-west-1.amazonaws.com"), Some("ses"));
    assert_eq!(name("notgmail.com"), None);
    assert_eq!(name("127.0.0.1"), None);
    assert_eq!(Provider::of(["backup.example", "smtp.office365.com"]).map(Provider::name), Some("microsoft"));
}

#[test]
fn the_providers_rows_come_before_the_general_ones() {
    let text = "hosts\tisp\tisp.example\n*\tany\tno more\tserver-trouble\tme\nisp\tmail dot\tno more\tsending-limit 2 hours\tme\n";
    let (table, _) = Table::read(text);
    let hit = |provider, stage| {
        table.first(provider, stage, &Folded::new(550, "No more!")).map(|hit| (hit.meaning, hit.usual_wait, hit.owner))
    };
    let own = (Meaning::SendingLimit, Some(Duration::from_hours(2)), Owner::Provider);
    let general = (Meaning::ServerTrouble, None, Owner::Anyone);
    assert_eq!(hit(Some(Provider("isp")), Stage::Mail), Some(own));
    assert_eq!(hit(Some(Provider("isp")), Stage::Rcpt), Some(general));
    assert_eq!(hit(None, Stage::Mail), Some(general));
    assert_eq!(hit(Some(Provider("other")), Stage::Mail), Some(general));
}
