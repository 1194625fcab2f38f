//! A network of its own with a name server in it that says what a test wants: namespaces whose only interface is the loopback, port 53
//! of which answers (RFC 1035) for names that exist nowhere else.

use std::collections::HashMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::machine::{Ended, can_run};
use support::namespace::Namespace;
use support::provider::Provider;

/// What makes the mounts; $1 is the file that stands for resolv.conf.
const SETUP: &str = r#"mount --bind "$1" /etc/resolv.conf"#;

/// What the server knows of a name.
#[derive(Debug, Clone)]
pub enum Record {
    /// Its address.
    A(Ipv4Addr),
    /// Preference and host; an empty one is the root.
    Mx(u16, &'static str),
    /// Priority, weight, port and host.
    Srv(u16, u16, u16, &'static str),
    /// It is another name for this one.
    Alias(&'static str),
    /// The server cannot tell at the moment (SERVFAIL), whatever is asked.
    Trouble,
    /// It does not answer.
    Silence,
}

impl Record {
    /// Its TYPE on the wire.
    fn number(&self) -> u16 {
        match self {
            Self::A(_) => 1,
            Self::Mx(..) => 15,
            Self::Srv(..) => 33,
            Self::Alias(_) => 5,
            Self::Trouble | Self::Silence => 0,
        }
    }

    fn data(&self) -> Vec<u8> {
        match self {
            Self::A(address) => address.octets().to_vec(),
            Self::Mx(preference, host) => [&preference.to_be_bytes()[..], &name(host)].concat(),
            Self::Srv(priority, weight, port, host) => {
                [&priority.to_be_bytes()[..], &weight.to_be_bytes(), &port.to_be_bytes(), &name(host)].concat()
            }
            Self::Alias(host) => name(host),
            Self::Trouble | Self::Silence => Vec::new(),
        }
    }
}

/// A name on the wire.
fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|label| !label.is_empty());
    let mut bytes: Vec<u8> =
        labels.flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}

type Zone = HashMap<String, Vec<Record>>;

/// The network, with one postrider on it.
pub struct Network {
    namespace: Namespace,
    folder: TempDir,
    zone: Arc<Mutex<Zone>>,
    asked: Arc<Mutex<Vec<(String, u16)>>>,
}

impl Network {
    /// Runs a test in a network whose server knows no name; what it makes is inside as well.
    pub fn hosts(test: impl FnOnce(&Self) + Send) {
        if !can_run() {
            return;
        }
        let folder = tempfile::Builder::new().prefix("system-network-").tempdir().unwrap();
        let resolv = folder.path().join("resolv.conf");
        std::fs::write(&resolv, "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n").unwrap();
        let namespace = Namespace::with_own_network(SETUP, &[resolv.to_str().unwrap()]);
        let network = Self { namespace, folder, zone: Arc::default(), asked: Arc::default() };
        network.namespace.in_network(|| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
            let (zone, asked) = (Arc::clone(&network.zone), Arc::clone(&network.asked));
            // It ends with the process: nobody can reach it any more once the namespaces are gone.
            std::thread::spawn(move || serve(&socket, &zone, &asked));
            test(&network);
        });
    }

    /// Sets all that is known of a name.
    pub fn knows(&self, name: &str, records: &[Record]) {
        self.zone.lock().unwrap().insert(name.to_owned(), records.to_vec());
    }

    /// Whether this type was asked for this name.
    pub fn was_asked(&self, name: &str, kind: u16) -> bool {
        self.asked.lock().unwrap().contains(&(name.to_owned(), kind))
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

    /// `postrider init ARGS --output FOLDER < input`, where these authorities vouch for servers.
    pub fn init(&self, authorities: &[&str], args: &[&str], input: &str) -> Ended {
        let roots = self.folder.path().join("roots.pem");
        std::fs::write(&roots, authorities.concat()).unwrap();
        let mut command = self.namespace.command("root", env!("CARGO_BIN_EXE_postrider"));
        command.arg("init").args(args).arg("--output").arg(self.made()).env("SSL_CERT_FILE", roots);
        run(command, self.folder.path(), input)
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

fn serve(socket: &UdpSocket, zone: &Mutex<Zone>, asked: &Mutex<Vec<(String, u16)>>) {
    let mut bytes = [0; 1500];
    while let Ok((length, from)) = socket.recv_from(&mut bytes) {
        let Some(question) = Question::read(&bytes[..length]) else { continue };
        asked.lock().unwrap().push((question.name.clone(), question.kind));
        let zone = zone.lock().unwrap();
        if zone.get(&question.name).is_some_and(|records| records.iter().any(|one| matches!(one, Record::Silence))) {
            continue;
        }
        let reply = reply(&question, &zone);
        // Who asked may be gone.
        drop(socket.send_to(&reply, from));
    }
}

/// What was asked.
struct Question<'a> {
    id: &'a [u8],
    name: String,
    kind: u16,
    /// As it came.
    bytes: &'a [u8],
}

impl<'a> Question<'a> {
    fn read(query: &'a [u8]) -> Option<Self> {
        let rest = query.get(12..)?;
        let (mut at, mut labels) = (0, Vec::new());
        loop {
            let length = usize::from(*rest.get(at)?);
            let label = rest.get(at + 1..at + 1 + length)?;
            at += 1 + length;
            if label.is_empty() {
                break;
            }
            labels.push(String::from_utf8_lossy(label).to_lowercase());
        }
        let kind = u16::from_be_bytes(rest.get(at..at + 2)?.try_into().ok()?);
        Some(Self { id: &query[..2], name: labels.join("."), kind, bytes: rest.get(..at + 4)? })
    }
}

/// NOERROR with what is known of the type (nothing: no such record), SERVFAIL, or NXDOMAIN for a name that is not known at all.
fn reply(question: &Question<'_>, zone: &Zone) -> Vec<u8> {
    let known = zone.get(&question.name);
    let code: u8 = match known {
        None => 3,
        Some(records) if records.iter().any(|record| matches!(record, Record::Trouble)) => 2,
        Some(_) => 0,
    };
    let mut answers = Vec::new();
    let mut owner = question.name.as_str();
    let mut records = known.map(Vec::as_slice).unwrap_or_default();
    while let Some(Record::Alias(target)) = records.first() {
        answers.push((owner, &records[0]));
        owner = target;
        records = zone.get(*target).map(Vec::as_slice).unwrap_or_default();
    }
    answers.extend(records.iter().filter(|record| record.number() == question.kind).map(|record| (owner, record)));
    let count = u16::try_from(answers.len()).unwrap().to_be_bytes();
    let mut reply = [question.id, &[0x85, 0x80 | code, 0, 1], &count, &[0; 4], question.bytes].concat();
    for (owner, record) in answers {
        let data = record.data();
        reply.extend(name(owner));
        reply.extend(record.number().to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 60]);
        reply.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        reply.extend(data);
    }
    reply
}
