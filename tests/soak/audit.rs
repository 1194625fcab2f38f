//! The audit: what became of every recipient of every accepted message.

use std::collections::{HashMap, HashSet};
use std::fs;

use crate::load::Accepted;
use support::numbered::is_whole;
use support::provider::Provider;
use support::world::World;

/// What arrived, by message.
#[derive(Default)]
struct Arrived {
    /// How often each recipient was sent to.
    copies: HashMap<(String, String), usize>,
    /// How often each recipient was reported to have failed.
    reported: HashMap<String, usize>,
}

/// Recipients of whom one runner says twice in its life that they got a message: nothing explains that. A second copy comes
/// from a runner that was killed before the outcome was on record, or after a reply that was lost.
fn sent_twice_by_one_runner(world: &World) -> Vec<String> {
    let mut twice = Vec::new();
    for entry in fs::read_dir(world.path("")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        let log = fs::read(&path).unwrap();
        let mut sent = HashSet::new();
        for line in String::from_utf8_lossy(&log).lines().filter(|line| line.contains("status=sent")) {
            let address =
                line.split_once("to=<").and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address);
            // Reports go to one address again and again.
            let address = address.filter(|address| address.contains("-message-")).map(str::to_owned);
            twice.extend(address.filter(|address| !sent.insert(address.clone())));
        }
    }
    twice
}

/// Asserts that nothing is missing; the figures in words.
pub fn audit(isp: &Provider, world: &World, accepted: &[Accepted]) -> String {
    let arrived = arrived(isp);
    let unexplained = sent_twice_by_one_runner(world);
    assert!(unexplained.is_empty(), "sent twice by one runner: {unexplained:?}");
    let (mut delivered, mut refused, mut twice) = (0, 0, 0);
    let mut lost = Vec::new();
    for Accepted { name, recipients } in accepted {
        for recipient in recipients {
            if recipient.starts_with("refused") {
                let count = arrived.reported.get(recipient).copied().unwrap_or_default();
                refused += usize::from(count > 0);
                lost.extend((count == 0).then(|| format!("{recipient}: refused and not reported")));
            } else {
                let count = arrived.copies.get(&(name.clone(), recipient.clone())).copied().unwrap_or_default();
                delivered += usize::from(count > 0);
                twice += count.saturating_sub(1);
                lost.extend((count == 0).then(|| format!("{recipient}: neither delivered nor queued")));
            }
        }
    }
    assert!(lost.is_empty(), "{} recipients are lost: {:?}", lost.len(), &lost[..lost.len().min(10)]);
    assert!(world.spool("failed").is_empty(), "{:?}", world.spool("failed"));
    assert!(world.spool("queue").is_empty(), "{:?}", world.spool("queue"));
    let listed = world.postrider(&["history", "--json"]).code(0).stdout;
    let known: HashSet<String> = listed
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("what a crash cut short is passed over"))
        .filter_map(|line| line["message_id"].as_str().map(str::to_owned))
        .collect();
    assert!(known.len() >= accepted.len(), "history knows {} of {} messages", known.len(), accepted.len());
    let recipients: usize = accepted.iter().map(|one| one.recipients.len()).sum();
    assert_eq!(delivered + refused, recipients);
    let reports = arrived.reported.values().filter(|count| **count > 1).count();
    format!(
        "{recipients} recipients: {delivered} delivered, {refused} returned, 0 queued, 0 lost; \
         {twice} copies too many, each of another runner or after a lost reply, {reports} failures told more than once"
    )
}

fn arrived(isp: &Provider) -> Arrived {
    let mut arrived = Arrived::default();
    for mail in isp.mails() {
        if mail.from.is_empty() {
            let text = mail.text();
            let named = text.split('<').skip(1).filter_map(|rest| rest.split_once(">:")).map(|(address, _)| address);
            for address in named.filter(|address| address.starts_with("refused-")) {
                *arrived.reported.entry(address.to_owned()).or_default() += 1;
            }
        } else {
            assert!(is_whole(&mail), "torn: {}", mail.field("Subject"));
            for recipient in &mail.to {
                *arrived.copies.entry((mail.field("Subject"), recipient.clone())).or_default() += 1;
            }
        }
    }
    arrived
}
