//! Every file is the same after reading and writing.

use proptest::prelude::*;

use super::*;

#[test]
fn bytes_that_are_not_utf8_are_kept_and_shown() {
    let read = text(b"from j\xf6rg@isp.example # gr\xc3\xbc\xc3\x9fe");
    assert_eq!(bytes(&read), b"from j\xf6rg@isp.example # gr\xc3\xbc\xc3\x9fe");
    assert_eq!(shown(&read), "from j\\xF6rg@isp.example # gr\u{fc}\u{df}e");
    assert_eq!(read.chars().filter(|c| is_stand_in(*c)).count(), 1);
}

proptest! {
    #[test]
    fn every_file_is_written_as_it_was_read(file in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(bytes(&text(&file)), file);
    }

    #[test]
    fn so_is_one_that_has_the_stand_ins_themselves(c in prop::char::range('\u{10ff00}', '\u{10ffff}')) {
        let file = format!("a{c}b");
        prop_assert_eq!(bytes(&text(file.as_bytes())), file.as_bytes());
    }
}
