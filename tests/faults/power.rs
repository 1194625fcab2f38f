//! Power loss in user mode: on each state that a cut may leave, a runner starts, and every mail that was accepted arrives whole.
//! In system mode, `tests/system` tries the same.

use std::fs;
use std::path::Path;
use std::process::Command;

use support::need::skip;
use support::points::is_skipped;
use support::power_cut::{
    FLUSHES, Files, Flushes, Found, Op, Recorded, State, Wanted, gather, sent_before, try_models,
};
use support::provider::{Provider, Verb, on};
use support::world::{World, is_root, run};

const SENDMAIL: &str = env!("CARGO_BIN_EXE_sendmail");
const POSTRIDER: &str = env!("CARGO_BIN_EXE_postrider");
const MAIL: &[u8] = b"Subject: whole\n\none\ntwo\nthree\n";
const BODY: &[u8] = b"one\r\ntwo\r\nthree\r\n";

/// What makes an ordinary user root of a namespace.
const TRACER: &[&str] = &["unshare", "--user", "--map-root-user"];

/// Why power cuts cannot be tried here, if so.
fn cannot_record() -> bool {
    let can_trace = || Command::new(TRACER[0]).args(&TRACER[1..]).arg("true").status().is_ok_and(|ran| ran.success());
    is_skipped()
        || (!is_root() && !can_trace() && !skip("no user namespace can be made, and strace sees no files without"))
}

/// Runs the program under strace.
fn record(flushes: Flushes, world: &World, program: &str, args: &[&str], input: &[u8]) -> Recorded {
    record_with(flushes, &[], world, (program, args), input)
}

/// The same, with more options of strace.
fn record_with(
    flushes: Flushes,
    more: &[&str],
    world: &World,
    (program, args): (&str, &[&str]),
    input: &[u8],
) -> Recorded {
    let root = world.path("spool");
    let mut before = Vec::new();
    gather(&root, &mut before);
    let log = world.path("power.log");
    let options = ["-f", "-y", "-qq", "-s", "400000", "-e", "trace=%file,%desc", "-o", log.to_str().unwrap()];
    let traced = [TRACER, &["strace"], &options[..], more, &[program], args].concat();
    // Nobody but root may look into our programs; root of a namespace of their own may.
    let traced = if is_root() { &traced[TRACER.len()..] } else { &traced[..] };
    let mut command = world.command(traced[0], &traced[1..]);
    command.env(FLUSHES, flushes.word());
    let ran = run(command, input);
    // 75: something is left for later.
    assert!(matches!(ran.status, Some(0 | 75)), "{ran:?}");
    Recorded::read(&root, before, &fs::read_to_string(log).unwrap(), flushes)
}

/// A machine whose spool is this.
fn restored(isp: &Provider, files: &Files) -> World {
    let world = World::at_home(isp);
    for (path, content) in files {
        let path = world.path("spool").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    for folder in ["queue", "history", "failed"] {
        fs::create_dir_all(world.path("spool").join(folder)).unwrap();
    }
    let is_private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    for folder in ["", "queue", "history", "failed"] {
        fs::set_permissions(world.path("spool").join(folder), Clone::clone(&is_private)).unwrap();
    }
    world
}

/// What a runner makes of a state.
fn run_on(isp: &Provider, files: &Files) -> Found {
    let world = restored(isp, files);
    let before = isp.received();
    // The second sends the report that the first made.
    for _ in 0..3 {
        world.postrider(&["flush"]);
    }
    let mails = isp.mails().split_off(before);
    // A bounce has it inside.
    let is_whole = |body: &[u8]| body.windows(BODY.len()).any(|part| part == BODY);
    Found {
        is_torn: !mails.iter().all(|mail| is_whole(mail.body())),
        sent: mails.into_iter().flat_map(|mail| mail.to).collect(),
        is_stranded: ["queue", "failed"].into_iter().any(|folder| world.spool(folder).iter().any(|path| is_mail(path))),
        records: world.postrider(&["history", "--json"]).code(0).stdout.lines().count(),
    }
}

/// A file with a temporary name was not accepted; it is removed when it is an hour old.
fn is_mail(path: &Path) -> bool {
    !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".tmp-"))
}

