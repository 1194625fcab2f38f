//! What becomes of the bytes between the caller and the provider: line ends, dots,
//! fields that go and fields that are added.

use serde_json::{Value, json};

use support::provider::{Mail, Provider};
use support::world::{World, login};

/// Sends this from `alice` to bob and gives what arrives.
#[track_caller]
fn arrives(args: &[&str], input: impl AsRef<[u8]>) -> Mail {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.sendmail(args, input).code(0).silent();
    world.run_once();
    isp.mail()
}

const TO_BOB: [&str; 4] = ["-i", "-f", "alice", "bob@away.example"];

#[test]
fn line_ends_are_the_wires_whatever_they_were() {
    for input in ["Subject: x\r\n\r\none\r\ntwo\r\n", "Subject: x\n\none\ntwo\n", "Subject: x\r\n\none\r\r\ntwo\n"] {
        assert_eq!(arrives(&TO_BOB, input).body(), b"one\r\ntwo\r\n", "{input:?}");
    }
}

#[test]
fn a_missing_last_line_end_is_added() {
    assert_eq!(arrives(&TO_BOB, "Subject: x\n\nno end").body(), b"no end\r\n");
}

#[test]
fn a_bare_cr_is_a_blank() {
    assert_eq!(arrives(&TO_BOB, "Subject: x\n\none\rtwo\n").body(), b"one two\r\n");
}

#[test]
fn a_lone_dot_ends_the_input_unless_told_otherwise() {
    let input = "Subject: x\n\nbefore\n.\nafter\n";
    assert_eq!(arrives(&["-f", "alice", "bob@away.example"], input).body(), b"before\r\n");
    for keeps in ["-i", "-oi"] {
        assert_eq!(arrives(&[keeps, "-f", "alice", "bob@away.example"], input).body(), b"before\r\n.\r\nafter\r\n");
    }
}

#[test]
fn dots_survive() {
    let body = ".one\n..two\n...\n. \n.\n\n.";
    let wanted = format!("{body}\n").replace('\n', "\r\n");
    assert_eq!(arrives(&TO_BOB, format!("Subject: x\n\n{body}")).body(), wanted.as_bytes());
}

#[test]
fn a_nul_that_no_server_may_see_reaches_the_recipient_encoded() {
    let mail = arrives(&TO_BOB, &b"Subject: x\n\na\0b\n"[..]);
    assert_eq!(mail.field("Content-Transfer-Encoding"), "quoted-printable");
    assert_eq!(mail.body(), b"a=00b\r\n");
}

#[test]
fn any_bytes_survive_but_nul() {
    let mut body: Vec<u8> = (1..=255).filter(|byte| !b"\r\n".contains(byte)).collect();
    body.push(b'\n');
    let wanted = [&body[..body.len() - 1], b"\r\n"].concat();
    assert_eq!(arrives(&TO_BOB, [&b"Subject: x\n\n"[..], &body].concat()).body(), wanted);
}

#[test]
fn what_is_missing_is_added() {
    let mail = arrives(&TO_BOB, "Subject: x\n\nbody\n");
    assert_eq!(
        mail.field("From").rsplit([' ', '<']).next().map(|address| address.trim_end_matches('>')),
        Some("me@isp.example")
    );
    let id = mail.field("Message-ID");
    assert!(id.starts_with('<') && id.ends_with("@homebox.home.lan>"), "{id}");
    let date = mail.field("Date");
    assert_eq!(date.split([' ', ':']).count(), 8, "as in `Sun, 22 Nov 2026 13:20:55 +0100`: {date}");
    assert!(mail.fields("To").is_empty(), "To is never added");
    assert_eq!(mail.fields("Received").len(), 1);
}

#[test]
fn what_is_there_stays() {
    let header = "From: Alice <alice@away.example>\nDate: Sun, 22 Nov 2026 13:20:55 +0100\nMessage-ID: <a@b.example>\n";
    let mail = arrives(&TO_BOB, format!("{header}\nbody\n"));
    assert_eq!(mail.field("Message-ID"), "<a@b.example>");
    assert_eq!(mail.field("Date"), "Sun, 22 Nov 2026 13:20:55 +0100");
    assert_eq!(mail.field("From"), "Alice <alice@away.example>");
}

