//! Messages in, messages out: what is converted, how, and what must not be.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Read;

use mail_parser::{MessageParser, MimeHeaders};
use proptest::prelude::*;

use super::{Finding, LONGEST_LINE, Takes, look};

fn split(message: &[u8]) -> (&[u8], &[u8]) {
    let at = message.windows(4).position(|four| four == b"\r\n\r\n").map_or(message.len(), |at| at + 2);
    message.split_at(at)
}

/// What goes out; `Err`: the words of the refusal.
fn converted(message: &[u8], takes: Takes) -> Result<Vec<u8>, String> {
    let (header, body) = split(message);
    match look(header, &mut &*body, takes).unwrap() {
        Finding::Fit { .. } => Ok(message.to_vec()),
        Finding::Not(words) => Err(words.to_string()),
        Finding::Convert(conversion) => {
            let mut out = conversion.header(header);
            conversion.body(header, Box::new(body)).read_to_end(&mut out).unwrap();
            Ok(out)
        }
    }
}

fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

fn seven(text: &str) -> String {
    let out = converted(&crlf(text), Takes::SevenBit).unwrap();
    assert!(out.is_ascii(), "{}", String::from_utf8_lossy(&out));
    assert!(out.split(|b| *b == b'\n').all(|line| line.len() <= LONGEST_LINE + 1));
    String::from_utf8(out).unwrap()
}

#[test]
fn ascii_goes_as_it_is() {
    let message = crlf("Subject: x\n\nbody\n");
    let (header, mut body) = split(&message);
    assert_eq!(look(header, &mut body, Takes::SevenBit).unwrap(), Finding::Fit { eight_bit: false });
    let message = crlf("Subject: x\n\nb\u{f6}dy\n");
    let (header, mut body) = split(&message);
    assert_eq!(look(header, &mut body, Takes::EightBit).unwrap(), Finding::Fit { eight_bit: true });
}

#[test]
fn plain_text_is_quoted_and_says_so() {
    let out = seven("Subject: x\nFrom: a@x.example\n\nGr\u{fc}\u{df}e \n=40\n.\n\n");
    assert_eq!(
        out.replace("\r\n", "\n"),
        "Subject: x\nFrom: a@x.example\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe=20\n=3D40\n.\n\n"
    );
}

const MIXED: &str = "Subject: Gr\u{fc}\u{df}e aus K\u{f6}ln and more\nFrom: \"J\u{fc}rgen, M.\" <j@b\u{fc}cher.example>\n\
To: Bj\u{f6}rk \u{c5}se <b@x.example> (caf\u{e9} bar), c@x.example\nMIME-Version: 1.0\n\
Content-Type: multipart/mixed; boundary=\"b 1\"\nContent-Transfer-Encoding: 8bit\n\npre\u{e4}mble\n--b 1\n\
Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGr\u{fc}\u{df}e\n--not b 1\n\n--b 1\n\
Content-Type: application/octet-stream; name=\"\u{e4}rger.bin\"\nContent-Disposition: attachment; filename=\"\u{e4} b.bin\"\n\n\
\u{e4}\u{f6}\u{fc}\n--b 1\nContent-Type: text/plain\n\nascii stays\n--b 1--\nepil\u{f6}gue\n";

#[test]
fn each_part_gets_its_own_encoding_and_the_structure_stays() {
    let out = seven(MIXED);
    assert!(out.contains("Content-Transfer-Encoding: 7bit\r\n"), "{out}");
    assert!(out.contains("\r\n\r\nascii stays\r\n--b 1--\r\n"), "{out}");
    let (before, after) = (crlf(MIXED), out.into_bytes());
    let was = MessageParser::new().parse(&before).unwrap();
    let is = MessageParser::new().parse(&after).unwrap();
    assert_eq!(was.parts.len(), is.parts.len());
    assert_eq!(was.subject(), is.subject());
    assert_eq!(is.from().unwrap().first().unwrap().name(), Some("J\u{fc}rgen, M."));
    assert_eq!(is.from().unwrap().first().unwrap().address(), Some("j@xn--bcher-kva.example"));
    assert_eq!(is.to().unwrap().first().unwrap().name(), Some("Bj\u{f6}rk \u{c5}se (caf\u{e9} bar)"));
    for (was, is) in was.parts.iter().zip(&is.parts).skip(1) {
        assert_eq!(was.contents(), is.contents());
        assert_eq!(was.attachment_name(), is.attachment_name());
    }
}

