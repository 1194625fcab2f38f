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

/// A message whose second line of content stands in a part of that kind.
fn protected(kind: &str, content: &str) -> Vec<u8> {
    crlf(&format!("Content-Type: {kind}\n\n--b\n\nS: x\n\n{content}\n--b--\n"))
}

const PROTECTED: [(&str, &str); 3] = [
    ("multipart/signed; boundary=b", "signature"),
    ("multipart/encrypted; boundary=b", "encrypted"),
    ("multipart/digest; boundary=b", "attached message"),
];

#[test]
fn eight_bit_text_that_may_not_change_is_refused_with_that_reason() {
    for (kind, words) in PROTECTED {
        let refusal = converted(&protected(kind, "Gr\u{fc}\u{df}e"), Takes::SevenBit).unwrap_err();
        assert!(refusal.contains(words) && refusal.contains("8BITMIME"), "{refusal}");
    }
    let ascii = crlf("Content-Type: multipart/signed; boundary=b\nSubject: \u{e4}\n\n--b\n\nx\n--b--\n");
    let out = converted(&ascii, Takes::SevenBit).unwrap();
    assert!(out.is_ascii() && out.ends_with(b"\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"));
}

#[test]
fn what_is_signed_encrypted_or_forwarded_goes_out_as_it_is_however_long_its_lines() {
    for (kind, _) in PROTECTED {
        for content in ["x".repeat(2000), "a\0b".to_owned()] {
            let message = protected(kind, &content);
            for takes in [Takes::EightBit, Takes::SevenBit] {
                assert_eq!(converted(&message, takes), Ok(message.clone()), "{kind}");
            }
            // What stands around it is converted all the same.
            let header = format!("Subject: {}\n", "word ".repeat(300));
            let out = converted(&[crlf(&header), message.clone()].concat(), Takes::SevenBit).unwrap();
            assert!(out.ends_with(&message) && out.len() > message.len() + header.len(), "{kind}");
        }
    }
    let nested = format!(
        "Content-Type: multipart/signed; boundary=b\nX-Long: {}\n\n--b\nContent-Type: multipart/mixed; boundary=c\n\n\
         {pre}\n--c\n\nx\n--c--\n{pre}\n--b\n\nsig\n--b--\n",
        "word ".repeat(300),
        pre = "p\0".repeat(1000)
    );
    let out = converted(&crlf(&nested), Takes::EightBit).unwrap();
    let (_, body) = split(&out);
    let nested = crlf(&nested);
    assert_eq!(body, split(&nested).1, "preamble and epilogue are signed as well");
}

#[test]
fn a_nul_in_a_body_is_encoded_with_its_part_and_no_other() {
    for takes in [Takes::EightBit, Takes::SevenBit] {
        let out = converted(b"Subject: x\r\n\r\na\0b\r\n", takes).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("quoted-printable\r\n\r\na=00b\r\n"), "{text}");
        let parts = "Content-Type: multipart/mixed; boundary=b\n\nn\0\n--b\nX: a\0b\n\nplain\n--b\n\
                     Content-Type: image/x\n\n\0\u{1}\n--b\nContent-Transfer-Encoding: quoted-printable\n\n=\0=3D\n\
                     --b\nContent-Transfer-Encoding: base64\n\nQU\0JD\n--b--\nn\0\n";
        let out = converted(&crlf(parts), takes).unwrap();
        assert!(!out.contains(&0), "{}", String::from_utf8_lossy(&out));
        let read = MessageParser::new().parse(&out).unwrap();
        assert_eq!(read.parts[1].contents(), b"plain");
        assert_eq!(read.parts[2].contents(), b"\0\x01");
        assert_eq!(read.parts[4].contents(), b"ABC");
        assert_eq!(converted(&out, takes), Ok(out.clone()));
    }
}

#[test]
fn lines_of_990_octets_and_more_are_encoded_and_shorter_ones_are_not() {
    let message = |length: usize| crlf(&format!("Subject: x\n\n{}\nend\n", "y".repeat(length)));
    assert_eq!(converted(&message(989), Takes::EightBit), Ok(message(989)));
    for length in [990, 991, 998, 999] {
        let out = converted(&message(length), Takes::EightBit).unwrap();
        assert!(out.split(|b| *b == b'\n').all(|line| line.len() <= 990), "{length}");
        let read = MessageParser::new().parse(&out).unwrap();
        assert_eq!(read.body_text(0).unwrap(), format!("{}\r\nend\r\n", "y".repeat(length)));
        let header = crlf(&format!("X-Long: {}{}\n\nend\n", "w ".repeat(400), "y".repeat(length - 808)));
        let out = converted(&header, Takes::EightBit).unwrap();
        assert!(out.split(|b| *b == b'\n').all(|line| line.len() <= 990), "{length}");
    }
}

