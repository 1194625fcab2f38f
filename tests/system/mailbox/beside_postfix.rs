//! The second solution of Postfix's `SOHO_README`: canonical and virtual tables on a machine whose users have mailboxes. A real Postfix
//! that is set up so and a postrider that has imported it get the same mails: the same must then be in the same mailboxes, and with the
//! provider what is for others, and nothing else.

use std::fs;

use support::provider::Provider;
use support::wait::wait_for;

use super::client::{Listener, files};
use crate::machine::{Machine, can_run_with};
use crate::machine_runner::{CONFIG, Runner};

/// As the document has it; `{relay}` is the provider's.
const MAIN: &str = "\
myhostname = hostname.localdomain
mydomain = localdomain

canonical_maps = hash:/etc/postfix/canonical

virtual_alias_maps = hash:/etc/postfix/virtual

relayhost = {relay}
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd
smtp_tls_security_level = encrypt
smtp_sasl_tls_security_options = noanonymous

home_mailbox = Maildir/
";
const CANONICAL: &str = "your-login-name    your-account@your-isp.com\n";
const VIRTUAL: &str = "your-account@your-isp.com       your-login-name\n";
const ALIASES: &str = "postmaster: your-login-name\noffice: her, your-login-name\n";

/// What this machine needs of main.cf beside that.
const SURROUNDINGS: &str = "\
compatibility_level = 3.6
maillog_file = /var/log/maillog
inet_protocols = ipv4
in_flow_delay = 0
";

/// Postfix's programs, without those that listen on a network.
const MASTER: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
tlsmgr unix - - n 1000? 1 tlsmgr
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
local unix - n n - - local
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

const PEOPLE: [&str; 3] = ["his", "her", "your-login-name"];

/// Who calls sendmail, with which arguments, and the mail.
const MAILS: [(&str, &str, &str); 16] = [
    ("his", "her", "Subject: between users\n\ntext\n"),
    ("his", "your-login-name", "Subject: to a login that has an account\nTo: your-login-name\n\ntext\n"),
    ("his", "your-account@your-isp.com", "Subject: to the account\nTo: your-account@your-isp.com\n\ntext\n"),
    ("your-login-name", "her", "Subject: from the login\nTo: her\n\ntext\n"),
    ("your-login-name", "your-account@your-isp.com", "Subject: to oneself\n\ntext\n"),
    ("your-login-name", "friend@away.example", "Subject: leaves\nTo: friend@away.example\n\ntext\n"),
    (
        "your-login-name",
        "-t",
        "Subject: stays and leaves\nTo: her, Friend <friend@away.example>\nCc: your-account@your-isp.com\n\ntext\n",
    ),
    ("her", "your-login-name other@your-isp.com", "Subject: another of the provider's\nTo: other@your-isp.com\n\nx\n"),
    ("his", "her@hostname.localdomain his@localhost", "Subject: by the machine's names\n\ntext\n"),
    ("her", "her her", "Subject: twice\n\ntext\n"),
    ("her", "-f your-account@your-isp.com his", "From: your-account@your-isp.com\nSubject: by its account\n\ntext\n"),
    ("root", "postmaster", "Subject: of root\n\ntext\n"),
    ("his", "office", "Subject: an alias\n\ntext\n"),
    ("his", "-i her", "Subject: odd\n\nFrom here\n.\n..\n>From there\n\n8 bit: \u{e9}\u{4e2d}\na\rb\n\n\n"),
    ("her", "nosuchuser", "Subject: comes back\n\ntext\n"),
    ("your-login-name", "nosuchuser@hostname.localdomain", "Subject: comes back too\n\ntext\n"),
];

/// A machine for either, with these people.
fn with_people(machine: Machine) -> Machine {
    let script = "cd /etc
        echo 'your-login-name:x:20003:20003:Your Name:/home/your-login-name:/bin/sh' >>passwd
        echo 'your-login-name:x:20003:' >>group
        for login in his her your-login-name; do
            install -d -o $login -g $login /home/$login
            install -o $login -g $login /dev/null /home/$login/.profile
        done";
    machine.sh("root", script, b"").good();
    machine
}

/// Postfix's folder, with compiled tables.
fn set_up(machine: &Machine, isp: &Provider) {
    let relay = format!("[127.0.0.1]:{}", isp.port());
    let (username, password) = isp.credential();
    for (name, text) in [
        ("postfix/main.cf", format!("{}{SURROUNDINGS}", MAIN.replace("{relay}", &relay))),
        ("postfix/master.cf", MASTER.to_owned()),
        ("postfix/canonical", CANONICAL.to_owned()),
        ("postfix/virtual", VIRTUAL.to_owned()),
        ("postfix/sasl_passwd", format!("{relay} {username}:{password}\n")),
        ("aliases", ALIASES.to_owned()),
        ("ssl/certs/ca-certificates.crt", isp.authority().to_owned()),
    ] {
        fs::write(machine.path("/etc").join(name), text).unwrap();
    }
    let script = "cd /etc/postfix && postmap canonical virtual sasl_passwd && postalias /etc/aliases";
    machine.sh("root", script, b"").good();
}