#[test]
fn the_added_from_has_the_configured_name_with_the_login_unless_one_is_given() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("from_name", "%u at homebox");
    world.sendmail(&["-i", "-f", "alice", "bob@away.example"], "Subject: x\n\n").code(0);
    world.sendmail(&["-i", "-F", "Cron Daemon", "-f", "alice", "bob@away.example"], "Subject: x\n\n").code(0);
    world.drain();
    let mut names: Vec<String> = isp.mails().iter().map(|mail| mail.field("From")).collect();
    names.sort();
    let mut wanted = ["Cron Daemon <me@isp.example>".to_owned(), format!("{} at homebox <me@isp.example>", login())];
    wanted.sort();
    assert_eq!(names, wanted);
}

#[test]
fn the_added_from_has_the_name_that_is_given() {
    let mail = arrives(&["-i", "-F", "Cron Daemon", "-f", "alice", "bob@away.example"], "Subject: x\n\n");
    assert_eq!(mail.field("From"), "Cron Daemon <me@isp.example>");
}

#[test]
fn without_a_sender_it_is_the_callers_login() {
    let isp = Provider::start();
    let world = World::new().account("isp", &isp);
    world.sendmail(&["-i", "bob@away.example"], "Subject: x\n\n").code(0).silent();
    world.run_once();
    assert_eq!(isp.mail().from, format!("{}@home.lan", login()));
}

#[test]
fn blind_copies_stay_blind() {
    let input = "To: bob@away.example\nBcc: carol@away.example,\n\tdave@away.example\nResent-Bcc: erin@away.example\nSubject: x\n\n";
    let mail = arrives(&TO_BOB, input);
    assert_eq!(mail.to, ["bob@away.example"], "without -t the header names no recipients");
    // With the colon: a message id has hexadecimal digits.
    assert!(!mail.text().to_ascii_lowercase().contains("bcc:"), "{}", mail.header());
    assert!(!mail.text().contains("dave"), "{}", mail.header());
}

#[test]
fn fields_that_are_not_for_the_wire_go() {
    let input =
        "From alice Sun Nov 22 13:20:55 2026\nReturn-Path: <x@y.example>\nContent-Length: 12\nSubject: x\n\nbody\n";
    let header = arrives(&TO_BOB, input).header();
    for gone in ["From alice", "Return-Path", "Content-Length"] {
        assert!(!header.contains(gone), "{gone} in {header}");
    }
}

#[test]
fn recipients_come_from_the_header_when_asked() {
    let input = "To: Bob <bob@away.example>, friends: carol@away.example (hers), \"D, E\" <dave@away.example>;\n\
        Cc: erin@away.example,\n\tBOB@away.example\nBcc: frank@away.example\nSubject: x\n\n";
    let mail = arrives(&["-t", "-i", "-f", "alice"], input);
    let wanted =
        ["bob@away.example", "carol@away.example", "dave@away.example", "erin@away.example", "frank@away.example"];
    let mut to = mail.to.clone();
    to.sort();
    assert_eq!(to, wanted);
    assert!(!mail.text().contains("frank"), "{}", mail.header());
}

#[test]
fn recipients_in_arguments_count_beside_those_in_the_header() {
    let mail = arrives(&["-t", "-f", "alice", "carol@away.example"], "To: bob@away.example\nSubject: x\n\n");
    let mut to = mail.to;
    to.sort();
    assert_eq!(to, ["bob@away.example", "carol@away.example"]);
}

#[test]
fn a_resent_message_goes_where_it_is_resent_to() {
    let mail = arrives(&["-t", "-f", "alice"], "Resent-To: carol@away.example\nTo: bob@away.example\nSubject: x\n\n");
    assert_eq!(mail.to, ["carol@away.example"]);
}

