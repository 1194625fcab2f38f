//! Power loss in user mode: on each state that a cut may leave, a runner starts, and every mail that was accepted arrives whole.
//! In system mode, `tests/system` tries the same.

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use crate::points::is_skipped;
use support::need::{is_strict, skip};
use support::power_cut::{Files, MODELS, Op, Recorded, State, gather};
use support::provider::{Provider, Verb, on};
use support::random::{Random, number_from, seed};
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
fn record(world: &World, program: &str, args: &[&str], input: &[u8]) -> Recorded {
    let root = world.path("spool");
    let mut before = Vec::new();
    gather(&root, &mut before);
    let log = world.path("power.log");
    let options = ["-f", "-y", "-qq", "-s", "400000", "-e", "trace=%file,%desc", "-o", log.to_str().unwrap(), program];
    let traced = [TRACER, &["strace"], &options[..], args].concat();
    // Nobody but root may look into our programs; root of a namespace of their own may.
    let traced = if is_root() { &traced[TRACER.len()..] } else { &traced[..] };
    let ran = run(world.command(traced[0], &traced[1..]), input);
    // 75: something is left for later.
    assert!(matches!(ran.status, Some(0 | 75)), "{ran:?}");
    Recorded::read(&root, before, &fs::read_to_string(log).unwrap())
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

/// All states where they are asked for, else a handful, spread over all.
fn chosen(states: Vec<State>) -> Vec<State> {
    let most =
        usize::try_from(number_from("POSTRIDER_POWER_STATES").unwrap_or(if is_strict() { 60 } else { 8 })).unwrap();
    let step = states.len().div_ceil(most).max(1);
    let last = states.len() - 1;
    states.into_iter().enumerate().filter(|(at, _)| at % step == 0 || *at == last).map(|(_, state)| state).collect()
}

/// What a runner makes of a state.
#[derive(Debug, Clone)]
struct Found {
    /// Recipients of what it sent, once for each copy.
    sent: Vec<String>,
    /// Whether what it sent was not whole.
    is_torn: bool,
    /// Whether something is left in queue/ or in failed/.
    is_stranded: bool,
    /// Lines of history.
    records: usize,
}

impl Found {
    fn on(isp: &Provider, files: &Files) -> Self {
        let world = restored(isp, files);
        let before = isp.received();
        // The second sends the report that the first made.
        for _ in 0..3 {
            world.postrider(&["flush"]);
        }
        let mails = isp.mails().split_off(before);
        // A bounce has it inside.
        let is_whole = |body: &[u8]| body.windows(BODY.len()).any(|part| part == BODY);
        Self {
            is_torn: !mails.iter().all(|mail| is_whole(mail.body())),
            sent: mails.into_iter().flat_map(|mail| mail.to).collect(),
            is_stranded: !world.spool("queue").is_empty() || !world.spool("failed").is_empty(),
            records: world.postrider(&["history", "--json"]).code(0).stdout.lines().count(),
        }
    }

    fn copies(&self, to: &str) -> usize {
        self.sent.iter().filter(|sent| *sent == to).count()
    }
}

/// What must arrive on a state, by recipient: at least so many copies, and at most.
type Wanted = Vec<(&'static str, usize, usize)>;

/// Tries the states of each model, and says how many were lost, torn, stranded or sent once more than they may be.
fn cut(isp: &Provider, what: &str, recorded: &Recorded, records: usize, wanted: impl Fn(&State) -> Wanted) {
    let seed = seed("POSTRIDER_POWER_SEED");
    println!("POSTRIDER_POWER_SEED={seed}");
    let mut known: HashMap<Files, Found> = HashMap::new();
    let mut bad = Vec::new();
    for (model, system) in MODELS {
        let states = recorded.states((model, system), &mut Random::from(seed));
        let all = states.len();
        let (mut lost, mut torn, mut stranded, mut twice, mut again) = (0, 0, 0, 0, 0);
        let chosen = chosen(states);
        for state in &chosen {
            let found = known.entry(state.files.clone()).or_insert_with(|| Found::on(isp, &state.files));
            let wanted = wanted(state);
            let too_few = wanted.iter().filter(|(to, least, _)| found.copies(to) < *least).count();
            let too_many = wanted.iter().filter(|(to, _, most)| found.copies(to) > *most).count();
            lost += too_few;
            twice += too_many;
            torn += usize::from(found.is_torn);
            stranded += usize::from(found.is_stranded);
            again += wanted.iter().filter(|(to, least, _)| *least == 0 && found.copies(to) == 1).count();
            let is_recorded = records == 0 || found.records == records;
            if too_few + too_many > 0 || found.is_torn || found.is_stranded || !is_recorded {
                bad.push(format!(
                    "{model:?} {system:?}, cut at {} to {}: {found:?}, wanted {wanted:?}; {:?}",
                    state.first,
                    state.last,
                    state.files.keys()
                ));
            }
        }
        println!(
            "power cut, {what}, {model:?}, file system {system:?}: {} of {all} states from {} operations: {lost} lost, {torn} torn, \
             {stranded} stranded, {twice} more than twice, {again} sent a second copy",
            chosen.len(),
            recorded.ops.len()
        );
    }
    assert!(bad.is_empty(), "{what}:\n{}", bad.join("\n"));
}

#[test]
fn what_sendmail_accepted_survives_a_power_cut() {
    if cannot_record() {
        return;
    }
    let isp = Provider::start();
    let world = World::at_home(&isp);
    // The spool is there already, as on every call but the first.
    world.send_to(&["bob@away.example"]).code(0);
    world.postrider(&["queue", "delete", "--all"]).code(0);
    let recorded = record(&world, SENDMAIL, &["-i", "-f", "alice", "bob@away.example"], MAIL);
    let end = recorded.ops.len();
    cut(&isp, "sendmail", &recorded, 0, |state| vec![("bob@away.example", usize::from(state.last == end), 1)]);
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
    let synced =
        [0, 1].map(|_| names_synced(&record(&world, SENDMAIL, &["-i", "-f", "alice", "bob@away.example"], MAIL)));
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
    let recorded = record(world, POSTRIDER, &["flush"], b"");
    assert_eq!(isp.received(), 1);
    cut(isp, what, &recorded, 1, |state| vec![copies_of_sent(&recorded, outcome, state, "bob@away.example")]);
}

/// The outcome is first written once the relay has answered, and recorded once that is synced.
fn copies_of_sent(
    recorded: &Recorded,
    outcome: &[u8],
    state: &State,
    to: &'static str,
) -> (&'static str, usize, usize) {
    let told = recorded.first_write(outcome);
    (to, usize::from(state.first <= told), usize::from(state.last < recorded.safe_after(told)))
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
fn three_fates_and_cut(isp: &Provider, world: &World, what: &str) {
    three_fates(isp);
    let recorded = record(world, POSTRIDER, &["flush"], b"");
    assert_eq!((isp.received(), isp.mail_to("bob@away.example").to.len()), (1, 1));
    isp.behave();
    isp.add(on(Verb::Rcpt).about("<nobody").reply("550 5.1.1 no such user"));
    cut(isp, what, &recorded, 2, |state| {
        let bob = copies_of_sent(&recorded, b"\"outcome\"", state, "bob@away.example");
        vec![bob, ("slow@away.example", 1, 1), ("me@isp.example", 1, 1)]
    });
}

const THREE: [&str; 6] = ["-i", "-f", "alice", "bob@away.example", "slow@away.example", "nobody@away.example"];

#[test]
fn a_first_attempt_that_ends_in_three_ways_survives_a_power_cut() {
    if cannot_record() {
        return;
    }
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.sendmail(&THREE, MAIL).code(0);
    three_fates_and_cut(&isp, &world, "first attempt, three recipients");
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
    three_fates_and_cut(&isp, &world, "later attempt, three recipients");
}
