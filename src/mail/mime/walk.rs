//! The structure of a message (RFC 2046 section 5.1) as it streams by: part headers,
//! content, delimiters, and what stands between parts, told to a sink.

use super::part::{Guard, Kind, Part};

/// A line longer than this is no delimiter and no header line that counts.
const PIECE: usize = 4096;
/// The largest header of a part that is read; what follows is content.
const LARGEST_HEADER: usize = 256 * 1024;
/// Containers within containers.
const DEEPEST: usize = 50;

/// Who is told.
pub(super) trait Sink {
    /// A part begins, with this header and the blank line behind it (the message's own: empty); so many containers
    /// are around it.
    fn header(&mut self, raw: &[u8], part: &Part, depth: usize);
    /// Content of the part, without line ends.
    fn content(&mut self, bytes: &[u8]);
    /// A line of content ends.
    fn line_end(&mut self);
    /// The content ends; the line end that belongs to a delimiter is not part of it.
    fn content_end(&mut self);
    /// Preamble or epilogue, line ends included, and what forbids changing it.
    fn between(&mut self, bytes: &[u8], guard: Guard);
    /// A delimiter, with its line end and the one before it, where that belongs to it.
    fn delimiter(&mut self, line: &[u8]);
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// The blank line behind the message's header is awaited.
    Start,
    Header,
    Content,
    Between,
}

#[derive(Debug)]
struct Container {
    boundary: Vec<u8>,
    guard: Guard,
    /// What its parts are if they do not say.
    default: Kind,
}

/// The walk.
#[derive(Debug)]
pub(super) struct Walker {
    state: State,
    message: Option<Part>,
    containers: Vec<Container>,
    /// A line, or what there is of it.
    line: Vec<u8>,
    /// The line began before what is in `line`.
    is_continued: bool,
    header: Vec<u8>,
    /// A line of content ended; whose line end it is shows with the next line.
    line_end_due: bool,
}

impl Walker {
    /// For a message with this header.
    pub(super) fn new(header: &[u8]) -> Self {
        Self {
            state: State::Start,
            message: Some(Part::read(header, Kind::Text)),
            containers: Vec::new(),
            line: Vec::with_capacity(PIECE),
            is_continued: false,
            header: Vec::new(),
            line_end_due: false,
        }
    }

    /// Takes more of what stands behind the header.
    pub(super) fn push(&mut self, mut bytes: &[u8], sink: &mut dyn Sink) {
        while !bytes.is_empty() {
            let room = PIECE - self.line.len().min(PIECE);
            let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
            let (piece, rest) = bytes.split_at(end.min(room.max(1)));
            self.line.extend_from_slice(piece);
            bytes = rest;
            // A CR may be the half of a line end: it waits for what follows.
            let is_cut = self.line.len() >= PIECE && !self.line.ends_with(b"\r");
            if self.line.ends_with(b"\n") || is_cut {
                self.take_line(sink);
            }
        }
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self, sink: &mut dyn Sink) {
        if !self.line.is_empty() {
            self.take_line(sink);
        }
        match self.state {
            State::Start => self.begin_message(sink),
            State::Header => self.end_header(sink),
            State::Content | State::Between => {}
        }
        if self.state == State::Content {
            if std::mem::take(&mut self.line_end_due) {
                sink.line_end();
            }
            sink.content_end();
        }
    }

    fn take_line(&mut self, sink: &mut dyn Sink) {
        let line = std::mem::take(&mut self.line);
        let is_whole = !self.is_continued && line.ends_with(b"\n");
        self.is_continued = !line.ends_with(b"\n");
        if is_whole && self.state != State::Start && self.is_delimiter(&line, sink) {
            self.line = line;
            self.line.clear();
            return;
        }
        match self.state {
            State::Start => {
                self.begin_message(sink);
                match self.state {
                    _ if !matches!(line.as_slice(), b"\r\n" | b"\n") => self.content(&line, sink),
                    State::Between | State::Content | State::Start | State::Header => sink.delimiter(&line),
                }
            }
            State::Header => {
                self.header.extend_from_slice(&line);
                let is_blank = is_whole && matches!(line.as_slice(), b"\r\n" | b"\n");
                if is_blank || self.header.len() > LARGEST_HEADER {
                    self.end_header(sink);
                }
            }
            State::Content => self.content(&line, sink),
            State::Between => {
                let guard = self.containers.last().map_or(Guard::None, |container| container.guard);
                sink.between(&line, guard);
            }
        }
        self.line = line;
        self.line.clear();
    }

    fn begin_message(&mut self, sink: &mut dyn Sink) {
        if let Some(part) = self.message.take() {
            self.begin(&[], &part, sink);
        }
    }

    fn end_header(&mut self, sink: &mut dyn Sink) {
        let raw = std::mem::take(&mut self.header);
        let default = self.containers.last().map_or(Kind::Text, |container| container.default.clone());
        let mut part = Part::read(&raw, default);
        if let Some(container) = self.containers.last().filter(|container| container.guard != Guard::None) {
            part.guard = container.guard;
        }
        self.begin(&raw, &part, sink);
    }

    fn begin(&mut self, raw: &[u8], part: &Part, sink: &mut dyn Sink) {
        sink.header(raw, part, self.containers.len());
        self.state = match &part.kind {
            Kind::Multipart { boundary, guard, default } if self.containers.len() < DEEPEST => {
                let guard = if part.guard == Guard::None { *guard } else { part.guard };
                self.containers.push(Container { boundary: boundary.clone(), guard, default: (**default).clone() });
                State::Between
            }
            _ => State::Content,
        };
    }

    fn content(&mut self, line: &[u8], sink: &mut dyn Sink) {
        if std::mem::take(&mut self.line_end_due) {
            sink.line_end();
        }
        let bare = match line.strip_suffix(b"\n") {
            Some(bare) => {
                self.line_end_due = true;
                bare.strip_suffix(b"\r").unwrap_or(bare)
            }
            None => line,
        };
        sink.content(bare);
    }

    /// Whether the line ends a part; then everything that follows from it is done.
    fn is_delimiter(&mut self, line: &[u8], sink: &mut dyn Sink) -> bool {
        let Some(rest) = line.strip_prefix(b"--") else { return false };
        let found = self.containers.iter().enumerate().rev().find_map(|(at, container)| {
            let behind = rest.strip_prefix(container.boundary.as_slice())?;
            let (behind, closes) = behind.strip_prefix(b"--").map_or((behind, false), |behind| (behind, true));
            behind.trim_ascii().is_empty().then_some((at, closes))
        });
        let Some((at, closes)) = found else { return false };
        if self.state == State::Header {
            self.end_header(sink);
        }
        if self.state == State::Content {
            sink.content_end();
            if std::mem::take(&mut self.line_end_due) {
                sink.delimiter(b"\r\n");
            }
        }
        sink.delimiter(line);
        self.containers.truncate(if closes { at } else { at + 1 });
        self.state = if closes { State::Between } else { State::Header };
        true
    }
}
