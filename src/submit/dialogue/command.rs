//! One command line -> one [`Command`] (RFC 5321 section 4.1.1, RFC 3207, RFC 4954).
//! What a command may do at this point of the dialogue is not decided here.

use zeroize::Zeroizing;

use super::reply::Refusal;
use crate::mail::address::{Address, ReversePath};
use crate::spool::Body;

/// A well-formed command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Ehlo(String),
    Helo(String),
    StartTls,
    Auth { mechanism: String, initial: Option<Zeroizing<String>> },
    Mail(Mail),
    Rcpt(Recipient),
    Data,
    Rset,
    Noop,
    Quit,
    Vrfy,
    Help,
}

/// MAIL's path and parameters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mail {
    pub(super) sender: ReversePath,
    /// SIZE (RFC 1870), in octets.
    pub(super) size: Option<u64>,
    /// BODY (RFC 6152).
    pub(super) body: Body,
}

/// RCPT's path: `<Postmaster>` alone needs no domain (RFC 5321 section 4.1.1.3).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recipient {
    Postmaster,
    Mailbox(Address),
}

/// Reads a line without its line end.
pub(super) fn parse(line: &[u8]) -> Result<Command, Refusal> {
    let line = std::str::from_utf8(line)
        .map_err(|_| Refusal::new(500, "5.5.2", "this line is not ASCII; send commands only"))?;
    let (verb, rest) = line.trim_ascii().split_once(' ').unwrap_or((line.trim_ascii(), ""));
    let rest = rest.trim_ascii();
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" => domain(rest).map(Command::Ehlo),
        "HELO" => domain(rest).map(Command::Helo),
        "STARTTLS" => alone(rest, Command::StartTls),
        "AUTH" => auth(rest),
        "MAIL" => mail(rest).map(Command::Mail),
        "RCPT" => recipient(rest).map(Command::Rcpt),
        "DATA" => alone(rest, Command::Data),
        "RSET" => alone(rest, Command::Rset),
        "NOOP" => Ok(Command::Noop),
        "QUIT" => alone(rest, Command::Quit),
        "VRFY" => Ok(Command::Vrfy),
        "HELP" => Ok(Command::Help),
        _ => Err(Refusal::new(500, "5.5.2", "unknown command; try HELP")),
    }
}

fn syntax(should: &str) -> Refusal {
    Refusal::new(501, "5.5.4", format!("syntax: {should}"))
}

fn alone(rest: &str, command: Command) -> Result<Command, Refusal> {
    if rest.is_empty() { Ok(command) } else { Err(Refusal::new(501, "5.5.4", "this command takes no argument")) }
}

fn domain(rest: &str) -> Result<String, Refusal> {
    let name = rest.split(' ').next().unwrap_or_default();
    let fit = |c: char| c.is_ascii_graphic() && !"<>()\"\\".contains(c);
    if name.is_empty() || name.len() > 255 || !name.chars().all(fit) {
        return Err(syntax("EHLO your.host.name or EHLO [your.ip.address]"));
    }
    Ok(name.to_owned())
}

fn auth(rest: &str) -> Result<Command, Refusal> {
    let mut words = rest.split_ascii_whitespace();
    let mechanism = words.next().ok_or_else(|| syntax("AUTH MECHANISM [initial-response]"))?;
    let initial = words.next().map(|word| Zeroizing::new(word.to_owned()));
    match words.next() {
        None => Ok(Command::Auth { mechanism: mechanism.to_ascii_uppercase(), initial }),
        Some(_) => Err(syntax("AUTH MECHANISM [initial-response]")),
    }
}

fn mail(rest: &str) -> Result<Mail, Refusal> {
    let (path, parameters) =
        path(rest, "FROM:").ok_or_else(|| syntax("MAIL FROM:<address> [SIZE=n] [BODY=8BITMIME]"))?;
    let sender = match path {
        "" => ReversePath::Null,
        text => ReversePath::Mailbox(address(text, "5.1.7")?),
    };
    let mut mail = Mail { sender, size: None, body: Body::SevenBit };
    for parameter in parameters.split_ascii_whitespace() {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (key.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
            ("SIZE", digits) if digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit()) => {
                mail.size = Some(digits.parse().map_err(|_| syntax("SIZE=number of octets"))?);
            }
            ("BODY", "7BIT") => mail.body = Body::SevenBit,
            ("BODY", "8BITMIME") => mail.body = Body::EightBit,
            // RFC 4954 section 5: who says AUTH takes this parameter, and may disregard it.
            ("AUTH", _) => {}
            _ => return Err(unknown_parameter(key)),
        }
    }
    Ok(mail)
}

