//! Unit tests of `sys::local_time`.

use super::*;

#[test]
fn the_offset_is_the_one_that_the_whole_database_gives() {
    assert_eq!(now().offset(), Zoned::now().offset());
}
