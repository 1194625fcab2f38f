//! generic(5) as observed, and what rewriting never does.

use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{Delivery, Queue, Rewriting, TableSource};

pub fn config(delimiter: &str) -> Config {
    Config {
        own_domains: None,
        others: Vec::new(),
        path: PathBuf::new(),
        hostname: "box.home.lan".to_owned(),
        origin: "home.lan".to_owned(),
        default_account: None,
        postmaster: "root".to_owned(),
        operators: Vec::new(),
        on_stuck: Vec::new(),
        alarm: crate::config::alarm::Alarm::default(),
        metrics: crate::config::Metrics::default(),
        flood: crate::config::Flood::default(),
        on_stuck_after: std::time::Duration::from_hours(1),
        delivery: Delivery::Queue,
        spool: PathBuf::new(),
        received: true,
        log: None,
        syslog_name: "postrider".to_owned(),
        from_name: None,
        generic: Vec::new(),
        generic_classes: AddressClass::ALL.to_vec(),
        rewriting: Rewriting::default(),
        recipient_delimiter: delimiter.to_owned(),
        local: None,
        local_users: Vec::new(),
        accounts: Vec::new(),
        listeners: Vec::new(),
        clients: Vec::new(),
        queue: Queue {
            retry_min: Duration::ZERO,
            retry_max: Duration::ZERO,
            lifetime: Duration::ZERO,
            warn_after: Duration::ZERO,
            max_message_size: 0,
            min_free_space: 0,
            history: Duration::ZERO,
            bounce_size: 50_000,
            reports_per_hour: 20,
            idle_exit: None,
        },
        limits: crate::config::Limits::default(),
    }
}

fn table(rows: &[(&str, &str)]) -> TableSet {
    let rows = rows.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    TableSet::load("generic", &[TableSource::Inline(rows)])
}

/// `result (key)`, or `-` without a row, or `fault`.
fn mapped(rows: &[(&str, &str)], delimiter: &str, address: &str) -> String {
    let (config, tables) = (config(delimiter), table(rows));
    match (Generic { config: &config, tables: &tables })
        .address(AddressClass::EnvelopeSender, &Address::parse(address).unwrap())
    {
        Ok(Some(rewritten)) => format!("{} ({})", rewritten.address, rewritten.key),
        Ok(None) => "-".to_owned(),
        Err(TableFault(_)) => "fault".to_owned(),
    }
}

fn rewritten(rows: &[(&str, &str)], header: &str) -> String {
    let (config, tables) = (config("+"), table(rows));
    let header = Header::read(header.as_bytes());
    let header = Generic { config: &config, tables: &tables }.header(&header).unwrap();
    String::from_utf8(header.to_bytes()).unwrap()
}

fn qualified(header: &str) -> String {
    String::from_utf8(qualify(&Header::read(header.as_bytes()), "home.lan").to_bytes()).unwrap()
}

#[test]
fn keys_are_asked_for_in_postfix_s_order() {
    let all = [("u+e@home.lan", "1@x"), ("u@home.lan", "2@x"), ("u+e", "3@x"), ("u", "4@x"), ("@home.lan", "5@x")];
    for (first, result) in [
        (0, "1@x (u+e@home.lan)"),
        (1, "2@x (u@home.lan)"),
        (2, "3@x (u+e)"),
        (3, "4@x (u)"),
        (4, "5@x (@home.lan)"),
        (5, "-"),
    ] {
        assert_eq!(mapped(&all[first..], "+", "u+e@home.lan"), result);
    }
}

