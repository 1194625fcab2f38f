//! A machine on which postrider is installed: by contrib/install.sh, into overlays over /usr and /var/lib, and private /etc, /run,
//! /home and /var folders. He and she have an account on it, nobody else's files are reached.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use postrider::submit::wire::frame::FrameWriter;
use support::namespace::Namespace;
use support::need::root_and;
use support::world::built;

/// Uids and gids of the people.
pub const HIS: u32 = 20_001;
pub const HER: u32 = 20_002;

/// The privileged programs, and where the drop program stores.
pub const PROGRAM: &str = "/usr/libexec/postrider/postrider-drop";
pub const MAILBOX_PROGRAM: &str = "/usr/libexec/postrider/postrider-mailbox";
pub const DROP: &str = "/var/spool/postrider/drop";

/// Programs that the namespaces need.
const NEEDED: [&str; 8] = ["unshare", "nsenter", "setpriv", "mount", "strace", "prlimit", "useradd", "gpasswd"];

/// What makes the mounts; $1 is a folder of ours, $2 the source tree, $3 the folder of the built programs. These are copied first, since
/// they may lie below a folder that gets hidden.
const SETUP: &str = r#"
    fresh() { mkdir -p "$1"; mount -t tmpfs -o mode=755 tmpfs "$1"; }
    fresh "$1"
    mkdir "$1/programs" "$1/source" "$1/etc" "$1/usr" "$1/work" "$1/lib" "$1/lib.work"
    # Debug builds are big, and check reads them.
    for program in postrider sendmail postrider-drop postrider-mailbox; do
        strip -o "$1/programs/$program" "$3/$program" 2>/dev/null || cp "$3/$program" "$1/programs"
    done
    cp -r "$2/contrib" "$2/man" "$1/source"
    cp -a /etc/. "$1/etc"
    mount --bind "$1/etc" /etc
    mount -t overlay -o "lowerdir=/usr,upperdir=$1/usr,workdir=$1/work" overlay /usr
    mount -t overlay -o "lowerdir=/var/lib,upperdir=$1/lib,workdir=$1/lib.work" overlay /var/lib
    for folder in /run /home /var/spool /var/log /var/mail; do fresh "$folder"; done
    chgrp mail /var/mail
    chmod 2775 /var/mail
    rm -rf /etc/postrider /etc/aliases
    for name in /usr/sbin/sendmail /usr/lib/sendmail /usr/bin/mailq /usr/bin/newaliases; do
        rm -rf $name
        # A diversion of the real machine would move here what another package brings.
        ! command -v dpkg-divert >/dev/null || dpkg-divert --quiet --no-rename --remove $name || :
    done
    printf 'his:x:20001:20001:His Name:/home/his:/bin/sh\nher:x:20002:20002:Her Name:/home/her:/bin/sh\n' >>/etc/passwd
    printf 'his:x:20001:\nher:x:20002:\n' >>/etc/group
    mkdir -m 755 /home/his /home/her
    chown his:his /home/his
    chown her:her /home/her
    ln -s "$1" /run/ours
"#;

/// A machine; gone when dropped, with all processes that were started in it.
pub struct Machine {
    namespace: Namespace,
    _folder: TempDir,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it said on standard error.
    pub said: String,
    /// And on standard output.
    pub printed: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), said: text(output.stderr), printed: text(output.stdout) }
    }
}

/// Whether the test can run here; the reason why not goes to the terminal, unless CI forbids skipping.
pub fn can_run() -> bool {
    can_run_with(&[])
}

/// The same for a test that needs further programs.
pub fn can_run_with(programs: &[&str]) -> bool {
    root_and(NEEDED.iter().chain(programs).copied(), "it makes namespaces")
}

/// The crates of the privileged programs: folder and program.
const PRIVILEGED: [(&str, &str); 2] = [("src/drop", "postrider-drop"), ("src/mailbox", "postrider-mailbox")];

/// The folder of the built programs. Cargo builds the privileged ones for their own packages' tests alone: where one is older than its
/// sources, or missing, it is built here.
fn programs() -> PathBuf {
    let folder = built("postrider").parent().unwrap().to_owned();
    let changed = |path: &Path| fs::metadata(path).and_then(|seen| seen.modified());
    for (sources, program) in PRIVILEGED {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join(sources);
        let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs");
        let sources = fs::read_dir(sources).unwrap().map(|entry| entry.unwrap().path());
        let newest = sources.chain([build]).map(|path| changed(&path).unwrap()).max().unwrap();
        if !changed(&folder.join(program)).is_ok_and(|built| built >= newest) {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--locked", "--quiet", "--package", program, "--bin", program]);
            build.arg("--target-dir").arg(folder.parent().unwrap());
            if folder.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
        }
    }
    folder
}

