//! The differential test: the same argument lists and inputs go through a real Postfix, set up as a null client, and through postrider;
//! what reaches the provider is compared. A case that differs must say why that is better, and sendmail(8) says it too.

mod address_field;
mod case;
mod compare;
mod household;
mod internet;
mod moved;
mod readme;
mod recorder;
mod setups;

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::need;
use case::Case;
use household::Run;

/// Each file has cases of one kind.
const FILES: [(&str, &str); 8] = [
    ("command", include_str!("cases/command.txt")),
    ("options", include_str!("cases/options.txt")),
    ("recipients", include_str!("cases/recipients.txt")),
    ("envelope", include_str!("cases/envelope.txt")),
    ("header", include_str!("cases/header.txt")),
    ("body", include_str!("cases/body.txt")),
    ("rewriting", include_str!("cases/rewriting.txt")),
    ("callers", include_str!("cases/callers.txt")),
];

/// Only cases whose title holds this text are run; and explained differences are shown.
const ONLY: &str = "POSTRIDER_CASE";

/// How many cases there must be at least.
const AT_LEAST: usize = 150;

#[test]
fn what_reaches_the_provider_is_what_postfix_would_have_sent() {
    if !need::met(&["sendmail"]) {
        return;
    }
    let cases: Vec<Case> = FILES.iter().flat_map(|(file, text)| case::read(file, text)).collect();
    let titles: HashSet<&str> = cases.iter().map(|case| case.title.as_str()).collect();
    assert_eq!(titles.len(), cases.len(), "titles are unique");
    assert!(cases.len() >= AT_LEAST, "{} cases", cases.len());
    let only = std::env::var(ONLY).unwrap_or_default();
    let cases: Vec<Case> = cases.into_iter().filter(|case| case.title.contains(&only)).collect();

    let mut setups: Vec<&str> = cases.iter().map(|case| case.setup.as_str()).collect();
    setups.sort_unstable();
    setups.dedup();
    let (mut faults, mut explained) = (String::new(), 0);
    for setup in setups {
        let cases: Vec<&Case> = cases.iter().filter(|case| case.setup == setup).collect();
        let household = setups::household(setup, &cases);
        let (theirs, ours) = std::thread::scope(|scope| {
            let theirs = scope.spawn(|| household.reference(&cases));
            let ours = household.ours(&cases);
            (theirs.join().unwrap(), ours)
        });
        explained += judge_all(&cases, &theirs, &ours, &mut faults);
    }
    eprintln!("{} cases, {explained} of them explained", cases.len());
    assert!(faults.is_empty(), "ours, not Postfix's:\n{faults}");
}

/// How many of them are explained.
fn judge_all(cases: &[&Case], theirs: &[Run], ours: &[Run], faults: &mut String) -> usize {
    for ((case, theirs), ours) in cases.iter().zip(theirs).zip(ours) {
        judge(case, theirs, ours, faults);
    }
    cases.iter().filter(|case| case.explained.is_some()).count()
}

fn judge(case: &Case, theirs: &Run, ours: &Run, faults: &mut String) {
    let differences = compare::differences(case, theirs, ours);
    match (&case.explained, differences.is_empty()) {
        (None, true) => {}
        (Some(reason), false) => {
            if std::env::var_os(ONLY).is_some() {
                eprintln!("\n* {}\n  {reason}\n  {}", case.title, differences.join("\n  "));
            }
        }
        (Some(reason), true) => {
            writeln!(faults, "\n* {}\n  no difference to explain by: {reason}", case.title).unwrap();
        }
        (None, false) => {
            writeln!(faults, "\n* {}", case.title).unwrap();
            for difference in differences {
                writeln!(faults, "  {difference}").unwrap();
            }
            for (whose, run) in [("Postfix", theirs), ("ours", ours)] {
                if !run.told.is_empty() {
                    writeln!(faults, "  {whose} said: {}", run.told.trim_end()).unwrap();
                }
            }
        }
    }
}
