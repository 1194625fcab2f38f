//! The part of the dialogue in which a message comes in, by DATA (RFC 5321 section 4.1.1.4) or by BDAT (RFC 3030). What is content
//! is handed out; whoever takes it says what became of it.
//!
//! Content that is refused is read all the same. A client that is still sending does not read replies, and one whose
//! connection is closed meanwhile sees a network error instead of the reason, and tries the same message again. And
//! after BDAT the octets of the chunk follow whatever the reply is (RFC 3030 section 2): not reading them would mean
//! to take content for commands.

use super::super::command::ChunkPlace;
use super::super::dot_unstuffing::{Fed, LineEnd, Unstuffer};
use super::super::policy::{LineEnds, Policy};
use super::super::reply::{Refusal, line};
use super::{Action, Dialogue, Phase, Taken};

/// Octets of a message that is refused which are read in any case, so that its client reads the reply.
const ALLOWANCE: u64 = 1 << 20;

/// How the content comes.
pub(super) enum Receiving {
    /// Up to a dot on a line of its own.
    Dots(Unstuffer),
    /// So many octets, and whether they are the last ones.
    Chunk { left: u64, place: ChunkPlace },
}

/// How far the content has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// More must come.
    Open,
    /// The dot, or the last octet of a chunk.
    Ended,
    /// So much came that the end is not waited for.
    Endless,
}

/// What is known of a message that comes in. RFC 5321 has no place for a refusal before its end; a client that does not come to an
/// end within twice the limit (and [`ALLOWANCE`]) is refused where it is.
pub(super) struct Intake {
    refusal: Option<Refusal>,
    size: u64,
    /// Octets as they came in, also those that followed a refusal.
    received: u64,
    limit: u64,
    /// The last octet was a CR.
    ///
    /// Kept from one piece to the next, also across chunks, because a CR and its LF may arrive in different ones.
    is_after_cr: bool,
    /// The last octets as they came in.
    tail: Vec<u8>,
}

impl Intake {
    fn new(limit: u64, refusal: Option<Refusal>) -> Self {
        Self { refusal, size: 0, received: 0, limit, is_after_cr: false, tail: Vec::new() }
    }

    /// Looks at what came in, of which this is content.
    ///
    /// Size counts content, which is what is stored; the bound on how long to wait for the end counts octets as they
    /// arrive. Otherwise a message of nothing but stuffed dots could go on forever.
    fn look(&mut self, raw: &[u8], content: &[u8], bare_lf: BareLf) -> bool {
        self.received = self.received.saturating_add(raw.len() as u64);
        self.tail.extend_from_slice(&raw[raw.len().saturating_sub(TAIL)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        // What comes first is told, however the octets were cut into pieces.
        let room = self.limit.saturating_sub(self.size);
        self.size = self.size.saturating_add(content.len() as u64);
        match self.broken_line(content, bare_lf) {
            Some((at, refusal)) if at as u64 <= room => self.refuse(refusal),
            _ if self.size > self.limit => self.refuse(too_big(self.limit)),
            _ => {}
        }
        let is_endless = self.received > self.limit.saturating_mul(2).max(ALLOWANCE);
        if is_endless {
            // Dots at the start of lines are not content.
            self.refuse(too_big(self.limit));
        }
        is_endless
    }

    /// Keeps the first refusal.
    ///
    /// The first reason is the one that can be fixed. What follows from it, such as a storing thread that ended, is
    /// not.
    fn refuse(&mut self, refusal: Refusal) {
        self.refusal.get_or_insert(refusal);
    }

    /// A line end that programs disagree about can hide a second message in the first.
    ///
    /// SMTP smuggling: a server in between that takes LF . LF for the end of a message, and one that does not, see
    /// different messages in the same bytes. Content with such line ends is refused rather than repaired in BDAT,
    /// which promises to keep octets; in DATA the listener's `line_ends` decides. Returns where it is as well.
    fn broken_line(&mut self, content: &[u8], bare_lf: BareLf) -> Option<(usize, Refusal)> {
        if bare_lf == BareLf::AsAnything {
            return None;
        }
        // Where the LF must be that belongs to a CR.
        let mut due = self.is_after_cr.then_some(0);
        for at in memchr::memchr2_iter(b'\r', b'\n', content) {
            let is_lf = content[at] == b'\n';
            match due.take() {
                Some(place) if place != at || !is_lf => return Some((place, bare_cr())),
                Some(_) => {}
                None if !is_lf => due = Some(at + 1),
                None => match bare_lf {
                    BareLf::AsAnything | BareLf::AsLineEnd => {}
                    BareLf::RefusedInChunk => {
                        let text = "the message has an LF without CR, which BDAT does not allow; end lines with CR LF, or send it with DATA";
                        return Some((at, Refusal::new(554, "5.6.0", text)));
                    }
                    BareLf::Refused => {
                        let text = "the message has an LF without CR; end lines with CR LF, or remove line_ends of the listener";
                        return Some((at, Refusal::new(554, "5.6.0", text)));
                    }
                },
            }
        }
        // It may be the first octet of the next piece.
        self.is_after_cr = due == Some(content.len());
        due.filter(|place| *place < content.len()).map(|place| (place, bare_cr()))
    }
}

/// Enough for `CR LF . CR LF`.
const TAIL: usize = 5;

/// What an LF without CR is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BareLf {
    /// A line end, and a bare CR is one as well.
    AsAnything,
    AsLineEnd,
    RefusedInChunk,
    Refused,
}

fn bare_cr() -> Refusal {
    Refusal::new(554, "5.6.0", "the message has a CR without LF; end lines with CR LF")
}

pub(super) fn too_big(limit: u64) -> Refusal {
    Refusal::new(552, "5.3.4", format!("messages may have at most {limit} bytes; see max_message_size"))
}

impl<P: Policy> Dialogue<P> {
    pub(super) fn data(&mut self) -> Result<Action, Refusal> {
        if self.intake.is_some() {
            return Err(Refusal::new(503, "5.5.1", "the message comes by BDAT; end it with BDAT LAST, or send RSET"));
        }
        self.may_send()?;
        self.phase = Phase::Beginning(Receiving::Dots(Unstuffer::new(match self.settings.line_ends {
            LineEnds::Any => LineEnd::CrlfOrLf,
            LineEnds::Normalized | LineEnds::Strict => LineEnd::Crlf,
        })));
        Ok(Action::Begin)
    }

