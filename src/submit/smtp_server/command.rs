//! Parses a command line into a [`Command`] (RFC 5321 section 4.1.1, RFC 3207, RFC 4954). The dialogue decides
//! whether the command is allowed at this point.

use zeroize::Zeroizing;

use super::policy::Clients;
use super::reply::Refusal;
use crate::mail::address::{Address, AddressError, ReversePath};
use crate::mail::dsn::{self, Asked};
use crate::mail::list::{self, Spec};
use crate::spool::Body;
use crate::submit::frontend::recipients;

/// A well-formed command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Ehlo(String),
    Helo(String),
    StartTls,
    Auth {
        mechanism: String,
        initial: Option<Zeroizing<String>>,
    },
    Mail(Mail),
    Rcpt(Recipient),
    Data,
    /// The octets of the chunk follow (RFC 3030).
    Bdat {
        octets: u64,
        place: ChunkPlace,
    },
    /// How many octets follow cannot be read.
    BadBdat,
    /// Known, but not offered.
    Absent(&'static str),
    Rset,
    Noop,
    Quit,
    Vrfy,
    Help,
}

/// Where in its message a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChunkPlace {
    /// Others follow.
    Within,
    /// It is the last one.
    Last,
}

/// MAIL's path and parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    pub(crate) sender: ReversePath,
    /// SIZE (RFC 1870) in bytes.
    pub(crate) size: Option<u64>,
    /// BODY (RFC 6152).
    pub(crate) body: Body,
    /// RET (RFC 3461).
    pub(crate) ret: Option<String>,
    /// ENVID, decoded.
    pub(crate) envid: Option<String>,
    /// SMTPUTF8 (RFC 6531).
    pub(crate) utf8: bool,
}

/// The path and parameters of RCPT.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub(crate) path: Path,
    pub(crate) asked: Asked,
}

/// `<Postmaster>` is the only path without a domain (RFC 5321 section 4.1.1.3).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Postmaster,
    Mailbox(Address),
}

/// Parses a line without its line end.
///
/// Verbs and keywords in any case (RFC 5321 section 2.4). Whether a command is allowed at this point is for the
/// dialogue to say; here only its form counts.
pub(crate) fn parse(line: &[u8], clients: &Clients) -> Result<Command, Refusal> {
    let line = std::str::from_utf8(line)
        .map_err(|_| Refusal::new(500, "5.5.2", "this line is not ASCII; send commands only"))?;
    let (verb, rest) = line.trim_ascii().split_once(' ').unwrap_or((line.trim_ascii(), ""));
    let rest = rest.trim_ascii();
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" => domain(rest).map(Command::Ehlo),
        "HELO" => domain(rest).map(Command::Helo),
        "STARTTLS" => alone(rest, Command::StartTls),
        "AUTH" => auth(rest),
        "MAIL" => mail(rest, clients).map(Command::Mail),
        "RCPT" => recipient(rest, clients).map(Command::Rcpt),
        "DATA" => alone(rest, Command::Data),
        "BDAT" => Ok(bdat(rest)),
        // 502 rather than 500, because the verbs are known and only not offered (RFC 5321 section 4.2.4).
        "EXPN" => Ok(Command::Absent("EXPN")),
        "ETRN" => Ok(Command::Absent("ETRN")),
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
    if rest.is_empty() { Ok(command) } else { Err(Refusal::new(501, "5.5.4", "this command has no arguments")) }
}

/// The value ends up in the Received field. It is not checked against DNS, where submission clients often have no
/// name. What matters is that it cannot break the field.
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

/// Without a valid length there is no telling where the content ends and the next command begins, so a bad BDAT is a
/// command of its own, which closes the connection.
fn bdat(rest: &str) -> Command {
    let mut words = rest.split_ascii_whitespace();
    let octets = words.next().filter(|word| word.bytes().all(|octet| octet.is_ascii_digit()));
    let place = match words.next() {
        None => Some(ChunkPlace::Within),
        Some(word) if word.eq_ignore_ascii_case("LAST") && words.next().is_none() => Some(ChunkPlace::Last),
        Some(_) => None,
    };
    match octets.and_then(|word| word.parse().ok()).zip(place) {
        Some((octets, place)) => Command::Bdat { octets, place },
        None => Command::BadBdat,
    }
}

fn mail(rest: &str, clients: &Clients) -> Result<Mail, Refusal> {
    let (path, parameters) = path(rest, "FROM:", clients)
        .ok_or_else(|| syntax("MAIL FROM:<address> [SIZE=n] [BODY=8BITMIME] [SMTPUTF8]"))?;
    let sender = match path {
        "" => ReversePath::Null,
        text => ReversePath::Mailbox(address(text, clients, "5.1.7")?),
    };
    let mut mail = Mail { sender, size: None, body: Body::SevenBit, ret: None, envid: None, utf8: false };
    for parameter in parameters.split_ascii_whitespace() {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (key.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
            // RFC 1870 allows 20 digits.
            ("SIZE", digits) if digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit()) => {
                mail.size = Some(digits.parse().map_err(|_| syntax("SIZE=number of octets"))?);
            }
            ("BODY", "7BIT") => mail.body = Body::SevenBit,
            ("BODY", "8BITMIME") => mail.body = Body::EightBit,
            // RFC 4954 section 5: a server with AUTH must accept this parameter and may ignore it.
            ("AUTH", _) => {}
            ("SMTPUTF8", "") => mail.utf8 = true,
            ("RET", _) => mail.ret = Some(dsn_value(key, dsn::ret(value.as_bytes()))?),
            ("ENVID", _) => {
                let envid = dsn::from_xtext(value).and_then(|text| dsn::envid(text.as_bytes()));
                mail.envid = Some(dsn_value(key, envid)?);
            }
            _ => return Err(unknown_parameter(key)),
        }
    }
    Ok(mail)
}

