//! Programs that a test runs: to their end, with what they said, or in the background
//! as a runner that dies with the test.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::kill;
use crate::wait::{PATIENCE, wait_for};

/// What a program did.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Exit status; `None`: a signal ended it.
    pub status: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it printed on standard error.
    pub stderr: String,
    /// Whether it read its input to the end.
    pub read_all: bool,
}

impl Ran {
    /// It exited so.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.status, Some(code), "exit status; it said:\n{}{}", self.stdout, self.stderr);
        self
    }

    /// It said nothing at all.
    #[track_caller]
    pub fn silent(self) -> Self {
        assert_eq!((self.stdout.as_str(), self.stderr.as_str()), ("", ""), "it must say nothing");
        self
    }

    /// It said this, on stdout or stderr.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "it must say {text:?}:\n{}{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// It complained in one line, which opens with the program's name.
    #[track_caller]
    pub fn one_line(self) -> Self {
        assert_eq!(self.stdout, "", "complaints go to stderr");
        assert_eq!(self.stderr.lines().count(), 1, "one line of complaint: {:?}", self.stderr);
        let named = ["sendmail: ", "postrider: "].iter().any(|name| self.stderr.starts_with(name));
        assert!(named, "the line opens with the program's name: {:?}", self.stderr);
        self
    }

    /// It read its input to the end, whatever it thought of it.
    #[track_caller]
    pub fn read_all(self) -> Self {
        assert!(self.read_all, "it must read its input to the end; it said:\n{}", self.stderr);
        self
    }
}

fn collect(mut from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(from.read_to_end(&mut bytes));
        drop(sender.send(String::from_utf8_lossy(&bytes).into_owned()));
    });
    receiver
}

/// Where one of our programs is: in the folder that `POSTRIDER_PROGRAMS` names, for figures of the release build, else where
/// Cargo put it. It tells an integration test in the environment; a test that is started by hand finds the programs in the
/// folder above its own.
pub fn built(name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("POSTRIDER_PROGRAMS") {
        return PathBuf::from(folder).join(name);
    }
    let beside = || {
        let own = std::env::current_exe().unwrap();
        own.ancestors().nth(2).map(|folder| folder.join(name)).unwrap()
    };
    std::env::var_os(format!("CARGO_BIN_EXE_{name}")).map_or_else(beside, PathBuf::from)
}

/// Whether these programs are a debug build, whose bounds are wider.
pub fn is_debug() -> bool {
    !built("postrider").parent().is_some_and(|folder| folder.ends_with("release"))
}

/// Runs a command with this on its standard input.
pub fn fed(command: &mut Command, input: &[u8]) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // A program that does not read its input is no fault of the test.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Runs a program to its end. Its output must end with it: a process that it leaves behind holds no descriptor of it.
#[track_caller]
pub fn run(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let mut stdin = child.stdin.take().unwrap();
    let read_all = thread::scope(|scope| {
        let writer = scope.spawn(move || stdin.write_all(input).is_ok());
        let ended = wait(&mut child, PATIENCE * 2);
        assert!(ended.is_some(), "{command:?} does not end");
        writer.join().unwrap()
    });
    let said = |from: Receiver<String>| from.recv_timeout(PATIENCE).expect("the program's output ends with it");
    let status = child.wait().unwrap().code();
    Ran { status, stdout: said(stdout), stderr: said(stderr), read_all }
}

/// Waits for the end; kills what does not come to it.
fn wait(child: &mut Child, patience: Duration) -> Option<std::process::ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// A runner in the foreground; killed when dropped.
pub struct Runner {
    child: Child,
    log: PathBuf,
}

impl Runner {
    /// Starts it with its log in this file.
    pub fn start(mut command: Command, log: PathBuf) -> Self {
        let file = File::create(&log).unwrap();
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Self { child, log }
    }

    /// Everything it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits until it holds the spool's lock, which has its pid inside.
    #[track_caller]
    pub fn ready(self, world: &super::World) -> Self {
        let lock = world.path("spool/lock");
        wait_for("the runner to hold the lock", || {
            fs::read_to_string(&lock).is_ok_and(|pid| pid.trim() == self.pid().to_string())
        });
        self
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end; its exit status.
    #[track_caller]
    pub fn end(&mut self) -> Option<i32> {
        let status = wait(&mut self.child, PATIENCE);
        status.expect("the runner ends").code()
    }

    /// The most memory it ever had, in KiB.
    pub fn peak_memory(&self) -> u64 {
        peak_memory(self.pid()).unwrap()
    }

    /// Clock ticks of CPU time that it has used.
    pub fn cpu_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

/// `VmHWM` of a process, in KiB; `None` where there is no such process (any more).
pub fn peak_memory(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

impl Drop for Runner {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            // The world may be gone already.
            eprintln!("the runner said:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}
