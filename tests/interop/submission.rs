//! Foreign programs as clients of a listener: each logs in with each mechanism that it knows, over STARTTLS and over TLS from the
//! start, and its mail goes on through the provider.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use postrider::config::scram::{ScramHash, StoredKeys};
use serde_json::json;
use support::provider::Provider;
use support::wait::{wait_for, wait_until};
use support::world::{Runner, World, login};

use crate::need;

const PASSWORD: &str = "pen=cil, #1";

/// A machine with a listener for each way into TLS, and a client that may log in there.
struct House {
    isp: Provider,
    world: World,
    runner: Runner,
    starttls: u16,
    implicit: u16,
}

impl House {
    fn start() -> Self {
        let isp = Provider::start();
        let keys = [ScramHash::Sha256, ScramHash::Sha1]
            .map(|hash| StoredKeys::of(hash, PASSWORD, b"salt of the test", 4096.try_into().unwrap()).to_string());
        let listener = |address: &str, tls: &str| json!({ "address": address, "tls": tls, "certificate": "lan.pem", "key": "lan.key" });
        let world = World::at_home(&isp)
            .set("listen", json!({ "starttls": listener("127.0.0.1:0", "starttls"), "implicit": listener("0.0.0.0:0", "implicit") }))
            .set("client", json!({ "device": { "owner": login(), "scram": keys, "account": "isp" } }));
        certificate(&world);
        let runner = world.runner();
        let (starttls, implicit) = (port(&runner, "starttls"), port(&runner, "implicit"));
        Self { isp, world, runner, starttls, implicit }
    }

    /// Runs a script of the program, which finds in its environment what it needs; the mail must arrive, and the login be of this
    /// mechanism.
    fn takes_mail_of(&self, program: &str, tls: &str, mechanism: &str, script: &str) {
        let port = if tls == "starttls" { self.starttls } else { self.implicit };
        let to = format!("{program}.{tls}.{}@away.example", mechanism.to_lowercase());
        let folder = self.world.path("foreign");
        fs::create_dir_all(&folder).unwrap();
        let message = format!("From: device@home.lan\nTo: {to}\nSubject: {program}\n\n.a dot\n..\nthe end\n");
        fs::write(folder.join("mail"), message.replace('\n', "\r\n")).unwrap();
        fs::write(folder.join("body"), ".a dot\n..\nthe end\n").unwrap();
        let before = self.runner.log().len();
        let output = Command::new("/bin/sh")
            .args(["-euc", script])
            .current_dir(&folder)
            .env("HOME", &folder)
            .env("NETRC", folder.join(".netrc"))
            .env("DEAD", "/dev/null")
            .env("SETUP", NAMESPACE)
            .env("TLS", tls)
            .env("PORT", port.to_string())
            .env("CA", self.world.path("ca.pem"))
            .env("NAME", "device")
            .env("PASS", PASSWORD)
            .env("MECHANISM", mechanism)
            .env("RECIPIENT", &to)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let log = || self.runner.log()[before..].to_owned();
        assert!(output.status.success(), "{program} {tls} {mechanism}: {said}\n{}", log());
        wait_for("the mail", || self.isp.mails().iter().any(|mail| mail.to.contains(&to)));
        let mail = self.isp.mail_to(&to);
        assert_eq!(mail.from, "me+home@isp.example");
        assert!(mail.text().contains("\r\n.a dot\r\n..\r\nthe end\r\n"), "{program}: {}", mail.text());
        let method = format!("sasl_method={mechanism}, sasl_username=device");
        assert!(log().contains(&method), "{program} {tls}: {method}: {}", log());
    }
}

/// An authority and a certificate of its own, for this machine.
fn certificate(world: &World) {
    let authority = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(rcgen::DnType::CommonName, "the house");
    let root = params.self_signed(&authority).unwrap();
    let issuer = rcgen::Issuer::from_params(&params, &authority);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let leaf = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    world.file("ca.pem", &root.pem(), 0o644);
    world.file("lan.pem", &leaf.pem(), 0o644);
    world.file("lan.key", &key.serialize_pem(), 0o600);
}

fn port(runner: &Runner, listener: &str) -> u16 {
    let mark = format!("({listener})");
    let find = || {
        let log = runner.log();
        let line = log.lines().find(|line| line.contains("listening on ") && line.ends_with(&mark))?;
        let address: SocketAddr = line.split("listening on ").nth(1)?.split(' ').next()?.parse().ok()?;
        Some(address.port())
    };
    wait_until(Duration::from_secs(30), find, || runner.log())
}

