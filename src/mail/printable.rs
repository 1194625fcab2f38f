//! Text from elsewhere made fit to print: a control character could command a terminal or begin another line, a
//! direction mark could show text in another order than it has, and an invisible character could make two addresses
//! look the same. The one place that decides what that covers.

/// With a question mark in place of each character that commands, reorders or hides.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if misleads(c) { '?' } else { c }).collect()
}

/// The same for text that becomes part of a mail or a reply: blanks, so that folded lines read as one.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if misleads(c) { ' ' } else { c }).collect()
}

/// Whether a terminal shows something else for it than a character in its place: controls (Unicode's Cc), the line
/// and paragraph separators, and format characters (Cf) with the other invisible fillers and selectors.
#[must_use]
pub fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{115f}'..='\u{1160}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests;
