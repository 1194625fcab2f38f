//! Programs that watch the machine and mail what the owner should know: logwatch, sudo, mdadm, smartd, unattended-upgrades, fail2ban.

use super::{FRIEND, HOUSEHOLD, SHE, ends_empty, is_from_the_house, left_as, ready};

#[test]
fn a_logwatch_report_arrives_with_its_bare_local_addresses_completed_and_rewritten() {
    let Some((provider, machine)) = ready(&["logwatch"], "root") else { return };
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

    let mail = provider.wait_for_mail_to(HOUSEHOLD);
    is_from_the_house(&mail);
    assert_eq!(mail.header("From"), HOUSEHOLD, "logwatch writes `From: Logwatch`");
    assert_eq!(mail.header("To"), HOUSEHOLD);
    assert!(mail.header("Subject").starts_with("Logwatch for "), "{}", mail.raw);
    assert!(mail.body().contains("It says: the heating is off\n"), "{}", mail.raw);
    ends_empty(&machine, &provider, "root");
}

#[test]
fn sudo_tells_root_what_she_does_with_it() {
    let Some((provider, machine)) = ready(&["sudo"], SHE.login) else { return };
    let rules = "Defaults mail_always, mailto = \"root\"\nher ALL = (ALL) NOPASSWD: ALL\n";
    machine.write("root", "/etc/sudoers.d/house", rules);
    machine.succeeds("her", "sudo", &["-n", "true", "to", "the", "roses"], "");

    let mail = provider.wait_for_mail_to(HOUSEHOLD);
    // Debian's sudo runs the mailer as the user who called it.
    left_as(&mail, SHE.account, SHE.address);
    assert_eq!(mail.header("To"), HOUSEHOLD);
    assert_eq!(mail.header("From"), SHE.address);
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert!(mail.header("Subject").starts_with("*** SECURITY information for "), "{}", mail.raw);
    assert!(mail.body().contains("COMMAND=/usr/bin/true to the roses"), "{}", mail.raw);
    ends_empty(&machine, &provider, SHE.login);
}

#[test]
fn mdadm_warns_of_an_array() {
    let Some((provider, machine)) = ready(&["mdadm"], "root") else { return };
    machine.run("root", "mdadm", &["--monitor", "--test", "--oneshot", "--mail", "root", "/dev/md/attic"], "");

    let mail = provider.wait_for_mail_to(HOUSEHOLD);
    is_from_the_house(&mail);
    assert_eq!(mail.header("From"), format!("mdadm monitoring <{HOUSEHOLD}>"));
    assert_eq!(mail.header("To"), HOUSEHOLD);
    assert!(mail.header("Subject").starts_with("TestMessage event on /dev/md/attic:"), "{}", mail.raw);
    assert!(mail.body().contains("A TestMessage event had been detected"), "{}", mail.raw);
    ends_empty(&machine, &provider, "root");
}

#[test]
fn smartd_warns_of_a_disk() {
    const WARNING: &str = "/usr/share/smartmontools/smartd_warning.sh";
    let Some((provider, machine)) = ready(&["smartd", "mail"], "root") else { return };
    let finding = [
        "SMARTD_ADDRESS=root friend@elsewhere.example",
        "SMARTD_MESSAGE=Device: /dev/sda [SAT], 8 Currently unreadable (pending) sectors",
        "SMARTD_FAILTYPE=CurrentPendingSector",
        "SMARTD_PREVCNT=0",
        "SMARTD_NEXTDAYS=1",
        "SMARTD_DEVICEINFO=Winchester 3340, S/N:30-30, 70.0 MB",
        WARNING,
    ];
    machine.succeeds("root", "env", &finding, "");

    let mail = provider.wait_for_mail_to(FRIEND);
    is_from_the_house(&mail);
    assert_eq!(mail.header("To"), format!("friend@elsewhere.example, {HOUSEHOLD}"));
    assert!(mail.header("Subject").starts_with("SMART error (CurrentPendingSector) detected on host: "));
    assert!(mail.body().contains("8 Currently unreadable (pending) sectors\n"), "{}", mail.raw);
    provider.wait_for_mail_to(HOUSEHOLD);
    ends_empty(&machine, &provider, "root");
}

#[test]
fn unattended_upgrades_report_what_they_did() {
    let Some((provider, machine)) = ready(&["unattended-upgrade"], "root") else { return };
    let settings = "Unattended-Upgrade::Mail \"root\";\nUnattended-Upgrade::MailReport \"always\";\n\
        Dir::State \"/home/apt/state\";\nDir::State::status \"/home/apt/status\";\nDir::Cache \"/home/apt/cache\";\n";
    machine.write("root", "/etc/apt/apt.conf.d/99house", settings);
    machine.write("root", "/etc/apt/sources.list", "");
    machine.succeeds("root", "sh", &["-c", "rm -rf /etc/apt/sources.list.d/*; mkdir -p /home/apt/updates /home/apt/state /home/apt/cache/archives/partial /var/log/apt; : >/home/apt/status"], "");
    machine.succeeds("root", "unattended-upgrade", &[], "");

    let mail = provider.wait_for_mail_to(HOUSEHOLD);
    is_from_the_house(&mail);
    assert_eq!(mail.header("From"), HOUSEHOLD);
    assert_eq!(mail.header("To"), HOUSEHOLD);
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert!(mail.header("Subject").contains("unattended-upgrades result for "), "{}", mail.raw);
    assert!(mail.body().contains("Unattended-upgrades log:\n"), "{}", mail.raw);
    ends_empty(&machine, &provider, "root");
}

#[test]
fn fail2ban_tells_whom_it_banned() {
    let Some((provider, machine)) = ready(&["fail2ban-client", "fail2ban-server"], "root") else { return };
    let jail = "[greenhouse]\nenabled = true\nbackend = polling\nlogpath = /var/log/greenhouse.log\n\
        filter =\nfailregex = ^ intruder <HOST>$\naction = sendmail[name=greenhouse, dest=root]\n";
    machine.write("root", "/etc/fail2ban/jail.local", jail);
    machine.write("root", "/etc/fail2ban/jail.d/defaults-debian.conf", "");
    machine.write("root", "/etc/fail2ban/fail2ban.local", "[Definition]\ndbfile = None\n");
    machine.write("root", "/var/log/greenhouse.log", "");
    machine.succeeds("root", "mkdir", &["/run/fail2ban"], "");
    machine.succeeds("root", "fail2ban-client", &["start"], "");
    machine.succeeds("root", "fail2ban-client", &["set", "greenhouse", "banip", "192.0.2.7"], "");

    let subjects = || {
        let of_mail = |mail: crate::arrived::Arrived| mail.header("Subject");
        provider.arrived().into_iter().map(of_mail).collect::<Vec<_>>()
    };
    provider.wait_until("the ban is told", || subjects().iter().any(|subject| subject.contains("banned 192.0.2.7")));
    for mail in provider.arrived() {
        is_from_the_house(&mail);
        assert_eq!(mail.header("From"), format!("Fail2Ban <{HOUSEHOLD}>"));
        assert_eq!(mail.header("To"), HOUSEHOLD);
        assert!(mail.header("Subject").starts_with("[Fail2Ban] greenhouse: "), "{}", mail.raw);
        assert!(mail.body().starts_with("\nHi,\n\nThe ") || mail.body().starts_with("Hi,\n\nThe "), "{}", mail.raw);
        assert!(mail.body().ends_with("Regards,\n\nFail2Ban\n"), "{}", mail.raw);
    }
    ends_empty(&machine, &provider, "root");
}
