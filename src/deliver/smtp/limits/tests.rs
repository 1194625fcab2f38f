//! Announced limits, and the transactions that they lead to.

#![allow(clippy::unwrap_used)]

use super::*;

fn rounds(line: &str) -> Vec<Vec<usize>> {
    let limits = Limits::read(line.split(' '));
    let recipients: Vec<Address> =
        ["a@one.example", "b@two.example", "c@One.example", "d@three.example", "e@two.example"]
            .map(|text| Address::parse(text).unwrap())
            .to_vec();
    let mut waiting: Vec<usize> = (0..5).collect();
    let mut rounds = Vec::new();
    while !waiting.is_empty() {
        rounds.push(limits.take(&mut waiting, &recipients));
    }
    rounds
}

#[test]
fn recipients_are_divided_as_the_server_says() {
    assert_eq!(rounds("MAILMAX=1000"), [vec![0, 1, 2, 3, 4]]);
    assert_eq!(rounds("RCPTMAX=2"), [vec![0, 1], vec![2, 3], vec![4]]);
    assert_eq!(rounds("rcptdomainmax=1"), [vec![0, 2], vec![1, 4], vec![3]]);
    assert_eq!(rounds("RCPTMAX=2 RCPTDOMAINMAX=2"), [vec![0, 1], vec![2, 3], vec![4]]);
    assert_eq!(rounds("RCPTMAX=0 RCPTDOMAINMAX=x NEW=1 RCPTMAX"), [vec![0, 1, 2, 3, 4]]);
}

#[test]
fn limits_are_read_in_any_order_and_case() {
    let limits = Limits::read("RCPTMAX=50000 mailmax=1000".split(' '));
    assert_eq!(limits, Limits { mails: Some(1000), recipients: Some(50000), domains: None });
}
