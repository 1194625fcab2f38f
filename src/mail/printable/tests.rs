//! Unit tests of `mail::printable`.

use super::*;

#[test]
fn nothing_that_commands_a_terminal_is_left() {
    assert_eq!(printable("a\x1b[31m\r\n\tb\u{85}ü"), "a?[31m???b?ü");
    assert_eq!(one_line("a\r\n b\x07"), "a   b ");
}
