//! Power loss: what the write path and the delivery path did is replayed from an operation
//! log with what was not synced thrown away, in many ways, and a runner starts on each state.
//! Bytes that were not synced may be missing, half there or zero; names that were not synced
//! may be missing in any combination.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::operation_log::{Log, Op};
use crate::points::is_skipped;
use support::need::is_strict;
use support::provider::{Provider, Verb, on};
use support::random::{Random, number_from, seed};
use support::world::{World, run};

const SENDMAIL: &str = env!("CARGO_BIN_EXE_sendmail");
const POSTRIDER: &str = env!("CARGO_BIN_EXE_postrider");
const MAIL: &[u8] = b"Subject: whole\n\none\ntwo\nthree\n";
const BODY: &[u8] = b"one\r\ntwo\r\nthree\r\n";

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What may be on disk after a power cut: after so many operations at least, and at most.
struct State {
    first: usize,
    last: usize,
    files: Files,
}

/// What becomes of an operation that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    Lost,
    /// Of bytes: the first half.
    Half,
    /// Of bytes: the length, but zeros.
    Zero,
}

/// A run whose power may be cut.
struct Recorded {
    root: PathBuf,
    before: Vec<(PathBuf, Vec<u8>)>,
    ops: Vec<Op>,
}

impl Recorded {
    /// Runs the program under strace.
    fn of(world: &World, program: &str, args: &[&str], input: &[u8]) -> Self {
        let root = world.path("spool");
        let mut before = Vec::new();
        gather(&root, &mut before);
        let log = world.path("power.log");
        let options =
            ["-f", "-y", "-qq", "-s", "400000", "-e", "trace=%file,%desc", "-o", log.to_str().unwrap(), program];
        let ran = run(world.command("strace", &[&options, args].concat()), input);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let ops = Log::read(&fs::read_to_string(log).unwrap(), &root, &before);
        assert!(ops.iter().any(|op| matches!(op, Op::Sync(_))), "the log is read: {ops:?}");
        Self { root, before, ops }
    }

    /// Which of the first operations are on disk whatever happens.
    fn is_safe(&self, at: usize, end: usize) -> bool {
        let later = &self.ops[at + 1..end];
        let folder_synced =
            |path: &Path| later.iter().any(|op| matches!(op, Op::SyncFolder(f) if Some(f.as_path()) == path.parent()));
        match &self.ops[at] {
            Op::Name(path, _) | Op::Forget(path) | Op::Rename(path, _) => folder_synced(path),
            Op::Write(inode, ..) | Op::Cut(inode, _) => later.contains(&Op::Sync(*inode)),
            Op::Sync(_) | Op::SyncFolder(_) => true,
        }
    }

    /// The files after a cut behind the first `end` operations.
    fn files(&self, end: usize, fate: &dyn Fn(usize) -> Fate) -> Files {
        let mut contents: Vec<Vec<u8>> = self.before.iter().map(|(_, content)| content.clone()).collect();
        let mut names: BTreeMap<PathBuf, usize> =
            self.before.iter().enumerate().map(|(inode, (path, _))| (path.clone(), inode)).collect();
        for (at, op) in self.ops[..end].iter().enumerate() {
            let fate = if self.is_safe(at, end) { Fate::Done } else { fate(at) };
            if let Op::Write(inode, ..) | Op::Cut(inode, _) | Op::Name(_, inode) = op {
                contents.resize_with(contents.len().max(inode + 1), Vec::new);
            }
            match (op, fate) {
                (_, Fate::Lost) | (Op::Sync(_) | Op::SyncFolder(_), _) => {}
                (Op::Name(path, inode), _) => drop(names.insert(path.clone(), *inode)),
                (Op::Forget(path), _) => drop(names.remove(path)),
                (Op::Rename(from, to), _) => {
                    if let Some(inode) = names.remove(from) {
                        names.insert(to.clone(), inode);
                    }
                }
                (Op::Write(inode, offset, bytes), fate) => {
                    let bytes = match fate {
                        Fate::Half => bytes[..bytes.len() / 2].to_vec(),
                        Fate::Zero => vec![0; bytes.len()],
                        Fate::Done | Fate::Lost => bytes.clone(),
                    };
                    let content = &mut contents[*inode];
                    content.resize(content.len().max(offset + bytes.len()), 0);
                    content[*offset..offset + bytes.len()].copy_from_slice(&bytes);
                }
                (Op::Cut(inode, length), _) => contents[*inode].resize(*length, 0),
            }
        }
        let relative = |path: PathBuf| path.strip_prefix(&self.root).unwrap().to_owned();
        names.into_iter().map(|(path, inode)| (relative(path), contents[inode].clone())).collect()
    }

