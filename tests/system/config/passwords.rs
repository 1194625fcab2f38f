//! Passwords of the whole machine's runner: where they may be kept, what is said of one that others could read, and that the runner's
//! memory is nobody else's. Whatever is wrong costs no mail, and the command that is named mends it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};

use crate::machine::{HIS, Machine, can_run};
use crate::machine_runner::{MAIL, Runner, machine, wait_for_delivery};
use support::provider::Provider;
use support::wait::wait_for;

const CONFIG: &str = "/etc/postrider/config.toml";
const FILE: &str = "{ file = \"isp.password\" }";

/// As the service manager starts it: with the runner's ids from the beginning.
const AS_SERVICE: &str = "setpriv --reuid=postrider --regid=postrider --init-groups";

/// Puts another source of the password into the config.
fn keep_password(machine: &Machine, source: &str) {
    let text = fs::read_to_string(machine.path(CONFIG)).unwrap();
    let changed = text.replace(FILE, source);
    assert_ne!(text, changed);
    fs::write(machine.path(CONFIG), changed).unwrap();
    // What stands in it is not for others, so that this is not what it is refused for.
    fs::set_permissions(machine.path(CONFIG), fs::Permissions::from_mode(0o640)).unwrap();
    chown(machine.path(CONFIG), Some(0), Some(machine.gid("postrider"))).unwrap();
}

/// The command that is named behind "run".
fn command(said: &str) -> String {
    let named = said.split_once("run \"").and_then(|(_, rest)| rest.split_once('"'));
    named.map_or_else(|| panic!("no command is named: {said}"), |(command, _)| command.to_owned())
}

fn log(machine: &Machine) -> String {
    fs::read_to_string(machine.path("/run/runner.log")).unwrap()
}

#[test]
fn a_password_in_the_machines_config_or_a_keyring_is_refused_with_the_command_that_mends_it_and_costs_no_mail() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let (_, password) = isp.credential();
    for source in [format!("\"{password}\""), "{ keyring = true }".to_owned()] {
        let (machine, before) = (machine(&isp, ""), isp.received());
        keep_password(&machine, &source);
        let _runner = Runner::start(&machine);
        machine.sh("his", "sendmail friend@away.example", MAIL).good();
        let checked = machine.sh("root", "postrider check", b"");
        assert_eq!(checked.code, Some(78), "{checked:?}");
        let (mending, logged) = (command(&checked.printed), log(&machine));
        assert_eq!(mending, "postrider password set isp");
        assert!(logged.contains(&mending), "{logged}");
        assert!(!checked.printed.contains(password) && !logged.contains(password), "it is shown");
        assert_eq!(isp.received(), before);
        let text = fs::read_to_string(machine.path(CONFIG)).unwrap();
        let mended = text.replace(&source, "{ file = \"secrets/isp\" }");
        fs::write(machine.path(CONFIG), mended).unwrap();
        machine.sh("root", &mending, format!("{password}\n").as_bytes()).good();
        assert_eq!(machine.standing("/etc/postrider/secrets/isp"), (0, machine.gid("postrider"), 0o640));
        wait_for_delivery(&machine, &isp, before + 1);
    }
}

#[test]
fn a_credential_of_the_service_manager_is_used() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    keep_password(&machine, "{ credential = \"isp\" }");
    // As LoadCredential= leaves it: a folder that the service's user alone reads.
    let folder = machine.path("/run/credentials");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("isp"), isp.credential().1).unwrap();
    machine.sh("root", "chown -R postrider /run/credentials && chmod 400 /run/credentials/isp", b"").good();
    machine.sh("root", "chmod 500 /run/credentials", b"").good();
    let runner = Runner::start_by(&machine, AS_SERVICE);
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    wait_for("the missing credential to be named", || log(&machine).contains("LoadCredential=isp:"));
    drop(runner);
    let _runner = Runner::start_by(&machine, &format!("env CREDENTIALS_DIRECTORY=/run/credentials {AS_SERVICE}"));
    // It has its time, which a start does not shorten.
    machine.sh("root", "postrider flush", b"").good();
    wait_for("the mail", || isp.received() == 1);
}

#[test]
fn a_password_file_of_somebody_elses_or_open_to_others_is_refused_with_the_command_that_mends_it() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let _runner = Runner::start_by(&machine, AS_SERVICE);
    let damages = ["chmod 644", "chmod 660", "chown his"];
    for (number, damage) in damages.into_iter().enumerate() {
        let said = log(&machine).len();
        machine.sh("root", &format!("{damage} /etc/postrider/isp.password"), b"").good();
        machine.sh("his", "sendmail friend@away.example", MAIL).good();
        let news = || log(&machine)[said..].to_owned();
        wait_for("the refusal", || news().contains("isp.password cannot be used: "));
        assert_eq!(isp.received(), number, "{damage}");
        // The log line comes before the account's trouble is on disk.
        wait_for("status to know", || machine.sh("root", "postrider status", b"").code == Some(2));
        let status = machine.sh("root", "postrider status", b"");
        assert_eq!(command(&status.printed), command(&news()), "{damage}");
        machine.sh("root", &command(&news()), b"").good();
        wait_for_delivery(&machine, &isp, number + 1);
    }
}

