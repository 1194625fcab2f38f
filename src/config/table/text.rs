//! Postfix's text format in memory: the text once, and an index of sixteen octets a row.
//! Rows are taken apart again when they are looked up. A bad row is one that the
//! look-up of its key finds, so that nothing but its key is in doubt.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;

use crate::mail::fold_case::fold_case;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowProblem {
    NoValue,
    OpenQuote,
    NotUtf8,
    StrayContinuation,
    AliasFormat,
    NoColon,
}

impl RowProblem {
    /// What to do about it.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::NoValue => "this entry has no value: write key, blank and value, or remove the entry",
            Self::OpenQuote => "the key of this entry has an unclosed quote: close it",
            Self::NotUtf8 => "this entry is not UTF-8: save the file as UTF-8",
            Self::StrayContinuation => {
                "this line starts with a blank but there is no entry to continue: remove the blank or the line"
            }
            Self::AliasFormat => "this entry is in the alias format \"key: value\": remove the colon",
            Self::NoColon => "this entry is not in the alias format \"name: value, value\": add a colon after the name",
        }
    }
}

/// A row found by its key: what it says, or why it says nothing; and its line, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) line: u32,
    pub(super) value: Result<String, RowProblem>,
}

/// All good rows of a text, keys folded, in order; for those who take a table apart.
pub fn rows_of_text(text: &[u8]) -> Vec<(String, String)> {
    let rows = logical_rows(text, first_row(text)).filter_map(|row| {
        let row = parse(&text[row.span], row.begin);
        Some((row.key?, row.value.ok()?.into_owned()))
    });
    rows.collect()
}

/// The key of a row, folded; its line, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) line: u32,
    pub(super) text: String,
    form: Form,
}

/// How a key is written.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    Name,
    WithBlanks,
    WithDomain,
}

impl Form {
    fn of(row: &[u8], key: &str) -> Self {
        let Some(inside) = row.strip_prefix(b"\"") else {
            let has_blank = key.contains(char::is_whitespace);
            return if key.contains('@') {
                Self::WithDomain
            } else if has_blank {
                Self::WithBlanks
            } else {
                Self::Name
            };
        };
        let mut bytes = inside.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' => drop(bytes.next()),
                b'"' => break,
                _ => {}
            }
        }
        if bytes.next() == Some(&b'@') { Self::WithDomain } else { Self::Name }
    }
}

impl Key {
    /// Why this is no name of an alias: those are users of this machine (aliases(5)).
    pub(super) fn unfit_name(&self) -> Option<String> {
        let text = &self.text;
        match self.form {
            Form::Name => None,
            Form::WithBlanks => Some(format!(
                "the name \"{text}\" has a blank in it: put quotes around it, or give each name an entry of its own"
            )),
            Form::WithDomain => Some(format!(
                "the name \"{text}\" has a domain and is never looked up: write the user alone, or put the entry into a table of \
                 `virtual`"
            )),
        }
    }
}

/// A table's text with its index.
#[derive(Debug)]
pub(super) struct Rows {
    text: Vec<u8>,
    index: Vec<Entry>,
    parse: Parse,
}

/// Takes a row apart.
type Parse = for<'t> fn(&'t [u8], Begin) -> Row<'t>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    hash: u64,
    at: u32,
    line: u32,
}

impl Rows {
    /// Indexes a text of less than 4 GiB.
    pub(super) fn new(text: Vec<u8>) -> Self {
        Self::indexed(text, parse)
    }

    /// The same, of a text in aliases(5) format, `name: value, value`.
    pub(super) fn aliases(text: Vec<u8>) -> Self {
        Self::indexed(text, parse_alias)
    }

    fn indexed(text: Vec<u8>, parse: Parse) -> Self {
        let mut index: Vec<Entry> = logical_rows(&text, first_row(&text))
            .filter_map(|row| {
                let key = parse(&text[row.span.clone()], row.begin).key?;
                let at = u32::try_from(row.span.start).ok()?;
                Some(Entry { hash: hash(&key), at, line: row.line })
            })
            .collect();
        index.shrink_to_fit();
        // Ties keep the text's order: the first row of a key counts, as with postmap.
        index.sort_unstable();
        Self { text, index, parse }
    }

    /// The first row of a folded key.
    pub(super) fn find(&self, key: &str) -> Option<Found> {
        let hash = hash(key);
        let from = self.index.partition_point(|entry| entry.hash < hash);
        self.index[from..].iter().take_while(|entry| entry.hash == hash).find_map(|entry| {
            let row = self.row(*entry)?;
            (row.key.as_deref() == Some(key)).then(|| Found { line: entry.line, value: row.value.map(Cow::into_owned) })
        })
    }

