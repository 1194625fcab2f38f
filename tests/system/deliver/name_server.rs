//! A network of its own with a name server in it that says what a test wants: namespaces whose only interface is the loopback, and
//! one postrider.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::machine::{Ended, can_run};
use support::name_server::{NameServer, Record};
use support::namespace::Namespace;
use support::provider::Provider;
use support::terminal::{Shown, typed};

/// What makes the mounts: $1 has the files that stand for those of /etc. Nothing keeps mailboxes.
const SETUP: &str = r#"
    hostname homebox.home.lan
    for name in resolv.conf hosts passwd; do mount --bind "$1/$name" /etc/$name; done
    for folder in /run/dovecot /run/postrider /var/spool/postfix/private; do
        [ ! -d $folder ] || mount -t tmpfs tmpfs $folder
    done
"#;

/// What /etc has in it.
const FILES: [(&str, &str); 3] = [
    ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n"),
    ("hosts", "127.0.0.1 localhost\n"),
    ("passwd", "root:x:0:0:root:/root:/bin/sh\njo:x:1000:1000:Jo:/home/jo:/bin/sh\n"),
];

/// The network, with one postrider on it.
pub struct Network {
    namespace: Namespace,
    folder: TempDir,
    server: NameServer,
}

impl Network {
    /// Runs a test in a network whose server knows no name; what it makes is inside as well.
    pub fn hosts(test: impl FnOnce(&Self) + Send) {
        if !can_run() {
            return;
        }
        let folder = tempfile::Builder::new().prefix("system-network-").tempdir().unwrap();
        for (name, text) in FILES {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let namespace = Namespace::with_own_network(SETUP, &[folder.path().to_str().unwrap()]);
        let network = Self { namespace, folder, server: NameServer::default() };
        network.namespace.in_network(|| {
            network.server.answer();
            test(&network);
        });
    }

    /// Sets all that is known of a name.
    pub fn knows(&self, name: &str, records: &[Record]) {
        self.server.knows(name, records);
    }

    /// Whether this type was asked for this name.
    pub fn was_asked(&self, name: &str, kind: u16) -> bool {
        self.server.was_asked(name, kind)
    }

    /// Writes the config: one account at this provider, with these lines.
    pub fn account(&self, provider: &Provider, lines: &str) {
        let (username, password) = provider.credential();
        std::fs::write(self.folder.path().join("ca.pem"), provider.authority()).unwrap();
        let config = format!(
            "hostname = \"homebox.home.lan\"\norigin = \"home.lan\"\ndelivery = \"queue\"\nspool = \"spool\"\nlog = \"stderr\"\n\
             [account.isp]\ntls_ca = \"ca.pem\"\nusername = \"{username}\"\npassword = \"{password}\"\n{lines}\n"
        );
        let path = self.folder.path().join("config.toml");
        std::fs::write(&path, config).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, mode).unwrap();
    }

    /// `postrider ARGS < input`.
    pub fn postrider(&self, args: &[&str], input: &str) -> Ended {
        let mut command = self.namespace.command("root", env!("CARGO_BIN_EXE_postrider"));
        command.args(args).env("POSTRIDER_CONFIG", self.folder.path().join("config.toml"));
        run(command, self.folder.path(), input)
    }

    /// `postrider init ARGS --output FOLDER < /dev/null`, where these authorities vouch for servers.
    pub fn init(&self, authorities: &[&str], args: &[&str]) -> Ended {
        self.init_command(authorities, args).stdin(Stdio::null()).output().unwrap().into()
    }

    /// The same on a terminal, where somebody types these lines.
    pub fn typed_init(&self, authorities: &[&str], args: &[&str], lines: &[&str]) -> Shown {
        typed(self.init_command(authorities, args), lines)
    }

    fn init_command(&self, authorities: &[&str], args: &[&str]) -> Command {
        let roots = self.folder.path().join("roots.pem");
        std::fs::write(&roots, authorities.concat()).unwrap();
        let mut command = self.namespace.command("root", env!("CARGO_BIN_EXE_postrider"));
        command.arg("init").args(args).arg("--output").arg(self.made()).env("SSL_CERT_FILE", roots);
        command
    }

    /// Where `init` writes.
    pub fn made(&self) -> PathBuf {
        self.folder.path().join("made")
    }

    /// Sends one mail and attempts it; what `mailq` then says.
    pub fn sends(&self) -> String {
        let sent =
            self.postrider(&["sendmail", "-i", "-f", "me@isp.example", "bob@away.example"], "Subject: hello\n\n");
        assert_eq!((sent.code, sent.said.as_str()), (Some(0), ""));
        self.flushes()
    }

    /// Attempts all that waits; what `mailq` then says.
    pub fn flushes(&self) -> String {
        let flushed = self.postrider(&["flush"], "");
        assert!(flushed.code.is_some(), "{flushed:?}");
        let listed = self.postrider(&["queue", "list"], "");
        assert_eq!(listed.code, Some(0), "{listed:?}");
        listed.printed
    }
}

fn run(mut command: Command, folder: &Path, input: &str) -> Ended {
    let file = folder.join("input");
    std::fs::write(&file, input).unwrap();
    command.stdin(Stdio::from(std::fs::File::open(file).unwrap())).output().unwrap().into()
}
