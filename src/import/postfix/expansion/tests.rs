//! Unit tests of `import::postfix::expansion`.

use super::*;

#[test]
fn values_are_expanded_as_postconf_expands_them() {
    let raw = |name: &str| {
        let value = match name {
            "domain" => "home.lan",
            "host" => "box.$domain",
            "level" => "3.6",
            "loop" => "x$loop",
            _ => "",
        };
        value.to_owned()
    };
    for (text, expected) in [
        ("$host", "box.home.lan"),
        ("[mail.${domain}]:587", "[mail.home.lan]:587"),
        ("$(domain).x $$x", "home.lan.x $x"),
        ("${domain?set} ${none?set}", "set "),
        ("${domain:not} ${none:not}", " not"),
        ("${domain?{a b}:{c}} ${none?{a}:{$domain}}", "a b home.lan"),
        ("${none:{[x.$domain]}}", "[x.home.lan]"),
        ("${{$level} >= {3.10} ? {new} : {old}}", "old"),
        ("${{$level} < {1} ? {yes} : {no}}", "no"),
        ("${{$level} <level {3.10} ? {yes} : {no}}", "yes"),
        ("${{$domain} == {home.lan} ?{${none:{deep}}}}", "deep"),
        ("$", ""),
        ("${domain", "home.lan"),
    ] {
        assert_eq!(expand(text, &raw), expected, "{text}");
    }
    assert_eq!(expand("$loop", &raw), "x", "what it stands for within itself is nothing");
    assert!(is_circular("loop", &raw) && !is_circular("host", &raw));
    assert_eq!(names("a $b ${c?d$e} $(f)"), ["b", "c", "e", "f"]);
}
