//! Opens an LMTP session (RFC 2033) with the server of this machine's mailboxes: a Unix socket or loopback, LHLO, no TLS and no
//! login. Transactions are the same as over SMTP, but for a reply to each recipient after the content (`data`).

use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use postrider_mailbox::SOCKET;
use postrider_mailstore::Refusal;
use rustix::io::Errno;
use rustix::net::{SocketAddrUnix, connect};

use super::capabilities::{Capabilities, Extension};
use super::command;
use super::connection::{LeftOut, NotOpened, Protocol, Server, Session, SessionInfo, State};
use super::greeting::greeting;
use super::observer::Observer;
use super::socket::Connected;
use super::stream::{self, SharedObserver, Stream};
use super::timeouts::Timeouts;
use crate::config::Account;
use crate::config::lmtp_server::{LmtpServer, Setting};
use crate::mail::outcome::{Fact, Phase, Seen};
use crate::sys::stream_socket::{self, Calls};
use crate::sys::user::Caller;

/// How long to wait before a full backlog of a Unix socket is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the thread that writes the own mailbox waits for a command: a session that is kept says one sooner, or ends.
const SILENCE: Duration = Duration::from_hours(1);

/// Opens a session with the server.
pub(crate) fn open(
    account: &Account,
    server: &LmtpServer,
    hostname: &str,
    observer: Box<dyn Observer>,
) -> Result<Session, NotOpened> {
    let (timeouts, observer) = (Timeouts::new(account.timeout, &account.timeouts), SharedObserver::new(observer));
    let relay = described(server, hostname);
    let failed = |fact| NotOpened { relay: relay.clone(), fact, tried: Vec::new() };
    let unconnected = |error: &io::Error| failed(Fact { phase: Phase::Connect, seen: unreachable(server, error) });
    let socket = connected(server, timeouts.connect).map_err(|error| unconnected(&error))?;
    let stream = Stream::of(socket, observer.clone()).map_err(|seen| failed(Fact { phase: Phase::Connect, seen }))?;
    observer.reached(&format!("connected to {server}"));
    let mut session = Session {
        described: SessionInfo { relay: relay.clone(), tls: None, auth: None, dsn: false },
        server: Server::default(),
        stream,
        capabilities: Capabilities::none(),
        timeouts,
        state: State::Ready,
        protocol: Protocol::Lmtp,
        mails: 0,
        is_cautious: false,
        left_out: LeftOut::default(),
        ended_at: None,
        provider: None,
        early_data: false,
    };
    greeting(&mut session, timeouts.greeting).and_then(|()| hello(&mut session, hostname)).map_err(failed)?;
    Ok(session)
}

/// As Postfix's logs name such a server: `host[/path]`, or `host[ip]:port`.
fn described(server: &LmtpServer, hostname: &str) -> String {
    match server {
        LmtpServer::Socket(path) => format!("{hostname}[{}]", path.display()),
        LmtpServer::Program(setting) | LmtpServer::Own(setting) => format!("{hostname}[{}]", setting.text),
        LmtpServer::Loopback(address) => format!("{0}[{0}]:{1}", address.ip(), address.port()),
    }
}

fn unreachable(server: &LmtpServer, error: &io::Error) -> Seen {
    if stream::seen(error) == Seen::Timeout {
        return Seen::Timeout;
    }
    let (place, cure) = match server {
        LmtpServer::Program(_) => {
            (SOCKET.to_owned(), "as root, run \"systemctl enable --now postrider-mailbox.socket\"")
        }
        LmtpServer::Socket(_) | LmtpServer::Loopback(_) | LmtpServer::Own(_) => {
            (server.to_string(), "is the server of `mailbox` running, and may postrider connect to it?")
        }
    };
    Seen::Failed(format!("connect to {place}: {}; {cure}", stream::in_words(error)))
}

/// RFC 2033 section 4.1. There is no older greeting to fall back to.
fn hello(session: &mut Session, hostname: &str) -> Result<(), Fact> {
    let fact = |seen| Fact { phase: Phase::Ehlo, seen };
    let lhlo = command::lhlo(hostname, session.stream.local_ip());
    session.stream.send_lines([lhlo.as_str()].into_iter(), session.timeouts.block).map_err(fact)?;
    let (reply, lines) = session.stream.reply_lines(session.timeouts.ehlo).map_err(fact)?;
    if !reply.is_positive() {
        return Err(fact(Seen::Reply(reply)));
    }
    session.capabilities = Capabilities::read(&lines);
    session.described.dsn = session.capabilities.offers(Extension::Dsn);
    Ok(())
}

fn connected(server: &LmtpServer, limit: Duration) -> io::Result<Connected> {
    match server {
        LmtpServer::Loopback(address) => TcpStream::connect_timeout(address, limit).map(Connected::Tcp),
        LmtpServer::Socket(path) => unix(path, limit).map(Connected::Unix),
        LmtpServer::Program(_) => unix(Path::new(SOCKET), limit).map(Connected::Unix),
        LmtpServer::Own(setting) => own(setting).map(Connected::Unix),
    }
}

/// Serves the user's own mailbox on a thread of this process, by the protocol that other servers speak: there is one way to
/// deliver to a mailbox.
fn own(setting: &Setting) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    theirs.set_read_timeout(Some(SILENCE))?;
    let setting = setting.read.clone();
    std::thread::Builder::new().name("mailbox".to_owned()).spawn(move || {
        let caller = Caller::current();
        // How the conversation ends is seen at the other end.
        drop(postrider_mailbox::lmtp::serve(theirs, |recipient| {
            let is_own = recipient.login.eq_ignore_ascii_case(&caller.login);
            let home = caller.home.as_deref().filter(|_| is_own);
            home.map(|home| setting.mailbox(&caller.login, home)).ok_or_else(|| {
                let text = format!("<{}> has no mailbox that {} may write to", recipient.address, caller.login);
                Refusal::new("550 5.1.1", text)
            })
        }));
    })?;
    Ok(ours)
}

/// A blocking connect to a Unix socket has no time limit: it waits for as long as the server's backlog is full.
fn unix(path: &Path, limit: Duration) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    let deadline = Instant::now() + limit;
    loop {
        let socket = stream_socket::unix(Calls::Nonblocking)?;
        match connect(&socket, &address) {
            Ok(()) => {}
            Err(Errno::AGAIN) if Instant::now() < deadline => {
                std::thread::sleep(PAUSE);
                continue;
            }
            Err(Errno::AGAIN) => return Err(io::ErrorKind::TimedOut.into()),
            Err(error) => return Err(error.into()),
        }
        let stream = UnixStream::from(socket);
        stream.set_nonblocking(false)?;
        return Ok(stream);
    }
}

#[cfg(test)]
mod tests;
