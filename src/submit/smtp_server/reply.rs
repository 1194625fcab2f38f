//! The server's replies (RFC 5321 section 4.2, RFC 2034), and the refusals that policies and parsers return to the
//! dialogue.

use crate::mail::printable;

/// A refusal. Its code tells the client whether it may try again (4yz) or not (5yz).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    code: u16,
    enhanced: &'static str,
    text: String,
}

impl Refusal {
    /// From a code of 400 to 599, an enhanced code of the same class, and a text without line ends.
    #[must_use]
    pub fn new(code: u16, enhanced: &'static str, text: impl Into<String>) -> Self {
        Self { code, enhanced, text: text.into() }
    }

    /// The three-digit code.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The words alone.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The reply line, with CRLF.
    #[must_use]
    pub fn to_wire(&self) -> Vec<u8> {
        line(self.code, self.enhanced, &self.text)
    }
}

/// A reply line with its CRLF. The text may come from a policy, or repeat what the client said: control characters become
/// blanks, and other characters than those of ASCII a question mark (RFC 5321 section 4.2). It is cut to keep the line
/// within the 512 bytes of section 4.5.3.1.5.
pub(crate) fn line(code: u16, enhanced: &str, text: &str) -> Vec<u8> {
    let mut reply = code.to_string();
    for word in [enhanced, text].into_iter().filter(|word| !word.is_empty()) {
        reply.push(' ');
        reply.extend(printable::one_line(word).chars().map(|c| if c.is_ascii() { c } else { '?' }));
    }
    while reply.len() > 510 {
        reply.pop();
    }
    reply.push_str("\r\n");
    reply.into_bytes()
}

/// A reply of several lines without enhanced codes, for EHLO (RFC 2034 section 3 exempts it).
pub(crate) fn lines(code: u16, texts: &[String]) -> Vec<u8> {
    let last = texts.len().saturating_sub(1);
    let reply = texts.iter().enumerate().map(|(at, text)| {
        let joint = if at == last { ' ' } else { '-' };
        format!("{code}{joint}{text}\r\n")
    });
    reply.collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests;
