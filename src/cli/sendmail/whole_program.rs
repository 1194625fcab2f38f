//! What the front end leaves to the program `postrider`. The front end is linked statically and takes mail in, and no more: that is
//! a fourth of the time that it takes to start. A static program cannot ask a name service, so it knows the users of /etc/passwd
//! alone; everybody else and everything else is handed over with arguments and input untouched.

use std::ffi::OsString;
use std::io;

use super::failure::Failure;
use super::option_values::Mode;
use super::options::Options;
use super::{StartedAs, deliver};
use crate::cli::exit::Exit;
use crate::config::locate;
use crate::submit::frontend::start_runner;
use crate::sys::{name_service, privileges, user};

/// Becomes `postrider` where that is needed, under the name that this program was called by. Returns why that failed.
pub(super) fn replace_if_needed(
    options: &Options,
    arguments: &[OsString],
    started_as: &StartedAs,
) -> Option<io::Error> {
    let needed = !is_enough(options, started_as);
    let failed = needed.then(|| start_runner::become_postrider(started_as.program().0, arguments));
    name_service::forget();
    failed
}

/// What can be done without it. Where there is none, as in a container that has the front end alone, anybody's mail is taken in as
/// well: the runner knows its peer by the uid.
pub(super) fn act(options: Options, started_as: &StartedAs, missing: Option<io::Error>) -> Result<Exit, Failure> {
    match (started_as.mode().unwrap_or_else(|| options.mode.clone()), missing) {
        (Mode::Deliver, _) => deliver(options, started_as),
        (_, None) => Ok(Exit::Ok),
        (_, Some(error)) => Err(Failure::Start("postrider", error)),
    }
}

fn is_enough(options: &Options, started_as: &StartedAs) -> bool {
    // By the machine's config, root becomes the runner's user, whose groups a name service may know.
    let changes_user = || privileges::is_root() && locate::is_machines(None);
    match started_as.mode().as_ref().unwrap_or(&options.mode) {
        Mode::Nothing => true,
        Mode::Deliver => user::is_in_passwd() && !changes_user(),
        _ => false,
    }
}
