//! The texts that admission stamps on a message: Date, Message-ID, From.
//! Pure: time and randomness are handed in.

use std::fmt::Write;

use jiff::Zoned;

use super::address::Address;

/// Where a line of a generated field ends: a line with an encoded word in it has 76 columns at most (RFC 2047 section 2).
const LINE: usize = 76;
/// How much encoded text an encoded word holds beside `=?unknown-8bit?Q?` and `?=`, so that it fits into the first line.
const ENCODED_TEXT: usize = LINE - "Resent-From: =?unknown-8bit?Q??=".len();

/// RFC 5322 section 3.3 date-time, as in `Sun, 22 Nov 2026 13:20:55 +0100`.
#[must_use]
pub fn date(at: &Zoned) -> String {
    let minutes = at.offset().seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.abs();
    format!("{} {sign}{:02}{:02}", at.strftime("%a, %-d %b %Y %H:%M:%S"), minutes / 60, minutes % 60)
}

/// `<20261122132055.ID@hostname>`.
#[must_use]
pub fn message_id(at: &Zoned, id: &str, hostname: &str) -> String {
    format!("<{}.{id}@{hostname}>", at.strftime("%Y%m%d%H%M%S"))
}

/// The value of a generated From field: `Full Name <sender>`, the name quoted or RFC 2047-encoded
/// as it needs; the bare address where the name is empty.
///
/// White space and control characters in the name are one blank. A name that is not UTF-8 keeps its octets, in an
/// encoded word that names no charset. Folded where a line would pass 76 columns, the name of a Resent-From field counted.
#[must_use]
pub fn from(full_name: &[u8], sender: &Address) -> String {
    let phrase = std::str::from_utf8(full_name).map_or_else(|_| unknown_phrase(full_name), phrase);
    if phrase.is_empty() {
        return sender.to_string();
    }
    let mut value = Folded { text: String::new(), column: "Resent-From: ".len() };
    for word in phrase {
        value.push(&word);
    }
    value.push(&format!("<{sender}>"));
    value.text
}

/// Text to which words are added, folded before a word that would pass the line's end.
struct Folded {
    text: String,
    column: usize,
}

impl Folded {
    fn push(&mut self, word: &str) {
        let width = word.len();
        if !self.text.is_empty() {
            let is_full = self.column + 1 + width > LINE;
            self.text.push_str(if is_full { "\r\n " } else { " " });
            self.column = if is_full { 1 } else { self.column + 1 };
        }
        self.text.push_str(word);
        self.column += width;
    }
}

/// The words of a phrase (RFC 5322 section 3.2.5): as they are, quoted as a whole, or encoded.
fn phrase(text: &str) -> Vec<String> {
    let is_between = |c: char| c.is_whitespace() || c.is_control();
    let words: Vec<&str> = text.split(is_between).filter(|word| !word.is_empty()).collect();
    let is_plain_text = words.iter().all(|word| word.is_ascii() && word.len() < LINE);
    if !is_plain_text {
        let text = words.join(" ");
        return encoded_words("UTF-8", text.chars().map(|c| q_encoded(c.encode_utf8(&mut [0; 4]).as_bytes())));
    }
    let mut phrase: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    if !words.iter().all(|word| word.bytes().all(is_atext)) {
        for word in &mut phrase {
            *word = word.replace('\\', "\\\\").replace('"', "\\\"");
        }
        if let Some(first) = phrase.first_mut() {
            first.insert(0, '"');
        }
        if let Some(last) = phrase.last_mut() {
            last.push('"');
        }
    }
    phrase
}

/// The words of a phrase in an unknown charset.
fn unknown_phrase(text: &[u8]) -> Vec<String> {
    let words =
        text.split(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()).filter(|word| !word.is_empty());
    encoded_words("unknown-8bit", words.collect::<Vec<_>>().join(&b' ').iter().map(|byte| q_encoded(&[*byte])))
}

fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// RFC 2047 section 5 (3): encoded words in a phrase. No character is divided.
fn encoded_words(charset: &str, characters: impl Iterator<Item = String>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for character in characters {
        match words.last_mut() {
            Some(word) if word.len() + character.len() <= ENCODED_TEXT => word.push_str(&character),
            _ => words.push(character),
        }
    }
    words.iter().map(|word| format!("=?{charset}?Q?{word}?=")).collect()
}

fn q_encoded(character: &[u8]) -> String {
    match character {
        b" " => "_".to_owned(),
        [plain] if plain.is_ascii_alphanumeric() || b"!*+-/".contains(plain) => char::from(*plain).to_string(),
        other => other.iter().fold(String::new(), |mut encoded, byte| {
            // writing to a String cannot fail
            let _ = write!(encoded, "={byte:02X}");
            encoded
        }),
    }
}

#[cfg(test)]
mod tests;