#[test]
fn generic_maps_as_observed() {
    for (rows, delimiter, address, result) in [
        // keys ignore case
        (&[("his@home.lan", "h@x")] as &[(&str, &str)], "+", "His@HOME.lan", "h@x (his@home.lan)"),
        // the user alone: own domains only
        (&[("his", "h@x")], "+", "his@box", "h@x (his)"),
        (&[("his", "h@x")], "+", "his@localhost", "h@x (his)"),
        (&[("his", "h@x")], "+", "his@other.example", "-"),
        // no subdomains
        (&[("@home.lan", "h@x")], "+", "his@sub.home.lan", "-"),
        // extensions
        (&[("u@home.lan", "h@x")], "", "u+e@home.lan", "-"),
        (&[("u", "h@x")], "", "u+e@home.lan", "-"),
        (&[("u", "h@x"), ("@home.lan", "c@x")], "", "u+e@home.lan", "c@x (@home.lan)"),
        (&[("u+e@home.lan", "h@x")], "", "u+e@home.lan", "h@x (u+e@home.lan)"),
        (&[("u@home.lan", "h@x")], "-+", "u+e-f@home.lan", "h@x (u@home.lan)"),
        (&[("u@home.lan", "h@x")], "+", "+u@home.lan", "-"),
        (&[("owner@home.lan", "h@x")], "-", "owner-list@home.lan", "-"),
        // @other keeps the user; an extension that did not match is dropped
        (&[("@home.lan", "@x.example")], "+", "u+e@home.lan", "u+e@x.example (@home.lan)"),
        (&[("u@home.lan", "@x.example")], "+", "u+e@home.lan", "u@x.example (u@home.lan)"),
        (&[("u+e@home.lan", "@x.example")], "+", "u+e@home.lan", "u+e@x.example (u+e@home.lan)"),
        (&[("@home.lan", "@x.example")], "+", "\"a b\"@home.lan", "\"a b\"@x.example (@home.lan)"),
        // without a domain: the origin; the standard rewriting
        (&[("u@home.lan", "other")], "+", "u@home.lan", "other@home.lan (u@home.lan)"),
        (&[("u@home.lan", "Him <@r:h@x.>")], "+", "u@home.lan", "h@x (u@home.lan)"),
        (&[("u@home.lan", "@r:h@x")], "+", "u@home.lan", "h@x (u@home.lan)"),
        // quotes
        (&[("a b@home.lan", "h@x")], "+", "\"a b\"@home.lan", "h@x (a b@home.lan)"),
        (&[("\"a b\"@home.lan", "h@x")], "+", "\"a b\"@home.lan", "h@x (a b@home.lan)"),
        // one pass only
        (&[("a@home.lan", "b@home.lan"), ("b@home.lan", "c@x")], "+", "a@home.lan", "b@home.lan (a@home.lan)"),
        // no address
        (&[("u@home.lan", "h@192.0.2.1")], "+", "u@home.lan", "fault"),
        (&[("u@home.lan", "a@x, b@x")], "+", "u@home.lan", "fault"),
        (&[("u@home.lan", "<>")], "+", "u@home.lan", "fault"),
        (&[("u@home.lan", "@")], "+", "u@home.lan", "fault"),
        (&[("u@home.lan", "")], "+", "u@home.lan", "fault"),
    ] {
        assert_eq!(mapped(rows, delimiter, address), result, "{rows:?} {address}");
    }
}

#[test]
fn a_fault_names_the_place() {
    let (config, tables) = (config(""), table(&[("u@home.lan", "a b c")]));
    let fault = Generic { config: &config, tables: &tables }
        .address(AddressClass::EnvelopeSender, &Address::parse("u@home.lan").unwrap());
    let text = fault.unwrap_err().0;
    assert!(text.starts_with("generic (inline): ") && text.contains("\"a b c\""), "{text}");
}

#[test]
fn only_the_address_in_an_address_field_changes() {
    let rows = [("his@home.lan", "h@isp.example"), ("@home.lan", "rest@isp.example")];
    for (given, result) in [
        ("From: His  Name (c) <his@home.lan> (d)\r\n", "From: His  Name (c) <h@isp.example> (d)\r\n"),
        ("FROM :his@home.lan\r\n", "FROM :h@isp.example\r\n"),
        (
            "To: \"A, B\" <x@home.lan>,\r\n\tb@other (B), =?u?q?x?= <his@home.lan>\r\n",
            "To: \"A, B\" <rest@isp.example>,\r\n\tb@other (B), =?u?q?x?= <h@isp.example>\r\n",
        ),
        ("Cc: g: his@home.lan;, <>, broken@\r\n", "Cc: g: h@isp.example;, <>, broken@\r\n"),
        ("Resent-From: MAILER-DAEMON\r\n", "Resent-From: MAILER-DAEMON\r\n"),
        (
            "Reply-To: <his@home.lan>\r\nX-Sender: his@home.lan\r\n",
            "Reply-To: <h@isp.example>\r\nX-Sender: his@home.lan\r\n",
        ),
        ("Mail-Reply-To: his@home.lan\r\n", "Mail-Reply-To: his@home.lan\r\n"),
        ("Message-ID: <his@home.lan>\r\n", "Message-ID: <his@home.lan>\r\n"),
        ("To:  a@x ,\r\n  b@x ; c@x  \r\n", "To:  a@x ,\r\n  b@x ; c@x  \r\n"),
    ] {
        assert_eq!(rewritten(&rows, given), result);
    }
    for name in ADDRESS_FIELDS {
        assert_eq!(rewritten(&rows, &format!("{name}: his@home.lan\r\n")), format!("{name}: h@isp.example\r\n"));
    }
}

#[test]
fn eight_bit_names_survive() {
    let (config, tables) = (config(""), table(&[("his@home.lan", "h@x")]));
    let header = Header::read(b"From: J\xf6rg <his@home.lan>\r\n");
    let header = Generic { config: &config, tables: &tables }.header(&header).unwrap();
    assert_eq!(header.to_bytes(), b"From: J\xf6rg <h@x>\r\n");
}

