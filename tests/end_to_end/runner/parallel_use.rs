//! Everybody at once: programs that send, people who hold, release, retry, delete and flush,
//! listings, and a runner. Nobody gets a mail twice or one that was deleted, none is lost, and
//! nobody waits for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use support::provider::{Provider, Verb, after_dot, on};
use support::wait::wait_for;
use support::world::World;

const SENDERS: usize = 3;
const MAILS: usize = 25;

/// Changes whatever stands in the queue just then, until everything is sent.
fn meddle(world: &World, verbs: &[&str], is_over: &AtomicBool) {
    let mut turn = 0;
    while !is_over.load(Ordering::Relaxed) {
        let verb = verbs[turn % verbs.len()];
        let queued = world.queued();
        if let Some(id) = queued.get(turn * 7 % queued.len().max(1)) {
            let ran = world.postrider(&["queue", verb, id]);
            // Done, being sent just now, or gone meanwhile.
            assert!(matches!(ran.status, Some(0 | 75 | 66)), "{verb}: {ran:?}");
        }
        turn += 1;
    }
}

#[test]
fn all_that_people_and_programs_do_at_once_costs_no_mail_and_doubles_none() {
    let isp = Provider::setup()
        .rule(on(Verb::Rcpt).about("7@").first(3).reply("450 4.2.0 not now"))
        .rule(after_dot().nth(5).reply("451 4.3.0 try later"))
        .start();
    let world = World::at_home(&isp).queue_set("retry_min", "1s").queue_set("retry_max", "1s");
    let _runner = world.runner().ready(&world);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let world = &world;
                scope.spawn(move || {
                    for number in 0..MAILS {
                        world.send_to(&[&format!("s{sender}n{number}@away.example")]).code(0);
                    }
                })
            })
            .collect();
        scope.spawn(|| meddle(&world, &["hold", "release", "retry"], &is_over));
        scope.spawn(|| meddle(&world, &["hold", "delete", "release"], &is_over));
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                world.flush();
                world.mailq();
                world.postrider(&["status"]);
            }
        });
        for sender in senders {
            sender.join().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    wait_for("the queue to be empty", || {
        world.postrider(&["queue", "release", "--all"]);
        world.flush();
        world.queued().is_empty()
    });
    let mut copies: BTreeMap<String, usize> = BTreeMap::new();
    isp.mails().into_iter().flat_map(|mail| mail.to).for_each(|to| *copies.entry(to).or_default() += 1);
    let ended = |status: &str| -> BTreeSet<String> {
        let of = |record: &serde_json::Value| record["recipients"][0].clone();
        let recipients = world.history().iter().map(of).filter(|one| one["status"] == status).collect::<Vec<_>>();
        recipients.iter().map(|one| one["address"].as_str().unwrap().to_owned()).collect()
    };
    let (delivered, deleted) = (ended("delivered"), ended("deleted"));
    println!("{} delivered, {} deleted", delivered.len(), deleted.len());
    assert!(copies.values().all(|count| *count == 1), "{copies:?}");
    assert_eq!(
        copies.keys().cloned().collect::<BTreeSet<_>>(),
        delivered,
        "what history says arrived, and nothing else"
    );
    assert!(delivered.is_disjoint(&deleted));
    assert_eq!((delivered.len() + deleted.len(), world.history().len()), (SENDERS * MAILS, SENDERS * MAILS));
    assert!(world.spool("queue").is_empty() && world.spool("failed").is_empty());
}
