//! A machine in a directory: a config, a spool and the real programs, for one test.
//! Nothing of the real machine's config, spool or network is touched; what is still
//! running when the world ends is killed.

mod program;
mod settings;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use crate::power_cut::{FLUSHES, Flushes};
use crate::provider::Provider;
use crate::wait::wait_for;
pub use program::{Ran, Runner, built, fed, is_debug, peak_memory, run};
use settings::Settings;

/// What the units in contrib/systemd have the runner's allocator do.
const SERVICE_ENVIRONMENT: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "2"), ("MALLOC_TRIM_THRESHOLD_", "131072"), ("MALLOC_MMAP_THRESHOLD_", "131072")];

/// The login of the user who runs the tests.
pub fn login() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap();
    user.expect("the tests run as a user with a passwd entry").name
}

/// Whether the tests run as root, for whom file modes mean little.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The machine. Its host name is `homebox.home.lan`, its origin `home.lan`; mail is only queued.
pub struct World {
    dir: TempDir,
    settings: Settings,
    /// How often our programs sync what they store, where that is not left to the file system.
    flushes: Option<Flushes>,
}

impl World {
    /// The same machine on a file system of this kind.
    #[must_use]
    pub fn with_flushes(mut self, flushes: Flushes) -> Self {
        self.flushes = Some(flushes);
        self
    }

