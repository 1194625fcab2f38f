//! Unit tests of `submit::admit::readmit`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::mail::address::{Address, Mailbox};
use crate::submit::admit::complete::tests::config;

fn recipient(given: &str, address: &str) -> Recipient {
    Recipient::new(Mailbox::Valid(Address::parse(address).unwrap()), given.to_owned())
}

#[test]
fn without_tables_everybody_stays_who_they_are() {
    let all = [recipient("root", "root@home.lan"), recipient("B@x.example", "B@x.example")];
    assert_eq!(readmit(&config(), &all, &[0, 1]).unwrap(), Readmitted::default());
}

#[test]
fn whoever_is_not_named_any_more_is_replaced_and_nobody_is_named_twice() {
    let all = [
        recipient("root", "a@x.example"),
        recipient("root", "root@home.lan"),
        recipient("ROOT", "c@x.example"),
        recipient("d@x.example", "d@x.example"),
    ];
    let readmitted = readmit(&config(), &all, &[0, 2, 3]).unwrap();
    assert_eq!(readmitted, Readmitted { added: Vec::new(), replaced: vec![0, 2] });
    let readmitted = readmit(&config(), &all[..1], &[0]).unwrap();
    assert_eq!(readmitted, Readmitted { added: vec![recipient("root", "root@home.lan")], replaced: vec![0] });
}
