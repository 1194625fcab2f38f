//! Those who ask the runner for more than is theirs, or without an end: other people's mail stays unknown to them, and nobody waits for them.

use crate::machine::{Ended, Machine, can_run};
use crate::machine_runner::{MAIL, Runner, machine};
use crate::queue::queue_access::{deferring, one_of_each};
use support::provider::Provider;
use support::wait::wait_for;

/// Asks what comes on standard input, and prints the answer.
const ASK: &str = "python3 -c 'import socket,sys\ns=socket.socket(socket.AF_UNIX); s.connect(\"/run/postrider/submit\")\n\
    s.sendall(sys.stdin.buffer.read()); sys.stdout.write(s.makefile().read())'";

/// As the user whom the kernel shows in the place of everybody whom it cannot show.
const AS_NOBODY: &str = "exec setpriv --reuid=65534 --regid=65534 --clear-groups";

fn ask(machine: &Machine, login: &str, question: &str) -> String {
    machine.sh(login, ASK, format!("{question}\n").as_bytes()).good().printed
}

#[test]
fn nobody_counts_out_who_writes_to_whom() {
    if !can_run() {
        return;
    }
    let isp = deferring();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    let [his, hers] = one_of_each(&machine);
    let nothing = "{\"event\":\"totals\",\"messages\":0,\"octets\":0,\"submitted\":0}\n";
    for narrowed in [
        "\"sender\":\"her@home.lan\"",
        "\"recipient\":\"friend-of-hers@away.example\"",
        &format!("\"ids\":[\"{hers}\"]"),
        &format!("\"ids\":[\"{hers}\"],\"viewer\":\"Everything\""),
    ] {
        assert_eq!(ask(&machine, "his", &format!("{{\"v\":1,\"verb\":\"list\",{narrowed}}}")), nothing, "{narrowed}");
    }
    let own = ask(&machine, "his", &format!("{{\"v\":1,\"verb\":\"list\",\"ids\":[\"{his}\",\"{hers}\"]}}"));
    assert!(own.lines().count() == 2 && own.contains("\"event\":\"totals\",\"messages\":1,"), "{own}");
    let listed = machine.sh("his", "postrider queue list --account isp", b"").good().printed;
    assert!(listed.ends_with("\n1 message, 0 Kbytes\n"), "{listed}");
    // What is not there and what is not theirs: one answer.
    for question in [
        "{\"v\":1,\"verb\":\"show\",\"id\":\"ID\"}",
        "{\"v\":1,\"verb\":\"change\",\"change\":\"delete\",\"ids\":[\"ID\"]}",
    ] {
        let told = |id: &str| ask(&machine, "his", &question.replace("ID", id)).replace(id, "ID");
        assert_eq!(told(&hers), told("0123456789ABCDEF"), "{question}");
    }
    assert_eq!(
        ask(&machine, "his", &format!("{{\"v\":1,\"verb\":\"flush\",\"ids\":[\"{hers}\"]}}")),
        "{\"event\":\"finished\"}\n"
    );
    assert!(machine.sh("root", "mailq", b"").good().printed.contains(&hers));
}

#[test]
fn whoever_cannot_be_told_apart_owns_nothing() {
    if !can_run() {
        return;
    }
    let isp = deferring();
    let machine = machine(&isp, "");
    let _runner = Runner::start(&machine);
    let nobody = |command: &str, input: &[u8]| machine.sh("root", &format!("{AS_NOBODY} {command}"), input);
    nobody("sendmail friend@away.example", MAIL).good();
    let listed = || machine.sh("root", "postrider queue list --json", b"").good().printed;
    wait_for("the mail to be deferred", || listed().contains("\"queue_name\":\"deferred\""));
    let all = listed();
    assert!(all.contains("\"uid\":65534"), "{all}");
    let id = all.split('"').nth(7).unwrap().to_owned();
    assert_eq!(nobody("mailq", b"").good().printed, "\n\t\tTotal requests: 1\n-- 0 Kbytes in 1 Request.\n");
    assert_eq!(nobody("postrider queue list --json", b"").good().printed, "");
    for command in ["show", "delete"] {
        let told = nobody(&format!("postrider queue {command} {id}"), b"");
        assert_eq!(told.code, Some(66), "{told:?}");
    }
    nobody("sendmail -q", b"").good();
    assert!(listed().contains(&id));
}

#[test]
fn verification_goes_through_no_account_that_is_for_others() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "users = [\"his\"]");
    let _runner = Runner::start(&machine);
    let refused = machine.sh("her", "sendmail -bv -f his@home.lan friend@away.example", b"");
    assert_eq!((refused.code, refused.said.lines().count()), (Some(77), 1), "{refused:?}");
    assert!(refused.said.contains("her may not send as <his@home.lan>"), "{refused:?}");
    machine.sh("his", "sendmail -bv friend@away.example", b"").good();
    wait_for("his report", || isp.received() == 1);
}

#[test]
fn askers_who_never_finish_or_never_read_hold_nobody_up() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "");
    // Mail with so many recipients that no answer about it fits into a socket; it waits, since nobody is there to take it.
    drop(isp);
    let _runner = Runner::start(&machine);
    let many = "sendmail $(seq --format 'friend-number-%g@away.example' 3000)";
    for _ in 0..3 {
        machine.sh("his", many, MAIL).good();
    }
    // Eight begin a question, eight read no answer; all stay until they are let go, and say so.
    let stalled = "exec python3 -c 'import socket\nall=[]\nfor i in range(16):\n s=socket.socket(socket.AF_UNIX)\n \
        s.connect(\"/run/postrider/submit\")\n s.sendall([b\"{\\\"verb\\\":\", b\"{\\\"v\\\":1,\\\"verb\\\":\\\"list\\\"}\\n\"][i%2])\n all.append(s)\n\
        for s in all[::2]:\n s.settimeout(60)\n assert s.recv(9) == b\"\"\nprint(\"let go\")'";
    let stalled = machine.start("his", stalled);
    for _ in 0..5 {
        machine.sh("her", "sendmail friend@away.example", MAIL).good();
        let listed = machine.sh("her", "mailq", b"").good().printed;
        assert!(!listed.contains("friend-number") && listed.contains("her@home.lan"), "{listed}");
        machine.sh("her", "postrider status", b"");
    }
    let kept =
        machine.sh("root", "awk '/^VmRSS/ { print $2 }' /proc/$(pgrep -ox postrider)/status", b"").good().printed;
    let kept: u64 = kept.trim().parse().unwrap();
    assert!(kept < 64 << 10, "{kept} KiB for answers that nobody reads");
    let ended: Ended = stalled.wait_with_output().unwrap().into();
    assert_eq!(ended.good().printed, "let go\n");
    let again = machine.sh("his", "mailq", b"").good().printed;
    assert!(again.contains("friend-number-3000@away.example"), "he himself is served again");
}
