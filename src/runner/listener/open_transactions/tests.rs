//! Unit tests of `runner::listener::open_transactions`.
use super::*;

const LONG: Duration = Duration::from_mins(1);

#[test]
fn a_stop_waits_for_what_is_open_and_lets_nothing_else_begin() {
    let transactions = Arc::new(OpenTransactions::default());
    let (first, second) = (transactions.begin().unwrap(), transactions.begin().unwrap());
    let stopping = Arc::clone(&transactions);
    let stop = std::thread::spawn(move || stopping.finish(LONG));
    while transactions.begin().is_some() {}
    drop(first);
    assert!(!stop.is_finished());
    drop(second);
    stop.join().unwrap();
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let transactions = Arc::new(OpenTransactions::default());
    let _open = transactions.begin().unwrap();
    transactions.finish(Duration::from_millis(1));
    assert!(transactions.begin().is_none());
}
