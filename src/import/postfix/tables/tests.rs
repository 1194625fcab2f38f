//! Unit tests of `import::postfix::tables`.

use super::*;

#[test]
fn a_plain_pattern_is_a_key() {
    for (pattern, key) in [
        ("/^boss@Work\\.example$/", Some("boss@work.example")),
        ("/@work\\.example$/", Some("@work.example")),
        ("/^.*@work\\.example$/", Some("@work.example")),
        ("/./", Some(ALL)),
        ("/^.+$/", Some(ALL)),
        ("/office/", None),
        ("/^boss@work.example$/", None),
        ("/^(a|b)@work\\.example$/", None),
        ("/@work\\.example$/i", None),
        ("/work\\.example$/", None),
        ("!/x/", None),
    ] {
        assert_eq!(key_of(pattern).as_deref(), key, "{pattern}");
    }
}
