//! What the front end leaves to the program `postrider`. The front end is linked statically, which halves the time that it takes to
//! start, and a static program cannot ask a name service. So it knows users by /etc/passwd alone, and takes in their mail;
//! everything else, and everybody else, is handed over with arguments and input untouched.

use std::ffi::OsString;

use super::StartedAs;
use super::option_values::Mode;
use super::options::Options;
use crate::submit::frontend::start_runner;
use crate::sys::user;

/// Becomes `postrider` where that is needed, under the name that this program was called by. Where there is none, as in a
/// container that has the front end alone, this one goes on: the runner knows its peer by the uid.
pub(super) fn replace_if_needed(arguments: &[OsString], started_as: &StartedAs) {
    // What is wrong with the options can be said here.
    let Ok(options) = Options::read(arguments.iter().cloned()) else { return };
    let mode = started_as.mode().unwrap_or(options.mode);
    let is_enough = matches!(mode, Mode::Deliver | Mode::Nothing) && user::is_in_passwd();
    if !is_enough {
        let _ = start_runner::become_postrider(started_as.program().0, arguments);
        user::forget_name_service();
    }
}
