//! `postrider queue hold|release|delete|retry`: changes to queued messages.

use crate::cli::exit::{Exit, Failure};
use crate::cli::print::say;
use crate::cli::queue::format::Format;
use crate::cli::queue::selection_args::Which;
use crate::control::modify::Change;
use crate::control::protocol::Response;
use crate::control::queue_access::QueueAccess;
use crate::control::selection::Selection;

/// Makes the change and says what became of each message.
pub fn run(access: &QueueAccess, change: Change, which: &Which, format: Format) -> Result<Exit, Failure> {
    if let Some(config) = access.config() {
        crate::cli::run::log_aside(config);
    }
    let selection = which.selection(access)?;
    if selection.failed && matches!(change, Change::Hold | Change::Release) {
        let message = "messages in failed/ are not tried, so none can be held or released; retry or delete them";
        return Err(Failure::new(Exit::Usage, message));
    }
    // All messages are changed only where that is said.
    if selection.is_all() && !which.all {
        let message = "which messages? Give ids, --account, --sender, --recipient, --older, --failed or --all";
        return Err(Failure::new(Exit::Usage, message));
    }
    let mut tally = Tally::new(change, format);
    access.change(change, &selection, |response| tally.count(&response))?;
    Ok(tally.end(&selection))
}

/// Counts and prints what became of each message.
struct Tally {
    change: Change,
    format: Format,
    changed: usize,
    unchanged: usize,
}

impl Tally {
    fn new(change: Change, format: Format) -> Self {
        Self { change, format, changed: 0, unchanged: 0 }
    }

    fn count(&mut self, response: &Response) {
        let line = match response {
            Response::Changed { id } => {
                self.changed += 1;
                format!("{id}: {}", self.change.done())
            }
            Response::Unchanged { id, reason } => {
                self.unchanged += 1;
                format!("{id}{}not {}: {reason}", if id.is_empty() { "" } else { ": " }, self.change.done())
            }
            _ => return,
        };
        match self.format {
            Format::Text | Format::Mailq => say(&line),
            Format::Json => say(&serde_json::to_string(response).unwrap_or_default()),
        }
    }

    fn end(self, selection: &Selection) -> Exit {
        let found = self.changed + self.unchanged;
        if found == 0 && self.format != Format::Json {
            say("no such message");
        }
        match (self.unchanged, found) {
            (0, 0) if !selection.ids.is_empty() => Exit::NoInput,
            (0, _) => Exit::Ok,
            _ => Exit::TempFail,
        }
    }
}
