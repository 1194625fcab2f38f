//! Programs that run others at their time and mail what these print: cron, anacron, at.

use super::{FRIEND, HOUSEHOLD, ends_empty, is_from_the_house, ready};

#[test]
fn a_cron_job_of_root_mails_its_output_to_the_owner_of_the_machine() {
    let Some((provider, machine)) = ready(&["cron"], "root") else { return };
    machine.write("root", "/var/spool/cron/crontabs/root", "@reboot echo the disk is nearly full\n");
    machine.succeeds("root", "cron", &[], "");

    let mail = provider.wait_for_mail_to(HOUSEHOLD);
    is_from_the_house(&mail);
    assert_eq!(mail.header("From"), format!("{HOUSEHOLD} (Cron Daemon)"));
    assert_eq!(mail.header("To"), HOUSEHOLD);
    assert!(mail.header("Subject").starts_with("Cron <root@"), "{}", mail.raw);
    assert_eq!(mail.header("X-Cron-Env"), "<SHELL=/bin/sh>", "the caller's own fields stay: {}", mail.raw);
    assert!(mail.header("Message-ID").ends_with("@homebox.localdomain.local>"), "{}", mail.raw);
    assert_eq!(mail.body(), "the disk is nearly full\n");
    ends_empty(&machine, &provider, "root");
}

#[test]
fn a_cron_job_of_a_user_mails_through_the_account_of_that_user() {
    let Some((provider, machine)) = ready(&["cron"], "her") else { return };
    machine.write(
        "her",
        "/var/spool/cron/crontabs/her",
        "MAILTO=friend@elsewhere.example\n@reboot echo the backup is done; echo .; echo really\n",
    );
    machine.succeeds("root", "cron", &[], "");

    let mail = provider.wait_for_mail_to(FRIEND);
    assert_eq!(mail.login(), "heraccount@herisp.example");
    assert!(mail.over_tls(), "{}", mail.raw);
    assert_eq!(mail.envelope_sender(), "<heraccount@herisp.example>");
    // Debian's cron names root as the author of everybody's mail.
    assert_eq!(mail.header("From"), format!("{HOUSEHOLD} (Cron Daemon)"));
    assert_eq!(mail.header("To"), FRIEND);
    assert_eq!(mail.body(), "the backup is done\n.\nreally\n");
    ends_empty(&machine, &provider, "her");
}

#[test]
fn an_anacron_job_that_was_overdue_mails_its_output() {
    let Some((provider, machine)) = ready(&["anacron"], "root") else { return };
    let table = "SHELL=/bin/sh\nMAILTO=friend@elsewhere.example\n1 0 greenhouse echo the roses were thirsty; echo .; echo So was I.\n";
    machine.write("root", "/etc/anacrontab", table);
    machine.write("root", "/var/spool/anacron/greenhouse", "20200101\n");
    machine.succeeds("root", "anacron", &["-d", "-n", "-f"], "");

    let mail = provider.wait_for_mail_to(FRIEND);
    is_from_the_house(&mail);
    assert_eq!(mail.header("From"), format!("Anacron <{HOUSEHOLD}>"));
    assert_eq!(mail.header("To"), FRIEND);
    assert!(mail.header("Subject").starts_with("Anacron job 'greenhouse' on "), "{}", mail.raw);
    assert_eq!(mail.body(), "the roses were thirsty\n");
    ends_empty(&machine, &provider, "root");
}

#[test]
fn a_job_of_at_mails_its_output_to_the_user_who_queued_it() {
    let Some((provider, machine)) = ready(&["at", "atd"], "her") else { return };
    machine.succeeds("root", "install", &["-d", "-m1770", "-odaemon", "-gdaemon", "/var/spool/cron/atjobs"], "");
    machine.succeeds("root", "install", &["-d", "-m1770", "-odaemon", "-gdaemon", "/var/spool/cron/atspool"], "");
    machine.succeeds(
        "root",
        "install",
        &["-m600", "-odaemon", "-gdaemon", "/dev/null", "/var/spool/cron/atjobs/.SEQ"],
        "",
    );
    machine.succeeds("her", "at", &["now"], "echo the cake is done\necho .\necho 'Grüße aus der Küche'\n");
    machine.succeeds("root", "atd", &["-s"], "");

    let mail = provider.wait_for_mail_to("heraccount@herisp.example");
    assert_eq!(mail.login(), "heraccount@herisp.example");
    assert_eq!(mail.envelope_sender(), "<heraccount@herisp.example>");
    assert_eq!(mail.header("To"), "heraccount@herisp.example");
    assert!(mail.header("Subject").starts_with("Output from your job "), "{}", mail.raw);
    assert_eq!(mail.body(), "the cake is done\n.\nGrüße aus der Küche\n");
    ends_empty(&machine, &provider, "her");
}
