//! Unit tests of `spool::loading`.

use super::*;

#[test]
fn a_message_is_left_out_after_two_runners_ended_in_it_and_one_that_was_read_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    let (small, large) = (MessageId::new(1, 0), MessageId::new(2, 0));
    fs::write(spool.message_path(&small), "small").unwrap();
    fs::write(spool.message_path(&large), vec![b' '; 1 << 20]).unwrap();
    assert!(begin(&spool, &small).is_none());
    for expected in [None, Some(&large)] {
        // As a runner that is killed leaves it.
        std::mem::forget(begin(&spool, &large).unwrap());
        assert_eq!(fatal(&spool).as_ref(), expected);
    }
    drop(begin(&spool, &large));
    assert_eq!(fatal(&spool), None);
}

#[test]
fn a_long_text_is_not_loaded_so_whoever_ends_meanwhile_says_nothing_against_its_message() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path()).unwrap();
    let id = MessageId::new(1, 0);
    let text = [b"{\"v\":1}\n".as_slice(), &vec![b' '; 1 << 20]].concat();
    fs::write(spool.message_path(&id), text).unwrap();
    assert!(begin(&spool, &id).is_none());
}