/// Tries the states of each model. Each message has one record of history in the end.
fn cut(isp: &Provider, what: &str, recorded: &Recorded, records: usize, wanted: impl Fn(&State) -> Wanted) {
    let found = |files: &Files| {
        let found = run_on(isp, files);
        Found { is_stranded: found.is_stranded || (records > 0 && found.records != records), ..found }
    };
    try_models(what, recorded, found, wanted);
}

/// A machine whose spool is there already, as on every call but the first.
fn used(isp: &Provider) -> World {
    let world = World::at_home(isp);
    world.send_to(&["bob@away.example"]).code(0);
    world.postrider(&["queue", "delete", "--all"]).code(0);
    world
}

const BOTH: [Flushes; 2] = [Flushes::Two, Flushes::One];

const SEND: [&str; 4] = ["-i", "-f", "alice", "bob@away.example"];

fn accepted_and_cut(isp: &Provider, what: &str, recorded: &Recorded) {
    let end = recorded.ops.len();
    cut(isp, what, recorded, 0, |state| vec![("bob@away.example", usize::from(state.last == end), 1)]);
}

#[test]
fn what_sendmail_accepted_survives_a_power_cut() {
    if cannot_record() {
        return;
    }
    let isp = Provider::start();
    for flushes in BOTH {
        accepted_and_cut(&isp, "sendmail", &record(flushes, &used(&isp), SENDMAIL, &SEND, MAIL));
    }
}

#[test]
fn what_sendmail_accepted_survives_a_power_cut_also_where_files_must_have_a_name() {
    if cannot_record() {
        return;
    }
    let isp = Provider::start();
    let world = used(&isp);
    record(Flushes::Two, &world, SENDMAIL, &SEND, MAIL);
    let log = fs::read_to_string(world.path("power.log")).unwrap();
    let opened = log.lines().filter(|line| line.contains(" openat("));
    let unnamed = opened.take_while(|line| !line.contains("O_TMPFILE")).count() + 1;
    let fault = format!("inject=openat:error=EOPNOTSUPP:when={unnamed}");
    for flushes in BOTH {
        let recorded = record_with(flushes, &["-e", &fault], &used(&isp), (SENDMAIL, &SEND), MAIL);
        assert!(recorded.ops.len() > 4, "{:?}", recorded.ops);
        accepted_and_cut(&isp, "sendmail, files with a name", &recorded);
    }
}

#[test]
fn a_message_is_synced_once_where_that_is_enough_and_else_its_folder_as_well() {
    if cannot_record() {
        return;
    }
    let isp = Provider::start();
    let syncs = |flushes| {
        let recorded = record(flushes, &used(&isp), SENDMAIL, &SEND, MAIL);
        recorded.ops.iter().filter(|op| matches!(op, Op::Sync(_) | Op::SyncFolder(_))).count()
    };
    assert_eq!(BOTH.map(syncs), [2, 1]);
}

#[test]
fn recovering_what_was_accepted_survives_a_power_cut_and_another() {
    if cannot_record() {
        return;
    }
    let isp = Provider::start();
    let world = used(&isp);
    world.sendmail(&SEND, MAIL).code(0);
    let id = world.queued().remove(0);
    let hidden = |files: &Files| files.keys().any(|path| path.to_string_lossy().contains(".new-"));
    fs::rename(world.path("spool/queue").join(&id), world.path("spool/queue").join(format!(".new-{id}"))).unwrap();
    // It looks, and delivers nothing.
    let recorded = record(Flushes::One, &world, POSTRIDER, &["queue", "list"], b"");
    assert_eq!(world.queued(), [id]);
    let mut found = false;
    try_models(
        "recovery",
        &recorded,
        |files| {
            found |= hidden(files);
            run_on(&isp, files)
        },
        |_| vec![("bob@away.example", 1, 1)],
    );
    assert!(found, "the name is lost in some of the states");
}

