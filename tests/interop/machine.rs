//! The machine that is not a mail server: namespaces in which /etc, /run, /home, /var/spool, /var/log and /var/cache are private, three
//! people have an account, its name is homebox and our programs stand where Debian looks for them. Nothing here reaches the real
//! machine's files. If `POSTRIDER_RECORDER` names a program, it stands in sendmail's place: `record` is one.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;
use std::process::Output;

use tempfile::TempDir;

use support::namespace::Namespace;
use support::world::fed;

/// The people: login, uid, full name.
const PEOPLE: [(&str, u32, &str); 2] = [("his", 20_001, "His Name"), ("her", 20_002, "Her Name")];

/// What makes the mounts; $1 is a folder of ours, $2 and $3 are the programs. The programs come first, since they may lie below a
/// folder that gets hidden.
const SETUP: &str = r#"
    fresh() { mkdir -p "$1"; mount -t tmpfs -o mode=755 tmpfs "$1"; }
    touch "$1/postrider" "$1/sendmail"
    mount --bind "$2" "$1/postrider"
    mount --bind "$3" "$1/sendmail"
    mount --bind "${POSTRIDER_RECORDER:-$3}" /usr/sbin/sendmail
    mkdir "$1/etc"
    fresh "$1/etc"
    cp -a /etc/. "$1/etc"
    mount --bind "$1/etc" /etc
    for folder in /run /home /var/spool /var/log /var/cache /usr/local/bin; do fresh "$folder"; done
    touch /usr/local/bin/postrider
    mount --bind "$1/postrider" /usr/local/bin/postrider
    ln -s postrider /usr/local/bin/mailq
    echo homebox >/etc/hostname
    echo homebox >/proc/sys/kernel/hostname
    printf '127.0.0.1 localhost\n127.0.1.1 homebox.localdomain.local homebox\n' >/etc/hosts
    rm -rf /etc/cron.d /etc/crontab /etc/postrider /etc/aliases
    mkdir -p /etc/cron.d /var/spool/cron/crontabs /var/cache/logwatch
    chmod 1730 /var/spool/cron/crontabs
    chgrp crontab /var/spool/cron/crontabs 2>/dev/null || :
"#;

/// A machine; gone when dropped, with all processes that were started in it.
pub struct Machine {
    namespace: Namespace,
    _folder: TempDir,
}

impl Machine {
    /// Makes one.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("interop-machine-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let programs = [env!("CARGO_BIN_EXE_postrider"), env!("CARGO_BIN_EXE_sendmail")];
        let namespace = Namespace::new(SETUP, &[folder.path().to_str().unwrap(), programs[0], programs[1]]);
        let machine = Self { namespace, _folder: folder };
        for (login, uid, name) in PEOPLE {
            machine.append("/etc/passwd", &format!("{login}:x:{uid}:{uid}:{name},,,:/home/{login}:/bin/sh\n"));
            machine.append("/etc/group", &format!("{login}:x:{uid}:\n"));
            machine.append("/etc/shadow", &format!("{login}:*:19000:0:99999:7:::\n"));
            machine.folder(login, &format!("/home/{login}"));
        }
        machine
    }

    fn append(&self, path: &str, text: &str) {
        let mut file = fs::OpenOptions::new().append(true).open(self.namespace.path(path)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn folder(&self, owner: &str, path: &str) {
        let path = self.namespace.path(path);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        chown(&path, Some(uid(owner)), Some(uid(owner))).unwrap();
    }

    /// Writes a file for the eyes of `owner` alone, with the folders it needs.
    pub fn write(&self, owner: &str, path: &str, text: &str) {
        let base = if owner == "root" { "/".to_owned() } else { format!("/home/{owner}/") };
        let outer = self.namespace.path(path);
        for (at, _) in path.match_indices('/').skip(1).filter(|(at, _)| *at > base.len()) {
            if path.starts_with(&base) && !self.namespace.path(&path[..at]).exists() {
                self.folder(owner, &path[..at]);
            }
        }
        fs::write(&outer, text).unwrap();
        fs::set_permissions(&outer, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&outer, Some(uid(owner)), Some(uid(owner))).unwrap();
    }

    /// Where the outside finds a file of the machine.
    pub fn path(&self, path: &str) -> PathBuf {
        self.namespace.path(path)
    }

    /// Runs a program to its end, as `login`, with `input`.
    pub fn run(&self, login: &str, program: &str, arguments: &[&str], input: &str) -> Output {
        let home = if login == "root" { "/root".to_owned() } else { format!("/home/{login}") };
        fed(self.namespace.command(login, program).args(arguments).env("HOME", home), input.as_bytes())
    }

    /// Runs a program that must succeed; gives what it printed on both streams.
    pub fn succeeds(&self, login: &str, program: &str, arguments: &[&str], input: &str) -> String {
        let output = self.run(login, program, arguments, input);
        let told = String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{program} {arguments:?} as {login}: {}\n{told}", output.status);
        told
    }
}

fn uid(login: &str) -> u32 {
    PEOPLE.iter().find(|(name, ..)| *name == login).map_or(0, |(_, uid, _)| *uid)
}
