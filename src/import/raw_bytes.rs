//! The files of other programs are bytes, which those programs take as they are. Here each byte that is not UTF-8 becomes one
//! character of its own, so that such a file is read like any other, and can be written again byte for byte.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// The stand-in of a byte is the character with this number and the byte's: the last ones for private use.
const STAND_INS: u32 = 0x0010_FF00;

/// A file's bytes as a text.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            // One that is in the file itself is read as its bytes, so that nothing else is written for it.
            if is_stand_in(c) {
                text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(stand_in));
            } else {
                text.push(c);
            }
        }
        text.extend(chunk.invalid().iter().copied().map(stand_in));
    }
    text
}

/// The bytes that a text was read from.
#[must_use]
pub fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match byte(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The path that a text of such a file means.
#[must_use]
pub fn path(path: &Path) -> PathBuf {
    path.to_str().map_or_else(|| path.to_owned(), |text| OsString::from_vec(bytes(text)).into())
}

/// Whether a character stands for a byte that is not UTF-8.
#[must_use]
pub fn is_stand_in(c: char) -> bool {
    byte(c).is_some()
}

/// For people: `\xF6` in place of each such byte.
#[must_use]
pub fn shown(text: &str) -> String {
    let one = |c: char| byte(c).map_or_else(|| c.to_string(), |byte| format!("\\x{byte:02X}"));
    if text.contains(is_stand_in) { text.chars().map(one).collect() } else { text.to_owned() }
}

fn stand_in(byte: u8) -> char {
    char::from_u32(STAND_INS + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Bytes below 0x80 are always UTF-8.
fn byte(c: char) -> Option<u8> {
    let byte = u32::from(c).checked_sub(STAND_INS)?;
    u8::try_from(byte).ok().filter(|byte| !byte.is_ascii())
}

#[cfg(test)]
mod tests;
