//! SASL (RFC 4954): which mechanism, what is said in it, and to whom a secret may be
//! said at all. Pure; the exchange itself is `open`'s.

use std::net::{IpAddr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::config::{Mechanism, Secret};

/// Ports that only root can listen on end below this one.
const UNPRIVILEGED: u16 = 1024;

/// Who logs in.
#[derive(Debug, Clone)]
pub struct Login {
    /// The account's login name.
    pub username: String,
    /// Its password.
    pub password: Secret,
}

/// What protects a secret on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// Verified TLS.
    Tls,
    /// Nothing.
    Clear,
}

/// Whether a credential may go over it (DESIGN section 8): verified TLS, or a service of
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

/// The mechanisms to try, safest first: offered and allowed.
#[must_use]
pub fn candidates(offered: &[String], allowed: &[Mechanism]) -> Vec<Mechanism> {
    Mechanism::ALL
        .into_iter()
        .filter(|mechanism| allowed.contains(mechanism) && offered.iter().any(|name| name == mechanism.name()))
        .collect()
}

/// The words for a server with which no mechanism fits.
#[must_use]
pub fn none_fits(account: &str, offered: &[String], allowed: &[Mechanism], cover: Cover) -> String {
    let names = |list: &[Mechanism]| list.iter().map(|m| m.name()).collect::<Vec<_>>().join(", ");
    let allowed_names = names(allowed);
    if offered.is_empty() {
        let way_out = match cover {
            Cover::Clear => "many servers offer it only over TLS: set tls = \"starttls\" or \"implicit\"",
            Cover::Tls => "check that relay names the provider's submission server and port (587 or 465)",
        };
        return format!("the server offers no login (AUTH), but account {account} has a username; {way_out}");
    }
    let known = candidates(offered, &Mechanism::ALL);
    let way_out = if known.is_empty() {
        format!(
            "postrider speaks {}; ask the provider for a login of one of these kinds (an app password, say)",
            names(&Mechanism::ALL)
        )
    } else {
        format!("add {} to auth in [account.{account}]", quoted(&known))
    };
    format!(
        "no login mechanism fits: the server offers {}, account {account} allows {allowed_names}; {way_out}",
        offered.join(", ")
    )
}

fn quoted(mechanisms: &[Mechanism]) -> String {
    mechanisms.iter().map(|m| format!("\"{}\"", m.name().to_lowercase())).collect::<Vec<_>>().join(" or ")
}

/// What is said in one exchange.
pub struct Script {
    /// The AUTH command, without CRLF.
    pub opening: Zeroizing<String>,
    /// The same, fit to be shown.
    pub masked: String,
    /// The answers to the server's prompts, in order, whatever the prompts say.
    pub answers: Vec<Zeroizing<String>>,
}

impl Script {
    /// Writes the exchange down.
    #[must_use]
    pub fn new(mechanism: Mechanism, login: &Login) -> Self {
        match mechanism {
            Mechanism::Plain => {
                let mut message =
                    Zeroizing::new(Vec::with_capacity(login.username.len() + login.password.expose().len() + 2));
                message.push(0);
                message.extend_from_slice(login.username.as_bytes());
                message.push(0);
                message.extend_from_slice(login.password.expose().as_bytes());
                let response = encoded(&message);
                Self {
                    opening: joined("AUTH PLAIN ", &response),
                    masked: "AUTH PLAIN (secret)".to_owned(),
                    // Some servers overlook the initial response and prompt for it.
                    answers: vec![response],
                }
            }
            Mechanism::Login => Self {
                opening: Zeroizing::new("AUTH LOGIN".to_owned()),
                masked: "AUTH LOGIN".to_owned(),
                answers: vec![encoded(login.username.as_bytes()), encoded(login.password.expose().as_bytes())],
            },
        }
    }
}

/// Allocated once, so that no copy stays behind in memory.
fn joined(before: &str, secret: &str) -> Zeroizing<String> {
    let mut line = Zeroizing::new(String::with_capacity(before.len() + secret.len()));
    line.push_str(before);
    line.push_str(secret);
    line
}

fn encoded(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(bytes))
}

/// Whether a reply to the AUTH command says that the mechanism is not to be had: the next may
/// be tried. A rejected password is never tried again in another way (no lock-outs).
#[must_use]
pub fn is_unsupported(code: u16) -> bool {
    matches!(code, 500 | 501 | 502 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(names: &[&str]) -> Vec<String> {
        names.iter().map(|&n| n.to_owned()).collect()
    }

    #[test]
    fn the_safest_offered_and_allowed_comes_first() {
        let all = Mechanism::ALL;
        assert_eq!(candidates(&offered(&["LOGIN", "PLAIN"]), &all), [Mechanism::Plain, Mechanism::Login]);
        assert_eq!(candidates(&offered(&["LOGIN", "PLAIN"]), &[Mechanism::Login]), [Mechanism::Login]);
        assert_eq!(candidates(&offered(&["CRAM-MD5"]), &all), []);
    }

    #[test]
    fn where_none_fits_the_words_say_what_to_change() {
        let words = none_fits("isp", &offered(&["CRAM-MD5", "PLAIN"]), &[Mechanism::Login], Cover::Tls);
        for part in ["CRAM-MD5, PLAIN", "allows LOGIN", "add \"plain\" to auth in [account.isp]"] {
            assert!(words.contains(part), "{words}");
        }
        assert!(none_fits("isp", &offered(&["GSSAPI"]), &Mechanism::ALL, Cover::Tls).contains("postrider speaks"));
        assert!(none_fits("isp", &[], &Mechanism::ALL, Cover::Clear).contains("starttls"));
    }

    #[test]
    fn secrets_go_in_the_clear_only_to_roots_own_ports_here() {
        for (address, may) in [
            ("127.0.0.1:25", true),
            ("127.9.9.9:587", true),
            ("[::1]:1023", true),
            ("127.0.0.1:1024", false),
            ("192.0.2.1:25", false),
            ("[::ffff:192.0.2.1]:25", false),
        ] {
            let peer: Result<SocketAddr, _> = address.parse();
            assert_eq!(peer.map(|peer| may_carry_secret(Cover::Clear, &peer)), Ok(may), "{address}");
        }
    }

    #[test]
    fn exchanges_as_the_rfcs_have_them() {
        let login = Login { username: "tim".into(), password: Secret::new("tanstaaftanstaaf".into()) };
        let plain = Script::new(Mechanism::Plain, &login);
        assert_eq!(plain.opening.as_str(), "AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
        assert!(!plain.masked.contains("AHRp"));
        let script = Script::new(Mechanism::Login, &login);
        let answers: Vec<&str> = script.answers.iter().map(|a| a.as_str()).collect();
        assert_eq!(answers, ["dGlt", "dGFuc3RhYWZ0YW5zdGFhZg=="]);
    }
}
