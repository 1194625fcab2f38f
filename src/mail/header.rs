//! A message's header as raw bytes cut into fields. A field that nobody changes
//! keeps every byte. What makes a line a field is Postfix's rule (see [`line_kind`]).

/// Octets of header that a stored message may have: every reader of one takes it whole.
pub const MAX_STORED: usize = 4 << 20;

/// One field: its raw bytes, folding and line ends included.
///
/// A stored header has only real fields; a line that is none keeps its place as a field without a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    raw: Vec<u8>,
    /// Where the colon stands; the length of `raw` where there is none.
    colon: usize,
}

impl Field {
    /// A new field, `Name: value`, with its line end. The value comes without one; it may be folded.
    /// Line breaks in it that are no folding, and NULs, become blanks, so that it stays one field.
    #[must_use]
    pub fn new(name: &str, value: &(impl AsRef<[u8]> + ?Sized)) -> Self {
        let mut raw = format!("{name}: ").into_bytes();
        push_folded(&mut raw, value.as_ref());
        raw.extend_from_slice(b"\r\n");
        Self { raw, colon: name.len() }
    }

    /// From the raw lines of one field or of what is none.
    fn from_raw(raw: &[u8]) -> Self {
        let is_field = line_kind(first_line(raw)) == LineKind::Field;
        let colon = raw.iter().position(|b| *b == b':').filter(|_| is_field);
        Self { raw: raw.to_vec(), colon: colon.unwrap_or(raw.len()) }
    }

    /// The name as written, without white space before the colon.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.colon == self.raw.len() {
            return "";
        }
        std::str::from_utf8(self.raw[..self.colon].trim_ascii_end()).unwrap_or_default()
    }

    /// Whether the name is this one, ignoring case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }

    /// The bytes behind the colon, line ends included.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.raw.get(self.colon + 1..).unwrap_or_default()
    }

    /// Everything, line ends included.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// How many bytes stand before the value: the name, white space and the colon.
    #[must_use]
    pub fn value_column(&self) -> usize {
        (self.colon + 1).min(self.raw.len())
    }

    /// The same field with other bytes behind the colon (they include the last line end).
    #[must_use]
    pub fn with_value(&self, value: &[u8]) -> Self {
        let mut raw = self.raw[..self.value_column()].to_vec();
        raw.extend_from_slice(value);
        Self { raw, colon: self.colon }
    }
}

/// A header: its fields in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// In order; none but the order and the fields themselves is kept.
    pub fields: Vec<Field>,
}

impl Header {
    /// Reads the header from complete CRLF lines (no blank line behind): the header part of a stored message.
    /// Keeps every byte, whatever the lines are.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut fields = Vec::new();
        let mut start = 0;
        let mut end = 0;
        let mut is_open = false;
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            let kind = line_kind(first_line(line));
            if !(kind == LineKind::Continuation && is_open) && end > start {
                fields.push(Field::from_raw(&bytes[start..end]));
                start = end;
            }
            is_open = kind == LineKind::Field || (kind == LineKind::Continuation && is_open);
            end += line.len();
        }
        if end > start {
            fields.push(Field::from_raw(&bytes[start..end]));
        }
        Self { fields }
    }

    /// The first field of that name.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.is(name))
    }

    /// All fields of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Field> {
        self.fields.iter().filter(move |f| f.is(name))
    }

    /// All bytes again, without the blank line.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.fields.iter().map(|f| f.raw.len()).sum());
        for field in &self.fields {
            bytes.extend_from_slice(&field.raw);
        }
        bytes
    }
}

/// What one input line is to a header being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// `Name: value` (white space may stand before the colon).
    Field,
    /// Starts with a blank or tab, and continues the field before. Where there is none before, the body starts here.
    Continuation,
    /// The empty line that ends the header.
    Blank,
    /// Neither: the body starts here, and an empty line goes before it.
    Other,
}

/// Classifies one line (without its line end) as Postfix does: a name is any printable ASCII but
/// blanks and the colon. A line of white space only is a continuation.
#[must_use]
pub fn line_kind(line: &[u8]) -> LineKind {
    match line.first() {
        None => return LineKind::Blank,
        Some(b' ' | b'\t') => return LineKind::Continuation,
        Some(_) => {}
    }
    let name = line.iter().take_while(|b| b.is_ascii_graphic() && **b != b':').count();
    let blanks = line[name..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    if name > 0 && line.get(name + blanks) == Some(&b':') { LineKind::Field } else { LineKind::Other }
}

/// The first line without its line end.
fn first_line(raw: &[u8]) -> &[u8] {
    let end = raw.iter().position(|b| *b == b'\n');
    let mut line = &raw[..end.unwrap_or(raw.len())];
    while end.is_some()
        && let Some(shorter) = line.strip_suffix(b"\r")
    {
        line = shorter;
    }
    line
}

fn push_folded(raw: &mut Vec<u8>, value: &[u8]) {
    let is_folding =
        |at: usize| value[at..].starts_with(b"\r\n") && value.get(at + 2).is_some_and(|b| matches!(b, b' ' | b'\t'));
    for (at, byte) in value.iter().enumerate() {
        let is_kept = match byte {
            b'\r' => is_folding(at),
            b'\n' => at > 0 && is_folding(at - 1),
            other => *other != 0,
        };
        raw.push(if is_kept { *byte } else { b' ' });
    }
}

#[cfg(test)]
mod tests;
