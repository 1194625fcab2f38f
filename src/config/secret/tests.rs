//! Unit tests of `config::secret`.

use super::*;

fn read(bytes: &[u8]) -> Result<String, String> {
    first_line("it", bytes).map(|secret| secret.expose().to_owned()).map_err(|error| error.to_string())
}

#[test]
fn the_password_is_the_first_line_without_its_end() {
    for (bytes, password) in [
        (&b"s3cret"[..], "s3cret"),
        (b"s3cret\n", "s3cret"),
        (b"s3cret\r\nuser: me\n", "s3cret"),
        (b" a b \n", " a b "),
        (b"\xef\xbb\xbfs3cret\r\n", "s3cret"),
        ("pässwörd\n".as_bytes(), "pässwörd"),
    ] {
        assert_eq!(read(bytes), Ok(password.to_owned()));
    }
    for bytes in [&b""[..], b"\n", b"\r\nx", b"a\0b", b"\xff", b"\xef\xbb\xbf\n", &[b'a'; 5000]] {
        assert!(read(bytes).is_err());
    }
}

#[test]
fn a_literal_is_itself_and_nothing_prints_it() {
    let password = Password::Literal(Secret::new("hunter2".to_owned()));
    assert_eq!(password.fetch().map(|secret| secret.expose().to_owned()).ok(), Some("hunter2".to_owned()));
    assert!(!format!("{password:?}").contains("hunter2"));
}