    /// After how many operations what the one at `told` wrote is on disk, whatever happens.
    fn safe_after(&self, told: usize) -> usize {
        let Op::Write(file, ..) = self.ops[told] else { unreachable!() };
        let concerns = |at: &usize| matches!(self.ops[*at], Op::Name(_, inode) | Op::Write(inode, ..) if inode == file);
        let is_safe = |end: &usize| (0..=told).filter(concerns).all(|at| self.is_safe(at, *end));
        (told + 1..=self.ops.len()).find(is_safe).unwrap()
    }

    /// States after cuts at every operation, each once, with where the cuts were that may leave it: the first and the last.
    fn states(&self, random: &mut Random) -> Vec<State> {
        let (mut seen, mut states) = (BTreeMap::new(), Vec::<State>::new());
        for end in 0..=self.ops.len() {
            let open: Vec<usize> = (0..end).filter(|at| !self.is_safe(*at, end)).collect();
            let mut add = |fate: &dyn Fn(usize) -> Fate| {
                let files = self.files(end, fate);
                let known = *seen.entry(files.clone()).or_insert_with(|| {
                    states.push(State { first: end, last: end, files });
                    states.len() - 1
                });
                states[known].last = end;
            };
            add(&|_| Fate::Done);
            add(&|_| Fate::Lost);
            add(&|_| Fate::Half);
            add(&|_| Fate::Zero);
            for chosen in &open {
                for fate in [Fate::Lost, Fate::Half, Fate::Zero] {
                    add(&|at| if at == *chosen { fate } else { Fate::Done });
                }
                add(&|at| if at == *chosen { Fate::Done } else { Fate::Lost });
            }
            for _ in 0..4 {
                let fates: Vec<u64> = (0..end).map(|_| random.below(5)).collect();
                let fate = |at: usize| {
                    [Fate::Done, Fate::Done, Fate::Lost, Fate::Half, Fate::Zero][usize::try_from(fates[at]).unwrap()]
                };
                add(&fate);
            }
        }
        states
    }
}

fn gather(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.symlink_metadata().unwrap().file_type();
        if kind.is_dir() {
            gather(&path, files);
        } else if kind.is_file() && !path.ends_with("reserve") && !path.ends_with("lock") {
            let content = fs::read(&path).unwrap();
            files.push((path, content));
        }
    }
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
        usize::try_from(number_from("POSTRIDER_POWER_STATES").unwrap_or(if is_strict() { 400 } else { 24 })).unwrap();
    let step = states.len().div_ceil(most).max(1);
    let last = states.len() - 1;
    states.into_iter().enumerate().filter(|(at, _)| at % step == 0 || *at == last).map(|(_, state)| state).collect()
}

/// How many copies a runner on this state sends; each is whole.
fn sent(isp: &Provider, world: &World) -> usize {
    let before = isp.received();
    world.postrider(&["flush"]).code(0);
    let mails = isp.mails().split_off(before);
    assert!(mails.iter().all(|mail| mail.body() == BODY), "torn: {mails:?}");
    mails.len()
}

