//! SASL (RFC 4954): selects the mechanism and decides whether a secret may be sent at all. Pure. `exchange` and
//! `scram` have the messages of each mechanism; `auth` runs the exchange.

pub mod exchange;
mod message;
mod scram;

use std::net::{IpAddr, SocketAddr};

use self::exchange::Plus;
use crate::config::{Mechanism, Secret};
use crate::rules::meaning::Meaning;

/// Only root can listen on ports below this one.
const UNPRIVILEGED: u16 = 1024;

/// A user name with its credential.
#[derive(Debug, Clone)]
pub struct Login {
    /// The account's login name.
    pub username: Option<String>,
    /// The password or access token.
    pub password: Option<Secret>,
    /// Whether there is a client certificate.
    pub certificate: Certificate,
}

/// A client certificate in the TLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// It is presented if the server asks for it.
    Shown,
    /// There is none.
    None,
}

impl Login {
    /// A login with a password or token.
    #[must_use]
    pub fn new(username: String, password: Secret) -> Self {
        Self { username: Some(username), password: Some(password), certificate: Certificate::None }
    }

    /// Whether the login has what the mechanism needs.
    fn suits(&self, mechanism: Mechanism) -> bool {
        match mechanism {
            Mechanism::External => self.certificate == Certificate::Shown,
            _ => self.username.is_some() && self.password.is_some(),
        }
    }
}

/// Whether a login can be bound to the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bindable {
    /// Channel binding data is available.
    Yes,
    /// No channel binding data is available.
    No,
}

/// The protection of a secret on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// Verified TLS.
    Tls,
    /// Nothing.
    Clear,
}

/// Whether a credential may be sent on this connection (`allow_plaintext` in postrider.toml(5)): over verified TLS,
/// or to a service on this machine whose port no ordinary user can take.
///
/// On a port above, any local program can listen while the real server is down, and would be given the password.
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

/// The mechanisms to try, best first: offered, allowed, and possible with this login and connection. Over verified
/// TLS, the plain password comes before CRAM-MD5. CRAM-MD5 does not authenticate the server, and many servers offer
/// it without having a password in the form that it needs.
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

/// Whether the server must also prove that it knows the password (RFC 5802).
#[must_use]
pub fn is_scram(mechanism: Mechanism) -> bool {
    is_bound(mechanism) || matches!(mechanism, Mechanism::ScramSha256 | Mechanism::ScramSha1)
}

/// Whether the mechanism reveals the password to the server.
#[must_use]
pub fn shows_password(mechanism: Mechanism) -> bool {
    matches!(mechanism, Mechanism::Plain | Mechanism::Login)
}

/// The one other mechanism to try after this rejection. `left` are the remaining candidates. A server that compared
/// the plain password itself would reject it again.
///
/// Some servers answer 535 for a mechanism that they offer but cannot verify, such as SCRAM for a password that they
/// only have as a hash of another kind. The plain password is then the one that may work, so a mechanism of the other
/// kind is preferred.
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

/// Whether the server offers a mechanism that binds to the connection.
#[must_use]
pub fn plus(offered: &[String]) -> Plus {
    let is_bound = |name: &String| name.starts_with("SCRAM-") && name.ends_with("-PLUS");
    if offered.iter().any(is_bound) { Plus::Offered } else { Plus::NotOffered }
}

fn known(offered: &[String]) -> Vec<Mechanism> {
    Mechanism::ALL.into_iter().filter(|mechanism| offered.iter().any(|name| name == mechanism.name())).collect()
}

/// The error text if no mechanism is suitable.
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

/// The error text if the server offers mechanisms but supports none of them.
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

/// The error text if the server used to offer binding to the connection and does not any more.
#[must_use]
pub fn stripped(account: &str, offered: &[String]) -> String {
    format!(
        "the server offers only {}, but it offered a login bound to the connection (SCRAM-...-PLUS) before; the password was not \
         sent. Somebody on the network path may be tampering with the offer; if the provider has changed it, set auth = \
         [\"plain\", \"login\"] in [account.{account}]",
        offered.join(", ")
    )
}

/// The error text if a server that violated SCRAM offers only mechanisms that reveal the password.
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

/// Whether a reply to AUTH means that the mechanism is not supported, so that the next one may be tried.
#[must_use]
pub fn is_unsupported(code: u16) -> bool {
    matches!(code, 500 | 501 | 502 | 504)
}

#[cfg(test)]
mod tests;