impl Machine {
    /// One without postrider, and without any other mail program.
    pub fn bare() -> Self {
        Self::made_by(Namespace::new)
    }

    fn made_by(namespace: fn(&str, &[&str]) -> Namespace) -> Self {
        let folder = tempfile::Builder::new().prefix("system-machine-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let arguments = [folder.path().to_str().unwrap(), env!("CARGO_MANIFEST_DIR"), programs().to_str().unwrap()]
            .map(str::to_owned);
        let namespace = namespace(SETUP, &arguments.each_ref().map(String::as_str));
        Self { namespace, _folder: folder }
    }

    /// One with postrider installed.
    pub fn new() -> Self {
        let machine = Self::bare();
        machine.install("").good();
        machine
    }

    /// The same with a network of its own.
    pub fn alone() -> Self {
        let machine = Self::made_by(Namespace::with_own_network);
        machine.install("").good();
        machine
    }

    /// Runs contrib/install.sh with these words before and behind it.
    pub fn install(&self, arguments: &str) -> Ended {
        self.install_with("", arguments)
    }

    /// Runs contrib/install.sh with this environment.
    pub fn install_with(&self, variables: &str, arguments: &str) -> Ended {
        self.sh(
            "root",
            &format!("{variables} sh /run/ours/source/contrib/install.sh --programs /run/ours/programs {arguments}"),
            b"",
        )
    }

    /// A command that `login` runs: a shell script.
    pub fn command(&self, login: &str, script: &str) -> Command {
        let mut command = self.namespace.command(login, "sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts a script of `login`.
    pub fn start(&self, login: &str, script: &str) -> Child {
        self.command(login, script).spawn().unwrap()
    }

    /// Runs a script of `login` to its end.
    pub fn sh(&self, login: &str, script: &str, input: &[u8]) -> Ended {
        run(self.command(login, script), input)
    }

    /// What `login` gets who drops this submission.
    pub fn drop_as(&self, login: &str, frame: &[u8]) -> Ended {
        self.sh(login, &format!("exec {PROGRAM}"), frame)
    }

    /// Where the outside finds an inner file.
    pub fn path(&self, path: &str) -> PathBuf {
        self.namespace.path(path)
    }

    /// The names in drop/, sorted.
    pub fn dropped(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path(DROP)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Takes everything out of drop/.
    pub fn empty_drop(&self) {
        for name in self.dropped() {
            fs::remove_file(self.path(DROP).join(name)).unwrap();
        }
    }

    /// Owner, group and mode of an inner file.
    pub fn standing(&self, path: &str) -> (u32, u32, u32) {
        let seen = fs::symlink_metadata(self.path(path)).unwrap();
        (seen.uid(), seen.gid(), seen.mode() & 0o7777)
    }

    /// The gid that the machine's group file gives to a group.
    pub fn gid(&self, group: &str) -> u32 {
        let text = fs::read_to_string(self.path("/etc/group")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{group}:x:"))).unwrap();
        line.split(':').next().unwrap().parse().unwrap()
    }
}

impl Ended {
    /// Insists on success.
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Insists on this code, and on one line that says why.
    #[track_caller]
    pub fn refused(self, code: i32) -> Self {
        assert_eq!((self.code, self.said.lines().count()), (Some(code), 1), "{self:?}");
        assert!(self.said.starts_with("postrider-drop: not stored: "), "{self:?}");
        self
    }
}

/// Runs a command to its end with this input, which it need not read.
pub fn run(mut command: Command, input: &[u8]) -> Ended {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
    .into()
}

/// A submission as the front end frames it.
pub fn frame(envelope: &[u8], content: &[u8]) -> Vec<u8> {
    let mut writer = FrameWriter::begin(Vec::new(), envelope).unwrap();
    writer.write(content).unwrap();
    writer.finish().unwrap()
}

/// Shell text that prints octets, for scripts that make their own input.
pub fn printf(octets: &[u8]) -> String {
    octets.iter().fold(String::from("printf '"), |mut text, octet| {
        write!(text, "\\{octet:03o}").unwrap();
        text
    }) + "'"
}
