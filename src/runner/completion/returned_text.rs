//! How much of a refused message its sender gets back. Pure; `dsn` writes the report, and `settlement` keeps in failed/
//! what was too large for it.

use super::due_report;
use crate::config::Queue;
use crate::spool::state::State;
use crate::spool::{Envelope, Kind};

/// What a bounce contains of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnedText {
    /// All of it.
    Whole,
    /// Its header, because the sender asked for no more (RET=HDRS, RFC 3461 section 4.3). The sender has the message.
    HeaderAsked,
    /// Its header, because it is larger than `bounce_size`. The message is kept in failed/: the program that sent it may
    /// be long gone, and nobody else has its text.
    HeaderOfKept,
}

/// What a bounce of this message contains.
///
/// A report of our own is returned at any size. It was bounded when it was written, and it may carry the only copy of
/// somebody's message.
#[must_use]
pub fn of(envelope: &Envelope, queue: &Queue) -> ReturnedText {
    let is_header_asked = || envelope.ret.as_deref().is_some_and(|ret| ret.eq_ignore_ascii_case("hdrs"));
    match envelope.kind {
        Kind::Mail if is_header_asked() => ReturnedText::HeaderAsked,
        Kind::Mail if envelope.size > queue.bounce_size => ReturnedText::HeaderOfKept,
        _ => ReturnedText::Whole,
    }
}

/// Why a finished message must be kept although its sender was told: it was refused, and too large to be returned. If
/// nobody wants a report of the refusal (NOTIFY), nobody wants the text back either.
#[must_use]
pub fn why_kept(envelope: &Envelope, state: &State, queue: &Queue) -> Option<String> {
    let recipient = *due_report::refused(envelope, state).first()?;
    let refusal = state.outcome(recipient)?;
    let reason = || format!("refused, and too large to be returned (`bounce_size`): {}", refusal.said());
    (of(envelope, queue) == ReturnedText::HeaderOfKept).then(reason)
}