#[test]
fn bare_addresses_are_completed() {
    let isp = Provider::start();
    let rows =
        [("alice@home.lan", "me@isp.example"), ("root@home.lan", "it@isp.example"), ("bob@home.lan", "b@isp.example")];
    let world = World::new().account("isp", &isp).generic(&rows);
    let input = "From: alice\nTo: root, Bob <bob>, carol@away.example\nSubject: x\n\n";
    world.sendmail(&["-t", "-f", "alice"], input).code(0).silent();
    let queued = world.queue_json().remove(0);
    let addresses: Vec<&str> =
        queued["recipients"].as_array().unwrap().iter().filter_map(|r| r["address"].as_str()).collect();
    assert_eq!(queued["sender"], "alice@home.lan");
    assert_eq!(addresses, ["root@home.lan", "bob@home.lan", "carol@away.example"], "at once, with the origin");
    world.run_once();
    let mail = isp.mail();
    assert_eq!(mail.from, "me@isp.example");
    assert_eq!(mail.to, ["it@isp.example", "b@isp.example", "carol@away.example"]);
    assert_eq!(mail.field("From"), "me@isp.example");
    assert_eq!(mail.field("To"), "it@isp.example, Bob <b@isp.example>, carol@away.example");
}

#[test]
fn the_null_sender_is_rewritten_by_nothing() {
    for null in ["", "<>"] {
        let mail = arrives(&["-i", "-f", null, "bob@away.example"], "From: alice\nSubject: x\n\n");
        assert_eq!(mail.from, "");
    }
}

#[test]
fn a_message_may_be_all_header_or_all_body_or_nothing() {
    let header_only = arrives(&TO_BOB, "Subject: only a header\n");
    assert_eq!((header_only.field("Subject").as_str(), header_only.body()), ("only a header", &b""[..]));
    assert_eq!(arrives(&TO_BOB, "no header, only text\n").body(), b"no header, only text\r\n");
    assert_eq!(arrives(&TO_BOB, "").body(), b"");
}

#[test]
fn the_received_field_can_be_left_out() {
    let isp = Provider::start();
    let world = World::at_home(&isp).set("received", false);
    world.send_to(&["bob@away.example"]).code(0);
    world.run_once();
    assert!(isp.mail().fields("Received").is_empty());
}

/// What arrives, in the order sent, where the account adds a missing To field like this.
fn with_missing_to(how: Value, mails: &[(&[&str], &str)]) -> Vec<Vec<String>> {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("missing_to", how)]);
    let mut arrived = Vec::new();
    for (args, input) in mails {
        world.sendmail(args, input).code(0);
        world.run_once();
        arrived.push(isp.mails().last().unwrap().fields("To"));
    }
    arrived
}

const NO_TO: &str = "Subject: x\n\nhi\n";
const UNDISCLOSED: &str = "undisclosed-recipients:;";

#[test]
fn a_to_field_is_added_only_where_the_account_says_so_and_none_names_recipients() {
    let to_bob: (&[&str], &str) = (&TO_BOB, NO_TO);
    let has_cc: (&[&str], &str) = (&TO_BOB, "Cc: carol@away.example\n\nhi\n");
    let has_to: (&[&str], &str) = (&TO_BOB, "To: Bob <bob@away.example>\n\nhi\n");
    let secret: (&[&str], &str) = (&["-t", "-i", "-f", "alice"], "Bcc: bob@away.example\n\nhi\n");
    let mails = [to_bob, has_cc, has_to, secret];
    let none: Vec<String> = Vec::new();
    let bob = vec!["Bob <bob@away.example>".to_owned()];
    let undisclosed = vec![UNDISCLOSED.to_owned()];
    assert_eq!(with_missing_to(Value::Null, &mails), [none.clone(), none.clone(), bob.clone(), none.clone()]);
    let added = with_missing_to(json!("undisclosed"), &mails);
    assert_eq!(added, [undisclosed.clone(), none, bob, undisclosed]);
}

