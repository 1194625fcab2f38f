//! Power loss: which states a disk may be in after a power cut, from the operations of one run with what was not synced
//! thrown away. What was not synced may be missing, in its order or in any, and of bytes there may be a half or zeros. What a
//! program makes of such a state is for tests to say.

mod operation_log;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use operation_log::Log;
pub use operation_log::Op;

use crate::need::is_strict;
use crate::random::{Random, number_from, seed};

/// What is on disk, by the path below the root.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What may be on disk after a power cut: after so many operations at least, and at most.
pub struct State {
    /// After so many operations at least,
    pub first: usize,
    /// and at most.
    pub last: usize,
    /// What is there.
    pub files: Files,
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

/// What a disk may do to operations that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// They reach it in their order: the last of them are lost.
    InOrder,
    /// They reach it in any order: any of them are lost.
    AnyOrder,
    /// The same, and of bytes there may be a half, or zeros.
    Torn,
}

/// What the file system says of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// Nothing: each name and each file for itself.
    Any,
    /// As ext4 with its journal: names and lengths in their order, and all that came before are on disk once anything was synced.
    Ext4,
    /// With a file that is synced, the names that it was given before are on disk, and nothing else.
    NamesWithFiles,
}

/// Test builds of our programs do not look at the file system where this says how often to sync.
pub const FLUSHES: &str = "POSTRIDER_FLUSHES";

/// How often a program syncs what it stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushes {
    /// The file, and then its folder.
    Two,
    /// The file alone, which is for file systems that then have its names.
    One,
}

impl Flushes {
    /// The value of [`FLUSHES`].
    pub fn word(self) -> &'static str {
        match self {
            Self::Two => "two",
            Self::One => "one",
        }
    }

    fn models(self) -> impl Iterator<Item = (Model, FileSystem)> {
        let systems = match self {
            Self::Two => [FileSystem::Any, FileSystem::Ext4],
            Self::One => [FileSystem::NamesWithFiles, FileSystem::Ext4],
        };
        let models = [Model::InOrder, Model::AnyOrder, Model::Torn];
        systems.into_iter().flat_map(move |system| models.map(|model| (model, system)))
    }
}

/// A run whose power may be cut.
pub struct Recorded {
    root: PathBuf,
    before: Vec<(PathBuf, Vec<u8>)>,
    flushes: Flushes,
    /// What it did, in its order.
    pub ops: Vec<Op>,
}

impl Recorded {
    /// What strace logged of a run, with `-f -y -e trace=%file,%desc`, and the files below `root` before it.
    pub fn read(root: &Path, before: Vec<(PathBuf, Vec<u8>)>, log: &str, flushes: Flushes) -> Self {
        let ops = Log::read(log, root, &before);
        assert!(ops.iter().any(|op| matches!(op, Op::Sync(_))), "the log is read: {ops:?}");
        Self { root: root.to_owned(), before, flushes, ops }
    }

    /// The number of the first operation that writes this.
    pub fn first_write(&self, words: &[u8]) -> usize {
        let is_it = |op: &Op| matches!(op, Op::Write(_, _, bytes) if bytes.windows(words.len()).any(|w| w == words));
        self.ops.iter().position(is_it).unwrap()
    }

    /// Which of the first operations are on disk whatever happens.
    fn is_safe(&self, system: FileSystem, at: usize, end: usize) -> bool {
        let later = &self.ops[at + 1..end];
        let folder_synced =
            |path: &Path| later.iter().any(|op| matches!(op, Op::SyncFolder(f) if Some(f.as_path()) == path.parent()));
        let is_journaled =
            system == FileSystem::Ext4 && later.iter().any(|op| matches!(op, Op::Sync(_) | Op::SyncFolder(_)));
        let has_names = |file: Option<usize>| {
            system == FileSystem::NamesWithFiles && file.is_some_and(|file| later.contains(&Op::Sync(file)))
        };
        match &self.ops[at] {
            Op::Name(_, file) if has_names(Some(*file)) => true,
            Op::Rename(from, _) if has_names(self.file_at(from, at)) => true,
            Op::Name(path, _) | Op::Forget(path) | Op::Rename(path, _) => is_journaled || folder_synced(path),
            Op::Cut(inode, _) => is_journaled || later.contains(&Op::Sync(*inode)),
            Op::Write(inode, ..) => later.contains(&Op::Sync(*inode)),
            Op::Sync(_) | Op::SyncFolder(_) => true,
        }
    }

