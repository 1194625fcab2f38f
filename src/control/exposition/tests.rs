//! Prometheus' text format: escapes, names, and what never stands in it.

use super::*;
use crate::control::report::{Kind, Reason};

#[test]
fn labels_are_escaped_and_no_label_is_an_address() {
    let mut out = Exposition::default();
    out.family("x_total", Metric::Counter, "Of a test.");
    out.sample("x_total", &[("account", "a\"b\\c\nd"), ("state", "s")], 7);
    out.sample("x_total", &[], 1);
    let expected = "# HELP postrider_x_total Of a test.\n# TYPE postrider_x_total counter\n\
                    postrider_x_total{account=\"a\\\"b\\\\c\\nd\",state=\"s\"} 7\npostrider_x_total 1\n";
    assert_eq!(out.text(), expected);
    assert_eq!(label("isp"), "isp");
    let short = label("me@isp.example");
    assert!(short.len() == 13 && short == label("me@isp.example") && short != label("you@isp.example"), "{short}");
}

#[test]
fn what_status_found_has_neither_texts_nor_subjects() {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let reason = |kind| Reason::new(Level::Critical, kind, "CANARY").of("canary@isp.example").cured_by("CANARY");
    let report = Report::of([reason(Kind::Rejected), reason(Kind::Rejected), reason(Kind::Silence)]);
    let ends =
        [Ending { shown: Shown::ByRelay, name: "canary@isp.example", at: now, ahead: jiff::SignedDuration::ZERO }];
    let text = of_status(&report, &Health::new(), &ends, now);
    assert!(!text.to_lowercase().contains("canary"), "{text}");
    assert!(
        text.contains("postrider_conditions{kind=\"rejected\"} 2\npostrider_conditions{kind=\"silence\"} 1\n"),
        "{text}"
    );
    assert!(text.contains("postrider_status 2\n") && text.contains("of=\"relay\",name=\"name-"), "{text}");
}
