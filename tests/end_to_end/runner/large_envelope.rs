//! A message whose envelope takes more memory than there is keeps no runner from working: it is left out and named.

use jiff::Timestamp;
use postrider::mail::address::{Address, Mailbox, ReversePath};
use postrider::spool::writer::Incoming;
use postrider::spool::{Envelope, MessageId, Recipient, Spool};
use support::provider::Provider;
use support::world::World;

/// Address space of the runner, in octets: enough for ordinary mail.
const MEMORY: u64 = 100 << 20;

#[test]
fn a_message_that_takes_more_memory_than_there_is_is_named_and_the_others_go() {
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.send_to(&["friend@away.example"]).code(0);
    let recipients = (0..250_000).map(|number| {
        let given = format!("{number}@x.example");
        Recipient::new(Mailbox::Valid(Address::parse(&given).unwrap()), given)
    });
    let id = MessageId::new(1, 0);
    let spool = Spool::open(&world.path("spool")).unwrap();
    let envelope = Envelope::mail(id.clone(), Timestamp::now(), ReversePath::Null, recipients.collect());
    let mut message = Incoming::begin(&spool, envelope).unwrap();
    message.write(b"Subject: to all\r\n\r\ntext\r\n").unwrap();
    message.commit().unwrap();
    let run = || {
        let mut command = world.command("prlimit", &[&format!("--as={MEMORY}")]);
        command.arg(env!("CARGO_BIN_EXE_postrider")).args(["run", "--until-empty"]);
        let ran = command.output().unwrap();
        (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    // A service manager starts it again and again.
    let ends: Vec<_> = (0..3).map(|_| run()).collect();
    assert_eq!((ends[0].0, ends[1].0, ends[2].0), (None, None, Some(0)), "{ends:?}");
    let named = format!("{id}: moved to failed/: the runner ended twice while it read this message");
    assert!(ends[2].1.contains(&named), "{ends:?}");
    assert_eq!(isp.received(), 1, "the other mail is sent");
    assert!(world.queued().is_empty());
}
