//! msmtp: what `msmtp -P` says that it would do, for each sender, beside what `postrider route` says after the import; and mails.

use support::provider::Provider;

use super::{Compared, Machine};
use crate::need;

const TWO: &str = "account isp\nhost smtp.isp.example\nport 587\ntls on\nauth on\nuser me@isp.example\npassword x\n\
    from me@isp.example\naccount work\nhost smtp.work.example\nport 465\ntls on\ntls_starttls off\nauth on\n\
    user WORK\\me\npassword it's a\"b\\c\nfrom me@work.example\n";

/// Configurations, and senders that a program may give with -f; empty: it gives none.
const PRETENDED: [(&str, &[&str]); 28] = [
    ("account default\nhost smtp.isp.example\nfrom me@isp.example\n", &["", "me@isp.example"]),
    ("host smtp.isp.example\nfrom me@isp.example\n", &["", "me@isp.example"]),
    (
        "account default\nhost smtp.isp.example\nport 587\ntls on\nauth on\nuser me\npassword x\nfrom me@isp.example\n",
        &[""],
    ),
    (
        "account default\nhost smtp.isp.example\ntls on\ntls_starttls off\nauth on\nuser me\npassword x\nfrom me@isp.example\n",
        &[""],
    ),
    ("account default\nhost smtp.isp.example\ntls\nauth\nuser me\npassword x\nfrom me@isp.example\n", &[""]),
    (
        "account default\nhost smtp.isp.example\ntls on\ntls_nostarttls\nauth on\nuser me\npassword x\nfrom me@isp.example\n",
        &[""],
    ),
    ("# a comment\n\n  account   default  \n\thost\tsmtp.isp.example\n from \"me@isp.example\"\nport \"587\"\n", &[""]),
    (
        "defaults\ntls on\nauth on\nport 587\naccount default\nhost smtp.isp.example\nuser me\npassword x\nfrom me@isp.example\n",
        &[""],
    ),
    (
        "defaults\nport 587\naccount one\nhost smtp.isp.example\nfrom me@isp.example\ndefaults\nport 2525\naccount default\nhost smtp.isp.example\nfrom you@isp.example\n",
        &["", "me@isp.example"],
    ),
    ("account default\nhost smtp.isp.example\nport 587\nport 2525\nfrom a@isp.example\nfrom me@isp.example\n", &[""]),
    (TWO, &["me@isp.example", "me@work.example"]),
    ("{TWO}account default : isp\n", &["", "me@isp.example", "me@work.example", "ME@WORK.EXAMPLE"]),
    ("{TWO}account default : work\n", &["", "me@isp.example", "me@work.example"]),
    (
        "{TWO}account third : work\nfrom third@work.example\nport 587\ntls_starttls on\naccount default : third\n",
        &["", "third@work.example", "me@work.example"],
    ),
    ("{TWO}account both : isp, work\nfrom both@isp.example\naccount default : both\n", &["", "both@isp.example"]),
    ("account default\nhost smtp.isp.example\nfrom %U@isp.example\n", &[""]),
    ("account default\nhost smtp.isp.example\nauto_from on\nmaildomain isp.example\n", &[""]),
    (
        "account default\nhost smtp.isp.example\nfrom me@isp.example\nset_from_header on\nallow_from_override off\n",
        &["", "root@homebox"],
    ),
    (
        "account any\nhost smtp.any.example\nfrom *@any.example\naccount default\nhost smtp.isp.example\nfrom me@isp.example\n",
        &["", "you@any.example"],
    ),
    ("account default\nhost 127.0.0.1\nport 1025\nauth on\ntls off\nuser me\npassword x\nfrom me@isp.example\n", &[""]),
    ("account default\nhost ::1\nport 1025\nfrom me@isp.example\n", &[""]),
    ("account default\nhost smtp.isp.example\nfrom me@isp.example\ndomain isp.example\nsource_ip 192.0.2.1\n", &[""]),
    (
        "account default\nhost smtp.isp.example\nport 587\ntls on\nauth cram-md5\nuser \"me with blanks\"\npasswordeval echo x\nfrom me@isp.example\n",
        &[""],
    ),
    (
        "account default\nhost smtp.isp.example\nport 587\ntls on\ntls_certcheck off\nauth off\nuser me\nfrom me@isp.example\n",
        &[""],
    ),
    ("# f{FC}r alle\naccount default\n#{FC}\nhost smtp.isp.example\nlogfile /tmp/b{FC}\nfrom me@isp.example\n", &[""]),
    (
        "defaults\r\n\ttls   on\r\n  auth\ton\r\n\r\naccount work\r\nhost \"smtp.work.example\"\r\nport 587\r\nuser \"WORK\\me\"\r\npassword \"it\"s a#b\\c\"\r\nfrom  \"me@work.example\"  \r\naccount default:work\r\nfrom me@isp.example\r\n",
        &["", "me@work.example"],
    ),
    (
        "defaults\ntls on\ntls_starttls off\nport 465\nlogfile\n\naccount   a\nhost a.example\nauth plain\nuser u@a.example\npasswordeval \"echo x\"\nfrom *@a.example\ntimeout off\naccount b : a\nhost b.example\ntls_starttls on\nport 587\nfrom B@b.example\ntls_fingerprint\naccount default : b\n",
        &["", "x@a.example", "b@b.example"],
    ),
    (
        "account default\nhost 2001:db8::25\nport 25\ntls off\nauth off\nuser x\npassword y\nfrom %U@%C\ndomain box.lan\n",
        &[""],
    ),
];

