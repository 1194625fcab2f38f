//! Unit tests of `mail::subject`.

use super::*;

#[test]
fn encoded_words_and_folds_are_read() {
    let subject = |header: &str| decoded(header.as_bytes());
    assert_eq!(subject("From: a@b.example\r\nSubject: plain\r\n\r\n").as_deref(), Some("plain"));
    let encoded = "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n =?iso-8859-1?B?IGF1cyBL9mxu?=\r\n\r\n";
    assert_eq!(subject(encoded).as_deref(), Some("Grüße aus Köln"));
    assert_eq!(subject("Subject: two\r\n lines\r\n\r\n").as_deref(), Some("two lines"));
    assert_eq!(subject("From: a@b.example\r\n\r\n"), None);
    assert_eq!(subject(""), None);
}
