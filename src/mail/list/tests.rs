//! Cases from Postfix's observed behaviour and from real callers, and properties over any bytes.

use proptest::prelude::*;

use super::*;

/// The addresses as `bytes=meaning`: `!` for broken, `?` for bare.
fn read(text: &str) -> Vec<String> {
    read_bytes(text.as_bytes())
}

fn read_bytes(text: &[u8]) -> Vec<String> {
    let show = |found: Found| {
        let bytes = String::from_utf8_lossy(&text[found.at]).into_owned();
        let (mark, meaning) = match found.spec {
            Spec::Complete(address) => (if found.standard { "" } else { "*" }, address.to_string()),
            Spec::Bare(local) => ("?", local),
            Spec::Null => ("", "<>".to_owned()),
            Spec::Broken(_, error) => ("!", format!("{error:?}")),
        };
        if mark.is_empty() && bytes == meaning { bytes } else { format!("{bytes}={mark}{meaning}") }
    };
    parse(text).into_iter().map(show).collect()
}

#[test]
fn lists_as_they_should_be() {
    for (text, found) in [
        ("a@x.example", vec!["a@x.example"]),
        (" a@x, b@y\r\n", vec!["a@x", "b@y"]),
        ("Some One <a@x>, \"B, C\" <b@y>,\r\n\tc@z (C)\r\n", vec!["a@x", "b@y", "c@z"]),
        ("friends: a@x, B <b@x>;", vec!["a@x", "b@x"]),
        ("friends: a@x; , others: b@x;", vec!["a@x", "b@x"]),
        ("undisclosed-recipients:;", vec![]),
        ("undisclosed-recipients: ;, a@x", vec!["a@x"]),
        ("=?utf-8?Q?J=C3=B6rg?= <j@x>", vec!["j@x"]),
        ("=?utf-8?Q?Doe,_J?= <j@x>", vec!["j@x"]),
        ("\"his name\"@x", vec!["\"his name\"@x"]),
        ("a@[192.0.2.1], b@[IPv6:2001:db8::1]", vec!["a@[192.0.2.1]", "b@[IPv6:2001:db8::1]"]),
        ("(c (d) <e@x>) a@x (f)", vec!["a@x"]),
        ("Jörg <j@x>, jörg@bücher.example", vec!["j@x", "jörg@bücher.example"]),
        ("root", vec!["root=?root"]),
        ("first.last", vec!["first.last=?first.last"]),
        ("", vec![]),
        (" \r\n", vec![]),
    ] {
        assert_eq!(read(text), found, "{text:?}");
    }
    assert_eq!(read_bytes(b"J\xf6rg <j@x>, \"M\xfcller\" <m@x>, (\xe4) a@x"), ["j@x", "m@x", "a@x"]);
}

#[test]
fn lists_as_they_come() {
    for (text, found) in [
        ("a@x b@x", vec!["a@x", "b@x"]),
        ("a b@x", vec!["a=?a", "b@x"]),
        ("a@x; b@x", vec!["a@x", "b@x"]),
        ("A <a@x> B <b@x>", vec!["a@x", "b@x"]),
        ("A <a@x>B <b@x>", vec!["a@x", "b@x"]),
        ("<a@x,b@x>", vec!["a@x", "b@x"]),
        ("<a@x b@x>", vec!["a@x", "b@x"]),
        ("root, set escape", vec!["root=?root", "set=?set", "escape=?escape"]),
        ("His Name", vec!["His=?His", "Name=?Name"]),
        ("Dr. One Two, Jr. <a@x>", vec!["Dr. One=?Dr.One", "Two=?Two", "a@x"]),
        ("me@home <me@x>", vec!["me@x"]),
        ("a@x,, b@x,", vec!["a@x", "b@x"]),
        (", a@x", vec!["a@x"]),
        ("friends: a@x, b@x", vec!["a@x", "b@x"]),
        ("Re: Some <a@x>", vec!["a@x"]),
        ("mailto:a@x, <mailto:b@x>", vec!["a@x", "b@x"]),
        ("a@x friends: b@x;", vec!["a@x", "b@x"]),
        ("a@x b@x My Friends: c@x", vec!["a@x", "b@x", "c@x"]),
        ("<<a@x>>", vec!["a@x"]),
        ("<a@x", vec!["a@x"]),
        ("A <a@x, B <b@x>", vec!["a@x", "b@x"]),
        ("<a@x <b@x>", vec!["a@x", "b@x"]),
        ("A <root>", vec!["root=?root"]),
        ("a@x (unended", vec!["a@x"]),
        ("a @ x", vec!["a @ x=a@x"]),
        ("< a@x >", vec!["a@x"]),
        ("his(x)@(y)d(z)", vec!["his(x)@(y)d=his@d"]),
        ("<(x)a@x(y)>", vec!["a@x"]),
        ("[list] Some <a@x>", vec!["a@x"]),
        ("Foo [list <a@x>", vec!["a@x"]),
        ("<>", vec!["=<>"]),
        ("Nobody < >, a@x", vec![" =<>", "a@x"]),
        ("a\\,b@x", vec!["a\\,b@x=*\"a,b\"@x"]),
    ] {
        assert_eq!(read(text), found, "{text:?}");
    }
}

