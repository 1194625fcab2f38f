//! Unit tests of `submit::wire::submission`.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::mail::dsn::Dsn;
use crate::submit::frontend::collect::{Origin, Request, Sender, collect};
use crate::submit::frontend::recipients::RecipientArgument;
use crate::submit::frontend::recipients::RecipientsFrom;
use crate::submit::wire::frame::WIDEST;

fn collected(bytes: &[u8]) -> Collected<&[u8]> {
    let request = Request {
        sender: Sender::Given(b"a\xff@x".to_vec()),
        full_name: Some("B\u{f6}rn".as_bytes().to_vec()),
        recipients_from: RecipientsFrom::ArgumentsAndHeader,
        lone_dot: LoneDot::EndsInput,
        arguments: vec![b"bob".to_vec(), b"a b@".to_vec()],
        account: Some("isp".to_owned()),
        origin: Origin::Here,
        dsn: Dsn { ret: Some("HDRS".to_owned()), ..Dsn::default() },
    };
    collect(request, bytes).unwrap()
}

fn text<R: Read>(collected: &mut Collected<R>) -> Vec<u8> {
    let mut all: Vec<u8> = collected.header.fields.iter().flat_map(|field| field.raw().to_owned()).collect();
    while let Some(block) = collected.body.next_block().unwrap() {
        all.extend_from_slice(block);
    }
    all
}

fn read(frame: &[u8]) -> Result<Submission<&[u8]>, NotRead> {
    Announced::read(frame, WIDEST)?.submission(100)
}

#[test]
fn what_was_collected_arrives_as_it_was() {
    for bytes in [
        &b"To: c@x, d\nSubject : s\n\ntext\n.\nlost\n"[..],
        b"From me\n>From you\nTo: c@x\n text\n",
        b" text first\n",
        b"To: c@x\nno field\nFrom nobody\n",
        b"\nbody\r\nonly\rcr",
        b"",
    ] {
        let frame = write(&mut collected(bytes), "T", Vec::new()).unwrap();
        let mut submission = read(&frame).unwrap();
        let mut asked = collected(bytes);
        assert_eq!(submission.token, "T");
        assert_eq!(submission.collected.sender, asked.sender);
        assert_eq!(submission.collected.full_name, asked.full_name);
        assert_eq!(submission.collected.dsn, asked.dsn);
        assert_eq!(submission.collected.account, asked.account);
        assert_eq!(submission.collected.are_arguments, asked.are_arguments);
        let texts = |given: &[RecipientArgument]| given.iter().map(|one| one.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&submission.collected.recipients), texts(&asked.recipients));
        assert_eq!(text(&mut submission.collected), text(&mut asked), "{bytes:?}");
    }
}

#[test]
fn a_frame_that_is_cut_short_is_an_error_wherever_it_is_cut() {
    let frame = write(&mut collected(b"To: c@x\n\ntext\n"), "T", Vec::new()).unwrap();
    for length in 0..frame.len() {
        let cut = read(&frame[..length]);
        let to_the_end = cut.map(|mut submission| {
            loop {
                match submission.collected.body.next_block() {
                    Ok(Some(_)) => {}
                    Ok(None) => return true,
                    Err(_) => return false,
                }
            }
        });
        assert!(!to_the_end.unwrap_or(false), "{length}");
    }
}
