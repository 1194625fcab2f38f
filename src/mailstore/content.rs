//! What becomes of a message's lines on their way into a mailbox. Every message gets an empty line after its header and a
//! final newline, without which some readers lose it or the next one; an mbox message is quoted (mboxrd) and loses what its
//! sender wrote for the recipient's mail program.

/// What a mailbox is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A file for each message.
    Maildir,
    /// One file, in which `From ` lines separate the messages.
    Mbox,
}

/// Fields by which mbox readers note what was read, or where the next message begins: only they may write them.
const READERS: &str = "content-length lines status x-imap x-imapbase x-keywords x-status x-uid";

/// What the one who delivers writes above the message.
const TRACE: &str = "return-path delivered-to";

/// Where in the message one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Before the message's own first field, where a `From ` line is one of another mailbox.
    Top,
    Header,
    Body,
}

/// The way of one message's lines.
#[derive(Debug)]
pub struct Lines {
    format: Format,
    part: Part,
    /// Whether the field at hand is left out.
    is_dropped: bool,
    /// Whether the last octet ended a line.
    has_ended: bool,
}

impl Lines {
    /// Before the first line.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format, part: Part::Top, is_dropped: false, has_ended: true }
    }

    /// Appends what is kept of a line, or of a piece of one that is too long to be held; lines end in LF.
    pub fn pass(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let Some(last) = piece.last() else { return };
        if std::mem::replace(&mut self.has_ended, *last == b'\n') {
            self.begin(piece);
            if self.format == Format::Mbox && !self.is_dropped && is_separator(without_quotes(piece)) {
                out.push(b'>');
            }
        }
        if !self.is_dropped {
            out.extend_from_slice(piece);
        }
    }

    /// At the beginning of a line.
    fn begin(&mut self, line: &[u8]) {
        if self.part == Part::Body || line.starts_with(b" ") || line.starts_with(b"\t") {
            return;
        }
        let name = line.split(|octet| *octet == b':').next().unwrap_or_default().trim_ascii_end().to_ascii_lowercase();
        let is_among = |names: &str| names.split(' ').any(|one| one.as_bytes() == name);
        let is_foreign = self.part == Part::Top && is_separator(line.strip_prefix(b">").unwrap_or(line));
        self.is_dropped = self.format == Format::Mbox && (is_foreign || is_among(READERS));
        self.part = match line {
            b"\n" => Part::Body,
            _ if self.part == Part::Top && (is_foreign || is_among(TRACE)) => Part::Top,
            _ => Part::Header,
        };
    }

    /// Appends what the message lacks at its end, and the empty line that ends a message of an mbox.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        let newlines = [!self.has_ended, self.part != Part::Body, self.format == Format::Mbox];
        out.extend(newlines.iter().filter(|needed| **needed).map(|_| b'\n'));
    }
}

fn is_separator(line: &[u8]) -> bool {
    line.starts_with(b"From ")
}

fn without_quotes(line: &[u8]) -> &[u8] {
    let quotes = line.iter().take_while(|octet| **octet == b'>').count();
    line.get(quotes..).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may panic
mod tests;
