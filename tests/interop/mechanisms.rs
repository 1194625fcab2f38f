//! `postrider test` and a queued mail against real servers of three kinds: each mechanism that they have, and both ways
//! into TLS.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::need;
use crate::peers::{LOGIN, Peer};
use crate::provider::{LOGINS, NAME, Provider, token};

/// What a mail may hold that a client can get wrong: dots, a line of dots, 8-bit text, an empty line at the end.
const TRICKY: &str = ".\n..\n.a line\nGr\u{fc}\u{df}e\n\nFrom the middle\n \n.\n\n";

/// A home with a config, from which mail goes to one relay.
struct Home {
    folder: tempfile::TempDir,
    relay: String,
    authority: String,
}

impl Home {
    fn new(authority: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, relay: String::new(), authority: authority.display().to_string() }
    }

    fn at(self, port: u16, tls: &str) -> Self {
        Self { relay: format!("relay = \"[127.0.0.1]:{port}\"\ntls = \"{tls}\""), ..self }
    }

    fn run(&self, program: &str, keys: &str, words: &[&str], input: &str) -> Output {
        let config = self.folder.path().join("config.toml");
        let text = format!(
            "hostname = \"box.home.lan\"\ndelivery = \"queue\"\nspool = \"spool\"\n[account.isp]\n{}\ntls_ca = \"{}\"\n\
             tls_name = \"{NAME}\"\n{keys}\n",
            self.relay, self.authority
        );
        fs::write(&config, text).unwrap();
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
        let mut command = Command::new(program);
        command.args(words).env_clear().env("PATH", "/usr/bin:/bin").env("POSTRIDER_CONFIG", &config);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// `postrider test --to` with these keys; what it said.
    fn test(&self, keys: &str, from: &str, to: &str) -> (bool, String) {
        let output = self.run(env!("CARGO_BIN_EXE_postrider"), keys, &["test", "-v", "--from", from, "--to", to], "");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    /// A mail through the queue.
    fn send(&self, keys: &str, from: &str, to: &str, body: &str) {
        let input = format!("From: {from}\nTo: {to}\nSubject: tricky\n\n{body}");
        let stored = self.run(env!("CARGO_BIN_EXE_sendmail"), keys, &["-i", "-f", from, "--", to], &input);
        assert!(stored.status.success(), "{}", String::from_utf8_lossy(&stored.stderr));
        let ran = self.run(env!("CARGO_BIN_EXE_postrider"), keys, &["run", "--once"], "");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(said.contains("status=sent"), "{said}");
    }
}

fn password(login: &str, password: &str, mechanism: &str) -> String {
    format!("username = \"{login}\"\npassword = \"{password}\"\nauth = [\"{mechanism}\"]")
}

fn unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

#[test]
fn every_mechanism_of_dovecot_logs_in() {
    if !need::met(&[]) {
        return;
    }
    let provider = Provider::start();
    let home = Home::new(&provider.authority());
    let (login, secret, address) = LOGINS[0];
    let token = token(login);
    let both = [(provider.submission, "starttls"), (provider.submissions, "implicit")];
    let mut home = home;
    for (port, tls) in both {
        home = home.at(port, tls);
        for mechanism in ["plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256", "xoauth2", "oauthbearer"] {
            let secret = if mechanism.contains("oauth") { token.as_str() } else { secret };
            let to = format!("{mechanism}-{tls}@away.example");
            let (went, said) = home.test(&password(login, secret, mechanism), address, &to);
            assert!(went, "{mechanism} {tls}: {said}\n{}", provider.log());
            assert!(said.contains(&format!("login successful ({})", mechanism.to_uppercase())), "{said}");
            assert!(!said.contains(secret), "{said}");
            provider.wait_for_mail_to(&to);
        }
    }
    for mechanism in ["xoauth2", "oauthbearer"] {
        let (went, said) = home.test(&password(login, "not.a.token", mechanism), address, "nobody@away.example");
        assert!(!went && said.contains("< 535") && said.contains("token has expired"), "{mechanism}: {said}");
    }
    home.send(&password(login, secret, "scram-sha-256"), address, "tricky@away.example", TRICKY);
    assert_eq!(provider.wait_for_mail_to("tricky@away.example").body(), TRICKY);
}

#[test]
fn every_mechanism_of_exim_logs_in() {
    let Some(exim) = need::exim() else { return };
    let peer = Peer::exim(&exim);
    let (login, secret) = LOGIN;
    let certificate = format!("tls_client_cert = \"{0}\"\ntls_client_key = \"{0}\"", peer.customer().display());
    let mut home = Home::new(&peer.authority());
    for (port, tls) in [(peer.submission, "starttls"), (peer.submissions, "implicit")] {
        home = home.at(port, tls);
        for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5", "EXTERNAL"] {
            let keys = match mechanism {
                "EXTERNAL" => format!("username = \"{login}\"\n{certificate}"),
                other => password(login, secret, &other.to_lowercase()),
            };
            let to = format!("{mechanism}-{tls}@away.example");
            let (went, said) = home.test(&keys, login, &to);
            assert!(went && said.contains(&format!("login successful ({mechanism})")), "{said}\n{}", peer.log());
            assert!(!said.contains(secret), "{said}");
            peer.wait_for(&format!("Envelope-to: {to}"));
        }
    }
    let (went, said) = home.test(&password(login, "wrong", "cram-md5"), login, "nobody@away.example");
    assert!(
        !went && said.contains("< 535") && said.contains("wrong user name or password for [account.isp]"),
        "{said}"
    );
    for (to, keys) in [("tricky@away.example", ""), ("early@away.example", "\nearly_data = true")] {
        home.send(&(password(login, secret, "plain") + keys), login, to, TRICKY);
        let mail = unix(&peer.wait_for(&format!("Envelope-to: {to}")));
        assert_eq!(mail.split_once("\n\n").unwrap().1, TRICKY);
    }
}

#[test]
fn every_mechanism_of_aiosmtpd_logs_in() {
    if !need::met(&["python3"]) || !need::python("aiosmtpd") {
        return;
    }
    let peer = Peer::aiosmtpd();
    let (login, secret) = LOGIN;
    let mut home = Home::new(&peer.authority());
    for (port, tls) in [(peer.submission, "starttls"), (peer.submissions, "implicit")] {
        home = home.at(port, tls);
        for mechanism in ["plain", "login"] {
            let to = format!("{mechanism}-{tls}@away.example");
            let (went, said) = home.test(&password(login, secret, mechanism), login, &to);
            assert!(went && said.contains("login successful"), "{said}\n{}", peer.log());
            peer.wait_for(&format!("Envelope-To: {to}"));
        }
    }
    let (went, said) = home.test(&password(login, "wrong", "plain"), login, "nobody@away.example");
    assert!(!went && said.contains("< 535"), "{said}");
    home.send(&password(login, secret, "plain"), login, "tricky@away.example", TRICKY);
    let mail = unix(&peer.wait_for("Envelope-To: tricky@away.example"));
    assert_eq!(mail.split_once("\n\n").unwrap().1, TRICKY);
}
