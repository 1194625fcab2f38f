//! Tests of the reply to a submission.

use super::*;

#[test]
fn what_is_written_is_read() {
    let refused = |text: &str| Reply::Refused(Refused { exit: Exit::NoPermission, text: text.to_owned() });
    for (reply, line) in [
        (Reply::Stored(MessageId::parse("0123456789ABCDEF").unwrap()), "ok 0123456789ABCDEF"),
        (refused("not for you"), "no 77 not for you"),
    ] {
        assert_eq!(reply.to_string(), format!("{line}\n"));
        assert_eq!(Reply::parse(line), Some(reply));
    }
    assert_eq!(refused("two\r\nlines").to_string(), "no 77 two  lines\n");
}

#[test]
fn what_is_no_reply_says_nothing_of_the_message() {
    for line in ["", "ok", "ok x", "ok 0123456789abcdef", "no", "no 75", "no 300 x", "no -1 x", "yes", "ok\u{a0}x"] {
        assert_eq!(Reply::parse(line), None, "{line:?}");
    }
}
