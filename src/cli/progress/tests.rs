//! Unit tests of `cli::progress`.

use super::*;

#[test]
fn a_bar_fits_its_terminal() {
    assert_eq!(bar(5, 10, 18), "[=====     ] 5/10");
    assert_eq!(bar(0, 1, 400).len(), WIDEST + 6);
    assert!(bar(99_999, 100_000, 20).len() < 20);
}