/// Mail programs that are somebody's system have one of their own: `$BASE` is a folder that everybody may enter, /etc a copy.
const NAMESPACE: &str = r#"BASE=$(mktemp -d) && chmod 755 "$BASE" && mkdir "$BASE/etc"
    mount -t tmpfs -o mode=755 tmpfs "$BASE/etc"
    cp -a /etc/. "$BASE/etc"
    mount --bind "$BASE/etc" /etc
    cp "$CA" /etc/house.pem && chmod 644 /etc/house.pem"#;

/// Begins a script in namespaces of its own, which end with it.
const UNSHARED: &str = "exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc sh -euc";

/// Each program with what it knows.
fn each(program: &str, mechanisms: &[&str], script: &str) {
    if !need::met(&[program]) {
        return;
    }
    all(program, mechanisms, script);
}

fn all(program: &str, mechanisms: &[&str], script: &str) {
    let house = House::start();
    for tls in ["starttls", "implicit"] {
        for mechanism in mechanisms {
            house.takes_mail_of(program, tls, mechanism, script);
        }
    }
}

#[test]
fn curl_submits() {
    let script = r#"case $TLS in starttls) scheme=smtp ;; *) scheme=smtps ;; esac
        curl -sS --ssl-reqd --cacert "$CA" --user "$NAME:$PASS" --login-options "AUTH=$MECHANISM" \
            --mail-from device@home.lan --mail-rcpt "$RECIPIENT" --upload-file mail "$scheme://localhost:$PORT""#;
    each("curl", &["PLAIN", "LOGIN"], script);
}

#[test]
fn swaks_submits() {
    let script = r#"case $TLS in starttls) way=--tls ;; *) way=--tlsc ;; esac
        swaks --server localhost --port "$PORT" $way --tls-verify --tls-ca-path "$CA" --auth "$MECHANISM" --auth-user "$NAME" \
            --auth-password "$PASS" --from device@home.lan --to "$RECIPIENT" --data @mail"#;
    each("swaks", &["PLAIN", "LOGIN"], script);
}

#[test]
fn msmtp_submits() {
    let script = r#"case $TLS in starttls) way=on ;; *) way=off ;; esac
        echo "$PASS" >password
        method=$(echo "$MECHANISM" | tr A-Z a-z)
        msmtp --file=/dev/null --host=localhost --port="$PORT" --tls=on --tls-starttls=$way --tls-trust-file="$CA" --auth="$method" \
            --user="$NAME" --passwordeval='cat password' --from=device@home.lan "$RECIPIENT" <mail"#;
    each("msmtp", &["PLAIN", "LOGIN", "SCRAM-SHA-1", "SCRAM-SHA-256"], script);
}

#[test]
fn s_nail_submits() {
    let script = r#"case $TLS in starttls) scheme=submission; extra='-S smtp-use-starttls' ;; *) scheme=smtps; extra= ;; esac
        method=$(echo "$MECHANISM" | tr A-Z a-z)
        printf 'machine localhost login %s password "%s"\n' "$NAME" "$PASS" >.netrc
        chmod 600 .netrc
        s-nail -:/ -S v15-compat -S netrc-lookup -S mta="$scheme://$NAME@localhost:$PORT" $extra -S smtp-auth="$method" \
            -S tls-ca-file="$CA" -S tls-verify=strict -S from=device@home.lan -S sendwait -s s-nail "$RECIPIENT" <body"#;
    each("s-nail", &["PLAIN", "LOGIN"], script);
}

#[test]
fn mutt_submits() {
    let script = r#"case $TLS in starttls) scheme=smtp ;; *) scheme=smtps ;; esac
        method=$(echo "$MECHANISM" | tr A-Z a-z)
        cat >muttrc <<END
set from=device@home.lan use_envelope_from=yes copy=no ssl_force_tls=yes ssl_starttls=yes
set smtp_url="$scheme://$NAME@localhost:$PORT" smtp_pass="$PASS" smtp_authenticators="$method"
set ssl_ca_certificates_file="$CA" certificate_file="$CA"
END
        mutt -n -F muttrc -s mutt "$RECIPIENT" <body"#;
    each("mutt", &["PLAIN"], script);
}

