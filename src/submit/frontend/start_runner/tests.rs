//! Tests of what a spawned runner inherits.

use super::*;
use std::io::Read;

#[test]
fn what_is_spawned_holds_no_descriptor_of_ours() {
    // Two pipes as a caller leaves them: without close-on-exec.
    let (mut reader, writer) = std::io::pipe().unwrap();
    rustix::io::fcntl_setfd(&writer, rustix::io::FdFlags::empty()).unwrap();
    let mut child =
        spawn(Command::new("sleep").arg("5").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())).unwrap();
    drop(writer);
    let started = std::time::Instant::now();
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    assert!(started.elapsed().as_secs() < 4);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_program_that_is_missing_is_no_panic() {
    assert!(spawn(&mut Command::new("/nonexistent/postrider")).is_none());
}
