//! What lies in the spool and belongs to somebody else, or is no mail at all: it is set aside with the reason, and everybody's mail goes on.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use crate::machine::{DROP, HER, HIS, can_run, frame};
use crate::machine_runner::{MAIL, Runner, machine};
use support::provider::Provider;
use support::wait::wait_for;

const QUEUE: &str = "/var/spool/postrider/queue";

fn put(path: &Path, bytes: &[u8], mode: u32, (owner, group): (u32, u32)) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    chown(path, Some(owner), Some(group)).unwrap();
}

#[test]
fn what_belongs_to_somebody_else_is_set_aside_with_the_reason_and_the_rest_goes_on() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    let group = machine.gid("postrider-drop");
    let queue = |name: &str| machine.path(QUEUE).join(name);
    let dropped = |name: &str| machine.path(DROP).join(name);
    let good = frame(br#"{"v":1,"token":"0123456789abcdef0123456789abcdef","sender":null,"recipients":[{"complete":"friend@away.example"}]}"#, MAIL);
    // In queue/: his private file, root's, a message whose journal is hers, a note, a link.
    put(&queue("00060FF000000001"), b"mine", 0o600, (HIS, HIS));
    put(&queue("00060FF000000002"), b"{}", 0o644, (0, 0));
    put(&queue("00060FF000000002.journal"), b"", 0o600, (HER, HER));
    put(&queue("notes.txt"), b"to do", 0o600, (HIS, HIS));
    symlink("/etc/shadow", queue("00060FF000000003")).unwrap();
    // In drop/: hers under his name, his own that is none, a folder.
    put(&dropped("20001.7"), &good, 0o640, (HER, group));
    put(&dropped("20001.8"), b"no submission", 0o640, (HIS, group));
    fs::create_dir(dropped("20002.1")).unwrap();
    // And mail of both, before and after.
    machine.sh("her", "sendmail friend@away.example", MAIL).good();
    let _runner = Runner::start(&machine);
    machine.sh("his", "sendmail friend@away.example", MAIL).good();
    wait_for("the mail of both", || isp.received() == 2);
    wait_for("the spool to be tidy", || {
        machine.dropped().iter().all(|name| name == "20002.1")
            && fs::read_dir(machine.path(QUEUE)).unwrap().count() == 0
    });
    let listed = machine.sh("root", "postrider queue list --failed", b"").good().printed;
    for (name, reason) in [
        ("00060FF000000001", "belongs to uid 20001"),
        ("00060FF000000002", "belongs to uid 0"),
        ("00060FF000000003", "not a file"),
        ("notes.txt", "its name is not a message id"),
        ("20001.7", "belongs to uid 20002, but its name says 20001"),
        ("20001.8", ""),
    ] {
        let of = listed.split_once(name).map(|(_, rest)| rest.lines().nth(1).unwrap_or_default().to_owned());
        assert!(of.as_ref().is_some_and(|said| said.contains(reason) && said.len() > 10), "{name}: {reason}: {listed}");
    }
    assert_eq!(isp.received(), 2, "nothing of it was sent");
    let status = machine.sh("root", "postrider status", b"");
    assert_eq!(status.code, Some(1), "{status:?}");
    assert!(status.printed.contains("in failed/"), "{status:?}");
}