#[test]
fn a_secret_of_a_container_that_all_may_read_is_refused_with_a_way_that_works_from_inside() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    keep_password(&machine, "{ file = \"/run/secrets/isp\" }");
    fs::create_dir(machine.path("/run/secrets")).unwrap();
    fs::write(machine.path("/run/secrets/isp"), isp.credential().1).unwrap();
    machine.sh("root", "chmod 444 /run/secrets/isp; mount --bind -o ro /run/secrets /run/secrets", b"").good();
    let said = machine.sh("root", "postrider check", b"").printed;
    let way = "{ command = [\"cat\", \"/run/secrets/isp\"] }";
    assert!(said.contains("mode 0400") && said.contains(&format!("password = {way}")), "{said}");
    assert!(!said.contains("chmod"), "nothing that cannot be done from inside: {said}");
    let config = fs::read_to_string(machine.path(CONFIG)).unwrap();
    fs::write(machine.path(CONFIG), config.replace("{ file = \"/run/secrets/isp\" }", way)).unwrap();
    let _runner = Runner::start_by(&machine, AS_SERVICE);
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    wait_for_delivery(&machine, &isp, 1);
}

#[test]
fn a_config_of_ones_own_that_cannot_be_reached_is_not_passed_over() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    let make = "install -d -o his /home/his/.config && install -d -m 0700 -o root /home/his/.config/postrider";
    machine.sh("root", &format!("{make} && touch /home/his/.config/postrider/config.toml"), b"").good();
    let refused = machine.sh("his", "sendmail friend@away.example", MAIL);
    assert!(refused.code != Some(0) && refused.said.contains("/home/his/.config/postrider/config.toml"), "{refused:?}");
    assert_eq!(refused.said.lines().count(), 1, "{refused:?}");
    // A service that may not look into homes at all has none.
    machine.sh("root", "chmod 0 /home/his; chown root /home/his", b"").good();
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    wait_for_delivery(&machine, &isp, 1);
}

#[test]
fn a_config_of_somebody_elses_or_that_others_may_write_is_refused_with_the_command_that_mends_it() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    for (number, damage) in ["chown his", "chmod 666", "chmod 664"].into_iter().enumerate() {
        machine.sh("root", &format!("{damage} {CONFIG}"), b"").good();
        let _runner = Runner::start_by(&machine, AS_SERVICE);
        machine.sh("his", "sendmail friend@away.example", MAIL).good();
        wait_for("the refusal", || log(&machine).contains(&format!("{CONFIG} cannot be used: ")));
        assert_eq!(isp.received(), number, "{damage}");
        machine.sh("root", &command(&log(&machine)), b"").good();
        wait_for_delivery(&machine, &isp, number + 1);
    }
}

#[test]
fn a_file_of_conf_d_of_somebody_elses_is_named_in_one_line_with_the_command_that_mends_it() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let file = "/etc/postrider/conf.d/site.toml";
    let add = format!("mkdir -p /etc/postrider/conf.d && echo 'operators = [\"her\"]' >{file} && chown his {file}");
    machine.sh("root", &add, b"").good();
    let checked = machine.sh("root", "postrider check", b"");
    let told = format!("{}{}", checked.said, checked.printed);
    assert!(checked.code == Some(78) && told.lines().count() == 1 && told.contains(file), "{checked:?}");
    machine.sh("root", &command(&told), b"").good();
    machine.sh("root", "postrider check", b"").good();
}

#[test]
fn nobody_reads_the_runners_memory_not_even_under_its_own_user() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let _runner = Runner::start_by(&machine, AS_SERVICE);
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    wait_for("the mail", || isp.received() == 1);
    let process = machine.sh("root", "pgrep -x postrider", b"").good().printed.trim().to_owned();
    let limits = fs::read_to_string(machine.path(&format!("/proc/{process}/limits"))).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().rev().take(3).collect::<Vec<_>>(), ["bytes", "0", "0"], "{core}");
    for who in [AS_SERVICE.to_owned(), format!("setpriv --reuid={HIS} --regid={HIS} --clear-groups")] {
        for look in [
            format!("cat /proc/{process}/environ"),
            format!("head -c 1 /proc/{process}/mem"),
            format!("ls /proc/{process}/fd"),
            format!("timeout 5 strace -qq -o /dev/null -p {process}"),
        ] {
            let seen = machine.sh("root", &format!("exec {who} {look}"), b"");
            assert!(!matches!(seen.code, Some(0 | 124)), "{who} {look}: {seen:?}");
            assert_eq!(seen.printed, "", "{who} {look}");
        }
    }
}

#[test]
fn a_folder_that_the_runner_may_not_enter_is_named_and_not_the_file_in_it() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let hide = "mkdir -m 700 /etc/postrider/hidden && mv /etc/postrider/isp.password /etc/postrider/hidden/isp";
    machine.sh("root", hide, b"").good();
    keep_password(&machine, "{ file = \"hidden/isp\" }");
    let checked = machine.sh("root", "postrider check", b"");
    let mending = command(&checked.printed);
    assert_eq!(mending, "chgrp postrider /etc/postrider/hidden && chmod 750 /etc/postrider/hidden", "{checked:?}");
    assert!(checked.printed.contains("the runner may not enter /etc/postrider/hidden"), "{checked:?}");
    machine.sh("root", &mending, b"").good();
    let checked = machine.sh("root", "postrider check", b"");
    assert!(!checked.printed.contains("error: "), "{checked:?}");
}
