//! Unit tests of `submit::smtp_server::command`.

use super::*;

fn mailbox(text: &str) -> ReversePath {
    ReversePath::Mailbox(Address::parse(text).unwrap())
}

fn mail_of(line: &str) -> Mail {
    match parse(line.as_bytes(), &Clients::Network).unwrap() {
        Command::Mail(mail) => mail,
        other => panic!("{other:?}"),
    }
}

fn code(line: &str) -> u16 {
    parse(line.as_bytes(), &Clients::Network).unwrap_err().code()
}

#[test]
fn mail_takes_path_and_parameters_in_any_case() {
    assert_eq!(mail_of("MAIL FROM:<a@b.example>").sender, mailbox("a@b.example"));
    assert_eq!(mail_of("mail from: <>").sender, ReversePath::Null);
    assert_eq!(mail_of("MAIL FROM:<@x.example,@y.example:a@b.example>").sender, mailbox("a@b.example"));
    assert_eq!(mail_of("MAIL FROM:<\"a> b\"@b.example>").sender, mailbox("\"a> b\"@b.example"));
    let mail = mail_of("MAIL FROM:<a@b.example> size=12 BODY=8bitmime AUTH=<>");
    assert_eq!((mail.size, mail.body), (Some(12), Body::EightBit));
}

#[test]
fn what_is_malformed_is_refused_with_its_code() {
    assert_eq!(code("MAIL FROM:a@b.example"), 501);
    assert_eq!(code("MAIL <a@b.example>"), 501);
    assert_eq!(code("MAIL FROM:<a@b.example>SIZE=1"), 501);
    assert_eq!(code("MAIL FROM:<a@b.example> SIZE=99999999999999999999"), 501);
    assert_eq!(code("MAIL FROM:<a@b.example> BODY=BINARYMIME"), 555);
    assert_eq!(code("MAIL FROM:<a>"), 501);
    assert_eq!(code("RCPT TO:<>"), 501);
    assert_eq!(code("RCPT TO:<a@b.example> NOTIFY=SOMETIMES"), 501);
    assert_eq!(code("EHLO"), 501);
    assert_eq!(code("DATA now"), 501);
    assert_eq!(code("AUTH PLAIN a b"), 501);
    assert_eq!(code("GET / HTTP/1.1"), 500);
    assert_eq!(code(""), 500);
    assert_eq!(parse(b"NOOP \xff", &Clients::Network).unwrap_err().code(), 500);
}

#[test]
fn the_postmaster_needs_no_domain() {
    let postmaster = Recipient { path: Path::Postmaster, asked: Asked::default() };
    assert_eq!(parse(b"RCPT TO:<Postmaster>", &Clients::Network), Ok(Command::Rcpt(postmaster)));
}

#[test]
fn programs_of_our_own_are_taken_less_strictly() {
    let own = Clients::Own { origin: "home.lan".to_owned() };
    let recipient = |line: &str| match parse(line.as_bytes(), &own).unwrap() {
        Command::Rcpt(Recipient { path: Path::Mailbox(address), asked }) => (address.to_string(), asked),
        other => panic!("{other:?}"),
    };
    assert_eq!(recipient("RCPT TO:<root>").0, "root@home.lan");
    assert_eq!(recipient("rcpt to: root").0, "root@home.lan");
    assert_eq!(recipient("RCPT TO:bob@away.example").0, "bob@away.example");
    for (path, address) in [
        ("< bob@away.example >", "bob@away.example"),
        ("<bob @away.example>", "bob@away.example"),
        ("<bob(he)@away.example>", "bob@away.example"),
        ("<bob@away.example.>", "bob@away.example"),
        ("<bob%away.example>", "bob@away.example"),
        ("<\"bob@away.example\">", "bob@away.example"),
        ("<\"a b\"@away.example>", "\"a b\"@away.example"),
        ("\"a b\"@away.example", "\"a b\"@away.example"),
        ("<\"a b\">", "\"a b\"@home.lan"),
        ("<a\\ b>", "\"a b\"@home.lan"),
        ("<a:b>", "\"a:b\"@home.lan"),
        ("<a:b@away.example>", "\"a:b\"@away.example"),
        ("<a@[IPv6:::1]>", "a@[IPv6:::1]"),
    ] {
        assert_eq!(recipient(&format!("RCPT TO:{path}")).0, address, "{path}");
    }
    let (_, asked) = recipient("RCPT TO:<bob@away.example> NOTIFY=success ORCPT=rfc822;b+2Bc@away.example");
    assert_eq!((asked.notify.as_deref(), asked.orcpt.as_deref()), (Some("SUCCESS"), Some("rfc822;b+2Bc@away.example")));
    let Command::Mail(mail) = parse(b"MAIL FROM:<a> RET=full ENVID=a+2Bb", &own).unwrap() else { panic!("MAIL") };
    assert_eq!(
        (mail.sender, mail.ret.as_deref(), mail.envid.as_deref()),
        (mailbox("a@home.lan"), Some("FULL"), Some("a+b"))
    );
    for bad in [
        "RCPT TO:<>",
        "RCPT TO:",
        "RCPT TO:<a@>",
        "RCPT TO:<a b>",
        "RCPT TO:<a\tb>",
        "RCPT TO:<a b@x>",
        "RCPT TO:<a@x y>",
        "RCPT TO:<a@x b@x>",
        "RCPT TO:<a,b@x>",
        "RCPT TO:<a;b>",
        "RCPT TO:<a:b c>",
        "RCPT TO:<a:b,c@x>",
        "RCPT TO:<ro\"o t\">",
        "MAIL FROM:<a b>",
        "RCPT TO:<a@x> NOTIFY=often",
        "RCPT TO:<a@x> ORCPT=x",
    ] {
        assert_eq!(parse(bad.as_bytes(), &own).unwrap_err().code(), 501, "{bad}");
    }
    for bad in ["RCPT TO:a b@x", "RCPT TO:<a@x> <b@x>"] {
        assert_eq!(parse(bad.as_bytes(), &own).unwrap_err().code(), 555, "{bad}");
    }
}