#[test]
fn text_is_quoted_however_much_of_it_is_beyond_ascii() {
    let japanese = "\u{65e5}\u{672c}\u{8a9e}".repeat(400);
    for takes in [Takes::EightBit, Takes::SevenBit] {
        let message = crlf(&format!("Content-Type: text/plain; charset=utf-8\n\n{japanese}\n"));
        let out = converted(&message, takes).unwrap();
        let read = MessageParser::new().parse(&out).unwrap();
        assert!(out.is_ascii() && String::from_utf8_lossy(&out).contains("quoted-printable"));
        assert_eq!(read.body_text(0).unwrap(), format!("{japanese}\r\n"));
    }
}

#[test]
fn no_address_becomes_another_one() {
    let fields = "From: j\u{f6}rg@isp.example\nReply-To: J\u{f6}rg <j\u{f6}rg@b\u{fc}cher.example> (J\u{f6})\n\
                  Cc: \"j\u{f6}rg x\"@isp.example, <\"a>\u{f6}\"@isp.example>\nReturn-Path: <j\u{f6}rg@isp.example>\n\
                  Received: from b\u{f6}x for <j\u{f6}rg@isp.example>; now\nSubject: Gr\u{fc}\u{df}e\n\nx\n";
    let out = String::from_utf8(converted(&crlf(fields), Takes::SevenBit).unwrap()).unwrap();
    for whole in [
        "From: j\u{f6}rg@isp.example\r\n",
        "<j\u{f6}rg@xn--bcher-kva.example>",
        "Cc: \"j\u{f6}rg x\"@isp.example, <\"a>\u{f6}\"@isp.example>\r\n",
        "Return-Path: <j\u{f6}rg@isp.example>\r\n",
        "from b??x for <j\u{f6}rg@isp.example>; now\r\n",
    ] {
        assert!(out.contains(whole), "{whole} in {out}");
    }
    assert!(!out.contains("J\u{f6}") && !out.contains("Gr\u{fc}"), "all other text is encoded: {out}");
}

#[test]
fn a_part_in_an_encoding_that_is_not_known_is_never_relabelled() {
    for encoding in ["x-uuencode", "X-UUENCODE (by hand)", "yenc"] {
        let message = |content: &str| {
            crlf(&format!("Subject: \u{e4}\nContent-Transfer-Encoding: {encoding}\n\nbegin 644 x\n{content}\nend\n"))
        };
        let refusal = converted(&message("M\u{e4}"), Takes::SevenBit).unwrap_err();
        assert!(refusal.contains("8BITMIME") && refusal.contains("encoding"), "{refusal}");
        for content in ["z".repeat(1500), "a\0b".to_owned()] {
            let message = message(&content);
            assert_eq!(converted(&message, Takes::EightBit), Ok(message.clone()));
            let out = converted(&message, Takes::SevenBit).unwrap();
            assert_eq!(split(&out).1, split(&message).1);
            assert!(!String::from_utf8_lossy(&out).contains("quoted-printable"));
        }
    }
    let labels = [("8bit (as it is)", "quoted-printable"), ("quoted-printable; x", "quoted-printable; x")];
    for (label, after) in labels {
        let out = seven(&format!("Content-Transfer-Encoding: {label}\n\n\u{e4}\n"));
        assert!(
            out.contains(&format!("Content-Transfer-Encoding: {after}\r\n")) && out.ends_with("=C3=A4\r\n"),
            "{out}"
        );
    }
}

#[test]
fn lines_with_encoded_words_are_no_longer_than_76_columns() {
    let name = "J\u{fc}rgen M\u{fc}ller-L\u{fc}denscheid";
    let out = seven(&format!(
        "Subject: An ordinary beginning of fifty characters or more, then Gr\u{fc}\u{df}e\n\
         To: {name} <someone.with.a.long.name@department.example>, \"{name}, Dr.\" <x@x.example>\n\nx\n"
    ));
    assert!(out.lines().all(|line| line.len() <= 76 && !line.trim().is_empty() || line.is_empty()), "{out}");
    let read = MessageParser::new().parse(out.as_bytes()).unwrap();
    assert!(read.subject().unwrap().ends_with("or more, then Gr\u{fc}\u{df}e"));
    let names: Vec<_> = read.to().unwrap().iter().map(|to| to.name().unwrap().to_owned()).collect();
    assert_eq!(names, [name.to_owned(), format!("{name}, Dr.")]);
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
                // What is forwarded stays as it is.
                let fits = lines.iter().any(|line| line.contains("message/"));
                for line in out.split(|b| *b == b'\n') {
                    prop_assert!(fits || line.len() <= LONGEST_LINE + 1, "{}", line.len());
                }
                prop_assert_eq!(converted(&out, takes), Ok(out.clone()), "once is enough");
            }
        }
    }
}