#[test]
fn what_sendmail_accepted_survives_a_power_cut() {
    if is_skipped() {
        return;
    }
    let seed = seed("POSTRIDER_POWER_SEED");
    println!("POSTRIDER_POWER_SEED={seed}");
    let isp = Provider::start();
    let world = World::at_home(&isp);
    // The spool is there already, as on every call but the first.
    world.send_to(&["bob@away.example"]).code(0);
    world.postrider(&["queue", "delete", "--all"]).code(0);
    let recorded = Recorded::of(&world, SENDMAIL, &["-i", "-f", "alice", "bob@away.example"], MAIL);
    let states = recorded.states(&mut Random::from(seed));
    let all = states.len();
    let chosen = chosen(states);
    let mut whole = 0;
    for State { last, files, .. } in &chosen {
        let world = restored(&isp, files);
        let count = sent(&isp, &world);
        let is_accepted = *last == recorded.ops.len();
        assert!(count <= 1 && (count == 1 || !is_accepted), "cut at {last}: sent {count} times; {:?}", files.keys());
        assert!(world.queued().is_empty(), "cut at {last}: left {:?}", world.queued());
        whole += count;
    }
    println!(
        "power cut during sendmail: {} of {all} states from {} operations, {whole} with the message",
        chosen.len(),
        recorded.ops.len()
    );
}

#[test]
fn a_spool_whose_maker_was_cut_off_is_synced_once_by_the_next_who_stores_mail() {
    if is_skipped() {
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
        [0, 1].map(|_| names_synced(&Recorded::of(&world, SENDMAIL, &["-i", "-f", "alice", "bob@away.example"], MAIL)));
    assert_eq!(synced, [true, false]);
}

#[test]
fn a_message_that_leaves_at_once_survives_a_power_cut_and_is_sent_at_most_twice() {
    if is_skipped() {
        return;
    }
    let isp = Provider::start();
    let world = World::at_home(&isp);
    world.sendmail(&["-i", "-f", "alice", "bob@away.example"], MAIL).code(0);
    // Its record is all that is written of it.
    cut_during_delivery(&isp, &world, b"\"delivered\"");
}

#[test]
fn a_message_that_was_deferred_before_survives_a_power_cut_and_is_sent_at_most_twice() {
    if is_skipped() {
        return;
    }
    let isp = Provider::setup().rule(on(Verb::Rcpt).once().reply("450 4.2.0 not now")).start();
    let world = World::at_home(&isp);
    world.sendmail(&["-i", "-f", "alice", "bob@away.example"], MAIL).code(0);
    world.run_once();
    assert_eq!((isp.received(), world.queued().len()), (0, 1));
    cut_during_delivery(&isp, &world, b"\"outcome\"");
}

/// What is queued is delivered, and the power cut at every point of that; `outcome` is in the bytes that say that it was.
fn cut_during_delivery(isp: &Provider, world: &World, outcome: &[u8]) {
    let seed = seed("POSTRIDER_POWER_SEED");
    println!("POSTRIDER_POWER_SEED={seed}");
    let recorded = Recorded::of(world, POSTRIDER, &["flush"], b"");
    assert_eq!(isp.received(), 1);
    // The outcome is first written once the relay has answered, and recorded once that is synced.
    let is_outcome =
        |op: &Op| matches!(op, Op::Write(_, _, bytes) if bytes.windows(outcome.len()).any(|w| w == outcome));
    let told = recorded.ops.iter().position(is_outcome).unwrap();
    let safe_after = recorded.safe_after(told);
    let states = recorded.states(&mut Random::from(seed));
    let all = states.len();
    let chosen = chosen(states);
    let mut again = 0;
    for State { first, last, files } in &chosen {
        let world = restored(isp, files);
        let count = sent(isp, &world);
        if *first <= told {
            assert_eq!(count, 1, "cut at {first}, before it was sent: {:?}", files.keys());
        }
        if *last >= safe_after {
            assert_eq!(count, 0, "cut at {last}, after the outcome was recorded: {:?}", files.keys());
        }
        assert!(count <= 1, "cut at {last}: sent {count} times more");
        assert!(
            world.spool("queue").is_empty() && world.spool("failed").is_empty(),
            "cut at {last}: {:?}",
            files.keys()
        );
        let records = world.postrider(&["history", "--json"]).code(0).stdout;
        assert_eq!(records.lines().count(), 1, "cut at {last}: {records}");
        again += usize::from(*last > told && count == 1);
    }
    println!(
        "power cut during delivery: {} of {all} states from {} operations, {again} sent a second copy",
        chosen.len(),
        recorded.ops.len()
    );
}
