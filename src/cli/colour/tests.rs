//! Unit tests of `cli::colour`.

use super::*;

#[test]
fn the_word_that_says_how_things_are_is_painted_on_a_terminal_only() {
    for (line, painted) in [
        ("OK: [127.0.0.1]:25 over TLSv1.3", "\x1b[32mOK\x1b[0m: [127.0.0.1]:25 over TLSv1.3"),
        ("FAILED at the login", "\x1b[31mFAILED\x1b[0m at the login"),
        ("error: the table", "\x1b[31merror:\x1b[0m the table"),
        ("warning: a port", "\x1b[33mwarning:\x1b[0m a port"),
        ("Likely cause: a firewall.", "\x1b[1mLikely cause:\x1b[0m a firewall."),
        ("OKAY", "OKAY"),
        ("an error: no", "an error: no"),
        ("", ""),
    ] {
        assert_eq!(Colour::On.verdict(line), painted);
        assert_eq!(Colour::Off.verdict(line), line);
    }
}
