//! `postrider check` against an installation that is broken in every way, one after the other: it names the command that mends it, the
//! command is run, and check is content again.

use crate::machine::{Machine, can_run};
use crate::machine_runner;
use support::provider::Provider;

/// What is where: what contrib/install.sh makes.
const FOLDERS: [&str; 9] = [
    "/usr/libexec/postrider",
    "/etc/postrider",
    "/run/postrider",
    "/var/lib/postrider",
    "/var/spool/postrider",
    "/var/spool/postrider/drop",
    "/var/spool/postrider/queue",
    "/var/spool/postrider/failed",
    "/var/spool/postrider/history",
];

/// What check prints.
fn check(machine: &Machine) -> String {
    machine.sh("root", "postrider check", b"").printed
}

/// The commands that it names.
fn commands(said: &str) -> Vec<String> {
    let quoted = |line: &str| Some(line.split_once("run \"")?.1.rsplit_once('"')?.0.to_owned());
    said.lines().filter_map(quoted).collect()
}

/// Breaks something, and mends it by what check says.
fn mends(machine: &Machine, damage: &str, named: &str) {
    let before = check(machine);
    machine.sh("root", damage, b"").good();
    let broken = check(machine);
    assert!(broken.contains(named), "after {damage}: {named} is not named\n{broken}");
    // Where users or groups are missing, the second look sees whose files that has changed.
    for _ in 0..3 {
        for command in commands(&check(machine)) {
            machine.sh("root", &command, b"").good();
        }
    }
    assert_eq!(check(machine), before, "after {damage}");
    machine.sh(
        "root",
        "rm -rf /tmp/w /var/spool/*.aside /var/spool/*/*.aside /run/*.aside /etc/*.aside /usr/libexec/*.aside",
        b"",
    );
}

#[test]
fn an_installed_machine_has_no_error_and_every_wrong_place_is_fixed_by_the_command_of_check() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    assert!(!check(&machine).contains("error: "), "{}", check(&machine));
    for folder in FOLDERS {
        mends(&machine, &format!("chown 20001 {folder}"), &format!("{folder} belongs to his:"));
        mends(&machine, &format!("chgrp 20001 {folder}"), &format!("{folder} belongs to "));
        mends(&machine, &format!("chmod 0777 {folder}"), &format!("{folder} has mode 0777, not "));
        if !folder.contains("libexec") && folder != "/etc/postrider" {
            mends(&machine, &format!("rm -r {folder}"), &format!("{folder} is missing"));
            mends(&machine, &format!("rm -r {folder} && ln -s /tmp {folder}"), &format!("{folder} is not a directory"));
            mends(&machine, &format!("rm -r {folder} && touch {folder}"), &format!("{folder} is not a directory"));
        }
    }
    let program = "/usr/libexec/postrider/postrider-drop";
    for damage in ["chown his", "chgrp root", "chown root:root", "chmod 0755", "chmod 4755", "chmod 2777"] {
        mends(&machine, &format!("{damage} {program}"), program);
    }
    for folder in ["/", "/etc", "/usr", "/usr/libexec", "/var", "/var/spool", "/run"] {
        if folder != "/" && folder != "/var" {
            mends(&machine, &format!("chmod o+w {folder}"), &format!("everybody can write to {folder}"));
            mends(&machine, &format!("chown his {folder}"), &format!("{folder} belongs to his, not to root"));
        }
    }
    mends(&machine, "rm /usr/sbin/sendmail", "/usr/sbin/sendmail does not exist");
    mends(&machine, "mount -o remount,nosuid /usr", "mounted nosuid");
    machine.sh("root", &format!("rm {program}"), b"").good();
    assert!(check(&machine).contains(&format!("{program} is missing")));
    machine.install("").good();
    assert!(!check(&machine).contains("error: "), "{}", check(&machine));
}

#[test]
fn wrong_users_groups_and_members_are_mended_by_the_command_that_check_names() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let config = "/etc/postrider/config.toml";
    for (damage, named) in [
        ("groupdel postrider-drop", "there is no group postrider-drop"),
        ("userdel postrider", "there is no user postrider"),
        ("usermod -g his postrider && groupdel postrider", "there is no group postrider;"),
        ("usermod -g his postrider", "the primary group of user postrider"),
        ("gpasswd -d postrider postrider-drop", "is not in group postrider-drop"),
        ("gpasswd -a her postrider-drop", "her is in group postrider-drop and can read the mail of all users"),
        ("gpasswd -a her postrider", "her is in group postrider and can read the provider passwords"),
        ("usermod -g postrider her", "her has the primary group postrider"),
        ("usermod -g postrider-drop her", "her has the primary group postrider-drop"),
        ("chgrp root /etc/postrider/config.toml", "the service cannot read /etc/postrider/config.toml"),
        ("chmod 0600 /etc/postrider/config.toml", "the service cannot read /etc/postrider/config.toml"),
        (
            "touch /etc/postrider/conf.d/b.toml && chmod 0600 /etc/postrider/conf.d/b.toml",
            "the service cannot read /etc/postrider/conf.d/b.toml",
        ),
        ("chgrp root /etc/postrider/conf.d", "the service cannot read /etc/postrider/conf.d"),
        ("chmod 0700 /etc/postrider/conf.d", "the service cannot read /etc/postrider/conf.d"),
        ("chown his /etc/postrider/config.toml", "for root, the file must belong to root"),
        ("chmod 0666 /etc/postrider/config.toml", "can write to it"),
    ] {
        mends(&machine, damage, named);
    }
    assert!(check(&machine).contains(config), "{}", check(&machine));
}

