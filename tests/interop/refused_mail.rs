//! What becomes of mail that the provider will not take, and what the owner of the machine is told; and that the tests leave no trace.

use std::net::TcpStream;
use std::path::Path;

use crate::arrived::Arrived;
use crate::config::{configure, secret_path};
use crate::machine::Machine;
use crate::need;
use crate::provider::{LOGINS, Provider};

const LETTER: &str = "From: his\nTo: friend@elsewhere.example\nSubject: hello\n\nHello friend.\n";

#[test]
fn a_wrong_password_defers_the_mail_says_so_and_the_right_one_lets_it_out() {
    if !need::met(&[]) {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    configure(&machine, &provider, "his", "queue");
    machine.write("his", &secret_path("his", "his"), "not his password");
    machine.succeeds("his", "/usr/sbin/sendmail", &["-i", "friend@elsewhere.example"], LETTER);

    let flushed = machine.run("his", "postrider", &["flush"], "");
    let told = String::from_utf8_lossy(&[flushed.stdout, flushed.stderr].concat()).into_owned();
    assert!(told.contains("535"), "the provider's reply is shown: {told}");
    assert!(!told.contains("not his password"), "the password is not: {told}");
    let listed = machine.succeeds("his", "mailq", &[], "");
    assert!(listed.contains("535") && listed.contains("friend@elsewhere.example"), "mailq gives the reason: {listed}");
    // One alarm goes to the postmaster, through an account that works; nothing bounces.
    let is_alarm = |mail: &Arrived| mail.header("Auto-Submitted") == "auto-generated" && mail.login() != "hisaccount";
    let arrived = provider.arrived();
    assert!(arrived.len() <= 1 && arrived.iter().all(is_alarm), "nothing but an alarm arrives");

    // A login is not tried again within minutes, unless the credential has changed.
    machine.write("his", &secret_path("his", "his"), LOGINS[0].1);
    machine.succeeds("his", "postrider", &["flush"], "");
    let mail = provider.wait_for_mail_to("friend@elsewhere.example");
    assert_eq!(mail.login(), "hisaccount");
    let copies = provider.arrived().into_iter().filter(|mail| !is_alarm(mail)).count();
    assert_eq!(copies, 1, "it arrives once");
    assert!(machine.succeeds("his", "mailq", &[], "").contains("Mail queue is empty"));
}

#[test]
fn a_rejected_recipient_bounces_while_the_other_recipients_get_the_mail() {
    if !need::met(&[]) {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    configure(&machine, &provider, "his", "background");
    let recipients = ["-i", "friend@elsewhere.example", "nobody@elsewhere.example", "other@elsewhere.example"];
    machine.succeeds("his", "/usr/sbin/sendmail", &recipients, LETTER);

    let bounce = provider.wait_for_mail_to("hisaccount@hisisp.example");
    for recipient in ["friend@elsewhere.example", "other@elsewhere.example"] {
        let mail = provider.wait_for_mail_to(recipient);
        assert_eq!(mail.envelope_sender(), "<hisaccount@hisisp.example>");
        assert_eq!(mail.body(), "Hello friend.\n");
    }
    assert_eq!(bounce.envelope_sender(), "<>", "{}", bounce.raw);
    assert_eq!(bounce.login(), "hisaccount", "it takes the way of the mail that it reports on");
    assert!(bounce.header("Content-Type").contains("multipart/report"), "{}", bounce.raw);
    assert_eq!(bounce.header("Auto-Submitted"), "auto-replied");
    assert!(bounce.body().contains("There is no such mailbox here"), "{}", bounce.raw);
    assert!(bounce.body().contains("nobody@elsewhere.example"), "{}", bounce.raw);
    assert!(!bounce.body().contains("other@elsewhere.example"), "only the refused one is reported: {}", bounce.raw);
    assert_eq!(provider.arrived().len(), 3);
    provider
        .wait_until("the queue is empty", || machine.succeeds("his", "mailq", &[], "").contains("Mail queue is empty"));
}

#[test]
fn a_greylisted_recipient_stays_in_the_queue_with_the_reason() {
    if !need::met(&[]) {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    configure(&machine, &provider, "his", "queue");
    machine.succeeds(
        "his",
        "/usr/sbin/sendmail",
        &["-i", "later@elsewhere.example", "friend@elsewhere.example"],
        LETTER,
    );
    machine.run("his", "postrider", &["run", "--once"], "");

    provider.wait_for_mail_to("friend@elsewhere.example");
    let listed = machine.succeeds("his", "mailq", &[], "");
    assert!(listed.contains("Greylisted, please come again") && listed.contains("later@elsewhere.example"), "{listed}");
    assert!(!listed.contains("friend@elsewhere.example"), "who has it is not listed: {listed}");
}

#[test]
fn a_provider_and_a_machine_leave_nothing_behind() {
    if !need::met(&[]) {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    let (init, port, folder) = (provider.init(), provider.submission, provider.folder().to_owned());
    let runner = machine.path("/");
    assert!(Path::new(&format!("/proc/{init}")).exists() && runner.exists() && folder.exists());
    drop((provider, machine));
    assert!(!Path::new(&format!("/proc/{init}")).exists(), "its processes ended");
    assert!(!runner.exists(), "the machine's processes ended");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens any more");
    assert!(!folder.exists(), "its folder is removed");
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains("interop-"), "no mount is left: {mounts}");
}
