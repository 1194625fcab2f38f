//! Other mail programs and what `import` makes of them: the same calls go through the real program and, after the import, through
//! postrider. What the provider gets from both is compared: login, envelope sender, recipients, From and To.

mod msmtp;
mod others;
mod postfix;
mod terminal;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use support::namespace::Namespace;
use support::provider::{Mail, Provider};
use support::wait::wait_until;
use support::world::fed;
use tempfile::TempDir;

/// Programs wait a while before they look at their queues.
const PATIENCE: Duration = Duration::from_mins(1);

/// What makes the machine; $1 is a folder of ours, $2 and $3 are our programs, $4 is where the other program's package is unpacked, or empty.
const SETUP: &str = r#"
    fresh() { mkdir -p "$1"; mount -t tmpfs -o mode=755 tmpfs "$1"; }
    touch "$1/postrider" "$1/sendmail"
    mount --bind "$2" "$1/postrider"
    mount --bind "$3" "$1/sendmail"
    fresh "$1/etc"
    cp -a /etc/. "$1/etc"
    mount --bind "$1/etc" /etc
    rm -rf /etc/postrider
    fresh "$1/over"
    mkdir "$1/over/upper" "$1/over/work"
    if [ -n "$4" ]; then
        cp -a "$4/etc/." /etc
        mount -t overlay overlay -o "lowerdir=$4/usr:/usr,upperdir=$1/over/upper,workdir=$1/over/work" /usr
    fi
    for folder in /run /home /var/spool /var/log /var/lib; do fresh "$folder"; done
    echo homebox >/proc/sys/kernel/hostname
    echo homebox >/etc/hostname
    echo homebox.home.lan >/etc/mailname
    printf '127.0.0.1 localhost\n127.0.1.1 homebox.home.lan homebox\n127.0.0.1 smtp.isp.example\n' >/etc/hosts
    printf 'root: me@isp.example\n' >/etc/aliases
    mount --bind "$1/ca.pem" /etc/ssl/certs/ca-certificates.crt
"#;

/// A machine with another mail program; gone when dropped.
pub struct Machine {
    namespace: Namespace,
    folder: TempDir,
}

/// A call: arguments, and the message on standard input.
type Call = (&'static [&'static str], &'static str);

/// What has to be the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Login, envelope, From and To.
    Everything,
    /// Not To, of which the import said that it changes.
    Sender,
    /// Nor From.
    Envelope,
}

impl Machine {
    /// One that trusts this provider; `package` is where the program's package is unpacked.
    pub fn new(isp: &Provider, package: Option<&Path>) -> Self {
        let folder = tempfile::Builder::new().prefix("interop-import-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("ca.pem"), isp.authority()).unwrap();
        let programs = [env!("CARGO_BIN_EXE_postrider"), env!("CARGO_BIN_EXE_sendmail")];
        let package = package.map(|path| path.to_str().unwrap()).unwrap_or_default();
        let namespace = Namespace::new(SETUP, &[folder.path().to_str().unwrap(), programs[0], programs[1], package]);
        Self { namespace, folder }
    }

    /// Writes a file of root's, with the folders it needs. `{FC}` is one byte, a letter in Latin-1.
    pub fn write(&self, path: &str, text: &str) {
        let pieces: Vec<&[u8]> = text.split("{FC}").map(str::as_bytes).collect();
        let outer = self.namespace.path(path);
        fs::create_dir_all(outer.parent().unwrap()).unwrap();
        fs::write(&outer, pieces.join(&b"\xfc"[..])).unwrap();
        fs::set_permissions(&outer, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Runs a script as root, with this on its standard input.
    pub fn run(&self, script: &str, input: &str) -> Output {
        let mut command = self.namespace.command("root", "sh");
        fed(
            command
                .args(["-euc", script])
                .env("HOME", "/root")
                .env("OURS", self.folder.path())
                .env("POSTRIDER_CONFIG", "/run/moved/config.toml"),
            input.as_bytes(),
        )
    }

    /// Runs a script that must succeed; what it printed.
    #[track_caller]
    pub fn ok(&self, script: &str, input: &str) -> String {
        let output = self.run(script, input);
        let told = String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{script}: {}\n{told}", output.status);
        told
    }

    /// Imports, from the usual place or from a file; the configuration, with what only a test needs in it.
    #[track_caller]
    pub fn import(&self, program: &str, options: &str) -> String {
        self.ok("rm -rf /run/moved /run/spool", "");
        self.ok(&format!("$OURS/postrider import {program} {options} --output /run/moved"), "");
        let place = self.namespace.path("/run/moved/config.toml");
        let text = fs::read_to_string(&place).unwrap();
        fs::write(&place, format!("spool = \"/run/spool\"\nlog = \"stderr\"\ndelivery = \"queue\"\n{text}")).unwrap();
        text
    }

    /// Sends the calls through the real program and through what was imported, and compares. `theirs` takes the place of sendmail.
    #[track_caller]
    pub fn same(&self, isp: &Provider, what: &str, theirs: &str, compared: Compared, calls: &[Call]) {
        for (number, (arguments, message)) in calls.iter().enumerate() {
            let call = format!("'{}'", arguments.join("' '"));
            let number = format!("{number}, {}", isp.received());
            let marked = |by: &str| format!("Subject: {by} {number}\n{message}");
            self.ok(&format!("$OURS/sendmail {call} && $OURS/postrider run --once"), &marked("ours"));
            let ours = seen(isp, &format!("ours {number}"), compared);
            assert!(!ours.is_empty(), "{what}: {call}: nothing of ours arrived");
            self.ok(&format!("{theirs} {call}"), &marked("theirs"));
            let all = || Some(seen(isp, &format!("theirs {number}"), compared)).filter(|theirs| *theirs == ours);
            let complaint = || {
                let theirs = seen(isp, &format!("theirs {number}"), compared);
                let log = self.run("cat /run/program.log /var/log/exim4/mainlog 2>/dev/null || :", "").stdout;
                let config = self.run("cat /run/moved/config.toml", "").stdout;
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let log = (text(&log), text(&config));
                format!("{what}: {call}\nours:   {ours:#?}\ntheirs: {theirs:#?}\n{}\n{}", log.0, log.1)
            };
            wait_until(PATIENCE, all, complaint);
        }
        isp.forgive();
    }
}

/// What came of a message: one entry for each recipient, since some programs send one message to each.
fn seen(isp: &Provider, subject: &str, compared: Compared) -> BTreeSet<[String; 5]> {
    let is_it = |mail: &Mail| mail.fields("Subject").iter().any(|found| found == subject);
    let mails = isp.mails().into_iter().filter(is_it);
    let each = mails.flat_map(|mail| {
        let field = |name: &str| match (compared, name) {
            (Compared::Envelope, _) | (Compared::Sender, "To") => String::new(),
            _ => completed(&mail.fields(name).concat().to_lowercase()),
        };
        let (login, from, to) = (mail.username().to_owned(), address(&field("From")), field("To"));
        let sender = mail.from.clone();
        mail.to
            .clone()
            .into_iter()
            .map(move |recipient| [login.clone(), sender.clone(), recipient, from.clone(), to.clone()])
    });
    each.collect()
}

/// With the domain that a bare name means: not all programs write it.
fn completed(field: &str) -> String {
    if field.contains('@') || field.is_empty() { field.to_owned() } else { format!("{field}@homebox.home.lan") }
}

/// Without a name beside it.
fn address(field: &str) -> String {
    field.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(field, |(address, _)| address).to_owned()
}
