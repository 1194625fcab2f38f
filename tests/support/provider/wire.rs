//! A provider's end of one connection: lines in, replies out, in the clear or over
//! TLS, with the manners of the script (single bytes, slow reading).

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How a provider talks and listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manners {
    /// Sends one byte at a time.
    pub trickles: bool,
    /// Reads at most 1 KiB, then waits so long.
    pub slowness: Duration,
    /// Its replies take so long to arrive, as if it were far away.
    pub distance: Duration,
}

enum Channel {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// Replies wait here until the client's input is used up, as in a server that pipelines.
struct Stream {
    channel: Channel,
    output: Vec<u8>,
    manners: Manners,
    turns: Arc<AtomicUsize>,
}

impl Stream {
    fn raw(&mut self) -> &mut dyn Write {
        match &mut self.channel {
            Channel::Clear(tcp) => tcp,
            Channel::Tls(tls) => tls.as_mut(),
        }
    }

    fn send(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        self.turns.fetch_add(1, Ordering::SeqCst);
        let output = std::mem::take(&mut self.output);
        std::thread::sleep(self.manners.distance);
        let step = if self.manners.trickles { 1 } else { output.len() };
        for piece in output.chunks(step) {
            self.raw().write_all(piece)?;
            self.raw().flush()?;
        }
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.send()?;
        let most = if self.manners.slowness.is_zero() { buffer.len() } else { buffer.len().min(1024) };
        std::thread::sleep(self.manners.slowness);
        match &mut self.channel {
            Channel::Clear(tcp) => tcp.read(&mut buffer[..most]),
            Channel::Tls(tls) => tls.read(&mut buffer[..most]),
        }
    }
}

/// One connection.
pub struct Wire {
    reader: BufReader<Stream>,
    socket: TcpStream,
}

impl Wire {
    /// Over a fresh connection, in the clear; `turns` counts the flights of replies.
    pub fn new(tcp: TcpStream, manners: Manners, turns: Arc<AtomicUsize>) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        let socket = tcp.try_clone()?;
        let stream = Stream { channel: Channel::Clear(tcp), output: Vec::new(), manners, turns };
        Ok(Self { reader: BufReader::with_capacity(65536, stream), socket })
    }

    /// Takes the connection to TLS; the handshake is made here.
    pub fn start_tls(&mut self, config: &Arc<ServerConfig>) -> io::Result<()> {
        self.flush()?;
        let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        let mut tls = Box::new(StreamOwned::new(connection, self.socket.try_clone()?));
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        let (manners, turns) = (self.reader.get_ref().manners, Arc::clone(&self.reader.get_ref().turns));
        let stream = Stream { channel: Channel::Tls(tls), output: Vec::new(), manners, turns };
        self.reader = BufReader::with_capacity(65536, stream);
        Ok(())
    }

    /// What both sides know of this TLS connection and nobody else does (RFC 9266).
    pub fn binding(&self) -> Option<Vec<u8>> {
        match &self.reader.get_ref().channel {
            Channel::Clear(_) => None,
            Channel::Tls(tls) => tls.conn.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", None).ok(),
        }
    }

    /// The certificate that the client showed.
    pub fn shown(&self) -> Option<Vec<u8>> {
        match &self.reader.get_ref().channel {
            Channel::Clear(_) => None,
            Channel::Tls(tls) => Some(tls.conn.peer_certificates()?.first()?.to_vec()),
        }
    }

    /// The next line with its line end; `None` at the end. What was said is sent before waiting.
    pub fn line(&mut self, limit: usize) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.reader.by_ref().take(limit as u64).read_until(b'\n', &mut line)?;
        Ok((!line.is_empty()).then_some(line))
    }

    /// Exactly so many bytes.
    pub fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether the client sent more than was asked for.
    pub fn has_more(&self) -> bool {
        !self.reader.buffer().is_empty()
    }

    /// Says this, at the latest when the provider waits for input.
    pub fn say(&mut self, bytes: &[u8]) {
        self.reader.get_mut().output.extend_from_slice(bytes);
    }

    /// Sends what was said.
    pub fn flush(&mut self) -> io::Result<()> {
        self.reader.get_mut().send()
    }

    /// Reads and forgets until the client closes.
    pub fn drain(&mut self) -> io::Result<()> {
        io::copy(&mut self.reader, &mut io::sink()).map(|_| ())
    }

    /// Sends what was said and closes the sending side; then takes a little of what still comes, so
    /// that the client sees an end and not a reset.
    pub fn close(&mut self) -> io::Result<()> {
        self.flush()?;
        if let Channel::Tls(tls) = &mut self.reader.get_mut().channel {
            tls.conn.send_close_notify();
            tls.flush()?;
        }
        self.socket.shutdown(Shutdown::Write)?;
        self.socket.set_read_timeout(Some(Duration::from_millis(500)))?;
        let _ = io::copy(&mut (&self.socket).take(1 << 20), &mut io::sink());
        Ok(())
    }

    /// Makes the closing of the connection, which follows, a reset.
    pub fn reset(&mut self) -> io::Result<()> {
        self.flush()?;
        Ok(rustix::net::sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO))?)
    }
}
