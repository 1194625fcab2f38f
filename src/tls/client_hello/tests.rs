//! Hellos of every age, and what is none.

use proptest::prelude::*;

use super::versions;

/// A `ClientHello` of this version with these extensions.
fn hello(version: [u8; 2], extensions: &[u8]) -> Vec<u8> {
    let mut body = [version.to_vec(), vec![7; 32], vec![0], vec![0, 2, 0, 47], vec![1, 0]].concat();
    if !extensions.is_empty() {
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
    }
    let length = u16::try_from(body.len()).unwrap();
    let message = [vec![1, 0], length.to_be_bytes().to_vec(), body].concat();
    [vec![22, 3, 1], (length + 4).to_be_bytes().to_vec(), message].concat()
}

#[test]
fn versions_are_those_of_the_list_or_of_the_hello() {
    assert_eq!(versions(&hello([3, 1], &[])), ["TLS 1.0"]);
    assert_eq!(versions(&hello([3, 0], &[])), ["SSL 3.0"]);
    // server_name (empty), then supported_versions with a value that stands for nothing.
    let list = [0, 0, 0, 0, 0, 43, 0, 7, 6, 0x1a, 0x1a, 3, 3, 3, 4];
    assert_eq!(versions(&hello([3, 3], &list)), ["TLS 1.3", "TLS 1.2"]);
    assert_eq!(versions(&[0x80, 46, 1, 3, 1, 0, 0]), ["TLS 1.0"]);
    assert_eq!(versions(&[0x80, 46, 1, 0, 2, 0, 0]), ["SSL 2.0"]);
}

#[test]
fn what_is_no_hello_has_no_versions() {
    let cut = hello([3, 3], &[])[..9].to_vec();
    for bytes in [&b"EHLO scanner\r\n"[..], &[22, 3, 1, 0, 4, 2, 0, 0, 0], &[], &cut] {
        assert!(versions(bytes).is_empty(), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..80), is_hello in any::<bool>()) {
        let whole = if is_hello { hello([3, 3], &bytes) } else { bytes };
        prop_assert!(versions(&whole).len() <= 5);
    }
}