/// RFC 5322 has no empty To or Cc, and servers that want one of them refuse it.
#[test]
fn an_empty_to_field_is_a_missing_one() {
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("missing_to", json!("recipients"))]);
    let mails = [
        ("To:\n\nhi\n", ["bob@away.example"].as_slice(), 0),
        ("To: \nCc: ,\n\nhi\n", &["bob@away.example"], 0),
        ("To: undisclosed-recipients:;\nCc:\n\nhi\n", &[UNDISCLOSED], 1),
        ("To:\nCc: carol@away.example\n\nhi\n", &[""], 1),
        ("To:\nBcc:\n\nhi\n", &[UNDISCLOSED], 0),
    ];
    for (input, to, cc) in mails {
        world.sendmail(&TO_BOB, input).code(0);
        world.run_once();
        let mail = isp.mails().pop().unwrap();
        assert_eq!(
            (mail.fields("To"), mail.fields("Cc").len()),
            (to.iter().map(|to| (*to).to_owned()).collect(), cc),
            "{input}"
        );
    }
    let header = world.file("header", "To:\nSubject: x\nFrom: alice\n", 0o600);
    let said = world.postrider(&["route", "bob@away.example", "--header", header.to_str().unwrap()]).code(0);
    said.says("removes    To:\n").says("field      From: alice\n").says("adds       To: bob@away.example\n");
    // Without the key, mail is sent as it is written.
    assert_eq!(with_missing_to(Value::Null, &[(&TO_BOB, "To:\n\nhi\n")]), [[""]]);
}

#[test]
fn recipients_are_named_only_if_the_command_line_names_them_all_and_no_field_does() {
    let many: Vec<String> = (0..101).map(|number| format!("r{number}@away.example")).collect();
    let many = [&["-i", "-f", "alice"][..], &many.iter().map(String::as_str).collect::<Vec<_>>()].concat();
    let smtp = "EHLO x\nMAIL FROM:<alice@home.lan>\nRCPT TO:<bob@away.example>\nDATA\nSubject: x\n\nhi\n.\nQUIT\n";
    let named = with_missing_to(
        json!("recipients"),
        &[
            (&["-i", "-f", "alice", "bob@away.example", "alice", "carol@away.example", "bob@away.example"], NO_TO),
            (&TO_BOB, "Bcc: carol@away.example\n\nhi\n"),
            (&["-t", "-i", "-f", "alice"], "Bcc: bob@away.example\n\nhi\n"),
            (&["-bs"], smtp),
            (&many, NO_TO),
        ],
    );
    let unfolded = |field: &str| field.split_whitespace().collect::<Vec<_>>().join(" ");
    // alice is rewritten as in any field.
    assert_eq!(unfolded(&named[0][0]), "bob@away.example, me@isp.example, carol@away.example");
    assert_eq!(named[1..], [[UNDISCLOSED], [UNDISCLOSED], [UNDISCLOSED], [UNDISCLOSED]]);
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("missing_to", json!("recipients"))]);
    let header = world.file("header", "Subject: x\n", 0o600);
    let said = world.postrider(&["route", "alice", "--header", header.to_str().unwrap()]).code(0);
    said.says("adds       To: me@isp.example\n");
    let header = world.file("header", "Subject: x\nBcc: carol@away.example\n", 0o600);
    let said = world.postrider(&["route", "alice", "--header", header.to_str().unwrap()]).code(0);
    said.says("adds       To: undisclosed-recipients:;\n");
    let wrong = World::at_home(&isp).account_keys("isp", &[("missing_to", json!("nobody"))]);
    wrong.postrider(&["check"]).code(78).says("`missing_to` must be \"undisclosed\" or \"recipients\"");
}

#[test]
fn no_to_field_that_is_added_goes_beyond_ascii() {
    // The server does not offer SMTPUTF8.
    let isp = Provider::start();
    let world = World::at_home(&isp).account_keys("isp", &[("missing_to", json!("recipients"))]);
    let sent_with = |other: &str| {
        world.sendmail(&["-i", "-f", "alice", other, "bob@away.example"], NO_TO).code(0);
        world.run_once();
        let mails = isp.mails();
        let mail = mails.iter().rfind(|mail| mail.to.contains(&"bob@away.example".to_owned())).unwrap();
        mail.field("To").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(sent_with("carol@b\u{fc}cher.example"), "carol@xn--bcher-kva.example, bob@away.example");
    assert_eq!(sent_with("j\u{f6}rg@away.example"), UNDISCLOSED);
}
