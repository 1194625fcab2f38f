//! Unit tests of `cli::demo::show`.

use super::super::comparison::Arrival;
use super::super::comparison::tests::good;
use super::*;

fn lost() -> Comparison {
    let faults = vec!["it did not arrive".to_owned()];
    Comparison { what: "cron job", local: "root@home.lan".to_owned(), arrival: None, faults }
}

#[test]
fn columns_stand_below_their_headings() {
    let arrival = Arrival { account: "work", relay: "smtp.work.example:40123".to_owned(), received: good() };
    let local = "her@home.lan".to_owned();
    let found = Comparison { what: "personal mail", local, arrival: Some(arrival), faults: Vec::new() };
    let text = table(&[lost(), found], Look { colour: Colour::Off, width: Some(200) });
    let lines: Vec<&str> = text.lines().collect();
    let column = |name: &str| lines[0].find(name).unwrap();
    assert!(lines[1][column("LOCAL SENDER")..].starts_with("root@home.lan "));
    assert!(lines[2].starts_with("    ! it did not arrive"));
    assert!(lines[3][column("SENT AS")..].starts_with("heraccount@work.example  work"));
    assert!(lines[3][column("TLS")..].starts_with("TLSv1.3  PLAIN  delivered"));
}

#[test]
fn plain_when_piped_and_blocks_when_narrow() {
    let piped = table(&[lost()], Look { colour: Colour::Off, width: None });
    assert!(!piped.contains('\x1b'));
    assert!(piped.lines().next().unwrap().starts_with("  MAIL"));
    assert!(piped.contains("! it did not arrive"));
    let narrow = table(&[lost()], Look { colour: Colour::On, width: Some(40) });
    assert!(narrow.contains("\x1b[31mWRONG\x1b[0m"));
    assert!(narrow.lines().count() > 7);
}

#[test]
fn foreign_bytes_do_not_reach_the_terminal() {
    assert_eq!(header(b"A: \x1b[2J\r\nB: c\r\n\r\nbody"), "  A: ?[2J\n  B: c\n");
}
