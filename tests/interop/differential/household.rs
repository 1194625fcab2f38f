//! The machine on which both programs stand: a real Postfix set up as a null client, and postrider. Every case is a user of its own,
//! whose number tells the copies apart. What the two are set up to do is in `setups` and `moved`.

use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::case::Case;
use super::recorder::{Recorder, Transaction};
use support::namespace::Namespace;
use support::wait::wait_until;

/// The user number of the first case.
const FIRST_USER: u32 = 30_001;

/// How long the reference may take to empty its queue: ample, since a passing test never waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// What one program made of a case.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// The exit status; none where a signal ended it.
    pub status: Option<i32>,
    /// What it said on both streams.
    pub told: String,
    /// What reached the provider.
    pub transactions: Vec<Transaction>,
}

/// The machine for one set-up; gone when dropped.
pub struct Household {
    namespace: Namespace,
    folder: TempDir,
    reference: Recorder,
    ours: Recorder,
}

impl Household {
    /// Its folder with the cases' people and what they type in.
    pub fn folder(cases: &[&Case]) -> TempDir {
        // Hundreds of messages, each synced by both programs: in memory, where there is such a place.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new().prefix("interop-differential-").tempdir_in(place).unwrap();
        let root = folder.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
        people(root, cases);
        for (at, case) in cases.iter().enumerate() {
            fs::create_dir_all(home(root, user(at))).unwrap();
            own(root, at, "stdin", &case.stdin);
        }
        folder
    }

    /// Its parts, set up.
    pub fn of(namespace: Namespace, folder: TempDir, reference: Recorder, ours: Recorder) -> Self {
        Self { namespace, folder, reference, ours }
    }

    /// Where the user of the case at that place has all that is his.
    pub fn home(root: &Path, at: usize) -> PathBuf {
        home(root, user(at))
    }

    /// Runs all cases through the reference.
    pub fn reference(&self, cases: &[&Case]) -> Vec<Run> {
        let runs = each(cases, |at, case| self.call(at, case, "/usr/sbin/sendmail"));
        self.wait_for_the_reference();
        sorted_out(runs, self.reference.take())
    }

    /// Runs all cases through postrider.
    pub fn ours(&self, cases: &[&Case]) -> Vec<Run> {
        let sendmail = self.folder.path().join("sendmail");
        let runs = each(cases, |at, case| {
            let run = self.call(at, case, sendmail.to_str().unwrap());
            self.empty_our_queue(at);
            run
        });
        sorted_out(runs, self.ours.take())
    }

    fn call(&self, at: usize, case: &Case, program: &str) -> Run {
        let stdin = fs::File::open(home(self.folder.path(), user(at)).join("stdin")).unwrap();
        let mut command = self.command(at, program);
        command.envs(case.env.iter().map(|(name, value)| (name, value)));
        command.args(case.args.iter().map(|arg| std::ffi::OsStr::from_bytes(arg)));
        let output = command.stdin(stdin).output().unwrap();
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Run { status: output.status.code(), told, transactions: Vec::new() }
    }

    /// As the user of the case at that place.
    fn command(&self, at: usize, program: &str) -> Command {
        let user = user(at).to_string();
        let mut command = Command::new("nsenter");
        command.args([
            "--target",
            &self.namespace.init().to_string(),
            "--mount",
            "--uts",
            "--net",
            "--pid",
            "--wd=/",
            "--",
        ]);
        command.args(["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups", "--", program]);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("TZ", "UTC");
        command.env("POSTRIDER_CONFIG", home(self.folder.path(), user.parse().unwrap()).join("config.toml"));
        command
    }

