//! failed/: whatever lies there can be looked at, and comes back into the queue, whole and under an id of its own.

use std::fs;
use std::path::Path;

use postrider::mail::address::{Address, Mailbox, ReversePath};
use postrider::spool::writer::Incoming;
use postrider::spool::{Envelope, MessageId, Recipient, Spool};
use support::provider::{Provider, Verb, after_dot, on};
use support::wait::wait_for;
use support::world::World;

/// Stores a message with this id and token.
fn store(world: &World, id: &MessageId, token: &str) {
    let spool = Spool::open(&world.path("spool")).unwrap();
    let to = Address::parse("friend@away.example").unwrap();
    let recipients = vec![Recipient::new(Mailbox::Valid(to.clone()), to.to_string())];
    let sender = ReversePath::Mailbox(Address::parse("alice@home.lan").unwrap());
    let envelope = Envelope::mail(id.clone(), jiff::Timestamp::UNIX_EPOCH, sender, recipients);
    let mut message = Incoming::begin(&spool, Envelope { token: token.to_owned(), ..envelope }).unwrap();
    message.write(format!("Subject: {token}\r\n\r\ntext\r\n").as_bytes()).unwrap();
    message.commit().unwrap();
}

fn subjects(isp: &Provider) -> Vec<String> {
    isp.mails().iter().map(|mail| mail.field("Subject")).collect()
}

/// What a crash leaves of a runner: it did not say how far history reached.
fn crash(world: &World) {
    let _ = fs::remove_file(world.path("spool/left.json"));
}

/// A line of a journal that says this.
fn line(event: &str) -> String {
    let whole = format!(r#"{{"t":"2026-11-22T13:20:55.500000Z",{event}}}"#);
    format!("{},\"c\":\"{:08x}\"}}\n", whole.strip_suffix('}').unwrap(), crc32fast::hash(whole.as_bytes()))
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
}

#[test]
fn a_message_is_not_removed_as_sent_because_another_one_had_its_id() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let id = MessageId::new(1_795_000_000_000_000, 7);
    store(&world, &id, "first");
    world.drain();
    let record = &world.history()[0];
    assert_eq!(record["token"], "first");
    assert!(record["crc32"].is_u64(), "{record}");
    store(&world, &id, "other");
    crash(&world);
    world.drain();
    assert_eq!(subjects(&isp), ["first"]);
    world.postrider(&["queue", "list", "--failed"]).says("another message with the same id has left the queue");
    world.postrider(&["queue", "show", id.as_str()]).code(0).says("in failed/: another message").says("Subject: other");
    world.postrider(&["queue", "retry", id.as_str()]).code(0).says(&format!("{id} as "));
    assert!(world.queued()[0] != id.as_str());
    world.drain();
    assert_eq!(subjects(&isp), ["first", "other"]);
}

#[test]
fn a_message_that_was_sent_and_lies_there_again_leaves_unless_its_journal_says_otherwise() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let id = MessageId::new(1_795_000_000_000_000, 7);
    store(&world, &id, "first");
    let (queued, backup) = (world.path("spool/queue").join(id.as_str()), world.path("backup"));
    copy(&queued, &backup);
    world.drain();
    for leave in [crash as fn(&World), |_| ()] {
        copy(&backup, &queued);
        leave(&world);
        let log = world.run_once().stderr;
        assert_eq!((isp.received(), world.queued().len()), (1, 0), "{log}");
        assert!(log.contains(&format!("{id}: removed: history shows that it was delivered before")), "{log}");
    }
    // Restored together with its journal.
    copy(&backup, &queued);
    let outcome =
        r#""outcome":{"recipient":0,"status":"deferred","code":450,"enhanced":"4.2.0","reply":"later","relay":"none"}"#;
    fs::write(world.path("spool/queue").join(format!("{id}.journal")), line(outcome)).unwrap();
    crash(&world);
    world.drain();
    assert_eq!(isp.received(), 2, "the journal says that it is still to be sent");
}

