//! Text from elsewhere made fit to print: a control character could command a terminal or begin another line, and a
//! direction mark could show text in another order than it has. The one place that decides what that covers.

/// With a question mark in place of each control character.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// The same for text that becomes part of a mail or a reply: blanks, so that folded lines read as one.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
