//! `sendmail -bv`: mails the sender a report of what would become of mail to these recipients.
//! Standard input is not read.

use super::failure::Failure;
use super::options::Options;
use super::{StartedAs, UserMode};
use crate::cli::exit::Exit;
use crate::control::client::{Responses, ask_machine};
use crate::control::protocol::Request;
use crate::control::queue_access::QueueAccess;
use crate::control::verify::{self, Verify};
use crate::submit::frontend::start_runner::{self, Show};
use crate::sys::local_time;

/// Has the report stored and delivered, by the machine's runner or in this process.
pub(super) fn verify(options: &Options, started_as: &StartedAs) -> Result<Exit, Failure> {
    let request = &options.request;
    let (sender, envid) = (request.sender.clone(), request.dsn.envid.clone());
    let verify = Verify { sender, recipients: request.arguments.clone(), envid };
    if QueueAccess::needs_runner(started_as.named(options)) {
        ask_machine(&Request::Verify(verify)).and_then(Responses::only)?;
        return Ok(Exit::Ok);
    }
    let (here, now) = (UserMode::find(options, started_as)?, local_time::now());
    let id = verify::verify(&here.entry(&now), &verify)?;
    let _ = start_runner::hand_over(&here.config, &here.spool, &id, here.manner(options), Show::Nothing);
    Ok(Exit::Ok)
}
