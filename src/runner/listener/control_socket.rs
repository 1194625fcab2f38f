//! The control socket (spool/control), through which other commands of the spool's owner talk to the event loop. The
//! file system decides who may connect. The protocol is in `control::protocol`.
//!
//! Each connection has a thread of its own that waits for the event loop's responses. The loop only puts them into a
//! channel and never writes to the socket, so a client that does not read cannot stop the delivery of mail.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::control::access::AccessScope;
use crate::control::client;
use crate::control::modify::AuthorisedChange;
use crate::control::protocol::{Request, Response};
use crate::runner::event::Event;
use crate::spool::Spool;
use crate::submit::wire::reply::Refused;
use crate::sys::sysexits::Exit;

/// The longest request in bytes.
const MAX_REQUEST: u64 = 1 << 20;

/// Time limits for a suspended client, which must not block a thread forever.
const REQUEST_TIME: Duration = Duration::from_secs(10);
const RESPONSE_TIME: Duration = Duration::from_secs(30);

/// Listens until the process ends. The caller holds the runner's lock, so an existing socket was left by an earlier
/// runner.
pub fn listen(spool: &Spool, events: Sender<Event>) -> io::Result<()> {
    let path = spool.dir().join("control");
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Relative to the open directory: a socket's path may have 107 bytes at most (unix(7)), and a home directory may
    // be longer.
    let listener = UnixListener::bind(client::short_path(&File::open(spool.dir())?))?;
    // The umask may have left it open to others, and a client of this socket may delete mail.
    std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    std::thread::Builder::new().name("control".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let events = events.clone();
            // Without a thread the connection closes, and the client tries again. A client that is gone needs no
            // reply.
            let _ = std::thread::Builder::new().name("answer".into()).spawn(move || drop(answer(&stream, &events)));
        }
    })?;
    Ok(())
}

fn answer(mut stream: &UnixStream, events: &Sender<Event>) -> io::Result<()> {
    stream.set_read_timeout(Some(REQUEST_TIME))?;
    stream.set_write_timeout(Some(RESPONSE_TIME))?;
    let (responses, answered) = mpsc::channel();
    let asked = Request::read(stream, MAX_REQUEST)?.and_then(|request| {
        // An event loop that has ended drops the event and with it the sender: then there is no response.
        let _ = events.send(event(request, responses)?);
        Ok(())
    });
    if let Err(refused) = asked {
        return Response::No(refused).write(&mut stream);
    }
    for response in answered {
        response.write(&mut stream)?;
        if response.is_last() {
            break;
        }
    }
    Ok(())
}

/// The socket's mode is the authorisation: its client runs as the owner of the spool, who can read and change every
/// file there anyway.
fn event(request: Request, responses: Sender<Response>) -> Result<Event, Refused> {
    let scope = AccessScope::of_spool_owner();
    match request {
        Request::Flush { selection, detail } => {
            Ok(Event::Flush { selection: scope.authorise(selection), detail, responses })
        }
        Request::Change { change, selection } => {
            Ok(Event::Change { change: AuthorisedChange::new(&scope, change, selection)?, responses })
        }
        Request::Active => Ok(Event::Active { responses }),
        Request::Metrics => Ok(Event::Metrics { responses }),
        Request::List { .. }
        | Request::Show { .. }
        | Request::Ids { .. }
        | Request::History { .. }
        | Request::Status
        | Request::Verify(_)
        | Request::Hello => {
            let text =
                "the control socket accepts only flush, change, active and metrics; read the rest from the spool";
            Err(Refused { exit: Exit::Usage, text: text.to_owned() })
        }
    }
}
