//! Closing, while something is inside and while nothing is.

use super::*;

#[test]
fn it_closes_only_while_nothing_is_inside() {
    let gate = Arc::new(AcceptGate::default());
    let (connection, admitted) = gate.accept(|| Ok(7)).unwrap();
    assert_eq!((connection, gate.accepted()), (7, 1));
    assert!(!gate.close_if_empty());
    drop(admitted);
    let look = gate.enter();
    assert!(!gate.close_if_empty());
    drop(look);
    assert!(gate.close_if_empty());
    assert_eq!(gate.accepted(), 1, "a look into drop/ is no connection");
}

#[test]
fn what_cannot_be_accepted_is_not_inside() {
    let gate = Arc::new(AcceptGate::default());
    assert!(gate.accept(|| Err::<(), _>(io::ErrorKind::WouldBlock.into())).is_err());
    assert!(gate.close_if_empty());
}

#[test]
fn nothing_is_accepted_until_it_is_opened_again() {
    let gate = Arc::new(AcceptGate::default());
    assert!(gate.close_if_empty());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| gate.accept(|| Ok(gate.state.try_lock().is_none())));
        gate.open();
        let (was_locked, _admitted) = waiting.join().unwrap().unwrap();
        assert!(was_locked);
    });
}
