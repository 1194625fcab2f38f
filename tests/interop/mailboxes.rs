//! The mailboxes of a real Dovecot, over LMTP on its Unix socket, beside a scripted provider: what stays, what leaves, and what a
//! reader of these mailboxes finds.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use support::namespace::Namespace;
use support::provider::Provider;
use support::wait::wait_for;
use support::world::World;

use crate::need;

/// Debian has it in a package of its own, which may be unpacked below target/peers as well.
const LMTP: [&str; 2] =
    ["/usr/lib/dovecot/lmtp", concat!(env!("CARGO_MANIFEST_DIR"), "/target/peers/dovecot-lmtpd/usr/lib/dovecot/lmtp")];

/// A Dovecot with the mailboxes of ana, bob and full, who has no room.
struct Dovecot {
    _namespace: Namespace,
    folder: tempfile::TempDir,
}

impl Dovecot {
    /// `None` where it is not installed.
    fn start() -> Option<Self> {
        let program = LMTP.into_iter().find(|path| Path::new(path).exists());
        let program = program.or_else(|| need::file(LMTP[0]).then_some(LMTP[0])).filter(|_| need::met(&["doveadm"]))?;
        let folder = tempfile::Builder::new().prefix("dovecot-").tempdir().unwrap();
        let root = folder.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
        let shown = root.display();
        let users = ["ana:", "bob:", "full:userdb_quota_rule=*:bytes=100"].map(|user| {
            let (login, extra) = user.split_once(':').unwrap();
            format!("{login}:{{PLAIN}}x:8:8::{shown}/home/{login}::{extra}\n")
        });
        fs::write(root.join("users"), users.concat()).unwrap();
        for folder in ["mail", "home"] {
            fs::create_dir(root.join(folder)).unwrap();
            std::os::unix::fs::chown(root.join(folder), Some(8), Some(8)).unwrap();
        }
        let config = format!(
            "protocols = lmtp\nbase_dir = {shown}/run\nstate_dir = {shown}/run\nlog_path = {shown}/log\nssl = no\n\
             mail_location = maildir:{shown}/mail/%n\nmail_uid = mail\nmail_gid = mail\nfirst_valid_uid = 1\n\
             mail_plugins = quota\nplugin {{\n quota = count:User\n quota_vsizes = yes\n}}\nrecipient_delimiter = +\n\
             auth_username_format = %n\npassdb {{\n driver = passwd-file\n args = {shown}/users\n}}\n\
             userdb {{\n driver = passwd-file\n args = {shown}/users\n}}\n\
             service lmtp {{\n executable = {program}\n unix_listener {shown}/lmtp {{\n mode = 0666\n }}\n}}\n\
             service stats {{\n unix_listener stats-writer {{\n mode = 0666\n }}\n}}\n"
        );
        fs::write(root.join("dovecot.conf"), config).unwrap();
        let setup = r#"dovecot -F -c "$1/dovecot.conf" >"$1/out" 2>&1 &"#;
        let namespace = Namespace::new(setup, &[root.to_str().unwrap()]);
        let dovecot = Self { _namespace: namespace, folder };
        wait_for("Dovecot listens", || UnixStream::connect(dovecot.socket()).is_ok());
        Some(dovecot)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("lmtp")
    }

    /// The messages of a user's Maildir, as they lie there, oldest first.
    fn mails(&self, user: &str) -> Vec<Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("mail").join(user).join("new")) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
    }

    /// What Dovecot itself finds in a mailbox.
    fn fetched(&self, user: &str, field: &str) -> String {
        let config = self.folder.path().join("dovecot.conf");
        let output = Command::new("doveadm").arg("-c").arg(config).args(["fetch", "-u", user, field, "all"]).output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    }

    /// The usual machine, whose local users are those of this server.
    fn world(&self, isp: &Provider) -> World {
        World::at_home(isp)
            .set("mailbox", format!("lmtp:{}", self.socket().display()))
            .set("local_users", json!([{ "ana": "-", "bob": "-", "full": "-", "gone": "-" }]))
    }
}

fn header(mail: &[u8]) -> String {
    let text = String::from_utf8_lossy(mail).into_owned();
    text.split("\n\n").next().unwrap_or_default().to_owned()
}

fn body(mail: &[u8]) -> &[u8] {
    let blank = mail.windows(2).position(|two| two == b"\n\n").expect("an empty line ends the header");
    &mail[blank + 2..]
}

