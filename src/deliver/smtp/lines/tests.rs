//! Unit tests of `deliver::smtp::lines`.

use super::*;
use proptest::prelude::*;

/// All lines of the bytes, received in pieces of that size.
fn lines(bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let (mut lines, mut found) = (Lines::default(), Vec::new());
    for chunk in bytes.chunks(piece) {
        lines.room()[..chunk.len()].copy_from_slice(chunk);
        lines.received(chunk.len());
        while let Some(line) = lines.next_line() {
            found.push(line.to_vec());
        }
    }
    found
}

#[test]
fn line_ends_and_the_longest_line() {
    assert_eq!(lines(b"a\r\nb\n\r\nrest", 3), [b"a".to_vec(), b"b".to_vec(), Vec::new()]);
    for length in [MAX_LINE, MAX_LINE + 1, MAX_LINE + 2, 3 * MAX_LINE] {
        let long = [vec![b'x'; length], b"\r\nnext\r\n".to_vec()].concat();
        for piece in [1, 1000, 4096] {
            let found = lines(&long, piece);
            assert_eq!((found.len(), found[0].len()), (2, MAX_LINE), "{length} {piece}");
            assert_eq!(found[1], b"next");
        }
    }
}

proptest! {
    #[test]
    fn how_the_bytes_come_makes_no_difference(
        bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..600), piece in 1_usize..700
    ) {
        prop_assert_eq!(lines(&bytes, piece), lines(&bytes, 1));
    }
}
