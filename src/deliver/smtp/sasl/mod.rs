//! SASL (RFC 4954): which mechanism, and to whom a secret may be said at all. What is
//! said in each mechanism is `exchange`'s and `scram`'s; the talking is `login`'s. Pure.

pub(crate) mod confidential;
pub mod exchange;
mod message;
mod scram;

use std::net::{IpAddr, SocketAddr};

use self::exchange::Plus;
use crate::config::{Mechanism, Secret};
use crate::rules::meaning::Meaning;

/// Ports that only root can listen on end below this one.
const UNPRIVILEGED: u16 = 1024;

/// Who logs in, and with what.
#[derive(Debug, Clone)]
pub struct Login {
    /// The account's login name.
    pub username: Option<String>,
    /// Its password, or its access token.
    pub password: Option<Secret>,
    /// Whether we show a certificate.
    pub certificate: Certificate,
}

/// A client certificate in the TLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Shown, if the server asks for it.
    Shown,
    /// There is none.
    None,
}

impl Login {
    /// By password or token.
    #[must_use]
    pub fn new(username: String, password: Secret) -> Self {
        Self { username: Some(username), password: Some(password), certificate: Certificate::None }
    }

    /// Whether it has what the mechanism needs.
    fn suits(&self, mechanism: Mechanism) -> bool {
        match mechanism {
            Mechanism::External => self.certificate == Certificate::Shown,
            _ => self.username.is_some() && self.password.is_some(),
        }
    }
}

/// Whether the connection can be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bindable {
    /// There is channel binding data.
    Yes,
    /// There is none.
    No,
}

/// What protects a secret on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// Verified TLS.
    Tls,
    /// Nothing.
    Clear,
}

/// Whether a credential may go over it (`allow_plaintext` in postrider.toml(5)): verified TLS, or a service of
/// this very machine that no ordinary user can impersonate.
#[must_use]
pub fn may_carry_secret(cover: Cover, peer: &SocketAddr) -> bool {
    let local = match peer.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    };
    match cover {
        Cover::Tls => true,
        Cover::Clear => local && peer.port() < UNPRIVILEGED,
    }
}

/// The mechanisms to try, best first: offered, allowed, and possible with this login and connection. Over verified TLS
/// the password itself comes before CRAM-MD5, which proves nothing of the server and which many a server offers that
/// keeps no password it could check it with.
#[must_use]
pub fn candidates(
    offered: &[String],
    allowed: &[Mechanism],
    login: &Login,
    bindable: Bindable,
    cover: Cover,
) -> Vec<Mechanism> {
    let mut found: Vec<Mechanism> = known(offered)
        .into_iter()
        .filter(|mechanism| allowed.contains(mechanism) && login.suits(*mechanism))
        .filter(|mechanism| bindable == Bindable::Yes || !is_bound(*mechanism))
        .collect();
    if cover == Cover::Tls {
        found.sort_by_key(|mechanism| *mechanism == Mechanism::CramMd5);
    }
    found
}

/// Whether the mechanism binds the login to the connection.
#[must_use]
pub fn is_bound(mechanism: Mechanism) -> bool {
    matches!(mechanism, Mechanism::ScramSha256Plus | Mechanism::ScramSha1Plus)
}

/// Whether the server has to prove that it knows the password, too (RFC 5802).
#[must_use]
pub fn is_scram(mechanism: Mechanism) -> bool {
    is_bound(mechanism) || matches!(mechanism, Mechanism::ScramSha256 | Mechanism::ScramSha1)
}

/// Whether the mechanism shows the password itself to the server.
#[must_use]
pub fn shows_password(mechanism: Mechanism) -> bool {
    matches!(mechanism, Mechanism::Plain | Mechanism::Login)
}

/// The one other mechanism that may be tried after this one was rejected with that meaning; `left` are the candidates
/// that come after it. A server that has compared the password itself would say the same again.
#[must_use]
pub fn other(rejected: Mechanism, meaning: Meaning, left: &[Mechanism]) -> Option<Mechanism> {
    let is_mechanisms = match meaning {
        Meaning::MechanismRefused => true,
        Meaning::LoginRejected => !shows_password(rejected) && !rejected.wants_token(),
        _ => false,
    };
    let of_another_kind = left.iter().find(|mechanism| shows_password(**mechanism) != shows_password(rejected));
    of_another_kind.or(left.first()).copied().filter(|_| is_mechanisms)
}

