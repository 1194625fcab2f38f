//! The configuration file for mail programs that a domain may publish (Thunderbird's autoconfig, version 1.1). It is hostile input:
//! 64 KiB of XML without a DTD, of which only servers with TLS count.

use roxmltree::{Document, Node, ParsingOptions};

use crate::config::providers::Tls;
use crate::https::{self, FetchError};
use crate::mail::address::Address;

/// Larger files are none of these.
const MOST: u64 = 64 << 10;
/// So many elements are enough for any provider; deep nesting would cost stack.
const MOST_NODES: u32 = 4000;

/// What a server takes for a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    /// A password, as far as is known.
    Any,
    /// An access token only.
    Token,
}

/// A submission server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    /// The user name, where the file says how to make it.
    pub(super) username: Option<String>,
    /// One that the file names and that is not made from the address, so that it is somebody else's.
    pub(super) stranger: Option<String>,
    pub(super) credential: Credential,
}

/// Why a file names no server.
#[derive(Debug, thiserror::Error)]
pub(super) enum AutoconfigError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("it is not valid: {0}")]
    Invalid(String),
    #[error("it names no outgoing server with TLS")]
    NoServer,
}

/// The domain as DNS and certificates have it (RFC 5890: A-labels).
pub(super) fn name_in_dns(domain: &str) -> String {
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_owned())
}

/// Where a domain's own file would be. The address is not told to anybody: what depends on it is filled in here.
pub(super) fn own_places(domain: &str) -> [String; 2] {
    [
        format!("https://autoconfig.{domain}/mail/config-v1.1.xml"),
        format!("https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml"),
    ]
}

/// The entry of the domain in Thunderbird's central database, whose operator learns the domain.
pub(super) fn central_place(domain: &str) -> String {
    format!("https://autoconfig.thunderbird.net/v1.1/{domain}")
}

/// The server that the file at this place names for the address.
pub(super) fn fetch(place: &str, address: &Address) -> Result<Server, AutoconfigError> {
    let file = https::get(place, MOST)?;
    let text = std::str::from_utf8(&file).map_err(|error| AutoconfigError::Invalid(error.to_string()))?;
    read(text, address)
}

/// The first server with TLS, one that takes passwords before one that takes tokens only, implicit TLS before STARTTLS
/// (RFC 8314 section 3.3).
fn read(text: &str, address: &Address) -> Result<Server, AutoconfigError> {
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text.trim_start_matches('\u{feff}'), options)
        .map_err(|error| AutoconfigError::Invalid(error.to_string()))?;
    let is_outgoing = |node: &Node<'_, '_>| {
        node.has_tag_name("outgoingServer")
            && node.attribute("type").is_none_or(|name| name.eq_ignore_ascii_case("smtp"))
    };
    let servers = document.descendants().filter(is_outgoing).filter_map(|node| server(node, address));
    servers
        .min_by_key(|server| (server.credential == Credential::Token, server.tls != Tls::Implicit))
        .ok_or(AutoconfigError::NoServer)
}

fn server(node: Node<'_, '_>, address: &Address) -> Option<Server> {
    let texts = |name: &'static str| {
        node.children().filter(move |child| child.has_tag_name(name)).filter_map(|child| {
            // A comment parts the text in two.
            let whole: String = child.children().filter(Node::is_text).filter_map(|part| part.text()).collect();
            Some(whole.trim().to_owned()).filter(|text| !text.is_empty())
        })
    };
    let text = |name| texts(name).next();
    let tls = match text("socketType")?.to_ascii_uppercase().as_str() {
        "SSL" | "TLS" => Tls::Implicit,
        "STARTTLS" => Tls::Starttls,
        _ => return None,
    };
    let host = filled_in(&text("hostname")?, address, &name_in_dns(address.domain())).to_ascii_lowercase();
    let host = Some(host).filter(|host| is_host_name(host))?;
    let port = text("port")?.parse().ok().filter(|port| *port != 0)?;
    let is_valid = |name: &String| !name.contains(|c: char| c.is_control() || c == '%');
    let named = text("username").map(|text| filled_in(&text, address, address.domain())).filter(is_valid);
    let (username, stranger) = match named {
        Some(name) if is_users(&name, address) => (Some(name), None),
        stranger => (None, stranger),
    };
    let ways: Vec<String> = texts("authentication").collect();
    let is_token_only = !ways.is_empty() && ways.iter().all(|way| way.eq_ignore_ascii_case("OAuth2"));
    let credential = if is_token_only { Credential::Token } else { Credential::Any };
    Some(Server { host, port, tls, username, stranger, credential })
}

/// The placeholders of the format, for this address.
fn filled_in(text: &str, address: &Address, domain: &str) -> String {
    let (whole, local) = parts(address);
    text.replace("%EMAILADDRESS%", &whole).replace("%EMAILLOCALPART%", &local).replace("%EMAILDOMAIN%", domain)
}

fn parts(address: &Address) -> (String, String) {
    let whole = address.to_string();
    let local = whole.rsplit_once('@').map_or(whole.as_str(), |(local, _)| local).to_owned();
    (whole, local)
}

/// Whether a user name is made from the address: it has the local part as a word, or is all of it.
fn is_users(name: &str, address: &Address) -> bool {
    let (_, local) = parts(address);
    let (name, local) = (name.to_lowercase(), local.to_lowercase());
    let is_border = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    name.match_indices(&local)
        .any(|(at, _)| is_border(name[..at].chars().next_back()) && is_border(name[at + local.len()..].chars().next()))
}

/// A name with a dot, as DNS has them (RFC 1123 section 2.1); an address would have no certificate.
pub(super) fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let labels: Vec<&str> = text.split('.').collect();
    let is_number = labels.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    text.len() <= 253 && labels.len() > 1 && labels.iter().all(|label| is_label(label)) && !is_number
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
