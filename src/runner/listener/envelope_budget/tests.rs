//! Unit tests of `runner::listener::envelope_budget`.

use super::*;

const AT_ONCE: Duration = Duration::ZERO;

#[test]
fn one_user_has_a_quarter_and_a_longer_envelope_is_read_alone() {
    let budget = EnvelopeBudget::default();
    let all = budget.wait_for_share(1000, 10 * ALTOGETHER, AT_ONCE).unwrap();
    assert!(budget.wait_for_share(1000, SMALL + 1, AT_ONCE).is_none());
    assert!(budget.wait_for_share(1000, SMALL, AT_ONCE).is_some(), "small ones are not counted");
    let _others: Vec<_> = (1001..1004).map(|uid| budget.wait_for_share(uid, ONE_USER, AT_ONCE).unwrap()).collect();
    assert!(budget.wait_for_share(1004, SMALL + 1, AT_ONCE).is_none(), "the budget is used up");
    assert!(budget.wait_for_share(0, ONE_USER, AT_ONCE).is_some(), "but not for root");
    drop(all);
    assert!(budget.wait_for_share(1004, SMALL + 1, AT_ONCE).is_some());
}

#[test]
fn whoever_waits_goes_on_when_a_share_is_given_back() {
    let budget = EnvelopeBudget::default();
    let share = budget.wait_for_share(1000, ONE_USER, AT_ONCE).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| budget.wait_for_share(1000, ONE_USER, Duration::from_mins(1)).is_some());
        drop(share);
        assert!(waiting.join().unwrap());
    });
}