#[test]
fn bare_addresses_get_the_origin() {
    for (given, result) in [
        ("From: root (Cron Daemon)\r\n", "From: root@home.lan (Cron Daemon)\r\n"),
        ("To: root\r\nSubject: root\r\n", "To: root@home.lan\r\nSubject: root\r\n"),
        ("To: A <root>, b@x\r\n", "To: A <root@home.lan>, b@x\r\n"),
        ("From: His Name\r\n", "From: His@home.lan, Name@home.lan\r\n"),
        ("To: <@a:b@x>, c@x., \"d\"@x, e%x\r\n", "To: <b@x>, c@x, d@x, e@x\r\n"),
        ("To: a @ x, (c) b(d)@x,\r\n", "To: a @ x, (c) b(d)@x,\r\n"),
        ("To: undisclosed-recipients:;\r\n", "To: undisclosed-recipients:;\r\n"),
        ("To: <>, -i, a@\r\n", "To: <>, -i, a@\r\n"),
    ] {
        assert_eq!(qualified(given), result);
    }
}

proptest! {
    #[test]
    fn without_rows_nothing_changes(value in prop::collection::vec(prop_oneof![
        3 => prop::sample::select(b"<>@,;:.\"() a\r\n\t\\%".to_vec()), 1 => any::<u8>()], 0..80)) {
        let (config, tables) = (config("+"), table(&[]));
        let bytes = [b"To: ".as_slice(), &value, b"\r\n"].concat();
        let header = Header::read(&bytes);
        let generic = Generic { config: &config, tables: &tables };
        prop_assert_eq!(generic.header(&header), Ok(header));
    }

    #[test]
    fn rewriting_makes_no_new_lines(value in "([ab<>@,;:.\"()\\\\%+ ]|\r\n |a@h |<a@h>){0,40}") {
        let (config, tables) = (config("+"), table(&[("@h", "new@isp.example"), ("a", "b@isp.example")]));
        let header = Header::read(format!("To:{value}\r\n").as_bytes());
        let generic = Generic { config: &config, tables: &tables };
        let new = generic.header(&qualify(&header, "h")).unwrap();
        prop_assert_eq!(new.fields.len(), header.fields.len());
        let again = Header::read(&new.to_bytes());
        prop_assert_eq!(again, new);
    }
}

#[test]
fn a_forced_from_is_one_field_with_one_address_whatever_stood_there() {
    let own = Address::parse("me@isp.example").unwrap();
    for (given, result) in [
        ("From: Name <x@y.z> (c)\r\n", "From: Name <me@isp.example> (c)\r\n"),
        ("From: scanner\r\n", "From: me@isp.example\r\n"),
        ("From: Cron <MAILER-DAEMON>\r\n", "From: Cron <me@isp.example>\r\n"),
        ("From: ()\r\nTo: a@b\r\n", "From: me@isp.example\r\nTo: a@b\r\n"),
        ("From:\r\n", "From: me@isp.example\r\n"),
        ("From: <>\r\n", "From: me@isp.example\r\n"),
        ("From: a@@b.example\r\n", "From: me@isp.example\r\n"),
        ("From: x@y.z\r\nTo: a@b\r\nFROM: y@y.z\r\n", "From: me@isp.example\r\nTo: a@b\r\n"),
        ("From:  me@isp.example \r\n", "From:  me@isp.example \r\n"),
        ("From: Network Scanner\r\n", "From: Network Scanner <me@isp.example>\r\n"),
        ("From: A <a@x.y>, B <b@x.y>\r\n", "From: me@isp.example\r\n"),
        ("To: a@b\r\n", "To: a@b\r\n"),
    ] {
        let forced = force_from(&Header::read(given.as_bytes()), &own).to_bytes();
        assert_eq!(String::from_utf8(forced).unwrap(), result, "{given}");
    }
}

#[test]
fn a_sender_s_name_without_an_address_gets_the_sender_s() {
    let sender = Address::parse("his@home.lan").unwrap();
    for (given, result) in [
        ("From: Backup Script\r\n", Some("From: Backup Script <his@home.lan>\r\n")),
        ("from:\t\"Backup  Script\"\r\n", Some("from: \"Backup  Script\" <his@home.lan>\r\n")),
        ("Resent-From: Backup <>\r\n", Some("Resent-From: Backup <his@home.lan>\r\n")),
        ("Sender: Backup v1.2 [nas]\r\n", Some("Sender: \"Backup v1.2 [nas]\" <his@home.lan>\r\n")),
        ("From: Backup (\r\n", None),
        ("From: root\r\n", None),
        ("To: John Doe\r\n", None),
    ] {
        let header = Header::read(given.as_bytes());
        let named =
            sender_named(&header.fields[0], &sender).map(|field| String::from_utf8(field.raw().to_vec()).unwrap());
        assert_eq!(named.as_deref(), result, "{given}");
    }
}

proptest! {
    #[test]
    fn a_named_sender_has_one_address(value in "([ab<>;.\"()\\\\\\[\\] ]|\r\n |=\\?){0,20}") {
        let header = Header::read(format!("From:{value}\r\n").as_bytes());
        let sender = Address::parse("his@home.lan").unwrap();
        if let Some(named) = sender_named(&header.fields[0], &sender) {
            let found = list::parse(named.value());
            prop_assert_eq!(found.len(), 1, "{:?}", named);
            prop_assert_eq!(&found[0].spec, &Spec::Complete(sender));
        }
    }
}
