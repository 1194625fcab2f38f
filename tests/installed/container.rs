//! A bare Debian, booted by systemd-nspawn in a network of its own: from outside it is entered by its first process, and the test's
//! provider stands in its network. Everything ends with the test.

use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use support::wait::wait_until;
use support::world::fed;
use tempfile::TempDir;

/// How long a machine may take to do what it is asked for: it has to boot, and others compile meanwhile.
const PATIENCE: Duration = Duration::from_secs(150);

/// The tree that the machine starts from, with systemd, cron and mailutils, and no mail program.
pub const TREE: &str = "POSTRIDER_TREE";

/// A machine.
pub struct Container {
    folder: TempDir,
    /// Keeps the network over reboots.
    network: Child,
    running: Option<Running>,
}

struct Running {
    nspawn: Child,
    /// systemd, as the outside numbers it.
    init: u32,
}

impl Container {
    /// Makes one from the tree: `homebox.home.lan`, with alice and bob.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("postrider-container-").tempdir().unwrap();
        let tree = std::env::var(TREE).unwrap();
        ok(Command::new("cp").arg("-a").arg(tree).arg(folder.path().join("root")));
        // It ends with the test, however that ends.
        let network = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", "ip link set lo up && exec sleep infinity"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let container = Self { folder, network, running: None };
        container.write("/etc/hostname", "homebox\n");
        container.write("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 homebox.home.lan homebox\n");
        // Nobody logs in on a console that is not there.
        container.write("/etc/machine-id", "");
        container
    }

    /// Where the outside finds one of its files.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path.trim_start_matches('/'))
    }

    /// Writes a file of root's.
    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    /// Puts a copy of one of this machine's files or folders into one of its folders.
    pub fn copy(&self, from: &Path, into: &str) {
        ok(Command::new("cp").arg("-a").arg(from).arg(self.path(into)));
    }

    /// Boots, and waits until it is up.
    pub fn boot(&mut self) {
        self.start(&["--boot"]);
        wait_for("the machine to be up", || {
            let state = self.run("systemctl is-system-running");
            let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
            ["running", "degraded"].contains(&state.as_str()).then_some(())
        });
    }

    /// Starts it without systemd, as a machine in the runlevel that others boot into.
    pub fn start_without_systemd(&mut self) {
        fs::remove_file(self.path("/sbin/runlevel")).unwrap();
        self.write("/sbin/runlevel", "#!/bin/sh\necho N 2\n");
        fs::set_permissions(self.path("/sbin/runlevel"), fs::Permissions::from_mode(0o755)).unwrap();
        self.start(&["--as-pid2", "sleep", "infinity"]);
        wait_for("its first program", || self.run("pgrep -x sleep").status.success().then_some(()));
    }

    /// `how` ends with the program, if there is one to name.
    fn start(&mut self, how: &[&str]) {
        let (mode, program) = how.split_at(1);
        let console = fs::File::create(self.folder.path().join("console")).unwrap();
        let nspawn = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "systemd-nspawn"])
            .args(["--register=no", "--keep-unit", "--console=pipe", "--quiet"])
            .args(["--hostname=homebox", "--resolv-conf=off", "--timezone=off"])
            .arg(format!("--machine=homebox{}", self.network.id()))
            .args(mode)
            .arg(format!("--network-namespace-path=/proc/{}/ns/net", self.network.id()))
            .arg("--directory")
            .arg(self.path("/"))
            .args(program)
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .unwrap();
        let id = nspawn.id();
        let children = format!("/proc/{id}/task/{id}/children");
        // Before that one, systemd-nspawn has children that only prepare for it.
        let is_inside = |child: &u32| pid_namespace(*child).is_some_and(|space| Some(space) != pid_namespace(id));
        let child = || fs::read_to_string(&children).ok()?.trim().parse().ok().filter(is_inside);
        let init = wait_for("its first process", child);
        self.running = Some(Running { nspawn, init });
    }

    /// Shuts down as its owner would.
    pub fn shut_down(&mut self) {
        self.run("systemctl poweroff");
        let mut running = self.running.take().unwrap();
        wait_for("the machine to be off", || running.nspawn.try_wait().unwrap());
    }

    /// Runs a script as root, inside.
    pub fn run(&self, script: &str) -> Output {
        self.run_with(script, "")
    }

    /// The same, with this on its standard input.
    pub fn run_with(&self, script: &str, input: &str) -> Output {
        let init = self.running.as_ref().expect("it is running").init.to_string();
        fed(
            Command::new("nsenter")
                .args(["--target", &init, "--mount", "--uts", "--ipc", "--net", "--pid", "--"])
                .args(["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"])
                .args(["DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", "USER=root", "LOGNAME=root", "sh", "-uc"])
                .arg(format!("cd /srv && {{ {script}\n}}")),
            input.as_bytes(),
        )
    }

    /// Runs a script that must succeed; what it printed on both streams.
    #[track_caller]
    pub fn ok(&self, script: &str) -> String {
        self.ok_with(script, "")
    }

    /// The same, with this on its standard input.
    #[track_caller]
    pub fn ok_with(&self, script: &str, input: &str) -> String {
        let output = self.run_with(script, input);
        let told = String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{script}: {}\n{told}\n{}", output.status, self.journal());
        told
    }

    /// What its journal has of us.
    pub fn journal(&self) -> String {
        let output = self.run(
            "journalctl --no-pager --boot --lines 60 --facility mail; systemctl --no-pager status postrider.service",
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Does something in its network.
    pub fn in_network<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let namespace = fs::File::open(format!("/proc/{}/ns/net", self.network.id())).unwrap();
        thread::scope(|scope| {
            let thread = scope.spawn(move || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                act()
            });
            thread.join().unwrap()
        })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            // Its processes end with its first one.
            let _ = Command::new("kill").args(["-KILL", &running.init.to_string()]).status();
            let _ = running.nspawn.wait();
        }
        let _ = self.network.kill();
        let _ = self.network.wait();
    }
}

/// The namespace that the process has its number in.
fn pid_namespace(process: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{process}/ns/pid")).ok()
}

/// Waits until there is something.
#[track_caller]
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_until(PATIENCE, look, || format!("waited in vain for {what}"))
}

#[track_caller]
fn ok(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}
