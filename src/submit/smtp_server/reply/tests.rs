//! Unit tests of `submit::smtp_server::reply`.

use super::*;

#[test]
fn a_reply_is_one_bounded_line_whatever_the_text() {
    let reply = line(550, "5.1.1", &format!("no\r\n250 yes {}", "ü".repeat(600)));
    assert!(reply.starts_with(b"550 5.1.1 no  250 yes"));
    assert!(reply.len() <= 512);
    assert_eq!(reply.iter().position(|&b| b == b'\n'), Some(reply.len() - 1));
    assert!(reply.is_ascii());
}

#[test]
fn only_the_last_line_has_a_blank_behind_its_code() {
    assert_eq!(lines(250, &["a".into(), "B".into()]), b"250-a\r\n250 B\r\n");
}