    /// A machine without accounts.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("postrider-world-").tempdir().unwrap();
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for name in ["sendmail", "mailq", "newaliases"] {
            symlink(built("postrider"), bin.join(name)).unwrap();
        }
        let world = Self { dir, settings: Settings::new(), flushes: None };
        world
            .set("hostname", "homebox.home.lan")
            .set("origin", "home.lan")
            .set("delivery", "queue")
            .set("spool", "spool")
            // Nothing of a test's reaches the real machine's log.
            .set("log", "stderr")
    }

    /// The usual machine: one account, and a generic map for `alice` and for everybody else.
    pub fn at_home(provider: &Provider) -> Self {
        let rows = [("alice@home.lan", "me@isp.example"), ("@home.lan", "me+home@isp.example")];
        Self::new().account("isp", provider).generic(&rows)
    }

    /// Adds an account at this provider, with the login that works there.
    pub fn account(self, name: &str, provider: &Provider) -> Self {
        self.account_with(name, provider, &[])
    }

    /// The same, with further keys, which win.
    pub fn account_with(mut self, name: &str, provider: &Provider, keys: &[(&str, Value)]) -> Self {
        let authority = format!("{name}.pem");
        self.file(&authority, provider.authority(), 0o644);
        let (username, password) = provider.credential();
        let usual = [
            ("relay", provider.relay().into()),
            ("tls_ca", authority.into()),
            ("username", username.into()),
            ("password", password.into()),
        ];
        self.settings.account(name, &usual);
        self.settings.account(name, keys);
        self.write()
    }

    /// Adds keys to an account, or an account at no provider.
    pub fn account_keys(mut self, name: &str, keys: &[(&str, Value)]) -> Self {
        self.settings.account(name, keys);
        self.write()
    }

    /// Sets a top-level key.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.settings.top(key, &value.into());
        self.write()
    }

    /// Sets a key of `[queue]`.
    pub fn queue_set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.settings.queue(key, &value.into());
        self.write()
    }

    /// Sets the generic map.
    pub fn generic(mut self, rows: &[(&str, &str)]) -> Self {
        self.settings.generic(rows);
        self.write()
    }

    fn write(self) -> Self {
        self.file("config.toml", &self.settings.to_string(), 0o600);
        self
    }

    /// Writes a file of the machine.
    pub fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.dir.path().join(name);
        // A config that is replaced is never seen half-written.
        let fresh = self.dir.path().join(format!("{name}.new"));
        // File times lag a few milliseconds behind the clock: a file written now must not seem older than now.
        let now = SystemTime::now();
        wait_for("the time of files to pass", || {
            fs::write(&fresh, text).unwrap();
            fs::metadata(&fresh).unwrap().modified().unwrap() >= now
        });
        fs::set_permissions(&fresh, fs::Permissions::from_mode(mode)).unwrap();
        fs::rename(&fresh, &path).unwrap();
        path
    }

    /// Writes a table that is old enough to be read at once.
    pub fn table(&self, name: &str, text: &str) {
        let path = self.file(name, text, 0o644);
        let then = SystemTime::now() - Duration::from_mins(1);
        fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    }

    /// Where a file of the machine is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A program with a clean environment and this machine's config.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env_clear().env("PATH", "/usr/bin:/bin").env("POSTRIDER_CONFIG", self.path("config.toml"));
        // Authorities that vouch for web servers.
        let roots = self.path("roots.pem");
        if roots.exists() {
            command.env("SSL_CERT_FILE", roots);
        }
        if let Some(flushes) = self.flushes {
            command.env(FLUSHES, flushes.word());
        }
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    /// `sendmail ARGS < input`, by the thin program.
    #[track_caller]
    pub fn sendmail(&self, args: &[&str], input: impl AsRef<[u8]>) -> Ran {
        program::run(self.command(built("sendmail"), args), input.as_ref())
    }

    /// A mail that is nothing special, to these recipients, from `alice`.
    #[track_caller]
    pub fn send_to(&self, recipients: &[&str]) -> Ran {
        let input = format!("From: Alice <alice>\nTo: {}\nSubject: hello\n\nThe text.\n", recipients.join(", "));
        self.sendmail(&[&["-i", "-f", "alice", "--"], recipients].concat(), input)
    }

    /// `postrider ARGS`.
    #[track_caller]
    pub fn postrider(&self, args: &[&str]) -> Ran {
        program::run(self.command(built("postrider"), args), b"")
    }

    /// `postrider ARGS < input`.
    #[track_caller]
    pub fn postrider_with(&self, args: &[&str], input: impl AsRef<[u8]>) -> Ran {
        program::run(self.command(built("postrider"), args), input.as_ref())
    }

    /// `postrider ARGS < input`, started under one of its other names.
    #[track_caller]
    pub fn by_name(&self, name: &str, args: &[&str], input: impl AsRef<[u8]>) -> Ran {
        program::run(self.command(self.path("bin").join(name), args), input.as_ref())
    }

    /// One pass over what is due.
    #[track_caller]
    pub fn run_once(&self) -> Ran {
        self.postrider(&["run", "--once"]).code(0)
    }

    /// Attempts everything now.
    #[track_caller]
    pub fn flush(&self) -> Ran {
        self.postrider(&["flush"])
    }

    /// Runs until the queue is empty.
    #[track_caller]
    pub fn drain(&self) -> Ran {
        self.postrider(&["run", "--until-empty"]).code(0)
    }

    /// What `mailq` prints.
    #[track_caller]
    pub fn mailq(&self) -> String {
        self.by_name("mailq", &[], "").code(0).stdout
    }

    /// `queue list --json`, parsed.
    #[track_caller]
    pub fn queue_json(&self) -> Vec<Value> {
        let listing = self.postrider(&["queue", "list", "--json"]).code(0).stdout;
        listing.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// Starts a runner in the foreground.
    pub fn runner(&self) -> Runner {
        let number = self.runner_logs().len();
        let log = self.path(&format!("runner-{number}.log"));
        let mut command = self.command(built("postrider"), &["run"]);
        command.envs(SERVICE_ENVIRONMENT);
        Runner::start(command, log)
    }

    /// What the runners that were started in the foreground have said, a file for each.
    pub fn runner_logs(&self) -> Vec<PathBuf> {
        let logs = files(self.dir.path()).into_iter();
        logs.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect()
    }

    /// A folder of the spool.
    pub fn spool(&self, folder: &str) -> Vec<PathBuf> {
        files(&self.path("spool").join(folder))
    }

    /// Ids of queued messages, oldest first.
    pub fn queued(&self) -> Vec<String> {
        let names =
            self.spool("queue").into_iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
        let mut ids: Vec<String> = names.filter(|name| is_id(name)).collect();
        ids.sort();
        ids
    }

    /// The history, line by line.
    pub fn history(&self) -> Vec<Value> {
        let texts = self.spool("history").into_iter().map(|path| fs::read_to_string(path).unwrap());
        texts
            .flat_map(|text| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>())
            .collect()
    }

    /// Processes of this machine, whoever their parent is.
    pub fn processes(&self) -> Vec<i32> {
        let own = self.dir.path().as_os_str().as_encoded_bytes();
        let holds = |bytes: &[u8]| bytes.windows(own.len()).any(|window| window == own);
        let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let is_ours = |pid: &i32| {
            let read = |what| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
            *pid != std::process::id().cast_signed() && (holds(&read("environ")) || holds(&read("cmdline")))
        };
        pids.filter(is_ours).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Until nobody is left: a front end may have been about to leave a runner behind.
        loop {
            let processes = self.processes();
            if processes.is_empty() {
                return;
            }
            for pid in processes {
                // It may have ended by itself.
                let _ = kill(pid, rustix::process::Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Sends a signal.
pub fn kill(pid: i32, signal: rustix::process::Signal) -> Option<()> {
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid)?, signal).ok()
}

/// Whether a name is a message's: 16 upper-case hexadecimal digits.
pub fn is_id(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths
}
