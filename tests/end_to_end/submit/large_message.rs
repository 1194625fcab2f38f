//! A message of 100 MB costs no more memory than a small one, on either side of the
//! spool. The promise is 12 MiB for the program as it is shipped; a debug build, with
//! its larger code and unoptimised TLS, is allowed 32: still far from 100 MB.

use std::io::Write;
use std::process::Stdio;

use support::provider::Provider;
use support::wait::wait_for;
use support::world::{World, peak_memory};

const BOUND_KIB: u64 = if cfg!(debug_assertions) { 40 * 1024 } else { 12 * 1024 };
const LINE: &[u8; 100] =
    b"ninety-nine bytes of a line that is written a million times to make a hundred million bytes of mail\n";
const LINES: usize = 1_000_000;

#[test]
fn a_large_message_costs_no_more_memory_than_a_small_one() {
    let isp = Provider::setup().size(1 << 30).start();
    let world = World::at_home(&isp).queue_set("max_message_size", "200MB");

    let mut command = world.command(env!("CARGO_BIN_EXE_sendmail"), &["-i", "-f", "alice", "bob@away.example"]);
    let mut front = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = front.stdin.take().unwrap();
    stdin.write_all(b"Subject: large\n\n").unwrap();
    let block = LINE.repeat(1000);
    for _ in 0..LINES / 1000 {
        stdin.write_all(&block).unwrap();
    }
    // All but what the pipe holds has been taken, and the program waits for more.
    let pid = front.id().cast_signed();
    let mut front_peak = peak_memory(pid).unwrap();
    drop(stdin);
    while front.try_wait().unwrap().is_none() {
        front_peak = front_peak.max(peak_memory(pid).unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(front.wait().unwrap().success());
    assert!(front_peak < BOUND_KIB, "the front end took {front_peak} KiB");

    let runner = world.runner();
    wait_for("the message to be delivered", || isp.received() == 1 && world.queued().is_empty());
    let runner_peak = runner.peak_memory();
    assert!(runner_peak < BOUND_KIB, "the runner took {runner_peak} KiB");

    let mail = isp.mail();
    let body = mail.body();
    assert_eq!(body.len(), (LINE.len() + 1) * LINES);
    let line = [&LINE[..99], b"\r\n"].concat();
    assert!(body.chunks(line.len()).all(|chunk| chunk == line), "and it arrived as it was");
}
