//! Connects to the first of several addresses that answers (after RFC 8305). The next address is tried when one
//! fails, or after a short time while the earlier attempts continue.
//!
//! Without this, a host whose IPv6 address is announced but not reachable costs the full connection timeout for every
//! session. The delay between two starts is the one that RFC 8305 section 5 recommends; it is long enough that a
//! server that works is rarely asked twice. The order comes from the system's resolver (RFC 6724) and only the
//! families alternate (RFC 8305 section 4).

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use std::{io, thread};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::sys::stream_socket::{self, Calls};

/// How long an address is tried before the next one starts as well.
const STAGGER: Duration = Duration::from_millis(250);

/// The result of connecting.
pub(crate) struct Raced {
    /// The first address that answered.
    pub winner: Option<(SocketAddr, TcpStream)>,
    /// The addresses that failed before.
    pub failed: Vec<(SocketAddr, io::Error)>,
}

/// The addresses with the two families alternating, otherwise in order, so that a broken family costs little time.
pub(crate) fn by_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_first = |address: &&SocketAddr| addresses.first().is_some_and(|first| first.is_ipv4() == address.is_ipv4());
    let mut one = addresses.iter().filter(is_first);
    let mut other = addresses.iter().filter(|address| !is_first(address));
    let mut found = Vec::with_capacity(addresses.len());
    while found.len() < addresses.len() {
        found.extend(one.next().copied());
        found.extend(other.next().copied());
    }
    found
}

/// Connects. `limit` applies to each address; `sources` are our own addresses to connect from.
///
/// Losing attempts are not cancelled: connect(2) cannot be interrupted from outside. Their threads end by themselves
/// within `limit`, and a connection that one of them still gets is closed before a byte is sent.
pub(crate) fn connect(addresses: &[SocketAddr], sources: &[IpAddr], limit: Duration) -> Raced {
    let mut raced = Raced { winner: None, failed: Vec::new() };
    // The common case needs no thread.
    if let [only] = addresses {
        match one(only, sources, limit) {
            Ok(socket) => raced.winner = Some((*only, socket)),
            Err(error) => raced.failed.push((*only, error)),
        }
        return raced;
    }
    let (tell, hear) = channel();
    let mut waiting = addresses.iter().copied();
    let mut running = 0;
    loop {
        let next = waiting.next();
        if let Some(address) = next {
            let (tell, sources) = (tell.clone(), sources.to_vec());
            // An attempt that is too late has no receiver any more, and its socket is closed.
            thread::spawn(move || drop(tell.send((address, one(&address, &sources, limit)))));
            running += 1;
        }
        if running == 0 {
            return raced;
        }
        // When all have been started, they end by themselves within the limit, counted from the last start. The
        // addition gives the last one the time to say so.
        let patience = if next.is_some() { STAGGER } else { limit + STAGGER };
        match hear.recv_timeout(patience) {
            Ok((address, Ok(socket))) => {
                raced.winner = Some((address, socket));
                return raced;
            }
            Ok((address, Err(error))) => {
                running -= 1;
                raced.failed.push((address, error));
            }
            Err(RecvTimeoutError::Timeout) if next.is_some() => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return raced,
        }
    }
}

fn one(address: &SocketAddr, sources: &[IpAddr], limit: Duration) -> io::Result<TcpStream> {
    // For the system, zero would mean no limit.
    let limit = limit.max(Duration::from_millis(1));
    if sources.is_empty() {
        return TcpStream::connect_timeout(address, limit);
    }
    let Some(source) = sources.iter().find(|source| source.is_ipv4() == address.is_ipv4()) else {
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        return Err(io::Error::other(format!("source_address has no {family} address to connect from")));
    };
    from(*source, address, limit)
}

/// Connects from one of our own addresses.
///
/// std cannot choose the address to connect from. So the socket is connected without blocking, waited for, and made
/// blocking again, as the rest of the session expects.
fn from(source: IpAddr, address: &SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    let socket = stream_socket::tcp(address, Calls::Nonblocking)?;
    rustix::net::bind(&socket, &SocketAddr::new(source, 0)).map_err(|error| {
        io::Error::other(format!("source_address {source} cannot be used: {error}; is it an address of this machine?"))
    })?;
    match rustix::net::connect(&socket, address) {
        Ok(()) => {}
        Err(Errno::INPROGRESS) => {
            let mut waiting = [PollFd::new(&socket, PollFlags::OUT)];
            let patience = Timespec::try_from(limit).map_err(io::Error::other)?;
            if poll(&mut waiting, Some(&patience))? == 0 {
                return Err(ErrorKind::TimedOut.into());
            }
            // Writable also means failed: connect(2) leaves the result in `SO_ERROR`.
            rustix::net::sockopt::socket_error(&socket)??;
        }
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

#[cfg(test)]
mod tests;
