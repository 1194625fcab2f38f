//! Unit tests of `checksum`.

use super::Checksum;

#[test]
fn it_is_the_crc_32_that_everybody_has() {
    let mut sum = Checksum::default();
    sum.pass(b"12345");
    sum.pass(b"6789");
    assert_eq!(sum.end(), 0xCBF4_3926_u32.to_be_bytes());
    assert_eq!(Checksum::default().end(), [0; 4]);
}
