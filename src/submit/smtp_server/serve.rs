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

enum End {
    Closed,
    StartTls,
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
        let mut input = &buffer[..filled];
        let mut replies = Vec::new();
        let mut end = None;
        // Replies to a pipelined group go out together (RFC 2920 section 3.2).
        while !input.is_empty() && end.is_none() {
            let taken = dialogue.take(input);
            input = &input[taken.used..];
            let action = match taken.action {
                Action::Verify => dialogue.verify(),
                action => action,
            };
            match action {
                // A decision leads to a reply.
                Action::Read | Action::Verify => {}
                Action::Reply(reply) => replies.extend_from_slice(&reply),
                Action::StartTls(reply) => {
                    replies.extend_from_slice(&reply);
                    end = Some(End::StartTls);
                }
                Action::Close(reply) => {
                    replies.extend_from_slice(&reply);
                    end = Some(End::Closed);
                }
            }
        }
        stream.write_all(&replies)?;
        stream.flush()?;
        if let Some(end) = end {
            return Ok(end);
        }
    }
}
