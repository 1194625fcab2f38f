//! Tests of the lines that requests and responses are.

use super::*;
use crate::submit::frontend::collect::Sender;

fn id() -> MessageId {
    MessageId::parse("0123456789ABCDEF").unwrap()
}

#[test]
fn what_is_requested_arrives() {
    let selection = || Selection { sender: Some("a@x".to_owned()), ..Selection::of_ids([id()]) };
    for (request, line) in [
        (Request::List { selection: Selection::default() }, r#"{"v":1,"verb":"list"}"#),
        (
            Request::Change { change: Change::Hold, selection: selection() },
            r#"{"v":1,"verb":"change","change":"hold","ids":["0123456789ABCDEF"],"sender":"a@x"}"#,
        ),
        (
            Request::Show { id: id(), place: Place::Failed, part: Part::Body },
            r#"{"v":1,"verb":"show","id":"0123456789ABCDEF","place":"failed","part":"body"}"#,
        ),
        (
            Request::Ids { prefix: IdPrefix::parse("0123a").unwrap(), place: Place::Anywhere },
            r#"{"v":1,"verb":"ids","prefix":"0123A","place":"anywhere"}"#,
        ),
        (Request::History { since: None }, r#"{"v":1,"verb":"history","since":null}"#),
        (
            Request::Verify(Verify { sender: Sender::Login, recipients: vec![b"x".to_vec()], envid: None }),
            r#"{"v":1,"verb":"verify","sender":"login","recipients":[[120]],"envid":null}"#,
        ),
        (Request::Hello, r#"{"v":1,"verb":"hello"}"#),
    ] {
        let mut written = Vec::new();
        request.write(&mut written).unwrap();
        assert_eq!(String::from_utf8(written.clone()).unwrap(), format!("{line}\n"));
        assert_eq!(Request::read(&written[..], 1000).unwrap(), Ok(request));
    }
}

#[test]
fn another_version_is_refused_by_name_and_before_anything_else_of_it_is_read() {
    for v in [0, VERSION + 1] {
        let refused = Request::parse(&format!(r#"{{"v":{v},"verb":"not of this version"}}"#)).unwrap_err();
        assert_eq!(refused.exit, Exit::TempFail);
        assert!(refused.text.contains(&format!("version {v}")) && refused.text.contains("restart"), "{refused}");
    }
    for line in [r#"{"verb":"list"}"#, r#"{"v":"1","verb":"list"}"#, r#"{"v":1,"verb":"shutdown"}"#, "{", ""] {
        assert_eq!(Request::parse(line).unwrap_err().exit, Exit::Usage, "{line}");
    }
}

#[test]
fn a_request_says_nothing_of_its_scope() {
    let asked = Request::parse(r#"{"v":1,"verb":"list","scope":"Everything","viewer":"Everything"}"#);
    assert_eq!(asked, Ok(Request::List { selection: Selection::default() }));
}

#[test]
fn responses_are_read_and_a_refused_submission_is_one() {
    let refused = Response::No(Refused { exit: Exit::NoPermission, text: "not yours".to_owned() });
    let mut line = Vec::new();
    refused.write(&mut line).unwrap();
    assert_eq!(String::from_utf8(line).unwrap(), "{\"event\":\"no\",\"code\":77,\"reason\":\"not yours\"}\n");
    for line in [r#"{"event":"no","code":77,"reason":"not yours"}"#, "no 77 not yours"] {
        let Response::No(refused) = Response::parse(line).unwrap() else { unreachable!("{line}") };
        assert_eq!((refused.exit, refused.text.as_str()), (Exit::NoPermission, "not yours"));
    }
    for line in ["ok 0123456789ABCDEF", r#"{"told":"finished"}"#, ""] {
        assert!(Response::parse(line).is_err(), "{line}");
    }
    let Response::Changed { id: changed } = Response::of_change(id().as_str(), Ok(Changed::Already)) else {
        unreachable!()
    };
    assert_eq!(changed, id().to_string());
}