#[test]
fn one_message_reaches_dovecots_mailboxes_and_the_provider_with_an_outcome_for_each() {
    let Some(dovecot) = Dovecot::start() else { return };
    let isp = Provider::start();
    let world = dovecot.world(&isp);
    let to = ["ana@home.lan", "bob+lists@home.lan", "full@home.lan", "gone@home.lan", "carol@away.example"];
    let text =
        "From: alice@home.lan\nTo: all\nSubject: for all\n\nThe text.\n".to_owned() + &"a line of text\n".repeat(20);
    world.sendmail(&[&["-i", "-f", "alice@home.lan", "--"][..], &to[..]].concat(), &text).code(0);
    let said = world.drain().stderr;
    for (user, address) in [("ana", "ana@home.lan"), ("bob", "bob+lists@home.lan")] {
        let mails = dovecot.mails(user);
        assert_eq!(mails.len(), 1, "{user}: {said}");
        let header = header(&mails[0]);
        assert!(header.starts_with("Return-Path: <alice@home.lan>\n"), "Dovecot's own: {header}");
        assert!(header.contains(&format!("\nDelivered-To: {address}\n")) && !header.contains("full@"), "{header}");
        assert!(header.contains("\nFrom: alice@home.lan"), "generic is not for what stays: {header}");
        assert!(dovecot.fetched(user, "hdr.subject").contains("for all"));
    }
    assert_eq!(dovecot.mails("full"), Vec::<Vec<u8>>::new());
    let leaves = isp.mail_to("carol@away.example");
    assert_eq!(leaves.field("From"), "me@isp.example");
    let bounces: String =
        isp.mails().iter().filter(|mail| mail.from.is_empty()).map(support::provider::Mail::text).collect();
    for (address, reply) in [("full@home.lan", "552 5.2.2"), ("gone@home.lan", "550 5.1.1")] {
        assert!(
            bounces.contains(&format!("Final-Recipient: rfc822; {address}")) && bounces.contains(reply),
            "{bounces}"
        );
    }
    assert!(!bounces.contains("Final-Recipient: rfc822; ana@"), "{bounces}");
    assert_eq!(world.queued(), Vec::<String>::new());
}

#[test]
fn odd_content_lies_in_dovecots_mailbox_byte_for_byte() {
    let Some(dovecot) = Dovecot::start() else { return };
    let world = dovecot.world(&Provider::start());
    let long = [vec![b'x'; 900], b"\n".to_vec()].concat();
    let bodies: [&[u8]; 8] = [
        b"From here on\n>From there\n\nFrom root@x Sat Nov 28 14:56:40 2026\n",
        b".\n..\n.a line\n\n.\n",
        "Gr\u{fc}\u{df}e, \u{4f60}\u{597d}\n".as_bytes(),
        b"latin-1: Gr\xfc\xdfe\n",
        b"a\tb\x01c\x0c\n",
        &long,
        b"\n\n\n",
        b"trailing blanks   \n \n",
    ];
    for (number, body) in bodies.iter().enumerate() {
        let mail = [format!("Subject: {number}\n\n").as_bytes(), body].concat();
        world.sendmail(&["-i", "ana@home.lan"], &mail).code(0);
        world.drain();
    }
    let mut mails = dovecot.mails("ana");
    mails.sort_by_key(|mail| {
        header(mail).split("Subject: ").nth(1).unwrap_or_default().lines().next().map(str::to_owned)
    });
    assert_eq!(mails.len(), bodies.len());
    for (mail, sent) in mails.iter().zip(bodies) {
        assert_eq!(String::from_utf8_lossy(body(mail)), String::from_utf8_lossy(sent));
    }
}

#[test]
fn mail_waits_while_dovecot_is_down_and_is_delivered_when_it_is_back() {
    let Some(dovecot) = Dovecot::start() else { return };
    let isp = Provider::start();
    let world = dovecot.world(&isp);
    let (socket, away) = (dovecot.socket(), dovecot.folder.path().join("away"));
    fs::rename(&socket, &away).unwrap();
    world.send_to(&["ana@home.lan", "carol@away.example"]).code(0);
    let said = world.run_once().stderr;
    assert_eq!((isp.received(), dovecot.mails("ana").len()), (1, 0), "{said}");
    assert!(said.contains("is the server of `mailbox` running"), "{said}");
    fs::rename(&away, &socket).unwrap();
    world.flush();
    assert_eq!((isp.received(), dovecot.mails("ana").len()), (1, 1));
}