#[test]
fn everything_in_failed_comes_back_whole_and_can_be_deleted() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let id = MessageId::new(1_795_000_000_000_000, 7);
    store(&world, &id, "first");
    let failed = world.path("spool/failed");
    let set_aside = |name: &str| {
        fs::rename(world.path("spool/queue").join(id.as_str()), failed.join(name)).unwrap();
        fs::write(failed.join(format!("{name}.reason")), "a test\n").unwrap();
    };
    set_aside(id.as_str());
    let journal = format!("no line of a journal\n{}", line(r#""hold":true"#));
    fs::write(failed.join(format!("{id}.journal")), &journal).unwrap();
    store(&world, &id, "second");
    set_aside(&format!("{id}-1"));
    world.postrider(&["queue", "retry", "--failed"]).code(0).says(id.as_str()).says(&format!("{id}-1 as "));
    world.drain();
    let mut sent = subjects(&isp);
    sent.sort();
    assert_eq!(sent, ["first", "second"]);
    let kept = failed.join(format!("{id}.journal.damaged"));
    assert_eq!(fs::read_to_string(kept).unwrap(), journal, "what could not be read is kept");
    world.postrider(&["queue", "list", "--failed"]).says("the damaged journal");
    world.postrider(&["queue", "delete", "--failed"]).code(0);
    assert_eq!(world.spool("failed"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn what_is_tried_again_and_refused_again_is_no_more_than_before() {
    // To the one there are bounces, of the other's mail notices; and mail that is too large to be returned lies there itself.
    for (sender, bounce_size) in [("alice", "1MB"), ("stranger@away.example", "1MB"), ("alice", "1B")] {
        let isp = Provider::setup().rule(after_dot().reply("554 5.7.1 this looks like spam")).start();
        let world = World::at_home(&isp).queue_set("bounce_size", bounce_size);
        world.sendmail(&["-f", sender, "bob@away.example"], "Subject: x\n\ntext\n").code(0);
        let kept = || {
            world.drain();
            let names = world.spool("failed").into_iter().map(|path| path.file_name().unwrap().to_owned());
            names.filter(|name| !name.to_string_lossy().contains('.')).collect::<Vec<_>>()
        };
        let first = kept();
        assert!(!first.is_empty());
        for _ in 0..2 {
            world.postrider(&["queue", "retry", "--failed"]).code(0);
            assert_eq!(kept(), first, "{sender}");
        }
    }
}

#[test]
fn who_was_refused_while_the_sender_could_not_be_told_is_told_of_after_a_retry() {
    let isp = Provider::setup()
        .rule(on(Verb::Rcpt).about("anna").reply("550 5.1.1 no such user"))
        .rule(on(Verb::Rcpt).about("bert").once().reply("450 4.2.0 later"))
        .rule(on(Verb::Rcpt).about("bert").reply("550 5.1.1 no such user"))
        .start();
    let row: &[(&str, &str)] = &[("root@home.lan", "me@isp.example")];
    let world = World::new().account("isp", &isp).generic(row);
    world.sendmail(&["-f", "root", "anna@away.example", "bert@away.example"], "Subject: x\n\ntext\n").code(0);
    let id = world.queued().pop().unwrap();
    let told_of = |name: &str| isp.mails().iter().any(|mail| mail.from.is_empty() && mail.text().contains(name));
    world.run_once();
    wait_for("the bounce about anna", || {
        told_of("Final-Recipient: rfc822; anna") || {
            world.run_once();
            false
        }
    });
    let world = world.generic(&[("root@old.lan", "me@isp.example")]);
    world.flush().code(0);
    assert!(!world.spool("failed").is_empty() && !told_of("Final-Recipient: rfc822; bert"), "{}", isp.transcript());
    let world = world.generic(row);
    world.postrider(&["queue", "retry", &id]).code(0);
    world.drain();
    assert!(told_of("Final-Recipient: rfc822; bert"), "{}", isp.transcript());
    assert!(world.spool("failed").is_empty() && world.queued().is_empty());
}

#[test]
fn a_bounce_that_could_not_go_to_postmaster_goes_there_after_a_retry() {
    let isp = Provider::setup()
        .rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user"))
        .rule(on(Verb::Rcpt).about("me@isp.example").reply("550 5.1.1 gone away"))
        .start();
    let world = World::new().account("isp", &isp).generic(&[("alice@home.lan", "me@isp.example")]);
    world.sendmail(&["-f", "alice", "nobody@away.example"], "Subject: x\n\ntext\n").code(0);
    world.drain();
    assert!(isp.received() == 0 && !world.spool("failed").is_empty(), "root has no address outside");
    let world = world.set("postmaster", "boss@away.example");
    world.postrider(&["queue", "retry", "--failed"]).code(0);
    world.drain();
    assert_eq!(isp.mail().to, ["boss@away.example"]);
    assert!(world.spool("failed").is_empty());
}

#[test]
fn large_mail_that_is_refused_again_says_so() {
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("nobody").reply("550 5.1.1 no such user")).start();
    let world = World::at_home(&isp).queue_set("bounce_size", "1B");
    world.sendmail(&["-f", "alice", "nobody@away.example"], "Subject: x\n\ntext\n").code(0);
    world.drain();
    world.postrider(&["queue", "list", "--failed"]).code(0).says("too large to be returned");
    world.postrider(&["queue", "retry", "--failed"]).code(0);
    world.drain();
    world
        .postrider(&["queue", "list", "--failed"])
        .code(0)
        .says("refused again; the sender was notified of the first refusal");
    assert_eq!(isp.received(), 1, "one bounce");
}