    /// Whether a good row's value is wanted.
    pub(super) fn has_value(&self, is_wanted: &dyn Fn(&str) -> bool) -> bool {
        logical_rows(&self.text, first_row(&self.text))
            .any(|row| (self.parse)(&self.text[row.span], row.begin).value.is_ok_and(|value| is_wanted(&value)))
    }

    /// The keys of good rows, in the text's order.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        logical_rows(&self.text, first_row(&self.text)).filter_map(|row| {
            let raw = &self.text[row.span];
            let parsed = (self.parse)(raw, row.begin);
            let text = parsed.value.ok().and(parsed.key)?;
            Some(Key { line: row.line, form: Form::of(raw, &text), text })
        })
    }

    /// Lines of the good rows whose key an earlier row has, with what to do.
    pub(super) fn hidden(&self) -> Vec<(u32, String)> {
        let mut first: HashMap<String, u32> = HashMap::new();
        let mut hidden = Vec::new();
        for Key { line, text, .. } in self.keys() {
            if let Some(first) = first.get(&text) {
                let problem =
                    format!("\"{text}\" has an entry in line {first}, and this one is never used: remove one of them");
                hidden.push((line, problem));
            } else {
                first.insert(text, line);
            }
        }
        hidden
    }

    /// Lines and problems of all bad rows, in the text's order.
    pub(super) fn problems(&self) -> impl Iterator<Item = (u32, RowProblem)> {
        logical_rows(&self.text, first_row(&self.text))
            .filter_map(|row| Some((row.line, (self.parse)(&self.text[row.span.clone()], row.begin).value.err()?)))
    }

    fn row(&self, entry: Entry) -> Option<Row<'_>> {
        let at = usize::try_from(entry.at).ok()?;
        let row = logical_rows(&self.text, at).next()?;
        Some((self.parse)(&self.text[row.span], row.begin))
    }
}

/// The form in which keys are compared: case-folded, the local part without the quotes that `"a b"@example.com` needs in the text.
pub(super) fn fold(key: &str) -> Cow<'_, str> {
    match unquote(key) {
        Some(plain) => Cow::Owned(fold_case(&plain).into_owned()),
        None => fold_case(key),
    }
}

/// `"local part"@domain` or `"local part"` without quotes; `None` for all else.
fn unquote(key: &str) -> Option<String> {
    let mut plain = String::new();
    let mut chars = key.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => plain.push(chars.next()?),
            other => plain.push(other),
        }
    }
    let behind = chars.as_str();
    (behind.is_empty() || behind.starts_with('@')).then(|| plain + behind)
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key.as_bytes());
    hasher.finish()
}

/// A row as it stands: its first line and all that continue it, with the blank and
/// comment lines between.
pub(super) struct Logical {
    pub(super) line: u32,
    pub(super) span: Range<usize>,
    begin: Begin,
}

/// How a row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// With its key.
    Key,
    /// With a blank, as a continuation does, but there is nothing before it to continue.
    StrayContinuation,
}

/// Behind the byte order mark that some editors write.
pub(super) fn first_row(text: &[u8]) -> usize {
    const BOM: &[u8] = b"\xef\xbb\xbf";
    if text.starts_with(BOM) { BOM.len() } else { 0 }
}

/// The rows from an offset on; lines are counted from there.
pub(super) fn logical_rows(text: &[u8], mut at: usize) -> impl Iterator<Item = Logical> {
    let mut line = 0;
    std::iter::from_fn(move || {
        let mut row: Option<Logical> = None;
        while at < text.len() {
            let end = text[at..].iter().position(|&byte| byte == b'\n').map_or(text.len(), |length| at + length);
            let physical = &text[at..end];
            if !is_skipped(physical) {
                match &mut row {
                    Some(row) if is_space(physical[0]) => row.span.end = end,
                    Some(_) => break,
                    None => {
                        let begin = if is_space(physical[0]) { Begin::StrayContinuation } else { Begin::Key };
                        row = Some(Logical { line: line + 1, span: at..end, begin });
                    }
                }
            }
            line += 1;
            at = end + 1;
        }
        row
    })
}

/// Blank, or a comment.
fn is_skipped(line: &[u8]) -> bool {
    line.iter().find(|&&byte| !is_space(byte)).is_none_or(|&byte| byte == b'#')
}

/// As isspace(3) in the C locale.
fn is_space(byte: u8) -> bool {
    byte == b' ' || (9..=13).contains(&byte)
}

