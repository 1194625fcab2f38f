//! Tests of the limits on each client.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use super::*;
use crate::mail::submitter::ClientName;

#[test]
fn one_user_at_their_limits_costs_the_others_nothing() {
    let clients = SubmitterLimits::default();
    let connect = |uid| clients.connect(connection(uid).0, 3, 100);
    let [_, _, last] = [(); 3].map(|()| connect(1000).unwrap());
    assert_eq!(connect(1000).unwrap_err(), Refusal::Connections);
    connect(1001).unwrap();
    clients.disconnected(&last, 0);
    connect(1000).unwrap();
    let limits = Limits { in_flight: 10, waiting: 2, ..Limits::default() };
    assert_eq!(clients.count_octets(&user(1000), 11, Usage::default(), &limits), Err(Refusal::InFlight(10)));
    clients.count_octets(&user(1001), 10, Usage::default(), &limits).unwrap();
    clients.count_octets(&user(0), 1_000, Usage::default(), &limits).unwrap();
    for _ in 0..2 {
        clients.begin_message(&user(1000), Usage::default(), &limits).unwrap();
    }
    assert_eq!(
        clients.begin_message(&user(1000), Usage::default(), &limits),
        Err(Refusal::Waiting(Usage::default(), 2))
    );
    clients.begin_message(&user(1001), Usage::default(), &limits).unwrap();
    clients.end_message(&user(1000), 11);
    clients.begin_message(&user(1000), Usage::default(), &limits).unwrap();
    clients.count_octets(&user(1000), 10, Usage::default(), &limits).unwrap();
    for _ in 0..5 {
        clients.count_message(&user(1000), 5).unwrap();
        clients.count_message(&user(0), 0).unwrap();
    }
    assert_eq!(clients.count_message(&user(1000), 5), Err(Refusal::PerMinute(5)));
    clients.count_message(&user(1001), 5).unwrap();
    // Requests are counted beside messages.
    clients.count_request(&user(1000), 1).unwrap();
    assert_eq!(clients.count_request(&user(1000), 1), Err(Refusal::PerMinute(1)));
}

#[test]
fn what_waits_counts_against_its_user_and_never_against_root() {
    let clients = SubmitterLimits::default();
    let (messages, size) =
        (Limits { waiting: 1, ..Limits::default() }, Limits { waiting_size: 2_500, ..Limits::default() });
    let usage = Usage { messages: 1, octets: 2_000 };
    assert_eq!(clients.begin_message(&user(1000), usage, &messages), Err(Refusal::Waiting(usage, 1)));
    clients.count_octets(&user(1000), 500, usage, &size).unwrap();
    assert_eq!(clients.count_octets(&user(1000), 1, usage, &size), Err(Refusal::WaitingSize(usage, 2_500)));
    clients.begin_message(&user(0), usage, &messages).unwrap();
    clients.count_octets(&user(0), 2_500, usage, &size).unwrap();
    clients.begin_message(&user(1001), Usage::default(), &messages).unwrap();
    clients.count_octets(&user(1001), 2_500, Usage::default(), &size).unwrap();
    let named = Refusal::PerMinute(5).explain_to(&Submitter::Client(ClientName::parse("scanner").unwrap()));
    assert!(named.starts_with("the client scanner has made more than 5"), "{named}");
    let said = Refusal::WaitingSize(usage, 2_500).explain_to(&user(4_000_000_000));
    assert!(said.contains("1 message (2000 bytes)") && said.contains("waiting_size"), "{said}");
}

#[test]
fn a_tenth_of_the_connections_is_roots() {
    let clients = SubmitterLimits::default();
    let connect = |uid| clients.connect(connection(uid).0, 10, 10);
    for uid in 1..=9 {
        connect(uid).unwrap();
    }
    assert_eq!(connect(11).unwrap_err(), Refusal::Connections, "of those who have one each, nobody loses it");
    connect(0).unwrap();
    assert_eq!(connect(0).unwrap_err(), Refusal::Connections);
}

#[test]
fn where_all_connections_are_taken_the_uid_with_most_loses_the_idlest_to_one_that_has_none() {
    let clients = SubmitterLimits::default();
    let connect = |connection| clients.connect(connection, 5, 10);
    // Root's is idle for longest.
    let (roots, _root) = connection(0);
    connect(roots).unwrap();
    let (of_1, peers): (Vec<_>, Vec<_>) = (0..5).map(|_| connection(1)).unzip();
    let of_1: Vec<_> = of_1.into_iter().map(|connection| connect(connection).unwrap()).collect();
    for _ in 0..3 {
        connect(connection(2).0).unwrap();
    }
    let one_more = || connect(connection(2).0).unwrap_err();
    assert_eq!(one_more(), Refusal::Connections, "a client that has some already gets no other's");
    // All but the third have sent something since.
    for number in [0, 1, 3, 4] {
        (&peers[number]).write_all(b"x").unwrap();
        (&*of_1[number]).read_exact(&mut [0]).unwrap();
    }
    connect(connection(3).0).unwrap();
    assert_eq!((&peers[2]).read(&mut [0]).unwrap(), 0, "it was disconnected");
    for number in [0, 1, 3, 4] {
        peers[number].set_nonblocking(true).unwrap();
        assert!((&peers[number]).read(&mut [0]).is_err(), "{number} is still there");
    }
    // Its end gives back no place a second time.
    clients.disconnected(&of_1[2], 0);
    assert_eq!(connect(connection(3).0).unwrap_err(), Refusal::Connections);
}

#[test]
fn of_each_uid_one_is_answered_at_a_time() {
    let clients = SubmitterLimits::default();
    let turn = clients.wait_for_turn(&user(1000), Duration::ZERO).unwrap();
    let _other = clients.wait_for_turn(&user(1001), Duration::ZERO).unwrap();
    assert!(clients.wait_for_turn(&user(1000), Duration::from_millis(10)).is_none());
    std::thread::scope(|scope| {
        let next = scope.spawn(|| clients.wait_for_turn(&user(1000), Duration::from_secs(30)).is_some());
        drop(turn);
        assert!(next.join().unwrap());
    });
    assert!(clients.wait_for_turn(&user(1000), Duration::ZERO).is_some());
}

/// A connection of this uid, and its other end.
fn connection(uid: u32) -> (Connection, UnixStream) {
    let (stream, peer) = UnixStream::pair().unwrap();
    (Connection::of_peer(stream, uid).unwrap(), peer)
}

/// A user of this machine.
fn user(uid: u32) -> Submitter {
    Submitter::Local(uid)
}
