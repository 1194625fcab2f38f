//! Unit tests of `deliver::smtp::happy_eyeballs`.
#![allow(clippy::unwrap_used)]
use super::*;
use std::net::TcpListener;
use std::time::Instant;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn families_take_turns() {
    let list: Vec<SocketAddr> = ["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1"].into_iter().map(address).collect();
    let turns: Vec<String> = by_turns(&list).iter().map(ToString::to_string).collect();
    assert_eq!(turns, ["[::1]:1", "127.0.0.1:1", "[::2]:1", "[::3]:1"]);
    assert!(by_turns(&[]).is_empty());
}

#[test]
fn an_address_that_fails_costs_nothing_and_the_source_is_ours_to_choose() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = listener.local_addr().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let began = Instant::now();
    let raced = connect(&[closed, good], &["127.0.0.7".parse().unwrap()], Duration::from_secs(5));
    let (winner, socket) = raced.winner.unwrap();
    assert_eq!((winner, socket.local_addr().unwrap().ip().to_string()), (good, "127.0.0.7".to_owned()));
    assert_eq!(raced.failed.len(), 1);
    assert!(began.elapsed() < STAGGER);
    let v6 = connect(&[good], &["::1".parse().unwrap()], Duration::from_secs(1));
    assert!(v6.failed[0].1.to_string().contains("source_address has no IPv4"));
}
