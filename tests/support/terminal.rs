//! A terminal, and somebody who sits at it: reads what a program asks, and types when it waits.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// How long nobody waits for a question.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was on the terminal in the end.
#[derive(Debug)]
pub struct Shown {
    /// The exit code; `None` where a signal ended the program.
    pub code: Option<i32>,
    /// What was printed and what was typed, passwords aside, as it was to be read.
    pub text: String,
}

/// A terminal: this side, and that of the program.
pub fn pair() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let path = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    (File::from(ours), File::options().read(true).write(true).open(path).unwrap())
}

/// Runs a program on a terminal, types one of these lines whenever it asks for something, and ends the input when none is left.
#[track_caller]
pub fn typed(mut command: Command, lines: &[&str]) -> Shown {
    let (ours, theirs) = pair();
    command.stdin(Stdio::from(theirs.try_clone().unwrap()));
    command.stdout(Stdio::from(theirs.try_clone().unwrap())).stderr(Stdio::from(theirs));
    let mut child = command.spawn().unwrap();
    // It keeps that side open.
    drop(command);
    let mut keyboard = ours.try_clone().unwrap();
    let (send, pieces) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut screen, mut bytes) = (ours, [0; 4096]);
        // Once nobody has the other side any more, reading is an error.
        while let Ok(count @ 1..) = screen.read(&mut bytes) {
            if send.send(bytes[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let (mut seen, mut lines) = (Vec::new(), lines.iter());
    loop {
        match pieces.recv_timeout(PATIENCE) {
            Ok(piece) => seen.extend(piece),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                drop(child.kill());
                panic!("nothing more happens:\n{}", String::from_utf8_lossy(&seen));
            }
        }
        if seen.ends_with(b": ") {
            // The end of input, where there is no line.
            let line = lines.next().map_or_else(|| "\x04".to_owned(), |line| format!("{line}\n"));
            keyboard.write_all(line.as_bytes()).unwrap();
        }
    }
    let text = String::from_utf8(seen).unwrap().replace('\r', "");
    let left: Vec<_> = lines.collect();
    assert!(left.is_empty(), "nothing asked for {left:?}:\n{text}");
    Shown { code: child.wait().unwrap().code(), text }
}
