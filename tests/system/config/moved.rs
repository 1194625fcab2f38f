//! A machine is moved: its backup is restored on another one, with owners and modes as an installation has them.

use std::fs;

use crate::machine::{HIS, Machine, can_run};
use crate::machine_runner::{CONFIG, MAIL, Runner, machine, wait_for_delivery};
use support::provider::{Mail, Provider};
use support::wait::wait_for;

/// Brings root's file from one machine to the other.
fn carry(from: &Machine, to: &Machine, file: &str) {
    fs::copy(from.path(file), to.path(file)).unwrap();
}

#[test]
fn a_machines_mail_tokens_and_secrets_move_to_another_with_their_owners_and_modes() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let old = machine(&isp, "");
    let runner = Runner::start(&old);
    old.sh("her", "sendmail sent@away.example", MAIL).good();
    wait_for_delivery(&old, &isp, 1);
    drop(runner);
    // One that the drop program stored, and one in the queue, whose account is not there to send it.
    old.sh("his", "sendmail dropped@away.example", MAIL).good();
    old.sh("root", "install -m 600 -o postrider -g postrider /dev/stdin /var/lib/postrider/token", b"refresh\n").good();
    fs::write(old.path("/etc/postrider/conf.d/20.toml"), "[queue]\nlifetime = \"3d\"\n").unwrap();
    let said = old.sh("root", "postrider backup /run/moved.tar", b"").good().printed;
    assert!(said.contains("1 not picked up yet") && !said.contains("is running"), "{said}");
    assert_eq!(old.standing("/run/moved.tar"), (0, 0, 0o600));
    let refused = old.sh("his", "postrider backup /home/his/moved.tar", b"");
    assert!(refused.code != Some(0) && !old.path("/home/his/moved.tar").exists(), "{refused:?}");

    let new = Machine::new();
    carry(&old, &new, "/run/moved.tar");
    let refused = new.sh("his", "postrider restore /run/moved.tar", b"");
    assert_ne!(refused.code, Some(0), "{refused:?}");
    let said = new.sh("root", "postrider restore /run/moved.tar", b"").good().printed;
    assert!(said.contains("1 not picked up yet"), "{said}");
    let (runner_uid, gid) = (new.standing("/var/spool/postrider").0, new.gid("postrider"));
    assert_eq!(new.standing(CONFIG), (0, gid, 0o640));
    assert_eq!(new.standing("/etc/postrider/isp.password"), (0, gid, 0o640));
    assert_eq!(new.standing("/etc/postrider/conf.d/20.toml"), (0, gid, 0o640));
    assert_eq!(new.standing("/var/lib/postrider/token"), (runner_uid, gid, 0o600));
    let foreign = "find /var/spool/postrider /var/lib/postrider ! -user postrider";
    assert_eq!(new.sh("root", foreign, b"").good().printed, "");
    let check = new.sh("root", "postrider check", b"").printed;
    assert!(!check.contains("error: "), "{check}");
    let _runner = Runner::start(&new);
    wait_for("the mail that had been dropped", || isp.received() == 2);
    let moved = isp.mails().iter().map(Mail::text).find(|mail| mail.contains(&format!("userid {HIS}")));
    assert!(moved.is_some_and(|mail| mail.contains("His Name")), "{}", isp.transcript());
    let history = new.sh("root", "postrider history", b"").good().printed;
    assert!(history.contains("sent@away.example"), "{history}");
    let refused = new.sh("root", "postrider restore --replace /run/moved.tar", b"");
    assert!(refused.said.contains("stop it first"), "{refused:?}");
}

#[test]
fn a_machine_that_has_a_configuration_or_mail_refuses_another_one() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let old = machine(&isp, "");
    old.sh("root", "postrider backup /run/moved.tar", b"").good();
    let new = machine(&isp, "max_connections = 1");
    carry(&old, &new, "/run/moved.tar");
    let refused = new.sh("root", "postrider restore /run/moved.tar", b"");
    assert!(refused.code == Some(77) && refused.said.contains("--replace"), "{refused:?}");
    let said = new.sh("root", "postrider restore --replace /run/moved.tar", b"").good().printed;
    assert!(said.contains("config.toml was renamed to /etc/postrider/config.toml.before-restore"), "{said}");
    assert!(fs::read_to_string(new.path("/etc/postrider/config.toml.before-restore")).unwrap().contains("= 1"));
    assert!(!fs::read_to_string(new.path(CONFIG)).unwrap().contains("max_connections"));
}
