//! Pattern tables against what postmap -q answers from the same text.

use super::*;

fn asked(table: &str, dialect: Dialect, key: &str) -> String {
    match Patterns::new(table.as_bytes(), dialect).find(key) {
        None => "-".to_owned(),
        Some(Answer { value: Ok(value), .. }) => value,
        Some(Answer { line, value: Err(_) }) => format!("fault in {line}"),
    }
}

#[test]
fn rows_answer_in_order_and_ignore_case() {
    for dialect in [Dialect::Posix, Dialect::Pcre] {
        let table = "# users\n/^(.*)@home\\.lan$/ $1@isp.example\n!/@/i ${1\n";
        assert_eq!(asked(table, dialect, "His@HOME.lan"), "His@isp.example");
        assert_eq!(asked(table, dialect, "his@else"), "fault in 3");
        let table = "/^root@/i\tfirst\n/^root@/\n   second\n|^a/b|  $$1\n";
        assert_eq!(asked(table, dialect, "root@x"), "first");
        assert_eq!(asked(table, dialect, "Root@x"), "second");
        assert_eq!(asked(table, dialect, "a/b"), "$1");
        assert_eq!(asked(table, dialect, "b"), "-");
    }
}

#[test]
fn groups_conditions_and_negation_work() {
    for dialect in [Dialect::Posix, Dialect::Pcre] {
        let table =
            "if /@home\\.lan$/\nif !/^root@/\n/^(a)(b)?(.*)@/ $(1)-${2}-$3@x\nendif\n/./ all@x\nENDIF\n!/@/ bare\n";
        assert_eq!(asked(table, dialect, "abc@home.lan"), "a-b-c@x");
        assert_eq!(asked(table, dialect, "ac@home.lan"), "a--c@x");
        assert_eq!(asked(table, dialect, "root@home.lan"), "all@x");
        assert_eq!(asked(table, dialect, "abc@else"), "-");
        assert_eq!(asked(table, dialect, "abc"), "bare");
    }
}

#[test]
fn a_bad_row_puts_all_behind_it_in_doubt() {
    for (table, line) in [
        ("/a/ 1\n/b/ $1\n/c/ 3\n", 2),
        ("/a/ 1\n/(b/ 2\n/c/ 3\n", 2),
        ("/a/ 1\n/b/q 2\n/c/ 3\n", 2),
        ("/a/ 1\n/b 2\n", 2),
        ("/a/ 1\nendif\n/c/ 3\n", 2),
        ("/a/ 1\nb 2\n/c/ 3\n", 2),
        ("/a/ 1\n!/(b)/ $1\n", 2),
        ("/a/ 1\n/b/ $name\n", 2),
        ("/a/ 1\n/b/\n", 2),
    ] {
        let patterns = Patterns::new(table.as_bytes(), Dialect::Pcre);
        assert_eq!(asked(table, Dialect::Pcre, "a"), "1", "{table}");
        assert_eq!(asked(table, Dialect::Pcre, "c"), format!("fault in {line}"), "{table}");
        assert_eq!(patterns.problems().len(), 1, "{table}");
    }
    let many = "/a/ 1\n/(b/ 2\nif /(/\n/c/ 3\nendif\nif /d/\n/e/ $1\nendif\nif /f/\n";
    let lines: Vec<u32> =
        Patterns::new(many.as_bytes(), Dialect::Pcre).problems().iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [9, 2, 3, 7]);
    assert_eq!(asked("if /a/\n/(b/ 2\nendif\n/c/ 3\n", Dialect::Pcre, "c"), "fault in 2");
    assert_eq!(Patterns::new(b"if /a/\n/./ x\n", Dialect::Posix).problems()[0].0, 1);
}

#[test]
fn text_behind_an_if_or_endif_is_ignored_as_by_postfix() {
    for dialect in [Dialect::Posix, Dialect::Pcre] {
        let table = "if /@home/ # ours\n/^root@/ me@isp\nendif # of ours\n/./ rest\nif /x/\n /y/ z\nendif\n";
        assert_eq!(asked(table, dialect, "root@home"), "me@isp");
        assert_eq!(asked(table, dialect, "root@else"), "rest");
        let patterns = Patterns::new(table.as_bytes(), dialect);
        assert_eq!(patterns.problems(), []);
        let ignored: Vec<u32> = patterns.ignored().iter().map(|(line, _)| *line).collect();
        assert_eq!(ignored, [1, 3, 5]);
        assert!(patterns.ignored()[2].1.starts_with("\"/y/ z\" after the pattern of this if is ignored"));
    }
}

#[test]
fn the_dialects_differ_where_postfix_s_do() {
    assert_eq!(asked("/^\\d+@/ x", Dialect::Pcre, "12@h"), "x");
    assert_eq!(asked("/^\\d+@/ x", Dialect::Posix, "12@h"), "-");
    assert_eq!(asked("/^(?:a|b)@/ x", Dialect::Pcre, "b@h"), "x");
    assert_eq!(asked("/^[[:alpha:]]+@/ x", Dialect::Posix, "ab@h"), "x");
    assert_eq!(asked("/^ a @ # comment\n/x y", Dialect::Pcre, "a@h"), "fault in 1");
    assert_eq!(asked("/^ a @ /x y", Dialect::Pcre, "a@h"), "y");
    assert_eq!(asked("/b@/A y", Dialect::Pcre, "ab@h"), "-");
    assert_eq!(asked("/^(.+)@/U $1", Dialect::Pcre, "a@b@h"), "a");
    assert_eq!(asked("/^\\(.*\\)@h$/x $1", Dialect::Posix, "me@h"), "me");
}

#[test]
fn a_pattern_that_takes_for_ever_is_a_fault() {
    let key = format!("{}!", "a".repeat(40));
    assert_eq!(asked("/^(a+)+$/ x", Dialect::Pcre, &key), "fault in 1");
}