#[test]
fn closing_brackets_that_nothing_opens_are_no_part_of_an_address() {
    for (text, found) in [
        ("a@x (ok))", vec!["a@x"]),
        ("a@x >", vec!["a@x"]),
        ("a@x>", vec!["a@x"]),
        ("a@x> b@x", vec!["a@x", "b@x"]),
        ("a@x)", vec!["a@x"]),
        ("a@x], b@x", vec!["a@x", "b@x"]),
        ("a@x)]>, b@x", vec!["a@x", "b@x"]),
        ("A <a@x>>, b@x", vec!["a@x", "b@x"]),
        ("A <a@x)>, b@x", vec!["a@x", "b@x"]),
        (")a@x", vec!["a@x"]),
        ("))a], )b", vec!["a=?a", "b=?b"]),
        ("root )", vec!["root=?root"]),
        (")", vec![]),
        (") ] >", vec![]),
        ("a@[192.0.2.1]", vec!["a@[192.0.2.1]"]),
        ("a@[192.0.2.1])", vec!["a@[192.0.2.1]"]),
        ("\"a)\"@x", vec!["\"a)\"@x"]),
        ("a\\)", vec!["a\\)=?a)"]),
    ] {
        assert_eq!(read(text), found, "{text:?}");
    }
}

#[test]
fn standard_rewriting() {
    for (text, found) in [
        ("<@a,@b:c@d>", vec!["@a,@b:c@d=*c@d"]),
        ("C <@a:c@d>, e@f", vec!["@a:c@d=*c@d", "e@f"]),
        ("@b:c@d", vec!["@b:c@d=*c@d"]),
        ("a@x.example.", vec!["a@x.example.=*a@x.example"]),
        ("\"a\"@x", vec!["\"a\"@x=*a@x"]),
        ("\"a.b\"@x", vec!["\"a.b\"@x=*a.b@x"]),
        (".a@x, a..b@x", vec![".a@x=*\".a\"@x", "a..b@x=*\"a..b\"@x"]),
        ("a@b@x", vec!["a@b@x=*\"a@b\"@x"]),
        ("user%domain", vec!["user%domain=*user@domain"]),
        ("a%b%c", vec!["a%b%c=*a%b@c"]),
        ("domain!user", vec!["domain!user=*user@domain"]),
        ("a.example!b!c", vec!["a.example!b!c=*b!c@a.example"]),
        ("user%domain@other", vec!["user%domain@other"]),
        ("\"user%domain\"", vec!["\"user%domain\"=?user%domain"]),
        ("a@\"x\"", vec!["a@\"x\"=*a@x"]),
        ("user%, !user", vec!["user%=?user%", "!user=?!user"]),
        ("\"root\"", vec!["\"root\"=?root"]),
        ("\"a\r\n b\"@x", vec!["\"a\r\n b\"@x=*\"a b\"@x"]),
    ] {
        assert_eq!(read(text), found, "{text:?}");
    }
}

