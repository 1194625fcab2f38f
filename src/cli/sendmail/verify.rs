//! `sendmail -bv`: what would become of mail to these recipients, told to the sender by
//! mail. Standard input is not read.

use super::UserMode;
use super::failure::Failure;
use super::options::Options;
use crate::cli::exit::Exit;
use crate::control::client::{Responses, ask_machine};
use crate::control::protocol::Request;
use crate::control::verify::{self, Verify};
use crate::submit::frontend::start_runner::{self, Show};
use crate::sys::local_time;

/// Stores the report and hands it over.
pub(super) fn verify(here: &UserMode, options: &Options) -> Result<Exit, Failure> {
    let now = local_time::now();
    let id = verify::verify(&here.entry(&now), &question(options))?;
    let _ = start_runner::hand_over(&here.config, &here.spool, &id, here.manner(options), Show::Nothing);
    Ok(Exit::Ok)
}

/// Has the machine's runner do so.
pub(super) fn verify_remotely(options: &Options) -> Result<Exit, Failure> {
    ask_machine(&Request::Verify(question(options))).and_then(Responses::only)?;
    Ok(Exit::Ok)
}

fn question(options: &Options) -> Verify {
    let request = &options.request;
    let (sender, envid) = (request.sender.clone(), request.dsn.envid.clone());
    Verify { sender, recipients: request.arguments.clone(), envid }
}
