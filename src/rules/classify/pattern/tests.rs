//! What patterns match, and that no text is too much for them.

use super::*;
use proptest::prelude::*;

/// `no`, `yes`, or the seconds to wait.
fn found(pattern: &str, text: &str) -> String {
    let found = Pattern::parse(pattern).unwrap().find(&Folded::new(550, text));
    found.map_or("no".to_owned(), |found| found.wait.map_or("yes".to_owned(), |wait| wait.as_secs().to_string()))
}

#[test]
fn a_pattern_is_a_folded_substring_with_stars_and_a_wait() {
    assert_eq!(found("Daily * limit", "5.4.5 daily user\nSENDING limit exceeded"), "yes");
    assert_eq!(found("daily*limit", "limit, not daily"), "no");
    assert_eq!(found("550 5.4.5", "5.4.5 Daily"), "yes", "the code is part of the text");
    assert_eq!(found("user\u{a0}unknown", "user   unknown"), "yes");
    assert_eq!(found("can't send", "you can\u{2019}t send"), "yes");
    assert_eq!(found("reset in {wait}", "quota will reset in 5 hours."), "18000");
    assert_eq!(found("in {wait}*later", "in vain; in 90 seconds, or later"), "90");
    assert_eq!(found("in {wait}", "in vain"), "no");
    assert_eq!(found("{wait} per sender", "no more than 1 hour per sender"), "3600");
}

#[test]
fn an_address_decides_nothing() {
    assert_eq!(found("daily limit", "<daily limit@example.org> unknown"), "no", "a blank ends a word");
    assert_eq!(found("quota", "<quota@example.org>: unknown"), "no");
    assert_eq!(found("<@>: unknown", "<quota@example.org>: unknown"), "yes");
    assert_eq!(found("key \"@\"", "exceeded for key \"me+x@isp.example\""), "yes");
}

#[test]
fn what_is_no_pattern_is_named() {
    assert_eq!(Pattern::parse("*"), Err(PatternError::TooShort));
    assert_eq!(Pattern::parse("a*"), Err(PatternError::TooShort));
    assert_eq!(Pattern::parse("in {weeks}"), Err(PatternError::Brace));
}

proptest! {
    #[test]
    fn a_text_that_holds_the_parts_in_order_matches(
        parts in proptest::collection::vec("[a-z]{3,8}", 1..5), between in proptest::collection::vec("[ a-z0-9]{0,20}", 6),
    ) {
        let text: String = between.iter().zip(&parts).flat_map(|(before, part)| [before.as_str(), part]).collect();
        prop_assert!(Pattern::parse(&parts.join("*")).unwrap().find(&Folded::new(550, &text)).is_some());
    }

    #[test]
    fn any_text_folds_within_bounds(text in any::<String>(), tail in ".{0,3000}") {
        let folded = Folded::new(421, &format!("{text} {tail}"));
        // Lower case can be longer than upper case.
        prop_assert!(folded.text().len() <= 2 * LONGEST_TEXT);
        prop_assert!(!folded.text().contains(['\n', '\r', '\t']));
    }
}
