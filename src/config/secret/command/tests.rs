//! Unit tests of `config::secret::command`.
#![allow(clippy::unwrap_used)]
use super::*;

fn run(script: &str, patience: Duration) -> Result<String, String> {
    let words = ["sh", "-c", script].map(str::to_owned);
    fetch(&words, patience).map(|secret| secret.expose().to_owned()).map_err(|error| error.to_string())
}

#[test]
fn the_first_line_of_the_output_is_the_password() {
    assert_eq!(run("echo hunter2; echo user: me", PATIENCE), Ok("hunter2".to_owned()));
    assert_eq!(run("read x || echo none", PATIENCE), Ok("none".to_owned()), "stdin is empty");
    assert_eq!(run("echo hunter2; head -c 300000 /dev/zero", PATIENCE), Ok("hunter2".to_owned()));
    assert_eq!(run("printf hunter2", PATIENCE), Ok("hunter2".to_owned()));
    assert_eq!(run("echo hunter2; sleep 5 &", PATIENCE), Ok("hunter2".to_owned()), "a daemon holds the pipe");
    assert!(run("true", PATIENCE).unwrap_err().contains("is empty: write the password there"));
    assert!(run("head -c 9000 /dev/zero | tr '\\0' a", PATIENCE).unwrap_err().contains("longer than 4096"));
}

#[test]
fn a_failure_tells_the_status_and_the_complaint_but_never_the_output() {
    let error = run("echo hunter2; echo locked out >&2; echo more >&2; exit 3", PATIENCE).unwrap_err();
    assert_eq!(error, "the password command sh failed (exit status 3): locked out");
    assert!(run("kill -9 $$", PATIENCE).unwrap_err().contains("signal 9"));
    let absent = fetch(&["/no/such/program".to_owned()], PATIENCE).unwrap_err().to_string();
    assert!(absent.contains("cannot start"), "{absent}");
}

#[test]
fn a_command_that_hangs_is_ended() {
    let began = Instant::now();
    let error = run("echo hunter2; exec sleep 20", Duration::from_millis(200)).unwrap_err();
    assert!(error.contains("did not finish within"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
}
