//! sendmail in system mode: no config is read; what is collected goes to the runner of the
//! machine, or to the drop program while none answers.

use super::BlockingStdin;
use super::failure::Failure;
use crate::cli::exit::Exit;
use crate::submit::admit::complete::EnvelopeError;
use crate::submit::admit::store::AdmitError;
use crate::submit::frontend::client;
use crate::submit::frontend::collect::{self, Request};

/// Hands one message in. Stdin is drained before a failure is reported.
pub(super) fn deliver(request: Request, mut stdin: BlockingStdin) -> Result<Exit, Failure> {
    let mut collected = match collect::collect(request, &mut stdin) {
        Ok(collected) => collected,
        Err(error) => {
            stdin.drain();
            return Err(error.into());
        }
    };
    if collected.recipients.is_empty() {
        collected.body.drain();
        return Err(AdmitError::Envelope(EnvelopeError::NoRecipients).into());
    }
    let handed = client::hand_in(&mut collected);
    collected.body.drain();
    handed.map(|_| Exit::Ok).map_err(Failure::HandIn)
}
