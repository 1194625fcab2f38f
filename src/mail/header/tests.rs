//! Unit tests of `mail::header`.

use proptest::prelude::*;

use super::*;

#[test]
fn lines_are_what_postfix_takes_them_for() {
    use LineKind::{Blank, Continuation, Field, Other};
    for (line, kind) in [
        ("To: a@x", Field),
        ("to:", Field),
        ("Subject : x", Field),
        ("Subject\t :x", Field),
        ("http://example.com/", Field),
        ("From : x@y", Field),
        ("X-#!%: y", Field),
        ("", Blank),
        (" ", Continuation),
        ("\t", Continuation),
        ("\tx", Continuation),
        ("Dear reader: text", Other),
        ("From a@x Mon Jan  1 00:00:00 2026", Other),
        ("From MAILER-DAEMON", Other),
        (": empty name", Other),
        ("Grüße: x", Other),
        ("X\x01: y", Other),
        ("X\0: y", Other),
        ("no colon", Other),
        ("word", Other),
        ("\r", Other),
    ] {
        assert_eq!(line_kind(line.as_bytes()), kind, "{line:?}");
    }
}

#[test]
fn fields_have_names_and_values() {
    let bytes = b"Subject : x\r\n y\r\nTO:a@x\r\nTo: b@x\r\n \r\nEmpty:\r\n";
    let header = Header::read(bytes);
    assert_eq!(header.fields.iter().map(Field::name).collect::<Vec<_>>(), ["Subject", "TO", "To", "Empty"]);
    assert_eq!(header.fields[0].value(), b" x\r\n y\r\n");
    assert_eq!(header.first("to").map(Field::value), Some(b"a@x\r\n".as_slice()));
    assert_eq!(header.all("To").count(), 2);
    assert_eq!(header.all("Cc").count(), 0);
    assert_eq!(header.fields[0].with_value(b" z\r\n").raw(), b"Subject : z\r\n");
    assert_eq!(header.to_bytes(), bytes);
}

#[test]
fn what_is_no_field_has_no_name() {
    let header = Header::read(b" first\r\nno field\r\nTo: x\r\nnone\r\n y\r\n");
    assert_eq!(header.fields.iter().map(Field::name).collect::<Vec<_>>(), ["", "", "To", "", ""]);
    assert_eq!(header.fields[1].value(), b"");
    assert_eq!(Header::read(b"").fields, []);
}

#[test]
fn a_new_field_is_one_field() {
    assert_eq!(Field::new("From", "a@x").raw(), b"From: a@x\r\n");
    assert_eq!(Field::new("From", "\"A\"\r\n <a@x>").raw(), b"From: \"A\"\r\n <a@x>\r\n");
    let forged = Field::new("From", "a\r\nBcc: b\nc\rd\0e\r\n");
    assert_eq!(forged.raw(), b"From: a  Bcc: b c d e  \r\n");
    assert_eq!((forged.name(), Header::read(forged.raw()).fields.len()), ("From", 1));
    assert_eq!(Field::new("X", b"\xff".as_slice()).value(), b" \xff\r\n");
}

proptest! {
    #[test]
    fn every_byte_is_kept(bytes in prop::collection::vec(prop_oneof![
        5 => prop::sample::select(b":\r\n \tTo\0\xe4".to_vec()), 1 => any::<u8>()], 0..200)) {
        let header = Header::read(&bytes);
        prop_assert_eq!(header.to_bytes(), bytes);
        for field in &header.fields {
            let same = field.with_value(field.value());
            prop_assert_eq!(same.raw(), field.raw());
        }
    }

    #[test]
    fn new_fields_never_break_out(value in prop::collection::vec(prop::sample::select(b"\r\n \ta:".to_vec()), 0..50)) {
        let field = Field::new("To", &value);
        prop_assert_eq!(Header::read(field.raw()).fields, vec![field]);
    }
}
