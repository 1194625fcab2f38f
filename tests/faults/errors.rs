//! Every error that a disk or a full table gives, at every system call of the paths that
//! write: the front end says 75 and leaves nothing; the runner goes on and sends once.

use support::points::{self, inject, is_skipped, may_fail};
use support::power_cut::Flushes;
use support::provider::Provider;
use support::world::{World, run};

const SENDMAIL: &str = env!("CARGO_BIN_EXE_sendmail");
const POSTRIDER: &str = env!("CARGO_BIN_EXE_postrider");
const MAIL: &[u8] = b"Subject: whole\n\none\n";
const ERRORS: [&str; 5] = ["ENOSPC", "EIO", "EROFS", "EDQUOT", "EMFILE"];

#[test]
fn a_front_end_that_cannot_write_says_so_in_one_line_and_leaves_nothing() {
    if is_skipped() {
        return;
    }
    for flushes in [Flushes::Two, Flushes::One] {
        refuse_front_end(flushes);
    }
}

fn refuse_front_end(flushes: Flushes) {
    let isp = Provider::start();
    let args = ["-i", "-f", "alice", "bob@away.example"];
    // The spool is there already, as on every call but the first.
    let fresh = || {
        let world = World::at_home(&isp).with_flushes(flushes);
        world.sendmail(&args, MAIL).code(0);
        world.postrider(&["queue", "delete", "--all"]).code(0);
        world
    };
    let points = points::of_run(&fresh(), "spool", SENDMAIL, &args, MAIL);
    let (mut tried, mut refused) = (0, 0);
    for point in &points {
        for error in ERRORS.into_iter().filter(|error| may_fail(point, error)) {
            let world = fresh();
            let fault = format!("{}:error={error}:when={}", point.call, point.number);
            let ran = run(inject(&world, &fault, SENDMAIL, &args), MAIL);
            tried += 1;
            if ran.status == Some(0) {
                assert_eq!(world.queued().len(), 1, "{point:?} {error}: accepted and not there");
                continue;
            }
            refused += 1;
            assert_eq!(ran.status, Some(75), "{point:?} {error}: {ran:?}");
            assert_eq!(ran.stderr.lines().count(), 1, "{point:?} {error}: {ran:?}");
            assert!(world.spool("queue").is_empty(), "{point:?} {error}: left {:?}", world.spool("queue"));
        }
    }
    println!("sendmail, {flushes:?} flushes: {tried} errors at {} points, {refused} told by exit 75", points.len());
}

#[test]
fn an_id_that_is_taken_costs_nothing_but_another_one() {
    if is_skipped() {
        return;
    }
    let isp = Provider::start();
    let world = World::at_home(&isp);
    let args = ["-i", "-f", "alice", "bob@away.example"];
    let ran = run(inject(&world, "linkat:error=EEXIST:when=1..3", SENDMAIL, &args), MAIL);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let id = world.queued().pop().unwrap();
    world.postrider(&["run", "--once"]).code(0);
    let text = isp.mail().text();
    assert!(text.contains(&format!("id {id};")) && text.contains(&format!(".{id}@")), "{text}");
}

#[test]
fn a_runner_that_cannot_write_for_a_moment_sends_once_and_recovers() {
    if is_skipped() {
        return;
    }
    let isp = Provider::start();
    let first = World::at_home(&isp);
    first.sendmail(&["-i", "-f", "alice", "bob@away.example"], MAIL).code(0);
    // From the message's own file on: what comes before is the start.
    let points = points::of_run(&first, "queue", POSTRIDER, &["run", "--once"], b"");
    let mut tried = 0;
    for (at, point) in points::chosen(&points).into_iter().enumerate() {
        // The usual two everywhere, the others in turn: each takes a second.
        let errors = ["ENOSPC", "EIO", ["EROFS", "EDQUOT", "EMFILE"][at % 3]];
        for error in errors.into_iter().filter(|error| may_fail(point, error)) {
            let world = World::at_home(&isp).queue_set("retry_min", "1s");
            let recipient = format!("r{tried}@away.example");
            world.sendmail(&["-i", "-f", "alice", &recipient], MAIL).code(0);
            let fault = format!("{}:error={error}:when={}", point.call, point.number);
            let ran = run(inject(&world, &fault, POSTRIDER, &["run", "--once"]), b"");
            world.flush();
            let count = isp.mails().iter().filter(|mail| mail.to.contains(&recipient)).count();
            assert_eq!(count, 1, "{point:?} {error}: arrived {count} times\n{}", ran.stderr);
            assert!(world.spool("queue").is_empty(), "{point:?} {error}: {:?}\n{}", world.spool("queue"), ran.stderr);
            tried += 1;
        }
    }
    println!("runner: {tried} errors at {} points, every mail arrived once", points.len());
}
