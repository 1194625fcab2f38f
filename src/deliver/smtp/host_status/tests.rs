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

#[test]
fn a_connection_is_lost_where_the_server_works_for_others_and_greets_sooner() {
    let hosts = HostStatus::default();
    let _wait = hosts.wait(HOST);
    hosts.works(HOST);
    let began = Instant::now();
    let later = began + GREETS_WITHIN;
    assert!(!hosts.has_lost_at(HOST, began, later), "it may be gone");
    hosts.works(HOST);
    assert!(!hosts.has_lost(HOST, began) && hosts.has_lost_at(HOST, began, later));
    let patient = began.checked_sub(2 * GREETS_WITHIN).unwrap();
    hosts.greeted(HOST, patient);
    assert!(!hosts.has_lost_at(HOST, began, later), "it lets everybody wait");
    assert!(hosts.has_lost_at(HOST, began, began + 3 * GREETS_WITHIN));
}
