//! On a file system with one-second times, two submissions in one slot of drop/ may have one file time: they are two messages all
//! the same, and a record of the first removes nothing of the second.

use crate::machine::{HIS, Machine, can_run, frame};
use crate::machine_runner::{Runner, machine, wait_for_delivery};
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;

/// Drops a mail of his with this token, and gives its file a whole second.
fn drop_at(machine: &Machine, time: &str, token: &str, to: &str) {
    let envelope =
        format!(r#"{{"v":1,"token":"{token}","sender":null,"recipients":[{{"complete":"{to}@away.example"}}]}}"#);
    machine.drop_as("his", &frame(envelope.as_bytes(), b"Subject: same\n\ntext\n")).good();
    assert_eq!(machine.dropped(), [format!("{HIS}.0")]);
    machine.sh("root", &format!("touch -d '{time}' /var/spool/postrider/drop/{HIS}.0"), b"").good();
}

#[test]
fn two_submissions_of_one_slot_with_one_file_time_are_two_messages() {
    if !can_run() {
        return;
    }
    let isp = Provider::setup().rule(on(Verb::Rcpt).about("<second").reply("450 4.2.0 not now")).start();
    let machine = machine(&isp, "");
    let time = machine.sh("root", "date '+%Y-%m-%d %H:%M:%S'", b"").good().printed;
    let time = time.trim();
    drop_at(&machine, time, "T1", "first");
    let runner = Runner::start(&machine);
    wait_for_delivery(&machine, &isp, 1);
    drop(runner);
    drop_at(&machine, time, "T2", "second");
    let listed = || machine.sh("root", "postrider queue list --json", b"").printed;
    for _ in 0..3 {
        let _runner = Runner::start(&machine);
        wait_for("the second to be deferred", || listed().contains("not now"));
        // Not as a service manager stops it.
        machine.sh("root", "pkill -9 -x postrider; timeout 10 pidwait -x postrider; true", b"").good();
    }
    let _runner = Runner::start(&machine);
    isp.behave();
    machine.sh("root", "postrider flush", b"");
    wait_for_delivery(&machine, &isp, 2);
    let mails = isp.mails();
    let to: Vec<&str> = mails.iter().map(|mail| mail.to[0].as_str()).collect();
    assert_eq!(to, ["first@away.example", "second@away.example"]);
    assert_ne!(mails[0].field("Message-ID"), mails[1].field("Message-ID"));
    let history = machine.sh("root", "postrider history --json", b"").printed;
    assert_eq!(history.lines().count(), 2, "{history}");
    assert!(!machine.sh("root", "ls /var/spool/postrider/failed", b"").printed.contains('6'), "nothing is set aside");
}
