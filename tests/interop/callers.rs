//! Real callers: each makes mail as it does on any Debian machine, and it arrives at the provider as it should.

use crate::arrived::Arrived;
use crate::home::configure;
use crate::machine::Machine;
use crate::need;
use crate::provider::Provider;

/// The mail left by his account: what is for root and other local names comes back to his mailbox.
fn left_by_his_account(mail: &Arrived, envelope_sender: &str) {
    assert_eq!(mail.login(), "hisaccount", "{}", mail.raw);
    assert!(mail.over_tls(), "{}", mail.raw);
    assert_eq!(mail.envelope_sender(), format!("<{envelope_sender}>"), "{}", mail.raw);
    for field in ["From", "To", "Sender", "Reply-To"] {
        assert!(
            !mail.header(field).contains("localdomain.local"),
            "a fictitious address left the machine: {}",
            mail.raw
        );
    }
}

fn ends_empty(machine: &Machine, provider: &Provider, login: &str) {
    provider
        .wait_until("the queue is empty", || machine.succeeds(login, "mailq", &[], "").contains("Mail queue is empty"));
}

#[test]
fn a_cron_job_of_root_mails_its_output_to_the_owner_of_the_machine() {
    if !need::met(&["cron"]) {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    configure(&machine, &provider, "root", "background");
    machine.write("root", "/var/spool/cron/crontabs/root", "@reboot echo the disk is nearly full\n");
    machine.succeeds("root", "cron", &[], "");

    let mail = provider.wait_for_mail_to("hisaccount+local@hisisp.example");
    left_by_his_account(&mail, "hisaccount+local@hisisp.example");
    assert_eq!(mail.header("From"), "hisaccount+local@hisisp.example (Cron Daemon)");
    assert_eq!(mail.header("To"), "hisaccount+local@hisisp.example");
    assert!(mail.header("Subject").starts_with("Cron <root@"), "{}", mail.raw);
    assert_eq!(mail.header("X-Cron-Env"), "<SHELL=/bin/sh>", "the caller's own fields stay: {}", mail.raw);
    assert!(mail.header("Message-ID").ends_with("@homebox.localdomain.local>"), "{}", mail.raw);
    assert_eq!(mail.body(), "the disk is nearly full\n");
    ends_empty(&machine, &provider, "root");
}

#[test]
fn a_cron_job_of_a_user_mails_through_the_account_of_that_user() {
    if !need::met(&["cron"]) {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    configure(&machine, &provider, "her", "background");
    machine.write(
        "her",
        "/var/spool/cron/crontabs/her",
        "MAILTO=friend@elsewhere.example\n@reboot echo the backup is done; echo .; echo really\n",
    );
    machine.succeeds("root", "cron", &[], "");

    let mail = provider.wait_for_mail_to("friend@elsewhere.example");
    assert_eq!(mail.login(), "heraccount@herisp.example");
    assert!(mail.over_tls(), "{}", mail.raw);
    assert_eq!(mail.envelope_sender(), "<heraccount@herisp.example>");
    // Debian's cron names root as the author of everybody's mail.
    assert_eq!(mail.header("From"), "hisaccount+local@hisisp.example (Cron Daemon)");
    assert_eq!(mail.header("To"), "friend@elsewhere.example");
    assert_eq!(mail.body(), "the backup is done\n.\nreally\n");
    ends_empty(&machine, &provider, "her");
}

#[test]
fn a_logwatch_report_arrives_with_its_bare_local_addresses_completed_and_rewritten() {
    if !need::met(&["logwatch"]) {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    configure(&machine, &provider, "root", "background");
    let service = "Title = \"The greenhouse\"\nLogFile = greenhouse\n";
    machine.write("root", "/etc/logwatch/conf/services/greenhouse.conf", service);
    machine.write("root", "/etc/logwatch/conf/logfiles/greenhouse.conf", "LogFile = greenhouse.log\n");
    machine.write("root", "/etc/logwatch/scripts/services/greenhouse", "while (<STDIN>) { print \"It says: $_\"; }\n");
    machine.write("root", "/var/log/greenhouse.log", "the heating is off\n.\nand it is cold\n");
    machine.succeeds(
        "root",
        "logwatch",
        &[
            "--output",
            "mail",
            "--format",
            "text",
            "--mailto",
            "root",
            "--service",
            "greenhouse",
            "--range",
            "all",
            "--detail",
            "high",
        ],
        "",
    );

    let mail = provider.wait_for_mail_to("hisaccount+local@hisisp.example");
    left_by_his_account(&mail, "hisaccount+local@hisisp.example");
    assert_eq!(mail.header("From"), "hisaccount+local@hisisp.example", "logwatch writes `From: Logwatch`");
    assert_eq!(mail.header("To"), "hisaccount+local@hisisp.example");
    assert!(mail.header("Subject").starts_with("Logwatch for "), "{}", mail.raw);
    assert!(mail.body().contains("It says: the heating is off\n"), "{}", mail.raw);
    ends_empty(&machine, &provider, "root");
}

#[test]
fn mail_written_with_mailx_leaves_under_the_name_and_account_of_its_writer() {
    if !need::met(&["bsd-mailx"]) {
        return;
    }
    let (provider, machine) = (Provider::start(), Machine::new());
    for (login, account, address, name) in [
        ("his", "hisaccount", "hisaccount@hisisp.example", "His Name"),
        ("her", "heraccount@herisp.example", "heraccount@herisp.example", "Her Name"),
    ] {
        configure(&machine, &provider, login, "background");
        let friend = format!("friend.of.{login}@elsewhere.example");
        let input = "Dear friend,\n\n  two blanks, a tab\t, no end of line";
        machine.succeeds(login, "bsd-mailx", &["-s", "Grüße", "-b", "hidden@elsewhere.example", &friend], input);

        let mail = provider.wait_for_mail_to(&friend);
        assert_eq!(mail.login(), account);
        assert!(mail.over_tls(), "{}", mail.raw);
        assert_eq!(mail.envelope_sender(), format!("<{address}>"));
        assert_eq!(mail.header("From"), format!("{name} <{address}>"));
        assert_eq!(mail.header("To"), friend);
        assert_eq!(mail.headers("Bcc"), [""; 0], "{}", mail.raw);
        assert_eq!(mail.headers("Date").len(), 1, "{}", mail.raw);
        assert!(mail.body().starts_with("Dear friend,\n\n  two blanks, a tab\t, no end of line"), "{}", mail.raw);
        provider.wait_for_mail_to("hidden@elsewhere.example");
        ends_empty(&machine, &provider, login);
    }
}
