//! The cluster: three real Postfix instances on loopback addresses of a network of their own, a name server that says what SRV and MX
//! records they have, and a postrider that knows their domain only. Each instance keeps what it takes in a Maildir.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use support::name_server::{NameServer, Record};
use support::namespace::Namespace;
use support::wait::wait_until;
use support::world::{Runner, World, built};

/// How long mail may take to arrive: ample, since a passing test never waits for it.
const PATIENCE: Duration = Duration::from_mins(3);

/// The domain whose records name the relays.
pub const DOMAIN: &str = "relay.example";
/// The relays: name, host, address.
pub const RELAYS: [(&str, &str, Ipv4Addr); 3] = [
    ("a", "a.relay.example", Ipv4Addr::new(127, 0, 0, 11)),
    ("b", "b.relay.example", Ipv4Addr::new(127, 0, 0, 12)),
    ("c", "c.relay.example", Ipv4Addr::new(127, 0, 0, 13)),
];

const PAGE: &str = include_str!("../../../man/postrider-machines.7");

/// The display of the page that has this in it, as it is read.
fn shown(part: &str) -> String {
    let blocks = PAGE.split(".Bd -literal -offset indent\n").skip(1).map(|rest| rest.split(".Ed").next().unwrap());
    blocks.into_iter().find(|block| block.contains(part)).unwrap().replace("\\(dq", "\"")
}

/// What makes the mounts and starts them; $1 is the file that stands for resolv.conf, the rest are the folders of the relays.
const SETUP: &str = r#"mount --bind "$1" /etc/resolv.conf
    shift
    for relay; do postfix -c "$relay/etc" start-fg >"$relay/out" 2>&1 & done"#;

/// The cluster and the machine; gone with everything it started when dropped.
pub struct Cluster {
    namespace: Namespace,
    folder: TempDir,
    pub names: NameServer,
    pub world: World,
    limit: Option<String>,
}

/// What has arrived.
#[derive(Debug, Default)]
pub struct Arrived {
    /// How many at each relay.
    pub shares: BTreeMap<&'static str, usize>,
    /// The longest that a mail took from `sendmail` to a mailbox.
    pub longest: Duration,
}

impl Cluster {
    /// Starts one whose relays have these further lines in main.cf, and waits until they answer. Its records are yet to be set.
    pub fn start(further: [&str; 3]) -> Self {
        let folder = tempfile::Builder::new().prefix("interop-cluster-").tempdir().unwrap();
        let root = folder.path();
        // Postfix reaches it under its own user.
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(root.join("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n").unwrap();
        let authority = certificate(root);
        for ((name, host, address), further) in RELAYS.iter().zip(further) {
            postfix(&root.join(name), host, *address, further);
        }
        let paths = RELAYS.map(|(name, ..)| root.join(name));
        let arguments = [root.join("resolv.conf")].into_iter().chain(paths).map(|path| path.display().to_string());
        let arguments: Vec<String> = arguments.collect();
        let namespace = Namespace::with_own_network(SETUP, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let names = NameServer::default();
        namespace.in_network(|| names.answer());
        for (_, host, address) in RELAYS {
            names.knows(host, &[Record::A(address)]);
        }
        let world = World::new();
        world.file("relays.pem", &authority, 0o644);
        let cluster = Self { namespace, folder, names, world, limit: None };
        for (name, ..) in RELAYS {
            cluster.answers(name);
        }
        cluster
    }

    /// The SRV records that the manual shows.
    pub fn weighted(self) -> Self {
        let text = shown("_submission._tcp");
        let records = text.lines().map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [owner, "SRV", priority, weight, port, host] = words[..] else { panic!("{line}") };
            assert_eq!(owner, "_submission._tcp.relay.example.");
            let number = |word: &str| word.parse::<u16>().unwrap();
            let (_, host, _) = RELAYS.into_iter().find(|(_, name, _)| host.trim_end_matches('.') == *name).unwrap();
            Record::Srv(number(priority), number(weight), number(port), host)
        });
        self.names.knows("_submission._tcp.relay.example", &records.collect::<Vec<_>>());
        self
    }

    /// MX records with these preferences.
    pub fn exchangers(self, preferences: [u16; 3]) -> Self {
        self.names.knows(DOMAIN, &[0, 1, 2].map(|at| Record::Mx(preferences[at], RELAYS[at].1)));
        self
    }