    /// The octets of the chunk follow whatever is said of it.
    pub(super) fn bdat(&mut self, octets: u64, place: ChunkPlace) -> Action {
        let receiving = Receiving::Chunk { left: octets, place };
        if self.intake.is_some() {
            return self.receive(receiving);
        }
        match self.may_send() {
            Ok(()) => {
                self.phase = Phase::Beginning(receiving);
                Action::Begin
            }
            Err(refusal) => {
                // The chunk is read and thrown away, and the refusal is the reply to it.
                self.intake = Some(Intake::new(self.settings.limits.size, Some(refusal)));
                self.receive(receiving)
            }
        }
    }

    fn may_send(&self) -> Result<(), Refusal> {
        match &self.envelope {
            None => Err(Refusal::new(503, "5.5.1", "send MAIL first")),
            Some(envelope) if envelope.recipients.is_empty() => {
                Err(Refusal::new(554, "5.5.1", "no recipient was accepted"))
            }
            Some(_) => Ok(()),
        }
    }

    /// The message was taken on, behind [`Action::Begin`], or was not.
    pub fn began(&mut self, result: Result<(), Refusal>) -> Action {
        let receiving = match std::mem::replace(&mut self.phase, Phase::Commands) {
            Phase::Beginning(receiving) => receiving,
            other => {
                self.phase = other;
                return Action::Read;
            }
        };
        let is_data = matches!(receiving, Receiving::Dots(_));
        let refusal = match result {
            // In place of 354, so that no content follows.
            Err(refusal) if is_data => {
                self.forget();
                return Action::Reply(refusal.to_wire());
            }
            other => other.err(),
        };
        self.intake = Some(Intake::new(self.settings.limits.size, refusal));
        if is_data {
            self.phase = Phase::Content(receiving);
            return Action::Reply(line(354, "", "end the message with a dot on a line of its own"));
        }
        self.receive(receiving)
    }

    /// An empty chunk has ended already.
    fn receive(&mut self, receiving: Receiving) -> Action {
        let is_empty = matches!(receiving, Receiving::Chunk { left: 0, .. });
        self.phase = Phase::Content(receiving);
        if is_empty { self.proceed(Progress::Ended) } else { Action::Read }
    }

