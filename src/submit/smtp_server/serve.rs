//! Drives a dialogue over a byte stream: reads, writes, does the handshake when
//! asked. The stream is the caller's, with its time limits; nothing is decided here.

use std::io;
use std::io::{Read, Write};

use super::dialogue::{Action, Dialogue, Policy};
use crate::tls::Server;

/// Holds the dialogue until one side ends it; `Ok` also where the client just closes.
/// Without `tls` a dialogue that asks for a handshake is an error.
pub fn serve<S, P>(mut stream: S, dialogue: &mut Dialogue<P>, tls: Option<&Server>) -> io::Result<()>
where
    S: Read + Write,
    P: Policy,
{
    stream.write_all(&dialogue.greeting())?;
    stream.flush()?;
    match converse(&mut stream, dialogue)? {
        End::Closed => Ok(()),
        End::StartTls => {
            let server = tls.ok_or_else(|| io::Error::other("STARTTLS was offered without a certificate"))?;
            let mut secure = server.accept(stream).map_err(io::Error::other)?;
            dialogue.secured(&secure.version(), secure.exporter_binding());
            let end = converse(&mut secure, dialogue);
            secure.close();
            end.map(|_| ())
        }
    }
}

/// Why the dialogue over a stream is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The connection is to be closed.
    Closed,
    /// The handshake is due, and the dialogue goes on behind it.
    StartTls,
}

/// What happens while a dialogue takes input.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A login was decided on.
    Login(&'a Action),
    /// A command was answered with this.
    Command(&'a [u8]),
}

/// What a dialogue answers to input. Replies to a pipelined group go out together (RFC 2920 section 3.2).
#[derive(Debug)]
pub struct Answer {
    /// All replies, in order.
    pub replies: Vec<u8>,
    /// What is behind a command that ends the dialogue is not looked at.
    pub end: Option<End>,
}

/// Has the dialogue take all of the input, unless something in it ends the dialogue.
pub fn answer<P: Policy>(dialogue: &mut Dialogue<P>, mut input: &[u8], mut seen: impl FnMut(Progress<'_>)) -> Answer {
    let mut answer = Answer { replies: Vec::new(), end: None };
    while !input.is_empty() && answer.end.is_none() {
        let taken = dialogue.take(input);
        input = &input[taken.used..];
        let action = match taken.action {
            Action::Verify => {
                let action = dialogue.verify();
                seen(Progress::Login(&action));
                action
            }
            action => action,
        };
        let (reply, end) = match action {
            // A decision leads to a reply.
            Action::Read | Action::Verify => continue,
            Action::Reply(reply) => (reply, None),
            Action::StartTls(reply) => (reply, Some(End::StartTls)),
            Action::Close(reply) => (reply, Some(End::Closed)),
        };
        seen(Progress::Command(&reply));
        answer.replies.extend_from_slice(&reply);
        answer.end = end;
    }
    answer
}

fn converse<S: Read + Write, P: Policy>(stream: &mut S, dialogue: &mut Dialogue<P>) -> io::Result<End> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let filled = match stream.read(&mut buffer) {
            Ok(0) => return Ok(End::Closed),
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let Answer { replies, end } = answer(dialogue, &buffer[..filled], |_| {});
        stream.write_all(&replies)?;
        stream.flush()?;
        if let Some(end) = end {
            return Ok(end);
        }
    }
}