    /// The limits of the account that the manual shows, for a test that waits for them.
    pub fn limits(self, limit: &str) -> Self {
        Self { limit: Some(limit.to_owned()), ..self }
    }

    /// The machine's only account, as the manual shows it, with this relay.
    pub fn account(self, relay: &str) -> Self {
        let mut text = shown("[account.relays]").replace("srv:relay.example", relay);
        if let Some(limit) = &self.limit {
            text = text.replace("\"5s\"", &format!("\"{limit}\"")).replace("\"10s\"", &format!("\"{limit}\""));
        }
        fs::create_dir(self.world.path("conf.d")).unwrap();
        self.world.file("conf.d/relays.toml", &text, 0o600);
        self
    }

    /// A program of ours in the cluster's network.
    fn command(&self, program: &str, args: &[&str]) -> Command {
        let (target, program) = (self.namespace.init().to_string(), built(program));
        let enter = ["--target", &target, "--mount", "--net", "--", program.to_str().unwrap()];
        self.world.command("nsenter", &[&enter, args].concat())
    }

    /// The machine's service.
    pub fn runner(&self) -> Runner {
        Runner::start(self.command("postrider", &["run"]), self.world.path("run.log")).ready(&self.world)
    }

    /// Delivers all that waits; how long that took.
    pub fn drain(&self) -> Duration {
        let began = SystemTime::now();
        let status = self.command("postrider", &["run", "--until-empty"]).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{}", self.world.mailq());
        began.elapsed().unwrap()
    }

    /// Begins to submit mails with these numbers, at this distance, each with the time in it.
    pub fn submit(&self, first: usize, last: usize, distance: &str) -> Child {
        let script = r#"for number in $(seq $1 $2); do
                printf 'Subject: number %s\nX-Sent: %s\n\nx\n' $number $(date +%s%N) | "$4" -i -f cron@home.lan all@away.example
                [ $3 = 0 ] || sleep $3
            done"#;
        let (first, last) = (first.to_string(), last.to_string());
        let sendmail = built("sendmail");
        let arguments = ["-euc", script, "sh", &first, &last, distance, sendmail.to_str().unwrap()];
        self.world.command("/bin/sh", &arguments).spawn().unwrap()
    }

    /// The same, to its end.
    pub fn submits(&self, count: usize) {
        assert!(self.submit(1, count, "0").wait().unwrap().success());
    }

    fn relay(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn answers(&self, name: &str) {
        let (.., address) = *RELAYS.iter().find(|(known, ..)| *known == name).unwrap();
        let connects = || {
            let connected = self.namespace.in_network(|| std::net::TcpStream::connect((address, 587)).is_ok());
            connected.then_some(())
        };
        wait_until(Duration::from_secs(30), connects, || self.log(name));
    }

    /// Stops a relay.
    pub fn stop(&self, name: &str) {
        self.postfix(name, "abort");
    }

    /// Starts it again.
    pub fn start_again(&self, name: &str) {
        self.postfix(name, "start");
        self.answers(name);
    }

    fn postfix(&self, name: &str, action: &str) {
        let folder = self.relay(name).join("etc");
        let mut command = self.namespace.command("root", "postfix");
        let output = command.arg("-c").arg(folder).arg(action).output().unwrap();
        assert!(output.status.success(), "{action}: {output:?}\n{}", self.log(name));
    }

    /// Every process of a relay stands still: connections are taken by the kernel, and nobody says a word.
    pub fn freeze(&self, name: &str) {
        let script = r#"master=$(tr -d ' ' <"$1/queue/pid/master.pid"); kill -STOP $master $(pgrep -P $master)"#;
        let mut command = self.namespace.command("root", "sh");
        let status = command.args(["-euc", script, "sh"]).arg(self.relay(name)).status().unwrap();
        assert!(status.success());
    }

    fn log(&self, name: &str) -> String {
        let read = |file: &str| fs::read_to_string(self.relay(name).join(file)).unwrap_or_default();
        ["out", "maillog"].map(read).concat()
    }

    /// How many mails have arrived, with repetitions.
    pub fn count(&self) -> usize {
        RELAYS.iter().map(|(name, ..)| self.files(name).count()).sum()
    }

    fn files(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        let entries = fs::read_dir(self.relay(name).join("mail/new")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path())
    }

    /// Waits until each of these mails has arrived and the machine's queue is empty; each must be there once.
    pub fn arrived(&self, count: usize) -> Arrived {
        let complaint = || format!("{} of {count} have arrived:\n{}", self.count(), self.world.mailq());
        let is_done = || self.count() >= count && self.world.spool("queue").is_empty();
        wait_until(PATIENCE, || is_done().then_some(()), complaint);
        let (mut arrived, mut numbers) = (Arrived::default(), BTreeMap::new());
        for (name, ..) in RELAYS {
            for file in self.files(name) {
                let text = fs::read_to_string(&file).unwrap();
                let field = |field: &str| {
                    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
                    line.trim().parse::<u64>().unwrap()
                };
                let there = fs::metadata(&file).unwrap().modified().unwrap();
                let sent = UNIX_EPOCH + Duration::from_nanos(field("X-Sent: "));
                arrived.longest = arrived.longest.max(there.duration_since(sent).unwrap_or_default());
                *arrived.shares.entry(name).or_default() += 1;
                *numbers.entry(field("Subject: number ")).or_insert(0) += 1;
            }
        }
        let twice: Vec<_> = numbers.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "more than once: {twice:?}");
        assert_eq!(numbers.len(), count, "each is there");
        arrived
    }
}