#[test]
fn what_is_no_address_is_broken() {
    use AddressError::{BadDomain, BadSyntax, ForbiddenCharacter, NoDomain, NoLocalPart};
    for (text, error) in [
        ("-i", BadSyntax),
        ("-a@x", BadSyntax),
        ("a@192.0.2.1", BadDomain),
        ("a@", NoDomain),
        ("@x", NoLocalPart),
        ("<@x>", NoLocalPart),
        ("\"\"@x", NoLocalPart),
        ("\"a@x", BadSyntax),
        ("a\"@x", BadSyntax),
        ("\"a\"b@x", BadSyntax),
        ("<", BadSyntax),
        ("<a b@x>", BadSyntax),
        ("a@x:25", BadSyntax),
        ("a@x..", BadDomain),
        ("a@.x", BadDomain),
        ("a@[x y]", BadDomain),
        ("a\0b@x", ForbiddenCharacter),
        ("\"a\\\r\n b\"@x", ForbiddenCharacter),
        ("\\", NoLocalPart),
    ] {
        let found = parse(text.as_bytes());
        assert!(matches!(&found[0].spec, Spec::Broken(_, e) if *e == error), "{text:?}: {found:?}");
    }
    assert_eq!(read("root@, a@x"), ["root@=!NoDomain", "a@x"]);
    let found = parse(b"j\xf6rg@x");
    assert_eq!(found[0].spec, Spec::Broken("j\\xF6rg@x".to_owned(), ForbiddenCharacter));
    let found = parse(b"\"j\xf6rg\"@x");
    assert!(matches!(&found[0].spec, Spec::Broken(text, _) if Address::parse(text).is_err()));
}

#[test]
fn the_origin_completes_bare_addresses() {
    let qualified = |text: &str| parse(text.as_bytes())[0].spec.qualify("home.lan").map(|m| m.to_string());
    assert_eq!(qualified("root"), Some("root@home.lan".to_owned()));
    assert_eq!(qualified("\"a b\""), Some("\"a b\"@home.lan".to_owned()));
    assert_eq!(qualified("a@x"), Some("a@x".to_owned()));
    assert_eq!(qualified("-i"), Some("-i".to_owned()));
    assert_eq!(qualified("<>"), None);
}

#[test]
fn time_is_linear() {
    assert_eq!(parse("Some One <some.one@host.example>,\r\n ".repeat(10_000).as_bytes()).len(), 10_000);
    let pieces = [
        "<", "(", "\"", "[", "=?", "=?,", "=?a?q?", "<@a,", "@a,", "@[", "a b ", "a:", ":", "\\", ">", "a>", "<@", "a@",
    ];
    for piece in pieces {
        for start in ["", "a@x"] {
            let text = format!("{start}{}", piece.repeat(30_000));
            let started = std::time::Instant::now();
            let _ = parse(text.as_bytes());
            // some milliseconds; a minute where a piece looks at all before it
            assert!(started.elapsed().as_secs() < 8, "{piece:?} {:?}", started.elapsed());
        }
    }
}

#[test]
fn replacing_touches_nothing_else() {
    let x = |local: &str| Some(Address::new(local, "new.example").unwrap());
    for (text, new, result) in [
        (" A (c) <a@x>\r\n", vec![x("a")], " A (c) <a@new.example>\r\n"),
        (" a@x,\r\n\tb@x (B)\r\n", vec![None, x("b")], " a@x,\r\n\tb@new.example (B)\r\n"),
        (" his(x)@(y)d(z)\r\n", vec![x("his")], " his@new.example (x) (y)(z)\r\n"),
        (" His Name\r\n", vec![x("His"), x("Name")], " His@new.example, Name@new.example\r\n"),
        (" a@x (c) b@x\r\n", vec![None, x("b")], " a@x (c), b@new.example\r\n"),
        (" a@x b@x c@x\r\n", vec![None, None, x("c")], " a@x b@x, c@new.example\r\n"),
    ] {
        let found = parse(text.as_bytes());
        let got = replace(text.as_bytes(), &found, &new, 3);
        assert_eq!(String::from_utf8_lossy(&got), result, "{text:?}");
    }
}

#[test]
fn lines_that_grow_too_long_are_folded_before_an_address() {
    let text = format!(" {}\r\n", vec!["Some One <a@x>"; 60].join(", "));
    let found = parse(text.as_bytes());
    let long = Address::new("somebody.with.a.long.name", "host.with.a.long.name.example").unwrap();
    let new = vec![Some(long.clone()); 60];
    let got = replace(text.as_bytes(), &found, &new, "Resent-To:".len());
    let got = String::from_utf8(got).unwrap();
    let lines: Vec<&str> = got.trim_end().split("\r\n").collect();
    assert!(lines.len() > 3 && lines.iter().enumerate().all(|(n, l)| l.len() <= if n == 0 { 988 } else { 998 }));
    assert!(lines[1..].iter().all(|line| line.starts_with(" <somebody")), "{got}");
    assert_eq!(got.replace("\r\n <", " <").trim_end(), text.replace("a@x", &long.to_string()).trim_end());
}

