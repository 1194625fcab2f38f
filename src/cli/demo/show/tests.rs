//! Unit tests of `cli::demo::show`.

use super::super::comparison::Arrival;
use super::super::comparison::tests::good;
use super::super::script::MAILS;
use super::*;

const PLAIN: Colour = Colour::Off;

fn lost() -> Comparison {
    let faults = vec!["it did not arrive".to_owned()];
    Comparison { mail: MAILS[0], local: "root@home.lan".to_owned(), arrival: None, faults }
}

#[test]
fn both_sides_stand_below_their_headings_within_80_columns() {
    let arrival = Arrival { account: "work", relay: "smtp.work.example", received: good() };
    let local = "her@home.lan".to_owned();
    let found = Comparison { mail: MAILS[2], local, arrival: Some(arrival), faults: Vec::new() };
    let text = before_and_after(&found, PLAIN);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "  personal mail: account work, smtp.work.example, TLSv1.3, login with PLAIN");
    let (left, right) = (lines[1].find("ON THIS").unwrap(), lines[1].find("AS IT LEFT").unwrap());
    assert!(lines[2][left..].starts_with("her@home.lan ") && lines[2][right..] == *"heraccount@work.example", "{text}");
    assert!(lines[3].starts_with("  RCPT  friend@elsewhere.example "), "{text}");
    assert_eq!(&lines[5][right..], "\"Carol\" <heraccount@work.example>");
    assert!(lines.iter().all(|line| line.len() <= 80), "{text}");
}

#[test]
fn what_did_not_arrive_is_named_and_painted_on_a_terminal_only() {
    assert_eq!(before_and_after(&lost(), PLAIN), "  cron job\n    ! it did not arrive\n");
    assert!(before_and_after(&lost(), Colour::On).contains("\x1b[31m! it did not arrive\x1b[0m"));
}

#[test]
fn a_field_is_unfolded_and_foreign_bytes_do_not_reach_the_terminal() {
    assert_eq!(field(b"A: \x1b[2J\r\n b\r\nB: c\r\n\r\nbody", "a"), "?[2J b");
    assert_eq!(field(b"B: c\r\n\r\nA: d", "a"), "");
}
