//! Unit tests of `alarm::condition`.

use std::path::Path;

use super::*;
use crate::config::read::read;

const CONFIG: &str = "hostname = \"homebox.home.lan\"\norigin = \"home.lan\"\n[account.isp]\nrelay = \"mail.isp.example\"\n\
                      username = \"me@isp.example\"\npassword = \"x\"\n";

fn found(reasons: &[Reason], health: &Health) -> Vec<Condition> {
    let config = read(Path::new("/home/ana/config.toml"), CONFIG).unwrap();
    all(&config, &Report::of(reasons.to_vec()), health, Timestamp::UNIX_EPOCH + SignedDuration::from_hours(2))
}

fn outage(trouble: Trouble) -> Health {
    let now = Timestamp::UNIX_EPOCH;
    let (relay, reason) = ("none".to_owned(), "CANARY".to_owned());
    let outage = Outage {
        trouble,
        since: now,
        seen: now,
        next: now,
        resumes: None,
        failures: 1,
        relay,
        reason,
        cure: None,
        told: Vec::new(),
    };
    [("isp".to_owned(), outage)].into_iter().collect()
}

#[test]
fn an_outage_that_a_delivery_has_ended_meanwhile_is_none() {
    let reason = |kind| Reason::new(Level::Critical, kind, "CANARY").of("isp").since(Some(Timestamp::UNIX_EPOCH));
    for (kind, trouble) in [(Kind::Account, Trouble::Login), (Kind::Relay, Trouble::Relay)] {
        let there = found(&[reason(kind)], &outage(trouble));
        assert!(there.len() == 1 && !there[0].text.contains("CANARY"), "{there:?}");
        assert_eq!(found(&[reason(kind)], &Health::new()), Vec::<Condition>::new());
    }
}

#[test]
fn what_differs_in_what_people_are_told_is_told_and_what_does_not_is_told_once() {
    let of_isp = |text: &str| Reason::new(Level::Warning, Kind::Tls, text).of("isp");
    let certificates = found(&[of_isp("the relay's ends"), of_isp("the client's ends")], &Health::new());
    assert_eq!(certificates.len(), 2, "{certificates:?}");
    let late = |count| Reason::new(Level::Warning, Kind::Late, "CANARY").counting(count);
    let late = found(&[late(2), late(3)], &Health::new());
    assert_eq!((late.len(), late[0].count), (1, Some(5)), "{late:?}");
    assert!(late[0].text.starts_with("5 messages wait"), "{late:?}");
}