#[test]
fn python_submits() {
    let script = r#"/usr/bin/python3 - <<'END'
import os, smtplib, ssl
env = os.environ
context = ssl.create_default_context(cafile=env["CA"])
if env["TLS"] == "starttls":
    server = smtplib.SMTP("localhost", int(env["PORT"]))
    server.starttls(context=context)
else:
    server = smtplib.SMTP_SSL("localhost", int(env["PORT"]), context=context)
server.ehlo()
server.user, server.password = env["NAME"], env["PASS"]
method = env["MECHANISM"]
server.auth(method, getattr(server, "auth_" + method.lower()))
server.sendmail("device@home.lan", [env["RECIPIENT"]], open("mail", "rb").read())
server.quit()
END"#;
    each("python3", &["PLAIN", "LOGIN"], script);
}

#[test]
fn postfix_submits_as_to_a_relayhost() {
    let script = r#"eval "$SETUP"
        mount -t tmpfs -o mode=755 tmpfs /var/spool/postfix
        mount -t tmpfs -o mode=755 tmpfs /var/lib/postfix
        chown postfix /var/lib/postfix
        case $TLS in implicit) wrapper=yes ;; *) wrapper=no ;; esac
        cat >/etc/postfix/main.cf <<END
compatibility_level = 3.6
relayhost = [localhost]:$PORT
mydestination =
inet_interfaces = loopback-only
myhostname = box.home.lan
smtp_host_lookup = native
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = texthash:/etc/postfix/password
smtp_sasl_security_options = noanonymous
smtp_sasl_mechanism_filter = $MECHANISM
smtp_tls_CAfile = /etc/house.pem
smtp_tls_security_level = verify
smtp_tls_wrappermode = $wrapper
maillog_file = /var/log/postfix-of-the-test.log
maillog_file_prefixes = /var/log
END
        echo "[localhost]:$PORT $NAME:$PASS" >/etc/postfix/password
        postconf -MX smtp/inet
        postconf -F '*/*/chroot=n'
        mount -t tmpfs tmpfs /var/log
        postfix start >/dev/null 2>&1
        sendmail -f device@home.lan "$RECIPIENT" <mail
        for second in $(seq 100); do
            ! grep -q status= /var/log/postfix-of-the-test.log || break
            sleep 0.2
        done
        grep -q status=sent /var/log/postfix-of-the-test.log && exit 0
        cat /var/log/postfix-of-the-test.log
        exit 1"#;
    each(
        "postfix",
        &["PLAIN", "LOGIN", "SCRAM-SHA-1", "SCRAM-SHA-256"],
        &format!("{UNSHARED} '{}'", script.replace('\'', "'\\''")),
    );
}

#[test]
fn exim_submits_as_to_a_smarthost() {
    let Some(root) = need::exim() else { return };
    let script = r#"eval "$SETUP"
        echo Debian-exim:x:20100:20100::/nonexistent:/usr/sbin/nologin >>/etc/passwd
        echo Debian-exim:x:20100: >>/etc/group
        mkdir -p "$BASE/spool" "$BASE/log" /etc/exim4
        chown 20100:20100 "$BASE/spool" "$BASE/log"
        case $TLS in implicit) protocol=smtps ;; *) protocol=smtp ;; esac
        case $MECHANISM in LOGIN) send=": $NAME : $PASS" ;; *) send="^$NAME^$PASS" ;; esac
        cat >/etc/exim4/exim4.conf <<END
primary_hostname = box.home.lan
exim_path = EXIM
spool_directory = $BASE/spool
log_file_path = $BASE/log/%slog
trusted_users = root
begin routers
smarthost:
  driver = manualroute
  transport = submission
  route_list = * localhost::$PORT byname
  self = send
begin transports
submission:
  driver = smtp
  protocol = $protocol
  hosts_require_auth = *
  hosts_require_tls = *
  tls_verify_certificates = /etc/house.pem
  tls_verify_hosts = *
begin authenticators
client:
  driver = plaintext
  public_name = $MECHANISM
  client_send = $send
