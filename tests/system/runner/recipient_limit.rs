//! Recipients: one message has a limit, and many messages together do not take the runner's memory, neither while they
//! come in nor when a runner finds them in its queue. The peaks are measured and printed.

use crate::machine::{Machine, can_run};
use crate::machine_runner::{Runner, machine};
use support::provider::{Provider, Verb, on};
use support::wait::wait_for;
use support::world::is_debug;

/// What the runner may take at its peak, in KiB.
const BOUND_KIB: u64 = 64 << 10;

/// Twenty clients at once, each with argv[1] recipients; argv[2] tells its recipients from another call's. Prints their replies.
const CROWD: &str = r#"exec python3 -c '
import socket, struct, sys, threading
count, name = int(sys.argv[1]), sys.argv[2]
crowd = ",".join("{\"bare\":\"%s%06d\"}" % (name, number) for number in range(count))
def submit(client):
    envelope = ("{\"v\":1,\"token\":\"%s%d\",\"sender\":null,\"recipients\":[%s]}" % (name, client, crowd)).encode()
    s = socket.socket(socket.AF_UNIX)
    s.connect("/run/postrider/submit")
    try:
        s.sendall(struct.pack(">I", len(envelope)) + envelope)
        content = b"Subject: to all\n\ntext\n"
        s.sendall(struct.pack(">I", len(content)) + content + bytes(4))
    except OSError:
        pass
    print(s.makefile().readline(), end="", flush=True)
clients = [threading.Thread(target=submit, args=(client,)) for client in range(20)]
[client.start() for client in clients]
[client.join() for client in clients]
' "#;

/// Nothing leaves: what waits stays.
fn keeping_all() -> Provider {
    Provider::setup().rule(on(Verb::Mail).reply("450 4.2.0 not now")).start()
}

fn crowd(machine: &Machine, count: usize, name: &str) -> Vec<String> {
    let said = machine.sh("his", &format!("{CROWD}{count} {name}"), b"").good().printed;
    said.lines().map(str::to_owned).collect()
}

#[test]
fn too_many_recipients_are_refused_while_they_come_in_and_take_no_memory() {
    if !can_run() {
        return;
    }
    let isp = keeping_all();
    let machine = machine(&isp, "");
    let runner = Runner::start(&machine);
    for count in [10_001, 300_000, 500_000] {
        let replies = crowd(&machine, count, "x");
        assert_eq!(replies.len(), 20, "{replies:?}");
        let clear = "no 65 the message has more than 10000 recipients (limit: recipients in [limits])";
        assert!(replies.iter().all(|reply| reply.starts_with(clear)), "{count}: {replies:?}");
    }
    println!("20 clients with up to 500,000 recipients each: {} KiB", runner.peak_memory());
    assert!(runner.peak_memory() < BOUND_KIB, "{} KiB", runner.peak_memory());
    let many: Vec<String> = (0..10_001).map(|number| format!("u{number}")).collect();
    let refused = machine.sh("his", &format!("sendmail {}", many.join(" ")), b"text\n");
    assert_eq!((refused.code, refused.said.lines().count()), (Some(65), 1), "{refused:?}");
    assert!(refused.said.contains("more than 10000 recipients"), "{refused:?}");
}

#[test]
fn many_messages_of_many_recipients_wait_in_bounded_memory_also_for_the_next_runner() {
    if !can_run() {
        return;
    }
    let isp = keeping_all();
    let machine = machine(&isp, "");
    let runner = Runner::start(&machine);
    let mut waits = 0;
    for turn in 0.. {
        if waits >= 58 {
            break;
        }
        assert!(turn < 40, "{waits} of 58");
        let replies = crowd(&machine, 10_000, &format!("turn{turn}x"));
        let stored = replies.iter().filter(|reply| reply.starts_with("ok ")).count();
        waits += stored;
        println!("20 clients with 10,000 recipients each: {stored} stored at once, {} KiB", runner.peak_memory());
        let later = |reply: &String| reply.starts_with("no 75 too many recipients are being submitted at once");
        assert!(stored > 0 && replies.iter().all(|reply| reply.starts_with("ok ") || later(reply)), "{replies:?}");
    }
    // Several sessions with a message of 10,000 recipients each, besides those that come in; a debug build has eight times the code.
    let bound = if is_debug() { 96 << 10 } else { 80 << 10 };
    assert!(runner.peak_memory() < bound, "{} KiB", runner.peak_memory());
    drop(runner);
    let waiting =
        |machine: &Machine| machine.sh("root", "ls /var/spool/postrider/queue | grep -cv journal", b"").good().printed;
    let before = waiting(&machine);
    let runner = Runner::start(&machine);
    wait_for("the runner to have read them", || {
        machine.sh("his", "echo text | sendmail his-friend@away.example", b"").code == Some(0)
    });
    println!("a start with {} of them in the queue: {} KiB", before.trim(), runner.peak_memory());
    assert!(before.trim().parse::<usize>().unwrap() >= 58, "{before}");
    assert!(runner.peak_memory() < BOUND_KIB, "{} KiB", runner.peak_memory());
}
