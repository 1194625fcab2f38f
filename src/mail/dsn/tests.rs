//! Unit tests of `mail::dsn`.

use super::*;

#[test]
fn what_postfix_takes_is_taken_and_nothing_else() {
    for (text, wire) in [
        ("never", Some("NEVER")),
        ("success,failure", Some("SUCCESS,FAILURE")),
        ("Delay,Failure", Some("FAILURE,DELAY")),
        ("failure,failure", Some("FAILURE")),
        ("never,failure", None),
        ("", None),
        ("failure,", None),
        ("often", None),
    ] {
        assert_eq!(notify(text.as_bytes()).as_deref(), wire, "{text}");
    }
    assert_eq!((ret(b"full").as_deref(), ret(b"HDRS").as_deref(), ret(b"body")), (Some("FULL"), Some("HDRS"), None));
    assert_eq!(envid(b"QQ 314159").as_deref(), Some("QQ 314159"));
    assert_eq!((envid(b""), envid(&[b'x'; 101]), envid(b"a\x07"), envid(b"\xe4")), (None, None, None, None));
}

#[test]
fn xtext_there_and_back() {
    assert_eq!(to_xtext("a+b=c d"), "a+2Bb+3Dc+20d");
    assert_eq!(from_xtext("a+2Bb+3Dc+20d").as_deref(), Some("a+b=c d"));
    for bad in ["a b", "a=b", "+2", "+2b", "+0A", "ä"] {
        assert_eq!(from_xtext(bad), None, "{bad}");
    }
    assert_eq!(orcpt("rfc822;bob+2Bx@away.example").as_deref(), Some("rfc822;bob+2Bx@away.example"));
    for bad in ["bob@away.example", ";x", "rfc822;", "rfc 822;x", "rfc822;a b"] {
        assert_eq!(orcpt(bad), None, "{bad}");
    }
}
