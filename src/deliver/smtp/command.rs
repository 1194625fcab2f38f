//! The commands of a session as lines to send. The only user of lettre's command types, with a single function
//! through which addresses reach them.

use std::net::IpAddr;

use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Quit, Rcpt, Rset, Starttls};
use lettre::transport::smtp::extension::{ClientId, MailBodyParameter, MailParameter};

use crate::mail::address::{Address, ReversePath};

/// Why an address cannot be used in a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressRefused {
    /// CR, LF, NUL, another control, SP, `<` or `>`.
    #[error("the address contains a blank, an angle bracket or a control character, which cannot be sent safely")]
    Unsafe,
    /// Its domain has no ASCII form.
    #[error("the domain of the address has no ASCII form (RFC 5890)")]
    Domain,
}

/// The only way for an address into lettre's types. It is checked here, because whether an address can break a
/// command line must not depend on another crate.
fn wire_address(address: &Address) -> Result<lettre::Address, AddressRefused> {
    if !address.is_safe() {
        return Err(AddressRefused::Unsafe);
    }
    let text = address.to_string();
    let (local, domain) = text.rsplit_once('@').ok_or(AddressRefused::Unsafe)?;
    if domain.is_ascii() {
        return Ok(lettre::Address::new_dangerous(local, domain));
    }
    let domain = idna::domain_to_ascii(domain).map_err(|_| AddressRefused::Domain)?;
    Ok(lettre::Address::new_dangerous(local, domain))
}

/// The address as a command names it, with the domain in ASCII (RFC 5891); as it is where no command can name it.
#[must_use]
pub fn as_sent(address: &Address) -> String {
    wire_address(address).map_or_else(|_| address.to_string(), |address| address.to_string())
}

/// Whether an address can be used in a command; asked before any command is sent.
pub fn sendable(address: &Address) -> Result<(), AddressRefused> {
    wire_address(address).map(drop)
}

/// Optional parameters of MAIL, as far as the server offers them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MailOptions {
    /// SIZE= in bytes.
    pub size: Option<u64>,
    /// BODY=8BITMIME.
    pub eight_bit: Option<EightBit>,
    /// SMTPUTF8.
    pub utf8: Option<Utf8>,
}

/// The content has bytes above 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EightBit;

/// An address has a local part with non-ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utf8;

/// MAIL FROM. `wishes` are the DSN parameters.
pub fn mail(sender: &ReversePath, options: MailOptions, wishes: &str) -> Result<String, AddressRefused> {
    let sender = sender.mailbox().map(wire_address).transpose()?;
    let size = options.size.map(|size| MailParameter::Size(usize::try_from(size).unwrap_or(usize::MAX)));
    let body = options.eight_bit.map(|EightBit| MailParameter::Body(MailBodyParameter::EightBitMime));
    let utf8 = options.utf8.map(|Utf8| MailParameter::SmtpUtfEight);
    Ok(with(&Mail::new(sender, [size, body, utf8].into_iter().flatten().collect()).to_string(), wishes))
}

/// RCPT TO. `wishes` are the DSN parameters.
pub fn rcpt(recipient: &Address, wishes: &str) -> Result<String, AddressRefused> {
    Ok(with(&Rcpt::new(wire_address(recipient)?, Vec::new()).to_string(), wishes))
}

/// Appends parameters to a command line.
fn with(line: &str, parameters: &str) -> String {
    format!("{}{parameters}\r\n", line.trim_end())
}

/// BDAT (RFC 3030) for the whole content.
#[must_use]
pub fn bdat_last(octets: usize) -> String {
    format!("BDAT {octets} LAST\r\n")
}

/// EHLO.
///
/// RFC 5321 section 4.1.4: a client without a name gives its address as a literal.
#[must_use]
pub fn ehlo(hostname: &str, local: Option<IpAddr>) -> String {
    Ehlo::new(client_id(hostname, local)).to_string()
}

/// LHLO (RFC 2033).
#[must_use]
pub fn lhlo(hostname: &str, local: Option<IpAddr>) -> String {
    format!("LHLO {}\r\n", client_id(hostname, local))
}

/// HELO, for servers that reject EHLO.
#[must_use]
pub fn helo(hostname: &str, local: Option<IpAddr>) -> String {
    format!("HELO {}\r\n", client_id(hostname, local))
}

/// STARTTLS.
#[must_use]
pub fn starttls() -> String {
    Starttls.to_string()
}

/// DATA.
#[must_use]
pub fn data() -> String {
    Data.to_string()
}

/// RSET.
#[must_use]
pub fn rset() -> String {
    Rset.to_string()
}

/// QUIT.
#[must_use]
pub fn quit() -> String {
    Quit.to_string()
}

/// The name for EHLO. Many servers reject a host name without a dot; none rejects an address literal.
fn client_id(hostname: &str, local: Option<IpAddr>) -> ClientId {
    let is_name = hostname.contains('.')
        && !hostname.starts_with('.')
        && hostname.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if is_name {
        return ClientId::Domain(hostname.to_owned());
    }
    match local.map(|ip| ip.to_canonical()) {
        Some(IpAddr::V4(ip)) => ClientId::Ipv4(ip),
        Some(IpAddr::V6(ip)) => ClientId::Ipv6(ip),
        None => ClientId::default(),
    }
}

#[cfg(test)]
mod tests;
