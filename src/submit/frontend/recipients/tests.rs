//! Unit tests of `submit::frontend::recipients`.

use super::*;

fn texts(given: &[RecipientArgument]) -> Vec<&str> {
    given.iter().map(|given| given.text.as_str()).collect()
}

#[test]
fn an_argument_is_an_address_list() {
    for (argument, expected) in [
        ("a@x", vec!["a@x"]),
        ("alice", vec!["alice"]),
        ("a@x,b@x", vec!["a@x", "b@x"]),
        ("a@x b@x", vec!["a@x", "b@x"]),
        ("His Name <a@x>, b@x (her)", vec!["a@x", "b@x"]),
        ("\"N, M\" <a@x>", vec!["a@x"]),
        ("", vec!["MAILER-DAEMON"]),
        ("<>", vec!["MAILER-DAEMON"]),
        ("friends:;", vec!["MAILER-DAEMON"]),
        ("\"a@x\"", vec!["a@x"]),
        ("\"a@x", vec!["a@x"]),
        ("a@x>", vec!["a@x"]),
        ("a\"b@x", vec!["a\"b@x"]),
    ] {
        assert_eq!(texts(&in_argument(argument.as_bytes())), expected, "{argument:?}");
    }
}

#[test]
fn resent_fields_take_the_place_of_the_plain_ones() {
    for (header, expected) in [
        ("To: a@x\r\nCc: b@x,\r\n c@x\r\nBCC: d@x\r\nTo: e@x\r\n", vec!["a@x", "b@x", "c@x", "d@x", "e@x"]),
        ("To: a@x\r\nResent-To: b@x\r\nResent-Cc: c@x\r\n", vec!["b@x", "c@x"]),
        ("To: a@x\r\nResent-To: b@x\r\nX: y\r\nResent-To: c@x\r\n", vec!["b@x", "c@x"]),
        ("To: a@x\r\nResent-Bcc:\r\n", vec![]),
        ("To: a@x\r\nResent-From: b@x\r\n", vec!["a@x"]),
        ("To:\r\n", vec![]),
        ("To: <>, a@x\r\n", vec!["a@x"]),
        ("To: undisclosed-recipients:;\r\n", vec![]),
        ("Apparently-To: a@x\r\nReturn-Path: <b@x>\r\nFrom: c@x\r\n", vec![]),
    ] {
        assert_eq!(texts(&in_header(&Header::read(header.as_bytes()))), expected, "{header:?}");
    }
}
