//! Mail whose submitter may not use its account is held, and the postmaster is told: of the first message at once, of all that is
//! held after it within the hour in one list.

use std::fs;

use serde_json::{Value, json};

use support::provider::{Mail, Provider};
use support::world::World;

/// An account of nobody here, from whose sender mail came while it was open to all.
fn with_held_mail(isp: &Provider, count: usize) -> World {
    let generic = [("admin@home.lan", "admin@isp.example"), ("alice@home.lan", "me@isp.example")];
    let world =
        World::new().generic(&generic).account("isp", isp).set("postmaster", "admin").set("default_account", "isp");
    let world = world.account_with("work", isp, &[("senders", json!(["alice@home.lan"]))]);
    for number in 0..count {
        let input = format!("Subject: number {number}\n\nx\n");
        world.sendmail(&["-f", "alice@home.lan", "bob@away.example"], input).code(0);
    }
    world.account_keys("work", &[("users", json!(["somebody-else"]))])
}

/// What was held so far was held more than an hour ago.
fn an_hour_passes(world: &World) {
    let path = world.path("spool/held.json");
    let mut kept: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let hours = kept.as_object_mut().unwrap();
    assert_eq!(hours.len(), 1);
    for hour in hours.values_mut() {
        let since: jiff::Timestamp = hour["since"].as_str().unwrap().parse().unwrap();
        hour["since"] = json!(since - jiff::SignedDuration::from_mins(61));
    }
    fs::write(&path, kept.to_string()).unwrap();
}

fn named<'a>(mail: &Mail, ids: &'a [String]) -> Vec<&'a String> {
    ids.iter().filter(|id| mail.text().contains(id.as_str())).collect()
}

#[test]
fn held_mail_is_told_of_by_one_notice_and_one_list_an_hour() {
    let isp = Provider::start();
    let world = with_held_mail(&isp, 26);
    world.run_once();
    world.run_once();
    let ids = world.queued();
    assert_eq!((ids.len(), isp.received()), (26, 1));
    let notice = isp.mails().remove(0);
    assert_eq!((notice.from.as_str(), &notice.to[..]), ("", &["admin@isp.example".to_owned()][..]));
    assert!(notice.field("Subject").ends_with("a message is held"), "{}", notice.text());
    assert_eq!(named(&notice, &ids).len(), 1, "{}", notice.text());
    assert!(notice.text().contains("within the next hour comes in one list."), "{}", notice.text());
    an_hour_passes(&world);
    world.run_once();
    world.run_once();
    assert_eq!((world.queued().len(), isp.received()), (26, 2), "one list");
    let list = isp.mails().remove(1);
    assert!(list.field("Subject").ends_with("25 messages are held"), "{}", list.text());
    let (in_notice, in_list) = (named(&notice, &ids), named(&list, &ids));
    assert_eq!(in_list.len(), 20, "{}", list.text());
    assert!(!in_list.contains(&in_notice[0]), "{}", list.text());
    assert!(list.text().contains("and 5 more; \"postrider queue list\" has all of them"), "{}", list.text());
    // Nothing was held since.
    an_hour_passes(&world);
    world.run_once();
    assert_eq!(isp.received(), 2);
}

#[test]
fn what_is_held_no_more_when_the_list_is_due_is_not_in_it() {
    let isp = Provider::start();
    let world = with_held_mail(&isp, 3);
    world.run_once();
    let notice = isp.mails().remove(0);
    let ids = world.queued();
    let others: Vec<&str> = ids.iter().map(String::as_str).filter(|id| !notice.text().contains(id)).collect();
    world.postrider(&["queue", "delete", others[0]]).code(0);
    an_hour_passes(&world);
    world.run_once();
    let list = isp.mails().remove(1);
    assert!(list.text().contains(others[1]) && !list.text().contains(others[0]), "{}", list.text());
    // None of them is held any more.
    let world = with_held_mail(&isp, 2);
    world.run_once();
    let before = isp.received();
    let ids = world.queued();
    world.postrider(&["queue", "delete", &ids[0], &ids[1]]).code(0);
    an_hour_passes(&world);
    world.run_once();
    assert_eq!(isp.received(), before);
}