struct Row<'t> {
    /// Folded; none where it cannot be told.
    key: Option<String>,
    value: Result<Cow<'t, str>, RowProblem>,
}

fn parse(row: &[u8], begin: Begin) -> Row<'_> {
    let joined = join(row);
    let start = joined.iter().position(|&byte| !is_space(byte)).unwrap_or(joined.len());
    let end = key_end(&joined[start..]);
    let key = text_of(&joined, start..start + end.at);
    let value = text_of(&joined, start + end.at..joined.len());
    match (key, value) {
        (None, _) => Row { key: None, value: Err(RowProblem::NotUtf8) },
        (Some(key), None) => bad(&key, RowProblem::NotUtf8),
        (Some(key), Some(_)) if end.quote_open => bad(&key.replace('"', ""), RowProblem::OpenQuote),
        (Some(key), Some(_)) if begin == Begin::StrayContinuation => bad(&key, RowProblem::StrayContinuation),
        (Some(key), Some(value)) if value.is_empty() => bad(&key, RowProblem::NoValue),
        (Some(key), Some(_)) if key.ends_with(':') => bad(&key, RowProblem::AliasFormat),
        (Some(key), Some(value)) => Row { key: Some(fold(&key).into_owned()), value: Ok(value) },
    }
}

fn parse_alias(row: &[u8], begin: Begin) -> Row<'_> {
    let joined = join(row);
    let end = colon(&joined);
    let key = text_of(&joined, 0..end.unwrap_or_else(|| key_end(&joined).at));
    let value = text_of(&joined, end.map_or(joined.len(), |end| end + 1)..joined.len());
    match (key, value) {
        (None, _) => Row { key: None, value: Err(RowProblem::NotUtf8) },
        (Some(key), None) => bad(&key, RowProblem::NotUtf8),
        (Some(key), Some(_)) if begin == Begin::StrayContinuation => bad(&key, RowProblem::StrayContinuation),
        (Some(key), Some(_)) if end.is_none() => bad(&key, RowProblem::NoColon),
        (Some(key), Some(value)) if value.is_empty() => bad(&key, RowProblem::NoValue),
        (Some(key), Some(value)) => Row { key: Some(fold(&key).into_owned()), value: Ok(value) },
    }
}

/// The first colon outside of quotes.
fn colon(row: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut bytes = row.iter().enumerate();
    while let Some((at, &byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => quoted = !quoted,
            b':' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// A row that answers its key with a problem; in alias format, the key has a colon too many.
fn bad<'t>(key: &str, problem: RowProblem) -> Row<'t> {
    Row { key: Some(fold(key.strip_suffix(':').unwrap_or(key)).into_owned()), value: Err(problem) }
}

struct KeyEnd {
    at: usize,
    quote_open: bool,
}

/// A key ends at the first white space outside of quotes; one with an open quote at the
/// first white space, because that is what its writer looked for.
fn key_end(row: &[u8]) -> KeyEnd {
    let mut quoted = false;
    let mut bytes = row.iter().enumerate();
    while let Some((at, &byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => quoted = !quoted,
            byte if is_space(byte) && !quoted => return KeyEnd { at, quote_open: false },
            _ => {}
        }
    }
    if quoted {
        KeyEnd { at: row.iter().position(|&byte| is_space(byte)).unwrap_or(row.len()), quote_open: true }
    } else {
        KeyEnd { at: row.len(), quote_open: false }
    }
}

/// The row on one line: skipped lines and line ends go, the blanks before continued text stay.
pub(super) fn join(row: &[u8]) -> Cow<'_, [u8]> {
    let stripped = |line| <[u8]>::strip_suffix(line, b"\r").unwrap_or(line);
    if !row.contains(&b'\n') {
        return Cow::Borrowed(stripped(row));
    }
    let lines = row.split(|&byte| byte == b'\n').filter(|line| !is_skipped(line));
    Cow::Owned(lines.map(stripped).collect::<Vec<_>>().concat())
}

/// A part of a row as trimmed text; `None` if it is not UTF-8.
fn text_of<'t>(row: &Cow<'t, [u8]>, part: Range<usize>) -> Option<Cow<'t, str>> {
    match row {
        Cow::Borrowed(bytes) => trimmed(&bytes[part]).map(Cow::Borrowed),
        Cow::Owned(bytes) => trimmed(&bytes[part]).map(|text| Cow::Owned(text.to_owned())),
    }
}

fn trimmed(bytes: &[u8]) -> Option<&str> {
    Some(std::str::from_utf8(bytes).ok()?.trim_matches(|c: char| u8::try_from(c).is_ok_and(is_space)))
}
