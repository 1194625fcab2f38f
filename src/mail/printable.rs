//! Text from elsewhere made fit to print: a control character could command a terminal or begin another line, a
//! direction mark could show text in another order than it has, and an invisible character could make two addresses
//! look the same. The one place that decides what that covers.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// With a question mark in place of each character that commands, reorders or hides.
#[must_use]
pub fn printable(text: &str) -> String {
    // Nearly all of it.
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_control()) {
        return text.to_owned();
    }
    text.chars().map(|c| if misleads(c) { '?' } else { c }).collect()
}

/// The same for text that becomes part of a mail or a reply: blanks, so that folded lines read as one.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if misleads(c) { ' ' } else { c }).collect()
}

/// Whether a terminal shows something else for it than a character in its place, by Unicode's own properties: controls
/// and format characters (Cc, Cf), the line and paragraph separators, what is ignored where it cannot be shown
/// (`Default_Ignorable_Code_Point`: fillers, selectors, joiners), and what is unassigned or for private use.
#[must_use]
pub fn misleads(c: char) -> bool {
    /// Its glyph is empty, although it is a symbol.
    const BLANK_BRAILLE: char = '\u{2800}';

    if c.is_ascii() {
        return c.is_ascii_control();
    }
    let is_of_kind = matches!(
        CodePointMapData::<GeneralCategory>::new().get(c),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
    );
    is_of_kind || c == BLANK_BRAILLE || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

#[cfg(test)]
mod tests;
