//! The private CA of a listener without a certificate, as devices see it: clients of other TLS libraries verify with what `check --ca`
//! exports, and years later as well.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use postrider::config::scram::{ScramHash, StoredKeys};
use serde_json::json;
use support::provider::Provider;
use support::wait::wait_until;
use support::world::{World, built, login};

use crate::need;

/// Ended with the test.
struct Runner(Child);

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A machine whose listener has TLS and no certificate.
fn house(isp: &Provider) -> World {
    let keys = StoredKeys::of(ScramHash::Sha256, "pencil", b"salt of the test", 4096.try_into().unwrap()).to_string();
    let listener = |address: &str, tls: &str| json!({ "address": address, "tls": tls });
    World::at_home(isp)
        .set(
            "listen",
            json!({ "starttls": listener("127.0.0.1:0", "starttls"), "implicit": listener("0.0.0.0:0", "implicit") }),
        )
        .set("client", json!({ "device": { "owner": login(), "scram": keys, "account": "isp" } }))
}

/// What moves the clock of a program; the program of that name leaves a process between.
fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").unwrap().map(|folder| folder.unwrap().path());
    folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|path| path.exists())
}

/// Its runner, so many days from now; the ports.
fn runner(world: &World, days: u32) -> (Runner, u16, u16) {
    let path = world.path(&format!("log-{days}"));
    let mut command = world.command(built("postrider"), &["run"]);
    command
        .env("LD_PRELOAD", faketime().unwrap())
        .env("FAKETIME", format!("+{days}d"))
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let child = command.stderr(fs::File::create(&path).unwrap()).stdout(Stdio::null()).spawn().unwrap();
    let runner = Runner(child);
    let log = || fs::read_to_string(&path).unwrap();
    let port = |listener: &str| {
        let find = || {
            let log = log();
            let line =
                log.lines().find(|line| line.contains("listening on ") && line.ends_with(&format!("({listener})")))?;
            let address: SocketAddr = line.split("listening on ").nth(1)?.split(' ').next()?.parse().ok()?;
            Some(address.port())
        };
        wait_until(Duration::from_secs(30), find, log)
    };
    let (starttls, implicit) = (port("starttls"), port("implicit"));
    (runner, starttls, implicit)
}

/// What a script of the shell prints, which must succeed.
#[track_caller]
fn shell(script: &str) -> String {
    let output = Command::new("/bin/sh").args(["-euc", script]).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{script}\n{said}");
    said
}

fn export(world: &World) -> PathBuf {
    let pem = world.postrider(&["check", "--ca"]).code(0).stdout;
    world.file("exported.pem", &pem, 0o644)
}

#[test]
fn clients_of_other_libraries_verify_with_the_exported_ca() {
    if !need::met(&["openssl", "curl", "python3", "faketime"]) {
        return;
    }
    let isp = Provider::start();
    let world = house(&isp);
    let (_runner, starttls, implicit) = runner(&world, 0);
    let ca = export(&world);
    let ca = ca.display();
    let verified = |options: &str, port: u16| {
        let script = format!(
            "openssl s_client -connect 127.0.0.1:{port} {options} -CAfile {ca} -verify_return_error -brief </dev/null 2>&1"
        );
        Command::new("/bin/sh").args(["-c", &script]).output().unwrap().status.success()
    };
    for name in ["-verify_hostname homebox.home.lan", "-verify_hostname homebox.local", "-verify_ip 127.0.0.1"] {
        assert!(verified(&format!("-starttls smtp {name}"), starttls), "{name}");
        assert!(verified(name, implicit), "{name}");
    }
    assert!(!verified("-verify_hostname www.bank.example", implicit));
    shell(&format!(
        "printf 'Subject: x\\r\\n\\r\\nx\\r\\n' | curl -sS --ssl-reqd --cacert {ca} --user device:pencil --mail-from device@home.lan \
         --mail-rcpt curl@away.example --upload-file - smtp://127.0.0.1:{starttls}"
    ));
    shell(&format!(
        "/usr/bin/python3 -c 'import smtplib, ssl; s = smtplib.SMTP_SSL(\"localhost\", {implicit}, \
         context=ssl.create_default_context(cafile=\"{ca}\")); s.login(\"device\", \"pencil\"); \
         s.sendmail(\"device@home.lan\", [\"python@away.example\"], \"Subject: x\\n\\nx\\n\")'"
    ));
    let text = shell(&format!("openssl x509 -in {ca} -noout -text"));
    for part in [
        "Basic Constraints: critical",
        "CA:TRUE, pathlen:0",
        "X509v3 Name Constraints: critical",
        "DNS:homebox.home.lan",
        "IP:192.168.0.0/255.255.0.0",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let fingerprint = shell(&format!("openssl x509 -in {ca} -noout -fingerprint -sha256"));
    let fingerprint = fingerprint.trim().split('=').nth(1).unwrap();
    world.postrider(&["check"]).says(&format!("private CA: SHA-256 {fingerprint}, valid until "));
}

#[test]
fn two_years_later_the_certificate_is_another_and_the_ca_the_same() {
    if !need::met(&["openssl", "faketime"]) {
        return;
    }
    let isp = Provider::start();
    let world = house(&isp);
    let key_of = || {
        shell(&format!("openssl x509 -in {} -noout -pubkey", world.path("spool/state/listener-implicit.pem").display()))
    };
    let serial_of = || {
        shell(&format!("openssl x509 -in {} -noout -serial", world.path("spool/state/listener-implicit.pem").display()))
    };
    drop(runner(&world, 0));
    let ca = export(&world);
    let (key, serial) = (key_of(), serial_of());
    for (days, is_renewed) in [(700, false), (800, true), (1600, true), (3200, true)] {
        let before = serial_of();
        let (_runner, _, implicit) = runner(&world, days);
        let log = fs::read_to_string(world.path(&format!("log-{days}"))).unwrap();
        assert_eq!(before != serial_of(), is_renewed, "{days}: {log}");
        assert_eq!(key_of(), key);
        // faketime ends where a killed one with its process id has left a semaphore.
        let verify = format!(
            "for again in 1 2 3 4 5; do said=$(faketime -f +{days}d openssl s_client -connect 127.0.0.1:{implicit} -verify_hostname homebox.home.lan -CAfile {} \
             -verify_return_error -brief </dev/null 2>&1) && exit; case $said in *sem_open*) ;; *) break ;; esac; done; \
             echo \"$said\"; exit 1",
            ca.display()
        );
        shell(&verify);
    }
    assert_ne!(serial_of(), serial);
    assert_eq!(fs::read(export(&world)).unwrap(), fs::read(&ca).unwrap());
}
