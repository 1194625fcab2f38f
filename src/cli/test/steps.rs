//! What `postrider test` prints while it talks to a server: a line for each stage, or the whole dialogue.

use crate::cli::print::say;
use crate::deliver::smtp::capabilities::{Capabilities, Extension, Size};
use crate::deliver::smtp::observer::{Observer, Step};
use crate::deliver::smtp::session::SessionInfo;

/// How much is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// A line for each stage.
    Stages,
    /// Every line that either side says, and what the certificate says of itself.
    Dialogue,
}

/// Prints the steps as they happen.
pub(super) struct Printer(pub(super) Detail);

impl Observer for Printer {
    fn step(&mut self, step: Step<'_>) {
        match (step, self.0) {
            (Step::Reached(text), _) | (Step::Note(text), Detail::Dialogue) => say(&format!("- {text}")),
            (Step::Sent(text), Detail::Dialogue) => say(&format!("> {text}")),
            (Step::Received(text), Detail::Dialogue) => say(&format!("< {text}")),
            (Step::Note(_) | Step::Sent(_) | Step::Received(_), Detail::Stages) => {}
        }
    }
}

/// What was achieved, and what the server offers, in one line.
pub(super) fn summary(described: &SessionInfo, capabilities: &Capabilities) -> String {
    let over = described.tls.as_deref().map_or_else(|| "without TLS".to_owned(), |tls| format!("over {tls}"));
    let login = match described.auth {
        Some(mechanism) => format!("login successful ({})", mechanism.name()),
        None => "no login".to_owned(),
    };
    format!("OK: {} {over}; {login}; the server offers {}", described.relay, offered(capabilities))
}

fn offered(capabilities: &Capabilities) -> String {
    let known = [
        (Extension::Pipelining, "PIPELINING"),
        (Extension::EightBitMime, "8BITMIME"),
        (Extension::SmtpUtf8, "SMTPUTF8"),
        (Extension::Dsn, "DSN"),
        (Extension::EnhancedStatusCodes, "ENHANCEDSTATUSCODES"),
        (Extension::Chunking, "CHUNKING"),
    ];
    let mut names: Vec<String> =
        known.iter().filter(|(e, _)| capabilities.offers(*e)).map(|(_, name)| (*name).to_owned()).collect();
    match capabilities.size {
        Size::Limit(limit) => names.push(format!("messages up to {limit} bytes")),
        Size::Unlimited | Size::Absent => {}
    }
    if !capabilities.auth.is_empty() {
        names.push(format!("a login with {}", capabilities.auth.join(", ")));
    }
    if !capabilities.discarded.is_empty() {
        names.push(format!("and, discarded here, {}", capabilities.discarded.join(", ")));
    }
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