END
        EXIM -odi -f device@home.lan "$RECIPIENT" <mail
        grep -q "=> $RECIPIENT" "$BASE/log/mainlog" || { cat "$BASE"/log/*; exit 1; }"#;
    let program = root.join("usr/sbin/exim4").display().to_string();
    let script = script.replace("EXIM", &program).replace('\'', "'\\''");
    all("exim", &["PLAIN", "LOGIN"], &format!("{UNSHARED} '{script}'"));
}

#[test]
fn nodemailer_submits() {
    let script = r#"export NODE_PATH=/usr/share/nodejs:/usr/lib/nodejs
        node - <<'END'
const fs = require("fs"), nodemailer = require("nodemailer"), env = process.env;
const transport = nodemailer.createTransport({
    // It looks names up only where there is an interface beside the loopback one.
    host: "127.0.0.1", port: +env.PORT, secure: env.TLS === "implicit", requireTLS: true,
    tls: { ca: fs.readFileSync(env.CA), servername: "localhost" },
    auth: { user: env.NAME, pass: env.PASS }, authMethod: env.MECHANISM,
});
transport.sendMail({ envelope: { from: "device@home.lan", to: env.RECIPIENT }, raw: fs.readFileSync("mail") })
    .catch(error => { console.error(error); process.exit(1); });
END"#;
    if need::met(&["node"]) && need::file("/usr/share/nodejs/nodemailer/package.json") {
        all("nodemailer", &["PLAIN", "LOGIN"], script);
    }
}

#[test]
fn phpmailer_submits() {
    let script = r#"cat >send.php <<'END'
<?php
require "/usr/share/php/libphp-phpmailer/autoload.php";
$mail = new PHPMailer\PHPMailer\PHPMailer(true);
$mail->isSMTP();
$mail->Host = "localhost";
$mail->Port = (int) getenv("PORT");
$mail->SMTPSecure = getenv("TLS") === "starttls" ? "tls" : "ssl";
$mail->SMTPOptions = ["ssl" => ["cafile" => getenv("CA")]];
$mail->SMTPAuth = true;
$mail->AuthType = getenv("MECHANISM");
$mail->Username = getenv("NAME");
$mail->Password = getenv("PASS");
$mail->setFrom("device@home.lan");
$mail->addAddress(getenv("RECIPIENT"));
$mail->Subject = "phpmailer";
$mail->Body = file_get_contents("body");
$mail->send();
END
        php send.php"#;
    if need::met(&["php"]) && need::file("/usr/share/php/libphp-phpmailer/autoload.php") {
        all("phpmailer", &["PLAIN", "LOGIN"], script);
    }
}

#[test]
fn opensmtpd_submits_as_to_a_smarthost() {
    let Some(root) = need::opensmtpd() else { return };
    let script = r#"eval "$SETUP"
        mount -t overlay -o "lowerdir=ROOT/usr:/usr" overlay /usr
        for folder in /run /var/spool /var/lib /var/log; do mount -t tmpfs -o mode=755 tmpfs $folder; done
        echo opensmtpd:x:20200:20200::/var/lib/opensmtpd/empty:/usr/sbin/nologin >>/etc/passwd
        echo opensmtpq:x:20201:20201::/var/lib/opensmtpd/empty:/usr/sbin/nologin >>/etc/passwd
        printf "opensmtpd:x:20200:\nopensmtpq:x:20201:\n" >>/etc/group
        mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
        chmod 711 /var/spool/smtpd
        cp /etc/house.pem /etc/ssl/certs/ca-certificates.crt
        cp /etc/house.pem /etc/ssl/cert.pem
        echo box.home.lan >/etc/mailname
        case $TLS in implicit) scheme=smtps ;; *) scheme=smtp+tls ;; esac
        printf "house\t%s:%s\n" "$NAME" "$PASS" >/etc/secrets
        chmod 640 /etc/secrets
        chgrp opensmtpd /etc/secrets
        cat >/etc/smtpd.conf <<END
table secrets file:/etc/secrets
listen on socket
action "relay" relay host "$scheme://house@localhost:$PORT" auth <secrets> mail-from "@home.lan"
match from any for any action "relay"
END
        smtpd -d -f /etc/smtpd.conf >/var/log/smtpd.log 2>&1 &
        for second in $(seq 100); do
            [ ! -S /run/smtpd.sock ] || break
            sleep 0.2
        done
        cp /usr/sbin/smtpctl /run/smtpctl
        chgrp opensmtpq /run/smtpctl
        chmod 2755 /run/smtpctl
        (exec -a sendmail /run/smtpctl -f device@home.lan "$RECIPIENT" <mail)
        for second in $(seq 100); do
            ! grep -q "mta delivery" /var/log/smtpd.log || break
            sleep 0.2
        done
        grep -q "mta delivery .*result=.Ok" /var/log/smtpd.log && exit 0
        cat /var/log/smtpd.log
        exit 1"#;
    let script = script.replace("ROOT", &root.display().to_string()).replace('\'', "'\\''");
    all("opensmtpd", &["PLAIN"], &format!("{} '{script}'", UNSHARED.replace("sh -euc", "bash -euc")));
}
