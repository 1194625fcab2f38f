//! The first process of a container (`pid_namespaces(7)`): every process there whose parent has ended becomes its child, and stays a
//! zombie until it is waited for. So the first process does nothing but that: the program runs as a child of it. Children that
//! the program starts are not touched, since only their parent knows what their ends mean.

use std::io;
use std::process::Command;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Whether this process is the first one.
#[must_use]
pub fn is_ours() -> bool {
    std::process::id() == 1
}

/// Starts the program, passes signals on to it, and waits for all that end, until it has ended itself. Returns its exit code, or
/// as shells do, 128 and the signal that ended it.
pub fn serve(mut program: Command) -> io::Result<u8> {
    // Before there is a child: no signal, and no end of it, is missed.
    let mut signals = Signals::new([SIGCHLD, SIGTERM, SIGINT, SIGHUP])?;
    let child = Pid::from_child(&program.spawn()?);
    for signal in signals.forever() {
        let passed = match signal {
            SIGTERM => Signal::TERM,
            SIGINT => Signal::INT,
            SIGHUP => Signal::HUP,
            _ => {
                if let Some(code) = ended(child)? {
                    return Ok(code);
                }
                continue;
            }
        };
        // One that has ended in this moment needs none.
        let _ = kill_process(child, passed);
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// Waits for all that have ended. One signal stands for all children that ended before it was taken.
fn ended(child: Pid) -> io::Result<Option<u8>> {
    while let Some((pid, status)) = wait(WaitOptions::NOHANG)? {
        if pid == child {
            let code = status.exit_status().or_else(|| Some(128 + status.terminating_signal()?));
            return Ok(Some(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)));
        }
    }
    Ok(None)
}
