//! The machine on which both programs stand: a real Postfix set up as a null client, and postrider, with the same names, the same
//! generic map and a recorder each as their provider. Every case is a user of its own, whose number tells the copies apart.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::case::Case;
use super::recorder::{Recorder, Transaction};
use crate::namespace::Namespace;

/// The user number of the first case.
const FIRST_USER: u32 = 30_001;

/// How long the reference may take to empty its queue: ample, since a passing test never waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Tables and providers: name, what the provider offers, delimiter, rows of the generic map.
type Setup = (&'static str, &'static [&'static str], &'static str, &'static [(&'static str, &'static str)]);

const FULL: &[&str] = &["PIPELINING", "SIZE 10240000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"];
const POOR: &[&str] = &["PIPELINING", "SIZE 10240000", "8BITMIME"];

/// `plain` keeps the user and replaces the fictitious domain; no more is needed for any mail to leave.
const SETUPS: [Setup; 3] = [
    ("plain", FULL, "", &[("@home.lan", "@isp.example")]),
    (
        "generic",
        FULL,
        "+",
        &[
            ("his@home.lan", "hisaccount@isp.example"),
            ("her", "heraccount@herisp.example"),
            ("cam+garden@home.lan", "garden@isp.example"),
            ("moved@away.example", "@there.example"),
            ("bare@home.lan", "bareword"),
            ("bareword", "never.asked@isp.example"),
            ("@home.lan", "hisaccount+local@isp.example"),
        ],
    ),
    ("poor", POOR, "", &[("@home.lan", "@isp.example")]),
];

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
    /// Starts one for these cases.
    pub fn start(setup: &str, cases: &[&Case]) -> Self {
        let (_, offers, delimiter, rows) =
            SETUPS.iter().find(|(name, ..)| *name == setup).unwrap_or_else(|| panic!("no set-up {setup}"));
        // Hundreds of messages, each synced by both programs: in memory, where there is such a place.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new().prefix("interop-differential-").tempdir_in(place).unwrap();
        let root = folder.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
        let (reference, ours) = (Recorder::start(offers), Recorder::start(offers));
        people(root, cases);
        null_client(root, reference.port, delimiter, rows);
        for (at, case) in cases.iter().enumerate() {
            let user = user(at);
            let home = home(root, user);
            fs::create_dir_all(home.join("spool")).unwrap();
            fs::write(home.join("config.toml"), config(&home, ours.port, delimiter, rows)).unwrap();
            fs::write(home.join("stdin"), &case.stdin).unwrap();
            for path in [&home, &home.join("spool"), &home.join("config.toml"), &home.join("stdin")] {
                chown(path, Some(user), Some(user)).unwrap();
            }
        }
        let programs = [env!("CARGO_BIN_EXE_postrider"), env!("CARGO_BIN_EXE_sendmail")];
        let namespace = Namespace::new(MOUNTS, &[root.to_str().unwrap(), programs[0], programs[1]]);
        Self { namespace, folder, reference, ours }
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
        command.args(["--target", &self.namespace.init().to_string(), "--mount", "--pid", "--wd=/", "--"]);
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
        let end = Instant::now() + PATIENCE;
        let mut empty = 0;
        // between two queues a message is in both or about to appear: look twice
        while empty < 3 {
            let left: usize =
                ["maildrop", "incoming", "active", "deferred"].map(|name| files(&spool.join(name))).iter().sum();
            empty = if left == 0 { empty + 1 } else { 0 };
            assert!(Instant::now() < end, "the reference does not empty its queue; its log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What the reference has to say.
    pub fn log(&self) -> String {
        fs::read_to_string(self.namespace.path("/var/log/maillog")).unwrap_or_default()
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

/// What makes the mounts and starts the reference; $1 is a folder of ours, $2 and $3 are our programs.
const MOUNTS: &str = r#"
    fresh() { mkdir -p "$1"; mount -t tmpfs -o mode=755 tmpfs "$1"; }
    touch "$1/postrider" "$1/sendmail"
    mount --bind "$2" "$1/postrider"
    mount --bind "$3" "$1/sendmail"
    mount --bind "$1/passwd" /etc/passwd
    cp -a /etc/postfix/. "$1/postfix.d/"
    cp "$1/main.cf" "$1/master.cf" "$1/generic" "$1/postfix.d/"
    mount --bind "$1/postfix.d" /etc/postfix
    for folder in /var/spool /var/lib/postfix /var/log; do fresh "$folder"; done
    chown postfix /var/lib/postfix
    mkdir -p /var/spool/postfix
    postfix start >"$1/postfix.out" 2>&1 || { cat "$1/postfix.out" /var/log/maillog; exit 1; }
"#;

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

fn null_client(root: &Path, port: u16, delimiter: &str, rows: &[(&str, &str)]) {
    let main = format!(
        "compatibility_level = 3.6\nmaillog_file = /var/log/maillog\nmyhostname = homebox.home.lan\nmydomain = home.lan\n\
         myorigin = $mydomain\nmydestination =\nalias_maps =\nalias_database =\ninet_interfaces = loopback-only\n\
         inet_protocols = ipv4\nrelayhost = [127.0.0.1]:{port}\nsmtp_generic_maps = texthash:/etc/postfix/generic\n\
         recipient_delimiter = {delimiter}\nin_flow_delay = 0\nsmtp_tls_security_level = none\n"
    );
    let master = "pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
                  rewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\n\
                  trace unix - - n - 0 bounce\nverify unix - - n - 1 verify\nflush unix n - n 1000? 0 flush\n\
                  proxymap unix - - n - - proxymap\nsmtp unix - - n - - smtp\nshowq unix n - n - - showq\n\
                  error unix - - n - - error\nretry unix - - n - - error\nlocal unix - n n - - local\n\
                  anvil unix - - n - 1 anvil\npostlog unix-dgram n - n - 1 postlogd\n";
    let rows = rows.iter().fold(String::new(), |mut text, (key, value)| {
        writeln!(text, "{key} {value}").unwrap();
        text
    });
    for (name, text) in [("main.cf", main.as_str()), ("master.cf", master), ("generic", &rows)] {
        fs::write(root.join(name), text).unwrap();
    }
    fs::create_dir(root.join("postfix.d")).unwrap();
}

fn config(home: &Path, port: u16, delimiter: &str, rows: &[(&str, &str)]) -> String {
    let rows: Vec<String> = rows.iter().map(|(key, value)| format!("{key:?} = {value:?}")).collect();
    format!(
        "hostname = \"homebox.home.lan\"\norigin = \"home.lan\"\ndelivery = \"queue\"\nspool = \"{}\"\n\
         recipient_delimiter = {delimiter:?}\ngeneric = [{{ {} }}]\n[account.provider]\nrelay = \"[127.0.0.1]:{port}\"\ntls = \"none\"\n",
        home.join("spool").display(),
        rows.join(", ")
    )
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