#[test]
fn a_password_file_that_the_runner_cannot_use_is_mended_by_the_command_that_check_names() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine_runner::machine(&isp, "");
    let password = "/etc/postrider/isp.password";
    for (damage, named) in [
        ("chown root:root FILE && chmod 600 FILE", "Permission denied"),
        ("chgrp 0 FILE && chmod 644 FILE", "its group or others have access to it"),
        ("chmod 644 FILE", "others besides the runner have access to it"),
        ("chown his FILE", "it belongs to uid 20001"),
    ] {
        mends(&machine, &damage.replace("FILE", password), named);
    }
    machine.sh("root", &format!("mv {password} /run/password"), b"").good();
    let said = check(&machine);
    assert!(said.contains("write the password into it, as one line, and run"), "{said}");
    machine.sh("root", &format!("cat /run/password >{password} && {}", commands(&said).concat()), b"").good();
    assert!(!check(&machine).contains("error: "), "{}", check(&machine));
}

#[test]
fn a_user_namespace_that_knows_few_uids_is_told() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let few = machine.sh("root", "unshare --user --map-root-user postrider check", b"").printed;
    assert!(few.contains("this user namespace maps only 1 uids"), "{few}");
    assert!(!check(&machine).contains("user namespace"), "{}", check(&machine));
}

#[test]
fn jobs_whose_mail_is_lost_or_has_nowhere_to_go_are_named() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine_runner::machine(&isp, "");
    let put = |path: &str, text: &str| {
        let path = machine.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let before = check(&machine);
    put("/etc/cron.d/good", "MAILTO=root,me@isp.example\n17 * * * * root x\n");
    assert_eq!(check(&machine), before);
    put("/etc/cron.d/blank", "SHELL=/bin/sh\nMAILTO=root, me@isp.example\n17 * * * * root x\n");
    put("/etc/cron.d/name", "MAILTO=\"Me <me@isp.example>\"\n");
    put("/etc/anacrontab", "MAILTO=\"root\"\n");
    put("/var/spool/cron/crontabs/his", "MAILTO='her\n* * * * * x\n");
    let said = check(&machine);
    for (place, words) in [
        ("/etc/cron.d/blank:2", "cron throws this mail away"),
        ("/etc/cron.d/name:1", "cron throws this mail away"),
        ("/etc/anacrontab:1", "anacron keeps the quotes"),
        ("/var/spool/cron/crontabs/his:1", "cron throws this mail away"),
    ] {
        let named = |line: &str| line.starts_with("warning: ") && line.contains(place) && line.contains(words);
        assert!(said.lines().any(named), "{place}: {words}:\n{said}");
    }
    assert!(!said.contains("/etc/cron.d/good"), "{said}");

    // Users whose jobs send mail, and addresses that jobs send it to, are followed as root and postmaster are.
    let config = std::fs::read_to_string(machine.path(machine_runner::CONFIG)).unwrap();
    std::fs::write(
        machine.path(machine_runner::CONFIG),
        config.replace("\"@home.lan\"", "\"root@home.lan\" = \"me@isp.example\", \"postmaster@home.lan\""),
    )
    .unwrap();
    put("/etc/cron.d/good", "MAILTO=ops\n17 * * * * her x\n");
    let said = check(&machine);
    for name in ["his", "her", "ops"] {
        assert!(said.contains(&format!("warning: mail to {name}@home.lan waits")), "{name}:\n{said}");
    }
    assert!(!said.contains("mail to root@home.lan waits"), "{said}");
}

#[test]
fn a_name_of_sendmail_that_is_somebody_elses_is_named() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine_runner::machine(&isp, "");
    let before = check(&machine);
    for name in ["/usr/sbin/sendmail", "/usr/lib/sendmail"] {
        let theirs = format!("cp -a {name} /run/ours/kept; rm {name}; printf '#!/bin/sh\\n' >{name}; chmod 755 {name}");
        machine.sh("root", &theirs, b"").good();
        let said = check(&machine);
        assert!(said.contains(&format!("warning: {name} belongs to another mail program")), "{said}");
        let json = machine.sh("root", "postrider check --json", b"").printed;
        assert!(json.contains("\"kind\":\"sendmail\""), "{json}");
        machine.sh("root", &format!("rm {name}; mv /run/ours/kept {name}"), b"").good();
        assert_eq!(check(&machine), before);
    }
}