    /// A second pass takes what the first one made: the bounces.
    fn empty_our_queue(&self, at: usize) {
        let queue = home(self.folder.path(), user(at)).join("spool/queue");
        for _ in 0..2 {
            if fs::read_dir(&queue).map_or(0, Iterator::count) == 0 {
                return;
            }
            let program = self.folder.path().join("postrider");
            let output = self
                .command(at, program.to_str().unwrap())
                .args(["run", "--once"])
                .stdin(Stdio::null())
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }

    fn wait_for_the_reference(&self) {
        let spool = self.namespace.path("/var/spool/postfix");
        let mut empty = 0;
        let is_empty = || {
            let left: usize =
                ["maildrop", "incoming", "active", "deferred"].map(|name| files(&spool.join(name))).iter().sum();
            empty = if left == 0 { empty + 1 } else { 0 };
            // Between two queues a message is in both or about to appear: look again, after a moment.
            std::thread::sleep(Duration::from_millis(if left == 0 { 100 } else { 0 }));
            (empty == 3).then_some(())
        };
        let complaint = || format!("the reference does not empty its queue; its log:\n{}", self.log());
        wait_until(PATIENCE, is_empty, complaint);
    }

    /// What `check` says of the first user's config; it must find no error.
    pub fn check(&self) {
        let program = self.folder.path().join("postrider");
        let output = self.command(0, program.to_str().unwrap()).arg("check").stdin(Stdio::null()).output().unwrap();
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{told}");
    }

    /// What the import said.
    pub fn told(&self) -> String {
        fs::read_to_string(self.folder.path().join("import.out")).unwrap_or_default()
    }

    /// What the reference has to say.
    pub fn log(&self) -> String {
        fs::read_to_string(self.namespace.path("/var/log/maillog")).unwrap_or_default()
    }
}

/// A file of the user at that place.
pub fn own(root: &Path, at: usize, name: &str, content: &[u8]) {
    let user = user(at);
    let home = home(root, user);
    let path = home.join(name);
    let folder = path.parent().unwrap();
    fs::create_dir_all(folder).unwrap();
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    for path in [&home, folder, &path] {
        chown(path, Some(user), Some(user)).unwrap();
    }
}

/// Some at a time: most of the time goes into waiting.
fn each(cases: &[&Case], run: impl Fn(usize, &Case) -> Run + Sync) -> Vec<Run> {
    const LANES: usize = 6;
    let next = AtomicUsize::new(0);
    let mut runs: Vec<(usize, Run)> = std::thread::scope(|scope| {
        let lane = || {
            let mut runs = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(case) = cases.get(at) else { return runs };
                runs.push((at, run(at, case)));
            }
        };
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().flat_map(|lane| lane.join().unwrap()).collect()
    });
    runs.sort_by_key(|(at, _)| *at);
    runs.into_iter().map(|(_, run)| run).collect()
}

/// Gives each run the transactions of its user.
fn sorted_out(mut runs: Vec<Run>, transactions: Vec<Transaction>) -> Vec<Run> {
    for transaction in transactions {
        let at = caller(&transaction.data).and_then(|user| usize::try_from(user.checked_sub(FIRST_USER)?).ok());
        let run = at.and_then(|at| runs.get_mut(at));
        run.unwrap_or_else(|| panic!("whose is it? {}", show(&transaction.data))).transactions.push(transaction);
    }
    runs
}

fn user(at: usize) -> u32 {
    FIRST_USER + u32::try_from(at).unwrap()
}

fn home(root: &Path, user: u32) -> PathBuf {
    root.join(user.to_string())
}

/// The machine's people, and a user per case, all under the login that the case names.
fn people(root: &Path, cases: &[&Case]) {
    let mut passwd = fs::File::create(root.join("passwd")).unwrap();
    passwd.write_all(&fs::read("/etc/passwd").unwrap()).unwrap();
    for (at, case) in cases.iter().enumerate() {
        let (user, home) = (user(at), home(root, user(at)));
        let Case { login, gecos, .. } = case;
        writeln!(passwd, "{login}:x:{user}:{user}:{gecos}:{}:/bin/sh", home.display()).unwrap();
    }
}

/// Files below a folder.
fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |entry: fs::DirEntry| if entry.path().is_dir() { files(&entry.path()) } else { 1 };
    entries.flatten().map(count).sum()
}

/// Whose message it is, by the trace field that both programs write, in the mail or in the mail that it reports on.
fn caller(data: &[u8]) -> Option<u32> {
    let text = String::from_utf8_lossy(data);
    let (_, behind) = text.split_once(", from userid ")?;
    behind.split_once(')')?.0.parse().ok()
}

/// Data for people.
pub fn show(data: &[u8]) -> String {
    data.escape_ascii().to_string().replace("\\r\\n", "\n").replace("\\\"", "\"").replace("\\'", "'")
}
