//! Unit tests of `mail::printable`.

use super::*;

#[test]
fn nothing_that_commands_a_terminal_is_left() {
    assert_eq!(printable("a\x1b[31m\r\n\tb\u{85}ü"), "a?[31m???b?ü");
    assert_eq!(one_line("a\r\n b\x07"), "a   b ");
}

#[test]
fn what_reorders_or_hides_text_is_shown_in_its_place() {
    for c in
        "\u{fe0f}\u{17b4}\u{2800}\u{13430}\u{110bd}\u{8e2}\u{1bca0}\u{3164}\u{e000}\u{378}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{200f}\u{2028}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}\u{e0041}"
            .chars()
    {
        assert_eq!(printable(&format!("a{c}b")), "a?b", "U+{:04X}", u32::from(c));
        assert_eq!(one_line(&format!("a{c}b")), "a b", "U+{:04X}", u32::from(c));
    }
    let letters = "grüße, مرحبا שלום नमस्ते 日本語 e\u{301} 😀";
    assert_eq!(printable(letters), letters);
}
