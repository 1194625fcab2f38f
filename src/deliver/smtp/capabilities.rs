//! The capabilities of a server: the reply to EHLO (RFC 5321 section 4.1.1.1), parsed leniently.

use super::limits::Limits;

/// The known extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// RFC 3207.
    StartTls,
    /// RFC 6152.
    EightBitMime,
    /// RFC 2920.
    Pipelining,
    /// RFC 6531.
    SmtpUtf8,
    /// RFC 3461.
    Dsn,
    /// RFC 2034.
    EnhancedStatusCodes,
    /// RFC 3030.
    Chunking,
    /// `XID=` at MAIL, of postrider-mailbox alone: what we call the message, at every attempt.
    Xid,
}

/// The SIZE extension (RFC 1870).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Not offered, so no SIZE parameter is sent.
    Absent,
    /// Offered without a limit.
    Unlimited,
    /// The limit in bytes.
    Limit(u64),
}

/// Everything that the server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    extensions: Vec<Extension>,
    /// The largest message.
    pub size: Size,
    /// SASL mechanism names in upper case, in the server's order.
    pub auth: Vec<String>,
    /// The server's limits for a session and a transaction.
    pub limits: Limits,
    /// What was offered and is not to be used, to be logged.
    pub discarded: Vec<String>,
}

impl Capabilities {
    /// The capabilities of a server that only supports HELO.
    #[must_use]
    pub fn none() -> Self {
        Self {
            extensions: Vec::new(),
            size: Size::Absent,
            auth: Vec::new(),
            limits: Limits::default(),
            discarded: Vec::new(),
        }
    }

    /// Parses the lines of the reply to EHLO. The first line has the server's name.
    #[must_use]
    pub fn read(lines: &[String]) -> Self {
        let mut found = Self::none();
        for line in lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let Some(keyword) = words.next() else { continue };
            let keyword = keyword.to_ascii_uppercase();
            match keyword.as_str() {
                "AUTH" => found.mechanisms(None, words),
                "SIZE" => found.size = size(words.next()),
                "LIMITS" => found.limits = Limits::read(words),
                other => match other.strip_prefix("AUTH=") {
                    Some(first) => found.mechanisms(Some(first), words),
                    None => found.extensions.extend(extension(other)),
                },
            }
        }
        found
    }

    /// Whether the server offers the extension.
    #[must_use]
    pub fn offers(&self, extension: Extension) -> bool {
        self.extensions.contains(&extension)
    }

    /// Adds the mechanisms of an AUTH line. The old form (`AUTH=LOGIN PLAIN`) has the first one in the keyword.
    fn mechanisms<'a>(&mut self, first: Option<&'a str>, others: impl Iterator<Item = &'a str>) {
        for name in first.into_iter().chain(others) {
            let name = name.to_ascii_uppercase();
            if !name.is_empty() && !self.auth.contains(&name) {
                self.auth.push(name);
            }
        }
    }
}

fn extension(keyword: &str) -> Option<Extension> {
    Some(match keyword {
        "STARTTLS" => Extension::StartTls,
        "8BITMIME" => Extension::EightBitMime,
        "PIPELINING" => Extension::Pipelining,
        "SMTPUTF8" => Extension::SmtpUtf8,
        "DSN" => Extension::Dsn,
        "ENHANCEDSTATUSCODES" => Extension::EnhancedStatusCodes,
        "CHUNKING" => Extension::Chunking,
        "XID" => Extension::Xid,
        _ => return None,
    })
}

/// `SIZE`, `SIZE 0`, and anything that is not a number mean no limit.
fn size(argument: Option<&str>) -> Size {
    match argument.and_then(|text| text.parse().ok()) {
        None | Some(0) => Size::Unlimited,
        Some(limit) => Size::Limit(limit),
    }
}

#[cfg(test)]
mod tests;
