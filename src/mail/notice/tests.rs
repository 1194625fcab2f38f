//! Notices, read back by an independent parser.
#![allow(clippy::unwrap_used)]

use jiff::tz::TimeZone;
use mail_parser::{MessageParser, MimeHeaders, PartType as Parsed};

use super::*;

const BOUNDARY: &str = "5F0A/box.home.lan";

fn written(write: impl FnOnce(&Notice<'_>) -> Vec<u8>) -> Vec<u8> {
    let to = Address::parse("alice@isp.example").unwrap();
    let at = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    let notice = Notice {
        hostname: "box.home.lan",
        to: &to,
        subject: "Undelivered Mail Returned to Sender",
        message_id: "<5F0A@box.home.lan>",
        at: &at,
        cause: Cause::Message,
    };
    write(&notice)
}

#[test]
fn a_text_with_umlauts_reads_back_as_it_was_written() {
    let text = "Grüße an <jörg@bücher.example>:\n    = 3 \n";
    let content = written(|notice| notice.text(text));
    assert!(content.is_ascii() && content.split(|b| *b == b'\n').all(|line| line.len() <= 78));
    let message = MessageParser::new().parse(&content).unwrap();
    assert_eq!(message.body_text(0).unwrap().replace("\r\n", "\n"), text);
    assert_eq!(message.subject(), Some("Undelivered Mail Returned to Sender"));
    assert_eq!(message.message_id(), Some("5F0A@box.home.lan"));
    assert_eq!(message.from().unwrap().first().unwrap().address(), Some("MAILER-DAEMON@box.home.lan"));
    assert_eq!(message.header_raw("Auto-Submitted").map(str::trim), Some("auto-replied"));
}

#[test]
fn a_report_has_its_three_parts_and_the_message_stays_as_it_is() {
    let status = b"Reporting-MTA: dns; box.home.lan\r\n\r\nAction: failed\r\n";
    let original = "Subject: hé\r\n\r\nbody 8-bit é\r\n".as_bytes();
    let content = written(|notice| {
        let mut content = notice.with_parts(Kind::DeliveryStatus, BOUNDARY, "It failed.\n");
        content.extend(part(BOUNDARY, PartType::DeliveryStatus, status));
        content.extend(part(BOUNDARY, PartType::Message, original));
        content.extend(end(BOUNDARY).into_bytes());
        content
    });
    let message = MessageParser::new().parse(&content).unwrap();
    let report = message.root_part().content_type().unwrap();
    assert_eq!((report.subtype(), report.attribute("report-type")), (Some("report"), Some("delivery-status")));
    let kinds: Vec<_> = message.parts[1..].iter().filter_map(|part| part.content_type()?.subtype()).collect();
    assert_eq!(kinds, ["plain", "delivery-status", "rfc822"]);
    let Parsed::Message(inner) = &message.parts[3].body else { panic!("a message") };
    // The parser adds no line end of its own, and the one before the boundary is the boundary's.
    assert_eq!(inner.raw_message(), original);
}

#[test]
fn a_header_with_a_line_too_long_for_a_relay_is_encoded() {
    let header = format!("Subject: {}\r\n", "x".repeat(2000));
    let content = part(BOUNDARY, PartType::Header, header.as_bytes());
    assert!(content.split(|b| *b == b'\n').all(|line| line.len() <= 78));
    let text = String::from_utf8(content).unwrap();
    assert_eq!(text.replace("=\r\n", "").matches(&"x".repeat(2000)).count(), 1);
}