/// Whether any of them is bound to the connection.
#[must_use]
pub fn plus(offered: &[String]) -> Plus {
    let is_bound = |name: &String| name.starts_with("SCRAM-") && name.ends_with("-PLUS");
    if offered.iter().any(is_bound) { Plus::Offered } else { Plus::NotOffered }
}

fn known(offered: &[String]) -> Vec<Mechanism> {
    Mechanism::ALL.into_iter().filter(|mechanism| offered.iter().any(|name| name == mechanism.name())).collect()
}

/// The words for a server with which no mechanism fits.
#[must_use]
pub fn none_fits(account: &str, offered: &[String], allowed: &[Mechanism], cover: Cover) -> String {
    let names = |list: &[Mechanism]| list.iter().map(|m| m.name()).collect::<Vec<_>>().join(", ");
    let allowed_names = names(allowed);
    if offered.is_empty() {
        let way_out = match cover {
            Cover::Clear => "many servers offer it only over TLS: set tls = \"starttls\" or \"implicit\"",
            Cover::Tls => "check that `relay` names the provider's submission server and port (587 or 465)",
        };
        return format!("the server offers no login (AUTH), but account {account} has a username; {way_out}");
    }
    let known = known(offered);
    let way_out = if known.is_empty() {
        format!(
            "postrider supports {}; ask the provider for a login that uses one of these (such as an app password)",
            names(&Mechanism::ALL)
        )
    } else if known.iter().all(|mechanism| mechanism.wants_token()) {
        format!(
            "these need an access token instead of a password: add {} to auth in [account.{account}], and a password \
             command that prints a token",
            quoted(&known)
        )
    } else if known.iter().all(|mechanism| *mechanism == Mechanism::External) {
        format!("this needs a client certificate: set tls_client_cert in [account.{account}]")
    } else {
        format!("add {} to auth in [account.{account}]", quoted(&known))
    };
    format!(
        "no login mechanism fits: the server offers {}, account {account} allows {allowed_names}; {way_out}",
        offered.join(", ")
    )
}

/// The words for a server that offers mechanisms and then has none of them.
#[must_use]
pub fn all_unsupported(account: &str, offered: &[String], refused: &[(Mechanism, u16)]) -> String {
    let refused: Vec<String> =
        refused.iter().map(|(mechanism, code)| format!("{} ({code})", mechanism.name())).collect();
    format!(
        "the server offers {} but does not support {}; report this to the provider, or allow others with `auth` in \
         [account.{account}]",
        offered.join(", "),
        refused.join(", ")
    )
}

/// The words for a server that has bound logins to their connection before and does not offer that any more.
#[must_use]
pub fn stripped(account: &str, offered: &[String]) -> String {
    format!(
        "the server offers only {}, but it offered a login bound to the connection (SCRAM-...-PLUS) before; the password was not \
         sent. Somebody on the network path may be tampering with the offer; if the provider has changed it, set auth = \
         [\"plain\", \"login\"] in [account.{account}]",
        offered.join(", ")
    )
}

/// What to say where a server that broke SCRAM offers only the password itself.
#[must_use]
pub fn broken(account: &str, offered: &[String]) -> String {
    format!(
        "the server offers only {}, and before it failed to prove in SCRAM that it knows the password; the password was not sent. \
         Somebody on the network path may be in between; if the provider's server is at fault, set auth = [\"plain\", \"login\"] \
         in [account.{account}]",
        offered.join(", ")
    )
}

fn quoted(mechanisms: &[Mechanism]) -> String {
    mechanisms.iter().map(|m| format!("\"{}\"", m.name().to_lowercase())).collect::<Vec<_>>().join(" or ")
}

/// Whether a reply to the AUTH command says that the mechanism is not to be had: the next may
/// be tried.
#[must_use]
pub fn is_unsupported(code: u16) -> bool {
    matches!(code, 500 | 501 | 502 | 504)
}

#[cfg(test)]
mod tests;
