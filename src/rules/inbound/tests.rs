//! Rewriting on arrival as Postfix 3.7 does it: canonical, masquerading, aliases.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use super::*;
use crate::config::{Rewriting, TableSource};

type Rows<'a> = &'a [(&'a str, &'a str)];

fn inline(rows: Rows) -> Vec<TableSource> {
    vec![TableSource::Inline(rows.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())]
}

fn list(_: &Config, path: &std::path::Path) -> Result<String, TableFault> {
    match path.to_str() {
        Some("/list") => Ok("a@x\n\"/inner\", b@x".to_owned()),
        Some("/loop") => Ok(":include:/loop".to_owned()),
        _ => Err(TableFault(format!("no {}", path.display()))),
    }
}

fn with<T>(rewriting: Rewriting, act: impl FnOnce(Arrival<'_>) -> T) -> T {
    let mut config = crate::rules::outbound::tests::config("+");
    config.rewriting = rewriting;
    let tables = ArrivalTables::load(&config.rewriting);
    act(Arrival { config: &config, tables: &tables, include: list })
}

fn sender(rewriting: Rewriting, address: &str) -> String {
    with(rewriting, |arrival| {
        let sender =
            if address.is_empty() { ReversePath::Null } else { ReversePath::Mailbox(Address::parse(address).unwrap()) };
        arrival.sender(&sender).map_or_else(|_| "fault".to_owned(), |(sender, _)| sender.to_string())
    })
}

fn recipient(rewriting: Rewriting, address: &str) -> String {
    with(rewriting, |arrival| match arrival.recipient(&Address::parse(address).unwrap()) {
        Err(_) => "fault".to_owned(),
        Ok((destinations, _)) => {
            let shown = destinations.iter().map(|one| match one {
                Destination::Address(address) => address.to_string(),
                Destination::Refused(address, why) => format!("{address} refused: {why}"),
            });
            shown.collect::<Vec<_>>().join(" ")
        }
    })
}

fn header(rewriting: Rewriting, text: &str) -> String {
    with(rewriting, |arrival| {
        String::from_utf8(arrival.header(&Header::read(text.as_bytes())).unwrap().to_bytes()).unwrap()
    })
}

#[test]
fn canonical_maps_go_on_until_nothing_changes() {
    let rules = |rows: Rows| Rewriting { canonical: inline(rows), ..Rewriting::default() };
    for (rows, address, result) in [
        (&[("his", "His.Name")] as Rows, "his@home.lan", "His.Name@home.lan"),
        (&[("a@x", "b@x"), ("b@x", "c@x")], "a@x", "c@x"),
        (&[("a@x", "a@x")], "a@x", "a@x"),
        (&[("a@x", "A@X")], "a@x", "A@X"),
        (&[("a@x", "b@x"), ("b@x", "a@x")], "a@x", "fault"),
        (&[("@x", "@y")], "a+e@x", "a+e@y"),
        // the extension that the key has not is put on the result, but not for a domain's key
        (&[("a@x", "b@y")], "a+e@x", "b+e@y"),
        (&[("a@x", "@y")], "a+e@x", "a+e@y"),
        (&[("a+e@x", "b@y")], "a+e@x", "b@y"),
        (&[("@x", "b@y")], "a+e@x", "b@y"),
        (&[("a@x", "b@y, c@y")], "a@x", "fault"),
        (&[("@x", "b@y")], "", ""),
    ] {
        assert_eq!(sender(rules(rows), address), result, "{rows:?} {address}");
    }
}

#[test]
fn sender_and_recipient_maps_come_before_the_general_one() {
    let rules = || Rewriting {
        sender_canonical: inline(&[("a@x", "s@x")]),
        recipient_canonical: inline(&[("a@x", "r@x")]),
        canonical: inline(&[("s@x", "s2@x"), ("r@x", "r2@x")]),
        ..Rewriting::default()
    };
    assert_eq!(sender(rules(), "a@x"), "s2@x");
    assert_eq!(recipient(rules(), "a@x"), "r2@x");
    let text = "From: a@x\r\nReply-To: A <a@x>\r\nTo: a@x\r\nResent-Reply-To: a@x\r\nX-To: a@x\r\n";
    let done = "From: s2@x\r\nReply-To: A <s2@x>\r\nTo: r2@x\r\nResent-Reply-To: r2@x\r\nX-To: a@x\r\n";
    assert_eq!(header(rules(), text), done);
}

#[test]
fn masquerading_hides_hosts_but_not_from_envelope_recipients() {
    let rules = || Rewriting {
        masquerade_domains: ["!keep.home.lan", "Home.LAN", "lan"].map(str::to_owned).to_vec(),
        masquerade_exceptions: vec!["root".to_owned()],
        ..Rewriting::default()
    };
    for (address, result) in [
        ("a@box.home.lan", "a@home.lan"),
        ("a@b.BOX.hOME.lan", "a@hOME.lan"),
        ("a@home.lan", "a@home.lan"),
        ("a@keep.home.lan", "a@keep.home.lan"),
        ("a@x.keep.home.lan", "a@x.keep.home.lan"),
        ("a@other.lan", "a@lan"),
        ("a@xhome.lan", "a@lan"),
        ("root@box.home.lan", "root@box.home.lan"),
        ("a@box.example", "a@box.example"),
    ] {
        assert_eq!(sender(rules(), address), result);
        assert_eq!(header(rules(), &format!("To: {address}\r\n")), format!("To: {result}\r\n"));
        assert_eq!(recipient(rules(), address), address);
    }
}

#[test]
fn virtual_aliases_go_on_and_may_be_many() {
    let rules = |rows: Rows| Rewriting { virtuals: inline(rows), ..Rewriting::default() };
    for (rows, address, result) in [
        (&[("root", "me@x, you@y")] as Rows, "root@home.lan", "me@x you@y"),
        (&[("a@x", "b@x"), ("b@x", "c@y d@y")], "a@x", "c@y d@y"),
        (&[("a@x", "b@y")], "a+e@x", "b+e@y"),
        (&[("a@x", "a@x, b@y")], "a@x", "a@x b@y"),
        (&[("@x", "@y")], "a@x", "a@y"),
        (&[("a@x", "b@y, b@y")], "a@x", "b@y"),
    ] {
        assert_eq!(recipient(rules(rows), address), result, "{rows:?} {address}");
    }
    let circle = recipient(rules(&[("a@x", "b@x"), ("b@x", "a@x, c@x")]), "a@x");
    assert!(circle.contains("alias loop: a@x -> b@x -> a@x") && circle.ends_with("c@x"), "{circle}");
}

#[test]
fn local_aliases_are_for_this_machine_s_own() {
    let rules = |rows: Rows| Rewriting { aliases: inline(rows), ..Rewriting::default() };
    for (rows, address, result) in [
        (&[("postmaster", "root"), ("root", "me@isp, you")] as Rows, "postmaster@home.lan", "me@isp you@home.lan"),
        (&[("root", "me@isp")], "root@away", "root@away"),
        (&[("root", "me@isp")], "root+x@box", "me@isp"),
        (&[("root+x", "other@isp"), ("root", "me@isp")], "root+x@localhost", "other@isp"),
        (&[("root", "\\root, me@isp")], "root@home.lan", "root@home.lan me@isp"),
        (&[("root", "root, me@isp")], "root@home.lan", "root@home.lan me@isp"),
        (&[("all", "\"a b\"@x, c@x")], "all@home.lan", "\"a b\"@x c@x"),
    ] {
        assert_eq!(recipient(rules(rows), address), result, "{rows:?} {address}");
    }
    for (value, said) in [
        ("\"|/usr/bin/vacation me\", ok@x", "a program (\"|/usr/bin/vacation me\")"),
        ("|prog", "which postrider does not do"),
        ("/var/mail/archive", "delivers to a file"),
        (":include:/list", "a file (\"/inner\")"),
        (":include:/loop", "included lists include each other in a loop"),
        ("b", "alias loop"),
    ] {
        let rows = [("a", value), ("b", "a")];
        let shown = recipient(rules(&rows), "a@home.lan");
        assert!(shown.contains(said), "{value}: {shown}");
        assert_eq!(value.contains("ok@x"), shown.contains("ok@x"));
    }
    assert!(recipient(rules(&[("a", ":include:/list")]), "a@home.lan").starts_with("a@x "));
    assert_eq!(recipient(rules(&[("a", ":include:/none")]), "a@home.lan"), "fault");
}

#[test]
fn virtual_comes_before_local_and_serves_its_results() {
    let rules = || Rewriting {
        virtuals: inline(&[("root", "root, log@x"), ("me", "me@isp")]),
        aliases: inline(&[("root", "me")]),
        ..Rewriting::default()
    };
    assert_eq!(recipient(rules(), "root@home.lan"), "me@isp log@x");
}

#[test]
fn a_missing_table_is_a_fault() {
    let rules = || Rewriting { canonical: vec![TableSource::Text(PathBuf::from("/no/such"))], ..Rewriting::default() };
    assert_eq!(sender(rules(), "a@x"), "fault");
    assert_eq!(sender(rules(), ""), "");
}