/// Calls the machine's sendmail with each mail.
fn send_all(machine: &Machine) {
    for (login, arguments, mail) in MAILS {
        machine.sh(login, &format!("exec sendmail {arguments}"), mail.as_bytes()).good();
    }
}

/// The real one, at work, with its sendmail. That of the test's own machine is Postfix's.
fn postfix(isp: &Provider) -> Machine {
    let machine = with_people(Machine::bare());
    set_up(&machine, isp);
    fs::copy("/usr/sbin/sendmail", machine.path("/usr/sbin/sendmail")).unwrap();
    let script = "chown postfix /var/lib/postfix; mkdir -p /var/spool/postfix; postfix start 2>&1";
    machine.sh("root", script, b"").good();
    machine
}

fn wait_until_postfix_is_done(machine: &Machine) {
    let log = || fs::read_to_string(machine.path("/var/log/maillog")).unwrap_or_default();
    let is_empty = || machine.sh("root", "postqueue -p", b"").printed.starts_with("Mail queue is empty");
    // Between two queues a message is in none: it is looked for some times.
    wait_for(&format!("Postfix's queue to be empty: {}", log()), || (0..5).all(|_| is_empty()));
}

/// A message: envelope, fields without their trace and what every message has of its own, and body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stored {
    sender: String,
    recipient: String,
    fields: Vec<String>,
    body: String,
}

/// Fields that differ between any two mail systems, or two runs of one.
const OWN: [&str; 7] =
    ["received", "return-path", "delivered-to", "x-original-to", "message-id", "date", "auto-submitted"];

fn read(text: &str) -> Stored {
    let (header, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let unfolded = header.replace("\n ", " ").replace("\n\t", " ");
    let field = |name: &str| {
        let values = unfolded.lines().filter_map(|line| line.split_once(": "));
        values.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value).to_owned()
    };
    let is_own = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        OWN.iter().any(|own| own.eq_ignore_ascii_case(name))
    };
    let (sender, recipient) = (field("Return-Path"), field("Delivered-To"));
    // A report says the same in its own words.
    if sender == "<>" {
        let kind = field("Content-Type").split(';').next().unwrap_or_default().to_owned();
        return Stored { sender, recipient, fields: vec![kind, field("To")], body: String::new() };
    }
    let mut fields: Vec<String> = unfolded.lines().filter(|line| !is_own(line)).map(str::to_owned).collect();
    fields.sort();
    Stored { sender, recipient, fields, body: body.to_owned() }
}

/// What lies in a login's mailbox.
fn stored(machine: &Machine, login: &str) -> Vec<Stored> {
    let folder = format!("/home/{login}/Maildir/new");
    let texts = files(machine, &folder).into_iter().map(|path| fs::read(path).unwrap());
    let mut all: Vec<Stored> = texts.map(|text| read(&String::from_utf8_lossy(&text))).collect();
    // Postfix's has the name of the alias, and ours the final address, by which a loop is known.
    for one in
        all.iter_mut().filter(|one| ["office@", "postmaster@"].iter().any(|alias| one.recipient.starts_with(alias)))
    {
        one.recipient = format!("{login}@hostname.localdomain");
    }
    all.sort();
    all
}

/// What a provider has: the recipients stand in place of the one.
fn provided(isp: &Provider) -> Vec<Stored> {
    let of = |mail: support::provider::Mail| {
        let mut to = mail.to.clone();
        to.sort();
        let read = read(&mail.text().replace("\r\n", "\n"));
        Stored { sender: mail.from, recipient: to.join(" "), ..read }
    };
    let mut all: Vec<Stored> = isp.mails().into_iter().map(of).collect();
    all.sort();
    all
}

#[test]
fn a_postfix_of_the_soho_readme_and_its_import_put_the_same_mail_into_the_same_mailboxes() {
    if !can_run_with(&["python3", "postfix", "postmap", "postalias"]) {
        return;
    }
    let (their_isp, our_isp) = (Provider::start(), Provider::start());
    let theirs = postfix(&their_isp);
    let ours = with_people(Machine::new());
    set_up(&ours, &our_isp);
    let imported = ours.sh("root", "rm -rf /etc/postrider/config.toml; postrider import postfix", b"");
    assert!(fs::metadata(ours.path(CONFIG)).is_ok(), "{imported:?}");
    let _listener = Listener::start(&ours);
    let _runner = Runner::start(&ours);
    send_all(&theirs);
    send_all(&ours);
    wait_until_postfix_is_done(&theirs);
    wait_for("an empty queue of ours", || ours.sh("root", "mailq", b"").printed == "Mail queue is empty\n");
    let mut count = 0;
    for login in PEOPLE {
        let (theirs, ours) = (stored(&theirs, login), stored(&ours, login));
        assert_eq!(ours, theirs, "the mailbox of {login}");
        count += ours.len();
    }
    let (theirs, ours) = (provided(&their_isp), provided(&our_isp));
    assert_eq!(ours, theirs, "with the provider");
    let leave: Vec<&str> = ours.iter().map(|mail| mail.recipient.as_str()).collect();
    assert_eq!(leave, ["other@your-isp.com", "friend@away.example", "friend@away.example"]);
    println!("{} mails, {count} messages in mailboxes, {} with the provider, as by Postfix", MAILS.len(), leave.len());
}