/// The value of a line `name = value` of `msmtp -P`.
fn said<'t>(pretended: &'t str, name: &str) -> &'t str {
    let lines = pretended.lines().filter_map(|line| line.split_once(" = "));
    lines.filter(|(known, _)| *known == name).map(|(_, value)| value).next_back().unwrap_or_default()
}

/// What msmtp would do, as `route` shows it.
fn expected(pretended: &str) -> [String; 2] {
    let tls = match (said(pretended, "tls"), said(pretended, "tls_starttls")) {
        ("on", "on") => "STARTTLS",
        ("on", _) => "implicit TLS",
        _ => "no TLS",
    };
    let login = match (said(pretended, "auth"), said(pretended, "user")) {
        ("none", _) | (_, "(not set)") => "no login".to_owned(),
        (_, user) => format!("login {user}"),
    };
    let host = said(pretended, "host");
    let relay = format!("[{host}]:{}, {tls}, {login}", said(pretended, "port"));
    [relay, format!("<{}>", said(pretended, "from").to_lowercase())]
}

#[test]
fn an_account_of_msmtp_is_the_one_that_it_would_use() {
    if !need::met(&["msmtp"]) {
        return;
    }
    let machine = Machine::new(&Provider::start(), None);
    for (rc, senders) in PRETENDED {
        machine.write("/etc/msmtprc", &rc.replace("{TWO}", TWO));
        let written = machine.import("msmtp", "--source /etc/msmtprc");
        let told = "its command ran as whoever sent mail, and now runs as user postrider";
        assert_eq!(written.contains(told), rc.contains("passwordeval"), "{written}");
        for sender in senders {
            let from = if sender.is_empty() { String::new() } else { format!("-f {sender}") };
            let pretended = machine.ok(&format!("msmtp -C /etc/msmtprc -P {from} bob@away.example"), "");
            let from = if sender.is_empty() { "root" } else { sender };
            let routed = machine.ok(&format!("$OURS/postrider route --from {from} bob@away.example"), "");
            let line = |start: &str| {
                let found = routed.lines().find_map(|line| line.strip_prefix(start));
                found.unwrap_or_default().trim().to_lowercase()
            };
            let ours = [line("relay"), line("MAIL FROM")];
            assert_eq!(
                ours,
                expected(&pretended).map(|text| text.to_lowercase()),
                "{rc}\n{sender}\n{pretended}\n{routed}"
            );
        }
    }
}

#[test]
fn mail_of_msmtp_goes_out_as_before() {
    if !need::met(&["msmtp"]) {
        return;
    }
    let isp = Provider::setup().named("smtp.isp.example").login("me@isp.example", "p:w \"#1\"").start();
    isp.add_login("kid", "theirs");
    let machine = Machine::new(&isp, None);
    let usual = format!(
        "defaults\nhost smtp.isp.example\nport {}\ntls on\ntls_trust_file /etc/ssl/certs/ca-certificates.crt\nauth on\n",
        isp.port()
    );
    let me = "user me@isp.example\npassword p:w \"#1\"\n";
    for rc in [
        format!("{usual}account default\n{me}from me@isp.example\n"),
        format!("{usual}account default\n{me}from me@isp.example\nset_from_header on\n"),
        format!("{usual}account default\n{me}from %U@isp.example\naliases /etc/aliases\n"),
        format!(
            "{usual}account kid\nuser kid\npassword theirs\nfrom kid@kid.example\naccount default\n{me}from me@isp.example\n"
        ),
        format!(
            "{usual}account kid\nuser kid\npasswordeval printf '%s\\n' theirs\nfrom kid@kid.example\naccount mine\n{me}from me@isp.example\naccount default : mine\n"
        ),
    ] {
        machine.write("/etc/msmtprc", &rc);
        machine.import("msmtp", "--source /etc/msmtprc");
        machine.same(
            &isp,
            &rc,
            "msmtp -C /etc/msmtprc",
            Compared::Everything,
            &[
                (&["bob@away.example"], "From: me@isp.example\nTo: bob@away.example\n\nhi\n"),
                (
                    &["-t"],
                    "From: Me <me@isp.example>\nTo: bob@away.example, friend@isp.example\nCc: c@away.example\n\nhi\n",
                ),
            ],
        );
        if rc.contains("kid") {
            let from: super::Call =
                (&["-f", "kid@kid.example", "bob@away.example"], "From: kid@kid.example\nTo: bob@away.example\n\nhi\n");
            machine.same(
                &isp,
                &rc,
                "msmtp -C /etc/msmtprc",
                Compared::Everything,
                &[(&["bob@away.example"], "To: bob@away.example\nFrom: me@isp.example\n\n"), from],
            );
        }
    }
}