#[test]
fn a_spool_whose_maker_was_cut_off_is_synced_once_by_the_next_who_stores_mail() {
    if cannot_record() {
        return;
    }
    let isp = Provider::start();
    // What a process leaves that ended between making the folders and syncing them.
    let world = restored(&isp, &Files::new());
    let root = world.path("spool");
    let names_synced = |recorded: &Recorded| {
        let sync = recorded.ops.iter().position(|op| *op == Op::SyncFolder(root.clone()));
        let queue = root.join("queue");
        let mail = |op: &Op| matches!(op, Op::Name(path, _) if path.parent() == Some(&queue));
        sync.is_some_and(|sync| sync < recorded.ops.iter().position(mail).unwrap())
    };
    let synced = [0, 1].map(|_| names_synced(&record(Flushes::Two, &world, SENDMAIL, &SEND, MAIL)));
    assert_eq!(synced, [true, false]);
}

#[test]
fn a_message_that_leaves_at_once_survives_a_power_cut_and_is_sent_at_most_twice() {
    if cannot_record() {
        return;
    }
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.sendmail(&["-i", "-f", "alice", "bob@away.example"], MAIL).code(0);
    // Its record is all that is written of it.
    delivered_and_cut(&isp, &world, "first attempt", b"\"delivered\"");
}

#[test]
fn a_message_that_was_deferred_before_survives_a_power_cut_and_is_sent_at_most_twice() {
    if cannot_record() {
        return;
    }
    let isp = Provider::setup().rule(on(Verb::Rcpt).once().reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp);
    world.sendmail(&["-i", "-f", "alice", "bob@away.example"], MAIL).code(0);
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (0, 1));
    delivered_and_cut(&isp, &world, "later attempt", b"\"outcome\"");
}

/// What is queued is delivered, and the power cut at every point of that; `outcome` is in the bytes that say that it was.
fn delivered_and_cut(isp: &Provider, world: &World, what: &str, outcome: &[u8]) {
    let recorded = record(Flushes::Two, world, POSTRIDER, &["flush"], b"");
    assert_eq!(isp.received(), 1);
    cut(isp, what, &recorded, 1, |state| vec![sent_before(&recorded, outcome, state, "bob@away.example")]);
}

/// One of the recipients gets it, one later, one never.
fn three_fates(isp: &Provider) {
    isp.behave();
    isp.add(on(Verb::Rcpt).about("<slow").once().reply("450 4.2.0 not now"));
    isp.add(on(Verb::Rcpt).about("<nobody").reply("550 5.1.1 no such user"));
    // The bounce waits as well.
    isp.add(on(Verb::Rcpt).about("<me@isp").once().reply("450 4.2.0 not now"));
}

/// The same recorded, and the power cut at every point of it.
fn three_fates_and_cut(flushes: Flushes, isp: &Provider, world: &World, what: &str) {
    three_fates(isp);
    let recorded = record(flushes, world, POSTRIDER, &["flush"], b"");
    assert_eq!((isp.received(), isp.mail_to("bob@away.example").to.len()), (1, 1));
    isp.behave();
    isp.add(on(Verb::Rcpt).about("<nobody").reply("550 5.1.1 no such user"));
    cut(isp, what, &recorded, 2, |state| {
        let bob = sent_before(&recorded, b"\"outcome\"", state, "bob@away.example");
        vec![bob, ("slow@away.example", 1, 1), ("me@isp.example", 1, 1)]
    });
}

const THREE: [&str; 6] = ["-i", "-f", "alice", "bob@away.example", "slow@away.example", "nobody@away.example"];

#[test]
fn a_first_attempt_that_ends_in_three_ways_survives_a_power_cut() {
    if cannot_record() {
        return;
    }
    for flushes in BOTH {
        let isp = Provider::start();
        let world = World::at_home(&isp);
        world.sendmail(&THREE, MAIL).code(0);
        three_fates_and_cut(flushes, &isp, &world, "first attempt, three recipients");
    }
}

#[test]
fn a_later_attempt_that_ends_in_three_ways_survives_a_power_cut() {
    if cannot_record() {
        return;
    }
    let isp = Provider::setup().rule(on(Verb::Rcpt).first(3).reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp);
    world.sendmail(&THREE, MAIL).code(0);
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (0, 1));
    three_fates_and_cut(Flushes::Two, &isp, &world, "later attempt, three recipients");
}
