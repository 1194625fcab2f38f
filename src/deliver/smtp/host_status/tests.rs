//! Unit tests of `deliver::smtp::host_status`.
use super::*;

const HOST: &str = "mx.isp.example:587";

#[test]
fn a_failure_is_remembered_for_a_while_and_forgotten_where_the_server_works() {
    let hosts = HostStatus::default();
    assert!(!hosts.has_failed(HOST));
    hosts.works(HOST);
    hosts.failed(HOST);
    assert!(hosts.has_failed(HOST) && !hosts.has_failed("other.isp.example:587"));
    assert!(!hosts.has_failed_at(HOST, Instant::now() + AFTER_FAILURE));
    hosts.works(HOST);
    assert!(!hosts.has_failed(HOST));
}

#[test]
fn a_server_is_slow_while_it_lets_a_session_wait_and_for_a_while_after_that() {
    let hosts = HostStatus::default();
    let wait = hosts.wait(HOST);
    let later = Instant::now() + SLOW;
    assert!(!hosts.is_slow(HOST) && hosts.is_slow_at(HOST, later));
    let began = wait.began;
    drop(wait);
    assert!(!hosts.is_slow_at(HOST, later), "it was fast");
    hosts.ends(HOST, began, later);
    assert!(hosts.is_slow_at(HOST, later) && !hosts.is_slow_at(HOST, later + AFTER_WAIT));
}
