//! Stored keys: the example of RFC 7677, and what is no stored key.

use super::*;

const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).unwrap();

#[test]
fn stored_keys_are_text_and_verify_the_password_alone() {
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let keys = StoredKeys::of(ScramHash::Sha256, "pencil", &salt, ITERATIONS);
    let text = keys.to_string();
    // As PostgreSQL and gsasl compute them for RFC 7677's example.
    assert_eq!(
        text,
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    );
    assert_eq!(StoredKeys::parse(&text).unwrap(), keys);
    assert!(keys.is_of("pencil") && !keys.is_of("pencils"));
    let old = StoredKeys::of(ScramHash::Sha1, "pencil", &salt, ITERATIONS);
    assert!(StoredKeys::parse(&old.to_string()).unwrap().is_of("pencil"));
    assert!(!format!("{keys:?}").contains("WG5d"));
}

#[test]
fn what_is_no_stored_key_is_refused() {
    let keys = StoredKeys::of(ScramHash::Sha256, "pencil", b"salt", ITERATIONS).to_string();
    assert_eq!(StoredKeys::parse("pencil"), Err(BadStoredKeys::Malformed));
    assert_eq!(StoredKeys::parse(&keys.replace("4096", "4095")), Err(BadStoredKeys::Iterations));
    assert_eq!(StoredKeys::parse(&keys.replace("SHA-256", "MD5")), Err(BadStoredKeys::OtherScheme));
    assert_eq!(StoredKeys::parse(&keys[..keys.len() - 4]), Err(BadStoredKeys::Malformed));
    assert_eq!(StoredKeys::parse(&keys.replace("SHA-256", "SHA-1")), Err(BadStoredKeys::Malformed));
}
