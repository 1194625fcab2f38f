//! A container, as Docker and others start one: mounts and processes of its own on a machine, a volume for the spool, a program that
//! is its first process, and commands that are started in it later.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::machine::{Ended, Machine};
use support::provider::Provider;
use support::wait::{wait_for, wait_until};

/// The folder of secrets, and the way to the one that Kubernetes has mounted.
pub const SECRETS: &str = "/run/secrets";
pub const SECRET: &str = "/run/secrets/isp/password";

/// Makes the mounts, as the first process, and becomes the program: $1 is the user, $2 the volume or nothing.
const BEGIN: &str = r#"
    user=$1 volume=$2
    shift 2
    # As the image has it: what is in /run is the container's.
    [ -z "$volume" ] || mount --bind "$volume" /var/spool/postrider
    [ "$user" = root ] || exec setpriv --reuid "$user" --regid "$user" --clear-groups -- "$@"
    exec "$@"
"#;

/// How one is started.
pub struct Setup<'m> {
    machine: &'m Machine,
    variables: Vec<(String, String)>,
    user: &'static str,
    volume: Option<TempDir>,
    program: Vec<String>,
}

impl<'m> Setup<'m> {
    /// As root, with a volume that is root's, as new ones are.
    pub fn new(machine: &'m Machine) -> Self {
        // Not where the machine has its own: it is on a file system that stays.
        let volume = tempfile::Builder::new().prefix("container-volume-").tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let program = ["postrider", "run", "--container"].map(str::to_owned).to_vec();
        Self { machine, variables: Vec::new(), user: "root", volume: Some(volume), program }
    }

    /// For this provider, with a secret as Kubernetes mounts it.
    pub fn for_provider(machine: &'m Machine, provider: &Provider) -> Self {
        let (username, password) = provider.credential();
        mount_secret(machine, password);
        fs::write(machine.path("/etc/postrider/isp.pem"), provider.authority()).unwrap();
        Self::new(machine)
            .variable("RELAY", &provider.relay())
            .variable("USERNAME", username)
            .variable("PASSWORD_FILE", SECRET)
            .variable("TLS_CA", "/etc/postrider/isp.pem")
            .variable("HOSTNAME", "homebox.home.lan")
            .variable("GENERIC", "@homebox.home.lan=me@isp.example")
    }

    /// With `POSTRIDER_name`.
    pub fn variable(self, name: &str, value: &str) -> Self {
        self.environment(&format!("POSTRIDER_{name}"), value)
    }

    /// With a variable.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a volume.
    pub fn without_volume(mut self) -> Self {
        self.volume = None;
        self
    }

    /// With the volume of a container that has ended.
    pub fn volume(mut self, volume: TempDir) -> Self {
        self.volume = Some(volume);
        self
    }

    /// As another user, whose the volume is.
    pub fn user(mut self, login: &'static str, uid: u32) -> Self {
        self.user = login;
        chown(self.volume.as_ref().unwrap().path(), Some(uid), Some(uid)).unwrap();
        self
    }

    /// With another program than an image has.
    pub fn program(mut self, program: Vec<String>) -> Self {
        self.program = program;
        self
    }

    fn command(&self) -> Command {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let variables = self.variables.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let variables = variables.collect::<Vec<_>>().join(" ");
        let volume = self.volume.as_ref().map_or("", |volume| volume.path().to_str().unwrap());
        let program = self.program.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        let script = format!(
            "exec env -i PATH=\"$PATH\" {variables} unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
             sh -euc {} sh {} '{volume}' {program}",
            quoted(BEGIN),
            self.user
        );
        self.machine.command("root", &script)
    }

    /// Runs one that ends by itself.
    pub fn run(self) -> Ended {
        crate::machine::run(self.command(), b"")
    }

    /// Starts one, and waits until it takes mail.
    pub fn start(self) -> Container<'m> {
        let mut command = self.command();
        let log = fs::File::create(self.machine.path("/run/container.log")).unwrap();
        command.stdin(std::process::Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        let Self { machine, variables, volume, .. } = self;
        let mut container = Container { machine, variables, volume, child, first: String::new() };
        wait_for("the container's first process", || {
            // unshare waits for it, and is no postrider.
            machine.sh("root", "pgrep -xo postrider", b"").printed.trim().clone_into(&mut container.first);
            assert!(matches!(container.child.try_wait(), Ok(None)), "it ended: {}", container.log());
            !container.first.is_empty()
        });
        wait_for("the container to run", || {
            assert!(matches!(container.child.try_wait(), Ok(None)), "it ended: {}", container.log());
            container.log().contains("daemon started")
        });
        container
    }
}

/// Lays a secret as Kubernetes does, for all to read and under a uid of its own; `..data` leads to the current one.
pub fn mount_secret(machine: &Machine, password: &str) {
    let script = format!(
        "set -e; umask 022; mkdir -p {SECRETS}/isp/..2026_11_29; cd {SECRETS}/isp; cat >..2026_11_29/password; \
         ln -sfn ..2026_11_29 ..data; ln -sf ..data/password password; chmod 444 ..2026_11_29/password; \
         chown -R 1234:1234 {SECRETS}/isp"
    );
    machine.sh("root", &script, format!("{password}\n").as_bytes()).good();
}

/// One that runs; killed when dropped.
pub struct Container<'m> {
    machine: &'m Machine,
    variables: Vec<(String, String)>,
    volume: Option<TempDir>,
    child: Child,
    /// Its first process, as the machine numbers it.
    first: String,
}

impl Container<'_> {
    /// What it said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.machine.path("/run/container.log")).unwrap_or_default()
    }

    /// The port of its listener, which the system chose.
    pub fn port(&self) -> u16 {
        let listening =
            || Some(self.log().split_once("listening on 127.0.0.1:")?.1.split_once(' ')?.0.parse().unwrap());
        wait_until(Duration::from_mins(1), listening, || "the container listens nowhere".to_owned())
    }

    /// Runs a script in it, as `docker exec` does: with its environment.
    pub fn exec(&self, login: &str, script: &str, input: &[u8]) -> Ended {
        let variables = self.variables.iter().map(|(name, value)| format!("'{name}={value}'"));
        let variables = variables.collect::<Vec<_>>().join(" ");
        let inside = format!(
            "exec nsenter --target {} --mount --pid -- env -i PATH=\"$PATH\" {variables} setpriv --reuid {login} --regid {login} \
             --init-groups -- sh -c '{}'",
            self.first,
            script.replace('\'', r"'\''")
        );
        self.machine.sh("root", &inside, input)
    }

    /// Asks it to end; how, and after how long.
    pub fn stop(mut self) -> (Ended, Duration, Option<TempDir>) {
        let begun = Instant::now();
        self.machine.sh("root", &format!("kill -TERM {}", self.first), b"").good();
        let status = self.child.wait().unwrap();
        let lasted = begun.elapsed();
        let ended = Ended { code: status.code(), said: self.log(), printed: String::new() };
        (ended, lasted, self.volume.take())
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.machine.sh("root", &format!("kill -KILL {}", self.first), b"");
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the container said:\n{}", self.log());
        }
    }
}
