//! Programs that guess, and one that bans who does: nmap's scripts find no relay and no user, and fail2ban with contrib's filter bans
//! an address in a network of its own.

use std::fs;
use std::process::Output;

use postrider::config::scram::{ScramHash, StoredKeys};
use serde_json::json;
use support::namespace::Namespace;
use support::provider::Provider;
use support::wait::{wait_for, wait_until};
use support::world::{World, built, login};

use crate::need;

/// A network in which a listener for the house and strangers are on one machine.
const NETWORK: &str = r#"
    ip address add 192.168.77.1/24 dev lo
    ip address add 192.168.77.30/24 dev lo
    ip address add 203.0.113.9/32 dev lo
    mkdir -p "$1/etc"
    mount -t tmpfs -o mode=755 tmpfs "$1/etc"
    cp -a /etc/. "$1/etc"
    mount --bind "$1/etc" /etc
    mount -t tmpfs -o mode=755 tmpfs /run
    mount -t tmpfs -o mode=755 tmpfs /var/log
"#;

const PORT: u16 = 5870;

/// The machine in its network, and its runner.
struct House {
    namespace: Namespace,
    world: World,
    _isp: Provider,
}

impl House {
    fn start() -> Self {
        let isp = Provider::start();
        let keys =
            StoredKeys::of(ScramHash::Sha256, "pencil", b"salt of the test", 4096.try_into().unwrap()).to_string();
        let networks = json!(["192.168.77.0/24"]);
        let clear = json!({ "owner": login(), "scram": keys, "networks": networks, "allow_plaintext": true });
        let world = World::at_home(&isp)
            .set(
                "listen",
                json!({ "lan": { "address": format!("192.168.77.1:{PORT}"), "tls": "none", "networks": networks, "failures": 20 } }),
            )
            .set("client", json!({ "alice": clear }));
        let folder = world.path("namespace").display().to_string();
        fs::create_dir(&folder).unwrap();
        let namespace = Namespace::with_own_network(NETWORK, &[&folder]);
        Self { namespace, world, _isp: isp }
    }

    /// Runs a script in it.
    fn run(&self, script: &str) -> Output {
        let mut command = self.namespace.command("root", "sh");
        command.args(["-euc", script]).env("POSTRIDER_CONFIG", self.world.path("config.toml"));
        command.output().unwrap()
    }

    /// Starts the runner, with its log in a file.
    fn listens(&self) {
        let script = format!("{} run >/var/log/mail.log 2>&1 &", built("postrider").display());
        assert!(self.run(&script).status.success());
        let log = self.namespace.path("/var/log/mail.log");
        let log = || fs::read_to_string(&log).unwrap_or_default();
        wait_until(std::time::Duration::from_secs(30), || log().contains("listening on").then_some(()), log);
    }

    fn log(&self) -> String {
        fs::read_to_string(self.namespace.path("/var/log/mail.log")).unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn nmap_finds_no_relay_and_no_user() {
    if !need::met(&["nmap", "unshare", "nsenter", "ip"]) {
        return;
    }
    let house = House::start();
    house.listens();
    let nmap = |source: &str, script: &str| {
        let more = "--script-args smtp-open-relay.domain=home.lan,smtp-enum-users.methods={RCPT,VRFY,EXPN},smtp-enum-users.domain=home.lan";
        let command = format!("nmap -n -Pn -sT -S {source} -e lo -p {PORT} --script '+{script}' {more} 192.168.77.1");
        said(&house.run(&command))
    };
    // From outside `networks`, and from inside without a login.
    for source in ["203.0.113.9", "192.168.77.30"] {
        let relay = nmap(source, "smtp-open-relay");
        assert!(
            !relay.contains("Server is an open relay") && relay.contains(&format!("{PORT}/tcp")),
            "{source}: {relay}"
        );
        let users = nmap(source, "smtp-enum-users");
        assert!(!users.contains("root") && !users.contains("alice") && !users.contains("admin"), "{source}: {users}");
        let commands = nmap(source, "smtp-commands");
        assert!(!commands.contains("ETRN") && !commands.contains("EXPN"), "{source}: {commands}");
        assert_eq!(commands.contains("AUTH"), source != "203.0.113.9", "{source}: {commands}");
        println!("{source}:\n{relay}\n{users}\n{commands}");
    }
    let log = house.log();
    assert!(
        log.contains("from unknown[203.0.113.9]: 554 5.7.1 ") && log.contains("connect from unknown[192.168.77.30]"),
        "{log}"
    );
    assert!(!log.contains("from=<"), "nothing was taken: {log}");
}

#[test]
fn fail2ban_bans_who_guesses_with_the_filter_of_contrib() {
    if !need::met(&["fail2ban-server", "fail2ban-client", "nft", "python3", "unshare", "nsenter", "ip"]) {
        return;
    }
    let house = House::start();
    house.listens();
    let write = |path: &str, text: &str| fs::write(house.namespace.path(path), text).unwrap();
    for file in ["filter.d/postrider.conf", "jail.d/postrider.conf"] {
        let text = fs::read_to_string(format!("{}/contrib/fail2ban/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        write(&format!("/etc/fail2ban/{file}"), &text);
    }
    write("/etc/fail2ban/jail.d/defaults-debian.conf", "");
    write("/etc/fail2ban/fail2ban.local", "[Definition]\ndbfile = None\n");
    // There is no journal here, and the port is the test's.
    let here = format!(
        "[postrider]\nbackend = polling\nlogpath = /var/log/mail.log\nport = {PORT}\nbanaction = nftables\nignoreself = false\n"
    );
    write("/etc/fail2ban/jail.local", &here);
    let started = house.run("mkdir -p /run/fail2ban; fail2ban-client start </dev/null >/run/started 2>&1; cat /run/started; fail2ban-client status postrider");
    assert!(started.status.success(), "{}", said(&started));
    let guess = r#"python3 - <<'END'
import base64, socket
socket.setdefaulttimeout(5)
for number in range(6):
    own = socket.socket()
    own.bind(("192.168.77.30", 0))
    wrong = base64.b64encode(b"\0alice\0wrong%d" % number)
    try:
        own.connect(("192.168.77.1", 5870))
        for line in [b"EHLO x\r\n", b"AUTH PLAIN " + wrong + b"\r\n", b"QUIT\r\n"]:
            own.recv(4096)
            own.sendall(line)
        own.recv(4096)
    except OSError:
        # The ban has come.
        break
    own.close()
END"#;
    assert!(house.run(guess).status.success(), "{}", house.log());
    let banned = || said(&house.run("fail2ban-client status postrider"));
    wait_for("the ban", || banned().contains("192.168.77.30"));
    let reaches = |source: &str| {
        let connect = format!(
            "python3 -c 'import socket; s = socket.create_connection((\"192.168.77.1\", {PORT}), 3, (\"{source}\", 0)); print(s.recv(3))'"
        );
        house.run(&connect).status.success()
    };
    wait_for("the firewall", || !reaches("192.168.77.30"));
    assert!(reaches("192.168.77.1"), "others are served");
    house.run("fail2ban-client stop");
}
