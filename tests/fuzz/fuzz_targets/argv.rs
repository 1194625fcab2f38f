//! The argument lists of sendmail: any list is understood or refused in one clean line, and the recipients are its last words.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use libfuzzer_sys::fuzz_target;
use postrider::cli::sendmail::options::{Options, UsageError};

fn read(words: &[Vec<u8>]) -> Result<Options, UsageError> {
    Options::read(words.iter().cloned().map(OsString::from_vec))
}

fn is_clean(line: &str) -> bool {
    !line.is_empty() && !line.chars().any(char::is_control)
}

fuzz_target!(|words: Vec<Vec<u8>>| {
    // The system hands over words without NUL only.
    let mut words: Vec<Vec<u8>> = words.into_iter().filter(|word| !word.contains(&0)).collect();
    let options = match read(&words) {
        Ok(options) => options,
        Err(error) => return assert!(is_clean(&error.to_string()), "{error:?}"),
    };
    assert!(options.ignored.iter().all(|ignored| is_clean(&ignored.to_string())), "{options:?}");
    assert!(words.ends_with(&options.request.arguments));
    if options.request.arguments.is_empty() {
        words.push(b"--".to_vec());
    }
    words.push(b"-bob@away.example".to_vec());
    let longer = read(&words).expect("one word more, behind the last option");
    assert!(longer.request.arguments.last().is_some_and(|last| last == b"-bob@away.example"));
    let before = |options: Options| (options.mode, options.verbosity, options.errors, options.request.sender);
    assert_eq!(before(longer), before(options), "recipients change no option");
});