    /// May take less than all of `input`: what follows the final dot or the last octet of a chunk are commands.
    pub(super) fn take_content(&mut self, input: &[u8]) -> Taken {
        let bare_lf = self.bare_lf();
        let (Phase::Content(receiving), Some(intake)) = (&mut self.phase, &mut self.intake) else {
            return Taken { used: 0, action: Action::Read };
        };
        let mut content = Vec::new();
        let (used, is_ended) = match receiving {
            Receiving::Dots(unstuffer) => match unstuffer.feed(input, &mut |piece| content.extend_from_slice(piece)) {
                Fed::Open => (input.len(), false),
                Fed::Ended(used) => (used, true),
            },
            Receiving::Chunk { left, .. } => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                content.extend_from_slice(&input[..used]);
                *left = left.saturating_sub(used as u64);
                (used, *left == 0)
            }
        };
        let is_endless = intake.look(&input[..used], &content, bare_lf);
        let progress = match (is_endless, is_ended) {
            (true, _) => Progress::Endless,
            (false, true) => Progress::Ended,
            (false, false) => Progress::Open,
        };
        // After a refusal nothing more is handed out: the thread that stored the message may have ended.
        if content.is_empty() || intake.refusal.is_some() {
            return Taken { used, action: self.proceed(progress) };
        }
        self.handed_out = progress;
        Taken { used, action: Action::Content(content) }
    }

    fn bare_lf(&self) -> BareLf {
        let is_chunk = matches!(self.phase, Phase::Content(Receiving::Chunk { .. }));
        match self.settings.line_ends {
            LineEnds::Any => BareLf::AsAnything,
            LineEnds::Normalized | LineEnds::Strict if is_chunk => BareLf::RefusedInChunk,
            LineEnds::Normalized => BareLf::AsLineEnd,
            LineEnds::Strict => BareLf::Refused,
        }
    }

    /// The content was taken, behind [`Action::Content`], or was refused.
    pub fn received(&mut self, result: Result<(), Refusal>) -> Action {
        if let (Some(intake), Err(refusal)) = (&mut self.intake, result) {
            intake.refuse(refusal);
        }
        self.proceed(self.handed_out)
    }

    /// The end of the content. A refusal from anywhere on the way is said here, at the one place where the client
    /// listens. After a refused chunk the transaction is gone, so the chunks that follow are read and refused as well.
    fn proceed(&mut self, progress: Progress) -> Action {
        if progress == Progress::Open {
            return Action::Read;
        }
        let place = match &self.phase {
            Phase::Content(Receiving::Chunk { place, .. }) => *place,
            _ => ChunkPlace::Last,
        };
        self.phase = Phase::Commands;
        let Some(intake) = &mut self.intake else { return Action::Read };
        // The CR that would have needed an LF is the last octet.
        if place == ChunkPlace::Last && intake.is_after_cr {
            intake.refuse(bare_cr());
        }
        if let Some(refusal) = intake.refusal.take() {
            self.forget();
            let reply = refusal.to_wire();
            return if progress == Progress::Endless { self.close(reply) } else { Action::Reply(reply) };
        }
        if place == ChunkPlace::Within {
            return Action::Reply(line(250, "2.0.0", &format!("{} octets received", intake.received)));
        }
        // The reply waits for the driver: 250 means that the message is on disk (RFC 5321 section 4.2.5).
        self.phase = Phase::Storing;
        Action::Store
    }

    /// Somebody has taken responsibility for the message, behind [`Action::Store`], or has not. The text is told to the client.
    pub fn stored(&mut self, result: Result<String, Refusal>) -> Action {
        if matches!(self.phase, Phase::Storing) {
            self.phase = Phase::Commands;
        }
        self.forget();
        Action::Reply(match result {
            Ok(text) => line(250, "2.0.0", &text),
            Err(refusal) => refusal.to_wire(),
        })
    }

    /// Whether there is a message that was begun and not yet stored or refused.
    #[must_use]
    pub fn has_message(&self) -> bool {
        self.intake.is_some()
    }

    /// Whether the client has given MAIL, and the transaction is not over.
    #[must_use]
    pub fn is_in_transaction(&self) -> bool {
        self.envelope.is_some()
    }

    /// Whether the content stopped behind what only some programs take for its end: a dot between line ends of which one is an LF
    /// alone.
    #[must_use]
    pub fn seems_ended(&self) -> bool {
        let is_data = matches!(self.phase, Phase::Content(Receiving::Dots(_)));
        let ends = |intake: &Intake| intake.tail.ends_with(b"\n.\n") || intake.tail.ends_with(b"\n.\r\n");
        is_data && self.intake.as_ref().is_some_and(ends)
    }
}

#[cfg(test)]
mod tests;