#[test]
fn what_is_signed_encrypted_or_forwarded_is_refused_with_that_reason() {
    for (kind, words) in [
        ("multipart/signed; boundary=b", "signature"),
        ("multipart/encrypted; boundary=b", "encrypted"),
        ("multipart/digest; boundary=b", "attached message"),
    ] {
        let text = format!("Content-Type: {kind}\n\n--b\n\nS: x\n\nGr\u{fc}\u{df}e\n--b--\n");
        let refusal = converted(&crlf(&text), Takes::SevenBit).unwrap_err();
        assert!(refusal.contains(words) && refusal.contains("8BITMIME"), "{refusal}");
        let long = text.replace("Gr\u{fc}\u{df}e", &"x".repeat(1000));
        assert!(converted(&crlf(&long), Takes::EightBit).unwrap_err().contains("998"));
    }
    let ascii = crlf("Content-Type: multipart/signed; boundary=b\nSubject: \u{e4}\n\n--b\n\nx\n--b--\n");
    let out = converted(&ascii, Takes::SevenBit).unwrap();
    assert!(out.is_ascii() && out.ends_with(b"\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"));
}

#[test]
fn long_lines_are_encoded_and_long_headers_folded() {
    let words = "word ".repeat(400);
    let text = format!("Subject: {words}\nX-Blob: {}\n\n{}\nshort \u{e4}\n", "y".repeat(3000), "z".repeat(2500));
    let out = converted(&crlf(&text), Takes::EightBit).unwrap();
    assert!(out.split(|b| *b == b'\n').all(|line| line.len() <= LONGEST_LINE + 1));
    let is = MessageParser::new().parse(&out).unwrap();
    assert_eq!(is.subject().unwrap().trim(), words.trim());
    assert_eq!(is.body_text(0).unwrap().trim_end(), format!("{}\r\nshort \u{e4}", "z".repeat(2500)));
    let quoted = format!("Content-Transfer-Encoding: quoted-printable\n\n=C3=BC{}=C3=BC\n", "q".repeat(1500));
    let out = converted(&crlf(&quoted), Takes::EightBit).unwrap();
    let is = MessageParser::new().parse(&out).unwrap();
    assert_eq!(is.body_text(0).unwrap().trim_end(), format!("\u{fc}{}\u{fc}", "q".repeat(1500)));
    let base64 = format!("Content-Type: image/x\nContent-Transfer-Encoding: base64\n\n{}\n", "QUJD".repeat(500));
    let out = converted(&crlf(&base64), Takes::EightBit).unwrap();
    assert_eq!(MessageParser::new().parse(&out).unwrap().parts[0].contents(), "ABC".repeat(500).as_bytes());
}

proptest! {
    #[test]
    fn whatever_comes_what_goes_out_is_fit_and_pieces_do_not_matter(
        lines in proptest::collection::vec(
            prop_oneof![
                Just("--b".to_owned()), Just("--b--".to_owned()), Just("--c".to_owned()), Just(String::new()),
                Just("Content-Type: multipart/mixed; boundary=c".to_owned()),
                Just("Content-Type: message/rfc822".to_owned()),
                Just("Content-Transfer-Encoding: base64".to_owned()),
                Just("Content-Transfer-Encoding: quoted-printable".to_owned()),
                "[a-z =\u{e4}.]{0,90}", Just("x".repeat(1200)),
            ], 0..40),
        top in prop_oneof![Just("Content-Type: multipart/mixed; boundary=b"), Just("Subject: \u{e4}"), Just("Content-Type: image/x")],
    ) {
        let message = crlf(&format!("{top}\n\n{}\n", lines.join("\n")));
        for takes in [Takes::SevenBit, Takes::EightBit] {
            if let Ok(out) = converted(&message, takes) {
                prop_assert!(takes == Takes::EightBit || out.is_ascii());
                for line in out.split(|b| *b == b'\n') {
                    prop_assert!(line.len() <= LONGEST_LINE + 1, "{}", line.len());
                }
                prop_assert_eq!(converted(&out, takes), Ok(out.clone()), "once is enough");
            }
        }
    }
}
