//! `oauth` of an account: at which service it logs in, as which client, and which servers may get its tokens. What the well-known
//! services need is data, `oauth/services.toml`. Getting tokens is `deliver::oauth`'s business.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde::Deserialize;

use super::secret::Password;
use crate::tls::fingerprint::sha256;

/// The table as it is shipped. `every_service_is_read_and_uses_https` proves that it can be read.
static TABLE: LazyLock<Vec<Service>> = LazyLock::new(|| {
    toml::from_str(include_str!("oauth/services.toml")).map_or_else(|_| Vec::new(), |Table { service }| service)
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    service: Vec<Service>,
}

/// A well-known service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// What `provider` says.
    pub id: String,
    /// As people call it.
    pub name: String,
    /// The authorization endpoint (RFC 6749 section 3.1).
    pub authorization: String,
    /// The device authorization endpoint (RFC 8628 section 3.1), where it may have the scope for mail.
    pub device: Option<String>,
    /// The token endpoint (RFC 6749 section 3.2).
    pub token: String,
    /// For sending mail.
    pub scope: String,
    /// The same for an organization's own client, without a user.
    pub app_scope: Option<String>,
    /// The submission servers that may be given its tokens.
    pub hosts: Vec<String>,
    /// How the loopback interface is called in the address to come back to.
    #[serde(default = "loopback")]
    pub loopback: String,
    /// Further parameters of the authorization endpoint.
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
    /// Where the values are from.
    pub source: String,
    /// When that was read.
    pub seen: String,
}

/// RFC 8252 section 8.3: a name may lead elsewhere.
#[must_use]
pub fn loopback() -> String {
    "127.0.0.1".to_owned()
}

impl Service {
    /// The service with this id.
    #[must_use]
    pub fn of_id(id: &str) -> Option<&'static Self> {
        TABLE.iter().find(|service| service.id == id)
    }

    /// The service whose tokens this submission server takes.
    #[must_use]
    pub fn of_host(host: &str) -> Option<&'static Self> {
        TABLE.iter().find(|service| service.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)))
    }

    /// All ids.
    #[must_use]
    pub fn ids() -> Vec<&'static str> {
        TABLE.iter().map(|service| service.id.as_str()).collect()
    }
}

/// How the user agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// With a code that is entered in any browser (RFC 8628).
    Device,
    /// In a browser that comes back to this machine (RFC 8252), or whose address is pasted.
    Browser,
    /// Not at all: an organization's own client (RFC 6749 section 4.4).
    Client,
}

impl Flow {
    /// As the key says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Browser => "browser",
            Self::Client => "client",
        }
    }
}

/// Where the refresh token is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// In the state directory.
    File,
    /// By the desktop's Secret Service.
    Keyring,
}

/// The `oauth` of an account.
#[derive(Debug, Clone)]
pub struct OAuth {
    /// The account's name.
    pub account: String,
    /// Whose service it is, for people.
    pub issuer: String,
    /// The client as registered there.
    pub client_id: String,
    /// Its secret, where it has one.
    pub client_secret: Option<Box<Password>>,
    /// How the user agrees.
    pub flow: Flow,
    /// Where a browser goes.
    pub authorization: Option<String>,
    /// Where a code for another device is issued.
    pub device: Option<String>,
    /// Where tokens are issued.
    pub token: String,
    /// What is asked for.
    pub scope: String,
    /// How the loopback interface is called in the address to come back to.
    pub loopback: String,
    /// Further parameters of the authorization endpoint.
    pub extra: BTreeMap<String, String>,
    /// As whom the account logs in.
    pub username: String,
    /// Where the refresh token is kept.
    pub keeping: Keeping,
    /// The state directory, which has what else is known of the login.
    pub state: PathBuf,
}

impl OAuth {
    /// What tells one login from another: accounts with the same share their tokens.
    #[must_use]
    pub fn key(&self) -> String {
        let text = [&self.token, &self.client_id, &self.username, &self.scope].map(String::as_str).join("\0");
        let digest = sha256(text.as_bytes());
        format!("{:016x}", u64::from_be_bytes(std::array::from_fn(|at| digest[at])))
    }

    /// The file that changes with each `postrider login`, and with nothing else.
    #[must_use]
    pub fn login_file(&self) -> PathBuf {
        self.state.join(format!("oauth-{}.login", self.key()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