    /// The file that has this name before an operation.
    fn file_at(&self, name: &Path, before: usize) -> Option<usize> {
        let first = self.before.iter().position(|(path, _)| path == name);
        self.ops[..before].iter().fold(first, |file, op| match op {
            Op::Name(path, inode) if path == name => Some(*inode),
            Op::Forget(path) if path == name => None,
            Op::Rename(from, _) if from == name => None,
            _ => file,
        })
    }

    /// The files after a cut behind the first `end` operations.
    fn files(&self, system: FileSystem, end: usize, fate: &dyn Fn(usize) -> Fate) -> Files {
        let mut contents: Vec<Vec<u8>> = self.before.iter().map(|(_, content)| content.clone()).collect();
        let mut names: BTreeMap<PathBuf, usize> =
            self.before.iter().enumerate().map(|(inode, (path, _))| (path.clone(), inode)).collect();
        let mut is_journal_over = false;
        for (at, op) in self.ops[..end].iter().enumerate() {
            let mut fate = if self.is_safe(system, at, end) { Fate::Done } else { fate(at) };
            if system == FileSystem::Ext4 && matches!(op, Op::Name(..) | Op::Forget(_) | Op::Rename(..) | Op::Cut(..)) {
                is_journal_over |= fate == Fate::Lost;
                fate = if is_journal_over { Fate::Lost } else { fate };
            }
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
    pub fn safe_after(&self, told: usize) -> usize {
        let Op::Write(file, ..) = self.ops[told] else { unreachable!() };
        let concerns = |at: &usize| matches!(self.ops[*at], Op::Name(_, inode) | Op::Write(inode, ..) if inode == file);
        let weakest = self.flushes.models().next().map_or(FileSystem::Any, |(_, system)| system);
        let is_safe = |end: &usize| (0..=told).filter(concerns).all(|at| self.is_safe(weakest, at, *end));
        (told + 1..=self.ops.len()).find(is_safe).unwrap()
    }

    /// States after cuts at every operation, each once, with where the cuts were that may leave it: the first and the last.
    pub fn states(&self, (model, system): (Model, FileSystem), random: &mut Random) -> Vec<State> {
        let (mut seen, mut states) = (BTreeMap::new(), Vec::<State>::new());
        for end in 0..=self.ops.len() {
            let open: Vec<usize> = (0..end).filter(|at| !self.is_safe(system, *at, end)).collect();
            let mut add = |fate: &dyn Fn(usize) -> Fate| {
                let files = self.files(system, end, fate);
                let known = *seen.entry(files.clone()).or_insert_with(|| {
                    states.push(State { first: end, last: end, files });
                    states.len() - 1
                });
                states[known].last = end;
            };
            add(&|_| Fate::Done);
            add(&|_| Fate::Lost);
            if model == Model::InOrder {
                for cut in &open {
                    add(&|at| if at < *cut { Fate::Done } else { Fate::Lost });
                }
                continue;
            }
            let fates = if model == Model::Torn { &[Fate::Half, Fate::Zero][..] } else { &[Fate::Lost] };
            for fate in fates {
                add(&|_| *fate);
                for chosen in &open {
                    add(&|at| if at == *chosen { *fate } else { Fate::Done });
                    add(&|at| if at == *chosen { *fate } else { Fate::Lost });
                }
            }
            for chosen in &open {
                add(&|at| if at == *chosen { Fate::Done } else { Fate::Lost });
            }
            for _ in 0..4 {
                let drawn: Vec<u64> =
                    (0..end).map(|_| random.below(if model == Model::Torn { 5 } else { 3 })).collect();
                add(&|at| match drawn[at] {
                    0 => Fate::Lost,
                    3 => Fate::Half,
                    4 => Fate::Zero,
                    _ => Fate::Done,
                });
            }
        }
        states
    }
}

/// The files below a folder, but for those that hold no mail.
pub fn gather(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
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

/// All states where they are asked for, else a handful, spread over all.
fn chosen(states: Vec<State>) -> Vec<State> {
    let most =
        usize::try_from(number_from("POSTRIDER_POWER_STATES").unwrap_or(if is_strict() { 60 } else { 8 })).unwrap();
    let step = states.len().div_ceil(most).max(1);
    let last = states.len() - 1;
    states.into_iter().enumerate().filter(|(at, _)| at % step == 0 || *at == last).map(|(_, state)| state).collect()
}

/// What a program made of a state.
#[derive(Debug, Clone)]
pub struct Found {
    /// Recipients of what it sent, once for each copy.
    pub sent: Vec<String>,
    /// Whether what it sent was not whole.
    pub is_torn: bool,
    /// Whether something is left where it does not belong.
    pub is_stranded: bool,
    /// Lines of history.
    pub records: usize,
}

impl Found {
    /// How many copies this recipient got.
    pub fn copies(&self, to: &str) -> usize {
        self.sent.iter().filter(|sent| *sent == to).count()
    }
}

/// What must arrive from a state, by recipient: at least so many copies, and at most.
pub type Wanted = Vec<(&'static str, usize, usize)>;

/// For a recipient of mail that was sent while it was recorded: the outcome, which is written with these bytes, is first written once
/// the relay has answered, and on record once that is synced.
pub fn sent_before(
    recorded: &Recorded,
    outcome: &[u8],
    state: &State,
    to: &'static str,
) -> (&'static str, usize, usize) {
    let told = recorded.first_write(outcome);
    (to, usize::from(state.first <= told), usize::from(state.last < recorded.safe_after(told)))
}

/// Tries states of each model: what `run_on` makes of them is held against what is wanted. Prints how many were lost, torn,
/// stranded or sent once more than they may be, and fails if there is any.
pub fn try_models(
    what: &str,
    recorded: &Recorded,
    mut run_on: impl FnMut(&Files) -> Found,
    wanted: impl Fn(&State) -> Wanted,
) {
    let seed = seed("POSTRIDER_POWER_SEED");
    println!("POSTRIDER_POWER_SEED={seed}");
    let mut known: HashMap<Files, Found> = HashMap::new();
    let mut bad = Vec::new();
    for (model, system) in recorded.flushes.models() {
        let states = recorded.states((model, system), &mut Random::from(seed));
        let all = states.len();
        let (mut lost, mut torn, mut stranded, mut twice, mut again) = (0, 0, 0, 0, 0);
        let chosen = chosen(states);
        for state in &chosen {
            let found = known.entry(state.files.clone()).or_insert_with(|| run_on(&state.files));
            let wanted = wanted(state);
            let too_few = wanted.iter().filter(|(to, least, _)| found.copies(to) < *least).count();
            let too_many = wanted.iter().filter(|(to, _, most)| found.copies(to) > *most).count();
            lost += too_few;
            twice += too_many;
            torn += usize::from(found.is_torn);
            stranded += usize::from(found.is_stranded);
            again += wanted.iter().filter(|(to, least, _)| *least == 0 && found.copies(to) == 1).count();
            if too_few + too_many > 0 || found.is_torn || found.is_stranded {
                let State { first, last, files } = state;
                bad.push(format!(
                    "{model:?} {system:?}, cut at {first} to {last}: {found:?}, wanted {wanted:?}; {:?}",
                    files.keys()
                ));
            }
        }
        println!(
            "power cut, {what}, {flushes:?} flushes, {model:?}, file system {system:?}: {} of {all} states from {} operations: {lost} lost, {torn} torn, \
             {stranded} stranded, {twice} sent too often, {again} sent a second copy",
            chosen.len(),
            recorded.ops.len(),
            flushes = recorded.flushes,
        );
    }
    assert!(bad.is_empty(), "{what}:\n{}", bad.join("\n"));
}
