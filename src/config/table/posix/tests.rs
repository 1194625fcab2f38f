//! Unit tests of `config::table::posix`.

use super::*;

#[test]
fn extended_expressions_mean_the_same() {
    for (posix, pcre) in [
        ("^(.*)@home\\.lan$", "^(.*)@home\\.lan$"),
        ("^root@", "^root\\@"),
        ("a+?", "(?:a+)?"),
        ("(ab)*+", "(?:(ab)*)+"),
        ("[\\d]", "[\\\\d]"),
        ("[]a-z[:digit:][]", "[\\]a-z[:digit:]\\[]"),
        ("[^]x]", "[^\\]x]"),
        ("\\d\\1\\<a\\>", "d\\g{1}\\b(?=\\w)a\\b(?<=\\w)"),
        ("x{2}y{,3}z{1,}{", "x{2}y{0,3}z{1,}\\{"),
        ("a)", "a\\)"),
        ("a#b c", "a\\#b c"),
        ("[[.-.]]", "[\\-]"),
    ] {
        let plain = pcre.replace("@home", "\\@home");
        assert!(to_pcre(posix, Grammar::Extended).is_ok_and(|got| got == pcre || got == plain), "{posix}");
    }
    for posix in ["(a", "*a", "(*a)", "(?:a)", "a|+", "[a", "a\\", "[[:alpha]"] {
        assert!(to_pcre(posix, Grammar::Extended).is_err(), "{posix}");
    }
}

#[test]
fn basic_expressions_mean_the_same() {
    for (posix, pcre) in [
        ("^\\(.*\\)x$", "^(.*)x$"),
        ("*a(b)+", "\\*a\\(b\\)\\+"),
        ("a$b^", "a\\$b\\^"),
        ("a\\{2,3\\}\\|\\(^b$\\)", "a{2,3}|(^b$)"),
    ] {
        assert_eq!(to_pcre(posix, Grammar::Basic).as_deref(), Ok(pcre), "{posix}");
    }
}