fn recipient(rest: &str) -> Result<Recipient, Refusal> {
    let (path, parameters) = path(rest, "TO:").ok_or_else(|| syntax("RCPT TO:<address>"))?;
    if let Some(parameter) = parameters.split_ascii_whitespace().next() {
        return Err(unknown_parameter(parameter.split('=').next().unwrap_or_default()));
    }
    if path.eq_ignore_ascii_case("postmaster") {
        return Ok(Recipient::Postmaster);
    }
    address(path, "5.1.3").map(Recipient::Mailbox)
}

fn unknown_parameter(key: &str) -> Refusal {
    let key: String = key.chars().take(40).collect();
    Refusal::new(555, "5.5.4", format!("parameter {key} is not known here or has no such value"))
}

/// `FROM:<path> parameters` -> path without brackets and source route, parameters.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let head = rest.get(..keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let inside = rest[keyword.len()..].trim_ascii_start().strip_prefix('<')?;
    let end = closing_bracket(inside)?;
    let (path, parameters) = (&inside[..end], &inside[end + 1..]);
    if !parameters.is_empty() && !parameters.starts_with(' ') {
        return None;
    }
    // RFC 5321 section 4.1.2: a source route is taken and disregarded.
    let path = if path.starts_with('@') { path.split_once(':')?.1 } else { path };
    Some((path, parameters))
}

/// Where the first `>` outside of a quoted string stands.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn address(text: &str, enhanced: &'static str) -> Result<Address, Refusal> {
    let address = Address::parse(text).map_err(|why| Refusal::new(501, enhanced, format!("bad address: {why}")))?;
    if address.is_ascii() {
        Ok(address)
    } else {
        Err(Refusal::new(553, "5.6.7", "an address outside ASCII needs SMTPUTF8, which is not offered"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(text: &str) -> ReversePath {
        ReversePath::Mailbox(Address::parse(text).unwrap())
    }

    fn mail_of(line: &str) -> Mail {
        match parse(line.as_bytes()).unwrap() {
            Command::Mail(mail) => mail,
            other => panic!("{other:?}"),
        }
    }

    fn code(line: &str) -> u16 {
        parse(line.as_bytes()).unwrap_err().code()
    }

    #[test]
    fn mail_takes_path_and_parameters_in_any_case() {
        assert_eq!(mail_of("MAIL FROM:<a@b.example>").sender, mailbox("a@b.example"));
        assert_eq!(mail_of("mail from: <>").sender, ReversePath::Null);
        assert_eq!(mail_of("MAIL FROM:<@x.example,@y.example:a@b.example>").sender, mailbox("a@b.example"));
        assert_eq!(mail_of("MAIL FROM:<\"a> b\"@b.example>").sender, mailbox("\"a> b\"@b.example"));
        let mail = mail_of("MAIL FROM:<a@b.example> size=12 BODY=8bitmime AUTH=<>");
        assert_eq!((mail.size, mail.body), (Some(12), Body::EightBit));
    }

    #[test]
    fn what_is_malformed_is_refused_with_its_code() {
        assert_eq!(code("MAIL FROM:a@b.example"), 501);
        assert_eq!(code("MAIL <a@b.example>"), 501);
        assert_eq!(code("MAIL FROM:<a@b.example>SIZE=1"), 501);
        assert_eq!(code("MAIL FROM:<a@b.example> SIZE=99999999999999999999"), 501);
        assert_eq!(code("MAIL FROM:<a@b.example> BODY=BINARYMIME"), 555);
        assert_eq!(code("MAIL FROM:<a>"), 501);
        assert_eq!(code("RCPT TO:<>"), 501);
        assert_eq!(code("RCPT TO:<a@b.example> NOTIFY=NEVER"), 555);
        assert_eq!(code("RCPT TO:<ä@b.example>"), 553);
        assert_eq!(code("EHLO"), 501);
        assert_eq!(code("DATA now"), 501);
        assert_eq!(code("AUTH PLAIN a b"), 501);
        assert_eq!(code("GET / HTTP/1.1"), 500);
        assert_eq!(code(""), 500);
        assert_eq!(parse(b"NOOP \xff").unwrap_err().code(), 500);
    }

    #[test]
    fn the_postmaster_needs_no_domain() {
        assert_eq!(parse(b"RCPT TO:<Postmaster>"), Ok(Command::Rcpt(Recipient::Postmaster)));
    }
}
