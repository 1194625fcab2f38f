//! The header reader: any bytes give a header of whole lines, a body, and recipients;
//! reading what was read changes nothing any more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider::mail::header::Header;
use postrider::rules::outbound;
use postrider::submit::frontend::header_reader;
use postrider::submit::frontend::input::{Input, LoneDot};
use postrider::submit::frontend::recipients;

fuzz_target!(|bytes: &[u8]| {
    let (bytes, lone_dot) = match bytes.split_first() {
        Some((first, rest)) if first & 1 == 1 => (rest, LoneDot::IsText),
        Some((_, rest)) => (rest, LoneDot::EndsInput),
        None => return,
    };
    let Ok((head, mut body)) = header_reader::read(Input::new(bytes, lone_dot)) else { return };
    assert!(head.is_empty() || head.ends_with(b"\r\n"));
    assert!(!head.contains(&0));
    let mut content = head.clone();
    while let Some(block) = body.next_block().expect("a slice can be read") {
        content.extend_from_slice(block);
    }
    let header = Header::read(&head);
    assert_eq!(header.to_bytes(), head);
    let qualified = outbound::qualify(&header, "home.lan");
    assert_eq!(qualified.fields.len(), header.fields.len());
    assert_eq!(Header::read(&qualified.to_bytes()).to_bytes(), qualified.to_bytes());
    let _ = recipients::in_header(&header);
    let Ok((again, _)) = header_reader::read(Input::new(&content[..], LoneDot::IsText)) else { return };
    assert_eq!(again, head);
});
