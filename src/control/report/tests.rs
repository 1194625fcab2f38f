//! The order of reasons, and what everybody may know of them.

use super::*;

#[test]
fn a_report_is_as_bad_as_its_worst_reason_which_comes_first() {
    let reason = |level, text| Reason::new(level, Kind::Late, text);
    let report = Report::of([
        reason(Level::Ok, "a"),
        reason(Level::Warning, "b"),
        reason(Level::Critical, "c"),
        reason(Level::Warning, "d"),
    ]);
    let order: Vec<&str> = report.reasons.iter().map(|reason| reason.text.as_str()).collect();
    assert_eq!((report.level, order), (Level::Critical, vec!["c", "b", "d", "a"]));
    assert_eq!(Report::default().level, Level::Ok);
}

#[test]
fn what_anybody_may_know_has_no_addresses() {
    let kinds = [Kind::Account, Kind::Relay, Kind::Config, Kind::Table, Kind::Rejected, Kind::Unmapped, Kind::Limit];
    for kind in kinds {
        let words = match kind {
            Kind::Table | Kind::Unmapped => "1 message",
            Kind::Rejected => "1 message rejected: 553 5.7.1 a@b.example is not yours",
            _ => "a@b.example",
        };
        let cure = if kind == Kind::Config { "see `postrider check`" } else { "map a@b.example" };
        let reason = Reason::new(Level::Critical, kind, words).of("it").cured_by(cure);
        let public = Report::of([reason]).public();
        assert!(!format!("{public:?}").contains('@'), "{kind:?}: {public:?}");
        assert_eq!(public.level, Level::Critical);
    }
}
