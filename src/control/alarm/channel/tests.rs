//! Unit tests of `alarm::channel`.

use super::*;

#[test]
fn a_command_that_does_not_end_is_killed_and_one_that_ends_badly_is_named() {
    let run = |script: &str, longest: Duration| {
        let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let ended = ended(&mut child, longest).map_err(|error| error.to_string());
        assert!(child.try_wait().unwrap().is_some(), "{script} is over");
        ended
    };
    assert_eq!(run("exit 0", LONGEST), Ok(()));
    assert_eq!(run("exit 3", LONGEST), Err("`command` ended with exit status: 3".to_owned()));
    let hangs = run("exec sleep 600", Duration::from_millis(100));
    assert_eq!(hangs, Err("`command` had not ended after 60 s and was killed".to_owned()));
}
