//! A set of Linux namespaces that cannot outlive the test: mounts and processes inside it end with its first process, and that one ends
//! when the pipe to the test closes, also when the test is killed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A mount and a process namespace with a shell as its first process.
pub struct Namespace {
    unshare: Child,
    lifeline: Option<ChildStdin>,
    init: u32,
}

impl Namespace {
    /// Runs `setup` (shell, ends at the first failure; `$1`... are `arguments`) in new namespaces and keeps these.
    pub fn new(setup: &str, arguments: &[&str]) -> Self {
        Self::with(&[], setup, arguments)
    }

    /// The same with a network of its own, of which only the loopback interface is up.
    pub fn with_own_network(setup: &str, arguments: &[&str]) -> Self {
        Self::with(&["--net"], &format!("ip link set lo up\n{setup}"), arguments)
    }

    fn with(more: &[&str], setup: &str, arguments: &[&str]) -> Self {
        let script = format!("exec 3>&1 >&2\n{setup}\necho ready >&3; exec 3>&-\nread -r never || :");
        let mut unshare = Command::new("unshare")
            .args(more)
            .args(["--mount", "--uts", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(["sh", "-euc", &script, "sh"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("unshare starts");
        let lifeline = unshare.stdin.take();
        let mut line = String::new();
        BufReader::new(unshare.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.trim() != "ready" {
            let mut told = String::new();
            unshare.stderr.take().unwrap().read_to_string(&mut told).unwrap();
            panic!("the namespace could not be set up: {told}");
        }
        let id = unshare.id();
        let init = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap().trim().parse().unwrap();
        Self { unshare, lifeline, init }
    }

    /// A command that runs inside, with a clean environment, as the login `user` of the inner password file.
    pub fn command(&self, user: &str, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init.to_string(), "--mount", "--uts", "--net", "--pid", "--wd=/", "--"]);
        command.args(["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--", program]);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("USER", user)
            .env("LOGNAME", user);
        command
    }

    /// Where the outside finds the inner file `path`.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.init))
    }

    /// Runs `work` in a thread whose network is the inner one; sockets that it makes stay there.
    pub fn in_network<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let network = std::fs::File::open(format!("/proc/{}/ns/net", self.init)).unwrap();
        let thread = || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        };
        std::thread::scope(|scope| scope.spawn(thread).join().unwrap())
    }

    /// The first process inside, by its outer number.
    pub fn init(&self) -> u32 {
        self.init
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let ended = self.unshare.wait();
        debug_assert!(ended.is_ok());
    }
}