/// An authority and a certificate for all three.
fn certificate(root: &Path) -> String {
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = RELAYS.map(|(_, host, _)| host.to_owned());
    let server = rcgen::CertificateParams::new(names).unwrap();
    let chain = key.serialize_pem() + &server.signed_by(&key, &issuer).unwrap().pem();
    fs::write(root.join("chain.pem"), chain).unwrap();
    fs::set_permissions(root.join("chain.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    pem
}

fn postfix(root: &Path, host: &str, address: Ipv4Addr, further: &str) {
    for folder in ["", "etc", "queue", "queue/pid", "queue/private", "data", "mail"] {
        fs::create_dir(root.join(folder)).unwrap();
    }
    let user = |name: &str| nix::unistd::User::from_name(name).unwrap().expect("every system with Postfix has it");
    let (owner, nobody) = (user("postfix").uid.as_raw(), user("nobody"));
    for folder in ["queue/private", "data"] {
        chown(root.join(folder), Some(owner), None).unwrap();
    }
    fs::set_permissions(root.join("queue/private"), fs::Permissions::from_mode(0o700)).unwrap();
    chown(root.join("mail"), Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw())).unwrap();
    fs::write(root.join("etc/every"), "/./ inbox/\n").unwrap();
    let (uid, gid) = (nobody.uid, nobody.gid);
    let root = root.display();
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {root}/queue\ndata_directory = {root}/data\nmaillog_file = {root}/maillog\n\
         maillog_file_prefixes = {root}\nmyhostname = {host}\nmydestination =\nalias_maps =\nalias_database =\n\
         mynetworks = 127.0.0.0/8\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nsmtpd_peername_lookup = no\n\
         virtual_mailbox_domains = regexp:{root}/etc/every\nvirtual_mailbox_base = {root}\n\
         virtual_mailbox_maps = static:mail/\nvirtual_uid_maps = static:{uid}\nvirtual_gid_maps = static:{gid}\n\
         smtpd_tls_security_level = encrypt\nsmtpd_tls_chain_files = {root}/../chain.pem\nsmtpd_error_sleep_time = 0\n\
         smtpd_client_connection_rate_limit = 0\nsmtpd_relay_restrictions = permit_mynetworks, reject\n{further}\n"
    );
    fs::write(format!("{root}/etc/main.cf"), main).unwrap();
    let master = format!(
        "{address}:587 inet n - n - - smtpd\n\
         cleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\ntlsmgr unix - - n 1000? 1 tlsmgr\n\
         rewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\n\
         trace unix - - n - 0 bounce\nverify unix - - n - 1 verify\nflush unix n - n 1000? 0 flush\n\
         proxymap unix - - n - - proxymap\nproxywrite unix - - n - 1 proxymap\nshowq unix n - n - - showq\n\
         error unix - - n - - error\nretry unix - - n - - error\nlocal unix - n n - - local\nvirtual unix - n n - - virtual\n\
         anvil unix - - n - 1 anvil\npostlog unix-dgram n - n - 1 postlogd\n"
    );
    fs::write(format!("{root}/etc/master.cf"), master).unwrap();
}
