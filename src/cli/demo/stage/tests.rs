//! Unit tests of `cli::demo::stage`.

use super::*;

fn stage<'a>(scratch: &'a Scratch, program: &'a str) -> Stage<'a> {
    let interrupted = Arc::new(AtomicBool::new(false));
    Stage { scratch, program: Path::new(program), config: Path::new("/nowhere"), interrupted }
}

#[test]
fn the_scratch_directory_is_ours_alone_and_goes() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new().unwrap();
    let file = scratch.write("secret", "x").unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&scratch.0).unwrap().permissions().mode() & 0o777, 0o700);
    let path = scratch.0.clone();
    drop(scratch);
    assert!(!path.exists());
}

#[test]
fn a_program_gets_its_input_and_its_failure_is_told() {
    let scratch = Scratch::new().unwrap();
    assert_eq!(stage(&scratch, "/bin/cat").run(&[], "hello\n").unwrap(), "hello");
    let trouble = stage(&scratch, "/bin/sh").run(&["-c", "echo no >&2; exit 75"], "").unwrap_err();
    assert!(matches!(trouble, Trouble::Failed { said, .. } if said == "no"));
}

#[test]
fn a_signal_ends_the_waiting() {
    let scratch = Scratch::new().unwrap();
    let stage = stage(&scratch, "/bin/sleep");
    stage.interrupted.store(true, Ordering::Relaxed);
    assert!(matches!(stage.run(&["60"], ""), Err(Trouble::Interrupted)));
}

#[test]
fn the_configuration_is_toml_with_both_accounts() {
    let text = config([4001, 4002], &Secret::new("s3".to_owned()));
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["account"]["work"]["relay"].as_str(), Some("[127.0.0.1]:4002"));
    assert_eq!(table["account"]["work"]["password"].as_str(), Some("s3"));
    assert_eq!(table["generic"][0]["@home.lan"].as_str(), Some(ISP.sent_as));
}