/// Bytes of which lists and their accidents are made.
fn list_bytes() -> impl Strategy<Value = Vec<u8>> {
    let marks = prop::sample::select(b"<>@,;:.\"()[]\\ \t\r\n%!-ab=?q\0\xc3\xb6".to_vec());
    let pieces = prop::sample::select(vec!["a@x", "A <a@x>", "\r\n ", "=?u?q?", "?=", "<@a:", "(c)", "\"q\"", "@[1]"]);
    let piece = prop_oneof![
        6 => marks.prop_map(|b| vec![b]),
        3 => pieces.prop_map(|p| p.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|b| vec![b]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Line breaks that are not CRLF before a blank.
fn breaks(text: &[u8]) -> usize {
    (0..text.len())
        .filter(|&i| match text[i] {
            b'\n' => !(i > 0 && text[i - 1] == b'\r' && matches!(text.get(i + 1), Some(b' ' | b'\t'))),
            b'\r' => text.get(i + 1) != Some(&b'\n'),
            _ => false,
        })
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn ranges_are_in_bounds_ascending_and_disjoint(text in list_bytes()) {
        let mut end = 0;
        for found in parse(&text) {
            prop_assert!(end <= found.at.start && found.at.start <= found.at.end && found.at.end <= text.len());
            end = found.at.end;
        }
    }

    #[test]
    fn broken_stays_broken_and_whole_stays_whole(text in list_bytes()) {
        for found in parse(&text) {
            match found.spec {
                Spec::Broken(shown, _) => {
                    prop_assert!(Address::parse(&shown).is_err());
                    prop_assert!(!shown.chars().any(char::is_control));
                }
                Spec::Complete(address) => {
                    let shown = address.to_string();
                    prop_assert_eq!(Address::parse(&shown), Ok(address.clone()));
                    let again = parse(shown.as_bytes());
                    prop_assert_eq!(again.len(), 1);
                    prop_assert_eq!(&again[0].spec, &Spec::Complete(address));
                    prop_assert!(again[0].standard);
                }
                Spec::Bare(local) => prop_assert!(Address::new(&local, "x").is_ok()),
                Spec::Null => {}
            }
        }
    }

    #[test]
    fn replacing_nothing_changes_nothing(text in list_bytes()) {
        let found = parse(&text);
        prop_assert_eq!(replace(&text, &found, &vec![None; found.len()], 3), text);
    }

    #[test]
    fn replaced_addresses_are_found_again_or_left_alone_each_by_itself(text in list_bytes()) {
        let found = parse(&text);
        let replaced = replace(&text, &found, &all_new(&found), 3);
        prop_assert!(breaks(&replaced) <= breaks(&text));
        let got = specs(&replaced);
        prop_assert_eq!(got.len(), found.len());
        for (got, old) in got.iter().zip(&found) {
            prop_assert!(*got == old.spec || (*got == Spec::Complete(new()) && can_be_new(old)), "{:?}", got);
        }
    }

    #[test]
    fn all_addresses_of_a_list_as_it_should_be_are_replaced(text in well_formed(), column in 0_usize..40) {
        let found = parse(text.as_bytes());
        let replaced = replace(text.as_bytes(), &found, &all_new(&found), column);
        prop_assert!(found.iter().all(can_be_new));
        prop_assert_eq!(specs(&replaced), vec![Spec::Complete(new()); text.matches("@x").count()]);
        prop_assert_eq!(breaks(&replaced), breaks(text.as_bytes()));
    }

    #[test]
    fn a_broken_spot_leaves_the_rest_of_the_list_as_it_should_be(before in well_formed(), behind in well_formed()) {
        let text = format!("{before}, {BROKEN}, {behind}");
        let found = parse(text.as_bytes());
        let replaced = replace(text.as_bytes(), &found, &all_new(&found), 3);
        let count = text.matches("@x").count();
        let replaced = specs(&replaced).into_iter().filter(|spec| *spec == Spec::Complete(new())).count();
        prop_assert_eq!(replaced, count);
    }
}

/// What stands in the bracket would become part of an encoded word, were it another address.
const BROKEN: &str = "=?u?q?<)=?u?q?>?=<>";

fn new() -> Address {
    Address::new("new", "new.example").unwrap()
}

fn can_be_new(found: &Found) -> bool {
    matches!(found.spec, Spec::Complete(_) | Spec::Bare(_))
}

/// Another address for each that is one.
fn all_new(found: &[Found]) -> Vec<Option<Address>> {
    found.iter().map(|found| can_be_new(found).then(new)).collect()
}

fn specs(text: &[u8]) -> Vec<Spec> {
    parse(text).into_iter().map(|found| found.spec).collect()
}

/// Lists as RFC 5322 section 3.4 has them, with its obsolete routes; each address is at x or below it.
fn well_formed() -> impl Strategy<Value = String> {
    let local = prop::sample::select(vec!["a", "first.last", "\"his name\"", "\"a, <b>\"", "a+b", "j\u{f6}rg"]);
    let domain = prop::sample::select(vec!["@x", "@x.example", " @x.example", "@x (at home)"]);
    let name = prop::sample::select(vec![
        "",
        "Some One ",
        "\"B, C\" ",
        "=?utf-8?Q?J=C3=B6rg?= ",
        "(c (d) <e>) ",
        "Long\r\n Name\r\n\t",
        "\"Q\\\"d\"",
    ]);
    let bare = (local.clone(), domain.clone()).prop_map(|(local, domain)| format!("{local}{domain}"));
    let angle = (name, prop::sample::select(vec!["<", "< ", "<@r,@s:"]), local, domain)
        .prop_map(|(name, open, local, domain)| format!("{name}{open}{local}{domain}>"));
    let mailbox = prop_oneof![bare, angle].boxed();
    let comma = || prop::sample::select(vec![",", ", ", ",\r\n ", " (k),\r\n\t"]);
    let some = move || {
        (mailbox.clone(), prop::collection::vec((comma(), mailbox.clone()), 0..6))
            .prop_map(|(first, more)| more.into_iter().fold(first, |list, (comma, mailbox)| list + comma + &mailbox))
    };
    let group = some().prop_map(|list| format!("A Group: {list};"));
    prop_oneof![4 => some(), 1 => group, 1 => Just("nobody:;, a@x".to_owned())]
}

#[test]
fn what_would_not_read_back_is_left_alone_and_the_rest_is_replaced() {
    for (text, result) in [
        // Each of these would become part of an encoded word that it ends now.
        ("=?u?q?<)=?u?q?>?=<", "=?u?q?<)=?u?q?>?=<"),
        ("=?u?q?<@a:?<?=@", "=?u?q?<@a:?<?=@"),
        ("b@x, =?u?q?<)=?u?q?>?= <e@x>, d@x", "N, =?u?q?<)=?u?q?>?= <N>, N"),
        ("b@x, =?u?q?<@a:?<?=@, d@x", "N, =?u?q?<@a:?<?=@, N"),
        // And these are not in the way.
        ("@[1] a@x", "@[1], N"),
        ("b@x, <a@x <c@x>, d@x", "N, <N <N>, N"),
        ("b@x, =?u?q?<a@y>?=, d@x", "N, N, N"),
    ] {
        let found = parse(text.as_bytes());
        let replaced = replace(text.as_bytes(), &found, &all_new(&found), 3);
        let result = result.replace('N', "new@new.example");
        assert_eq!(String::from_utf8_lossy(&replaced), result, "{text:?}: {found:?}");
    }
}

#[test]
fn a_name_alone_is_several_words_or_a_text_but_not_a_login_or_a_list() {
    for (value, name) in [
        (" Backup Script\r\n", Some(("Backup Script", true))),
        (" \"Backup Script\"", Some(("\"Backup Script\"", true))),
        (" Backup <>", Some(("Backup", true))),
        ("Backup Script (nightly)", Some(("Backup Script (nightly)", true))),
        ("Backup\r\n Script", Some(("Backup\r\n Script", true))),
        ("=?UTF-8?Q?B=C3=A4ckup?=", Some(("=?UTF-8?Q?B=C3=A4ckup?=", true))),
        ("Backup v1.2", Some(("Backup v1.2", false))),
        ("[nas] Backup", Some(("[nas] Backup", false))),
        ("Backup Script (nightly", Some(("Backup Script (nightly", false))),
        ("root", None),
        ("root (Cron Daemon)", None),
        ("\"root\"", None),
        ("first.last", None),
        ("Cron Daemon <root>", None),
        ("Backup Script, root", None),
        ("friends: his, her;", None),
        ("his her@home.lan", None),
        ("a @ x", None),
        ("<>", None),
        ("(Cron Daemon)", None),
        ("", None),
    ] {
        let found = name_alone(value.as_bytes());
        let found = found.map(|name| (std::str::from_utf8(name.text).unwrap(), name.is_phrase));
        assert_eq!(found, name, "{value:?}");
    }
}