fn recipient(rest: &str, clients: &Clients) -> Result<Recipient, Refusal> {
    let (path, parameters) = path(rest, "TO:", clients).ok_or_else(|| syntax("RCPT TO:<address>"))?;
    let mut asked = Asked::default();
    for parameter in parameters.split_ascii_whitespace() {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match key.to_ascii_uppercase().as_str() {
            "NOTIFY" => asked.notify = Some(dsn_value(key, dsn::notify(value.as_bytes()))?),
            "ORCPT" => asked.orcpt = Some(dsn_value(key, dsn::orcpt(value))?),
            _ => return Err(unknown_parameter(key)),
        }
    }
    if path.eq_ignore_ascii_case("postmaster") {
        return Ok(Recipient { path: Path::Postmaster, asked });
    }
    address(path, clients, "5.1.3").map(|address| Recipient { path: Path::Mailbox(address), asked })
}

fn dsn_value(key: &str, value: Option<String>) -> Result<String, Refusal> {
    value.ok_or_else(|| Refusal::new(501, "5.5.4", format!("invalid value of {key} (RFC 3461)")))
}

/// RFC 5321 section 4.1.1.11. The parameter is quoted, but only its beginning: the reply has to fit into its line.
fn unknown_parameter(key: &str) -> Refusal {
    let key: String = key.chars().take(40).collect();
    Refusal::new(555, "5.5.4", format!("unknown parameter {key}, or invalid value"))
}

/// Splits `FROM:<path> parameters` into the path, without brackets and source route, and the parameters.
///
/// RFC 5321 section 4.1.2 requires the brackets. Only programs of the same user may leave them out.
fn path<'a>(rest: &'a str, keyword: &str, clients: &Clients) -> Option<(&'a str, &'a str)> {
    let head = rest.get(..keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let rest = rest[keyword.len()..].trim_ascii_start();
    let Some(inside) = rest.strip_prefix('<') else {
        let bare = rest.split_at(outside_quotes(rest, b' ').unwrap_or(rest.len()));
        return (*clients != Clients::Network && !bare.0.is_empty()).then_some(bare);
    };
    let end = outside_quotes(inside, b'>')?;
    let (path, parameters) = (&inside[..end], &inside[end + 1..]);
    if !parameters.is_empty() && !parameters.starts_with(' ') {
        return None;
    }
    // RFC 5321 section 4.1.2: a source route is accepted and ignored.
    let path = if path.starts_with('@') { path.split_once(':')?.1 } else { path };
    Some((path, parameters))
}

/// The position of the first such byte outside quoted strings.
///
/// A quoted local part may contain brackets and blanks (RFC 5321 section 4.1.2), so the first `>` need not end the
/// path.
fn outside_quotes(text: &str, mark: u8) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if byte == mark && !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// Whether a second at sign follows the first outside quoted strings: which one divides the address, servers disagree.
fn has_two_domains(text: &str) -> bool {
    let behind = outside_quotes(text, b'@').and_then(|at| text.get(at + 1..));
    behind.is_some_and(|rest| outside_quotes(rest, b'@').is_some())
}

fn address(text: &str, clients: &Clients, enhanced: &'static str) -> Result<Address, Refusal> {
    let complete = match clients {
        Clients::Own { origin } => lenient(text, origin),
        Clients::Network if has_two_domains(text) => Err(AddressError::BadSyntax),
        Clients::Network => Address::parse(text),
    };
    complete.map_err(|why| Refusal::new(501, enhanced, format!("bad address: {why}")))
}

/// Parses a path as leniently as Postfix: one address of a list, with anything that may surround it, and possibly
/// without a domain. Two addresses are an error, and so are words that would need quotes.
fn lenient(text: &str, origin: &str) -> Result<Address, AddressError> {
    if text.contains(':') {
        return with_colon(text, origin);
    }
    let mut found = list::parse(text.as_bytes()).into_iter().map(|found| recipients::plain(found.spec));
    match (found.next(), found.next()) {
        (Some(Spec::Complete(address)), None) => Ok(address),
        (Some(Spec::Bare(local)), None) => Address::new(&local, origin),
        (Some(Spec::Broken(_, why)), None) => Err(why),
        (Some(Spec::Null) | None, _) => Err(AddressError::NoLocalPart),
        (Some(_), Some(_)) => Err(AddressError::BadSyntax),
    }
}

/// There are no groups here, so the colon is part of the address.
fn with_colon(text: &str, origin: &str) -> Result<Address, AddressError> {
    match Address::parse(text) {
        _ if !text.starts_with('"') && text.contains([',', ';']) => Err(AddressError::BadSyntax),
        Err(_) if !text.contains('@') => Address::parse(&format!("{text}@{origin}")),
        other => other,
    }
}

#[cfg(test)]
mod tests;
