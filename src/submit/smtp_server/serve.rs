//! Drives a dialogue over a byte stream: reads, writes, does the handshake when asked, and what else it hands out. The stream is
//! the caller's, with its time limits; nothing is decided here.
//!
//! The driver owns the message between `Begin` and `Store`. If the dialogue drops it, by RSET, EHLO, a refusal or the
//! end of the connection, the driver drops the message as well, and dropping it leaves nothing in the spool.

use std::io;
use std::io::{Read, Write};

use super::dialogue::{Action, Dialogue, Message, Question, Refusal, Service};
use crate::tls::Server;

/// Holds the dialogue until one side ends it; `Ok` also where the client just closes.
/// Without `tls` a dialogue that asks for a handshake is an error.
pub fn serve<T, S>(mut stream: T, dialogue: Dialogue<S>, tls: Option<&Server>) -> io::Result<()>
where
    T: Read + Write,
    S: Service,
{
    let mut conversation = Conversation::new(dialogue);
    stream.write_all(&conversation.dialogue.greeting())?;
    stream.flush()?;
    match converse(&mut stream, &mut conversation)? {
        End::Closed => Ok(()),
        End::StartTls => {
            let server = tls.ok_or_else(|| io::Error::other("STARTTLS was offered without a certificate"))?;
            let mut secure = server.accept(stream).map_err(io::Error::other)?;
            conversation.dialogue.secured(&secure.version(), secure.exporter_binding());
            let end = converse(&mut secure, &mut conversation);
            secure.close();
            end.map(|_| ())
        }
    }
}

/// Why a dialogue over a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The connection must be closed.
    Closed,
    /// The handshake must follow; afterwards the dialogue continues.
    StartTls,
}

/// What happens while a dialogue uses input.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A login was decided.
    Login(&'a Action),
    /// A command was answered with this reply.
    Command(&'a [u8]),
}

/// A dialogue's answer to input. Replies to pipelined commands are sent together (RFC 2920 section 3.2).
#[derive(Debug)]
pub struct Answer {
    /// All replies, in order.
    pub replies: Vec<u8>,
    /// Why the dialogue ended. Input after that is ignored.
    pub end: Option<End>,
}

/// A dialogue, and the message that comes in.
pub struct Conversation<S: Service> {
    /// What is said.
    pub dialogue: Dialogue<S>,
    message: Option<S::Message>,
}

impl<S: Service> Conversation<S> {
    /// At its beginning.
    pub fn new(dialogue: Dialogue<S>) -> Self {
        Self { dialogue, message: None }
    }

    /// Has the dialogue take all of the input, unless something in it ends the dialogue.
    pub fn answer(&mut self, mut input: &[u8], mut seen: impl FnMut(Progress<'_>)) -> Answer {
        let mut answer = Answer { replies: Vec::new(), end: None };
        while !input.is_empty() && answer.end.is_none() {
            let taken = self.dialogue.take(input);
            input = &input[taken.used..];
            let mut action = taken.action;
            // A result may lead to the next action, as a decided login to a pause. It ends with an action that is for
            // the caller.
            while let Some(next) = self.perform(&action, &mut seen) {
                action = next;
            }
            if !self.dialogue.has_message() {
                self.message = None;
            }
            let (reply, end) = match action {
                Action::Reply(reply) => (reply, None),
                Action::StartTls(reply) => (reply, Some(End::StartTls)),
                Action::Close(reply) => (reply, Some(End::Closed)),
                // What was to be done is done.
                Action::Read
                | Action::Verify
                | Action::Begin
                | Action::Content(_)
                | Action::Store
                | Action::Pause(_) => continue,
            };
            seen(Progress::Command(&reply));
            answer.replies.extend_from_slice(&reply);
            answer.end = end;
        }
        answer
    }

    /// Does what the dialogue hands out, and what it makes of the result; `None` where there is nothing to do.
    fn perform(&mut self, action: &Action, seen: &mut impl FnMut(Progress<'_>)) -> Option<Action> {
        let dialogue = &mut self.dialogue;
        let lost = || Refusal::new(451, "4.3.0", "the message was not stored; try again");
        Some(match action {
            Action::Verify => {
                let Question { policy, client, attempt, .. } = dialogue.question();
                let decision = policy.login(client, attempt?);
                let action = dialogue.decided(decision);
                seen(Progress::Login(&action));
                action
            }
            Action::Begin => {
                let Question { policy, client, envelope, .. } = dialogue.question();
                let begun = envelope.ok_or_else(lost).and_then(|envelope| policy.begin(client, envelope));
                let result = begun.map(|message| self.message = Some(message));
                dialogue.began(result)
            }
            Action::Content(content) => {
                let written = self.message.as_mut().ok_or_else(lost).and_then(|message| message.write(content));
                dialogue.received(written)
            }
            Action::Store => dialogue.stored(self.message.take().ok_or_else(lost).and_then(Message::finish)),
            // Sleeping holds up this client alone.
            Action::Pause(time) => {
                std::thread::sleep(*time);
                dialogue.resumed()
            }
            Action::Read | Action::Reply(_) | Action::StartTls(_) | Action::Close(_) => return None,
        })
    }
}

/// A reply is written only when all that was read has been used. A client that pipelines gets one segment, and one
/// that waits for each reply gets it at once, because then nothing else has been read.
fn converse<T: Read + Write, S: Service>(stream: &mut T, conversation: &mut Conversation<S>) -> io::Result<End> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let filled = match stream.read(&mut buffer) {
            Ok(0) => return Ok(End::Closed),
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let Answer { replies, end } = conversation.answer(&buffer[..filled], |_| {});
        stream.write_all(&replies)?;
        stream.flush()?;
        if let Some(end) = end {
            return Ok(end);
        }
    }
}
