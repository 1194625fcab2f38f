//! The built-in table of mail providers: which servers, which login, which kind of password, which limits. The table
//! itself is data, `providers/table.toml`, whose header says how to add to it. What is done with it is others' business.

use std::sync::LazyLock;

use jiff::civil::Date;
use serde::Deserialize;

/// The table as it is shipped. `the_table_is_read_as_a_whole` proves that it can be read.
static TABLE: LazyLock<Vec<Provider>> =
    LazyLock::new(|| read(include_str!("providers/table.toml")).unwrap_or_default());

/// A mail provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// A word for it.
    pub id: String,
    /// As people call it.
    pub name: String,
    /// Domains of its addresses; `*.example` stands for those below example.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Ends of the names of its MX hosts, for domains that their owners brought.
    #[serde(default)]
    pub mx: Vec<String>,
    /// In order of preference.
    pub servers: Vec<Server>,
    /// The form of the user name.
    pub login: Login,
    /// The user name of everybody, with [`Login::Fixed`].
    pub login_name: Option<String>,
    /// What the server accepts as a password.
    pub password: PasswordKind,
    /// The page where that is made.
    pub credential_url: Option<String>,
    /// From this day on, passwords are no longer accepted.
    pub password_ends: Option<Date>,
    /// What becomes of a sender that is not the account's.
    pub foreign_sender: Option<ForeignSender>,
    /// What becomes of MAIL FROM:<>.
    pub null_sender: Option<NullSender>,
    /// How much may be sent.
    #[serde(default)]
    pub limits: Limits,
    /// What the user should know before the password is asked for.
    pub note: Option<String>,
    /// Which values have no source.
    #[serde(default)]
    pub guessed: Vec<String>,
    /// Where the values are from.
    pub source: String,
    /// When that was read.
    pub seen: Date,
}

/// A submission server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// `{name}` in it is for the user to fill in.
    pub host: String,
    /// TCP.
    pub port: u16,
    /// How TLS begins.
    pub tls: Tls,
}

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// With the connection.
    Implicit,
    /// With STARTTLS.
    Starttls,
}

/// The form of the user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Login {
    /// The whole address.
    Address,
    /// What is before the `@`.
    LocalPart,
    /// The same for everybody.
    Fixed,
    /// Something that the provider gives out.
    Other,
}

/// What the server accepts as a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordKind {
    /// That of the mailbox.
    Password,
    /// One that is made for mail programs.
    AppPassword,
    /// A code that the provider issues.
    Code,
    /// A key of a sending service.
    Token,
    /// None: an OAuth 2.0 access token.
    Oauth,
}

/// What becomes of a sender that is not the account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForeignSender {
    /// The mail is refused.
    Refused,
    /// The account's own takes its place.
    Rewritten,
    /// It stays.
    Accepted,
}

/// What becomes of MAIL FROM:<>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NullSender {
    /// The mail is refused.
    Refused,
}

/// How much may be sent; what is not known is not limited here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Messages in each period.
    pub messages: Option<usize>,
    /// Of what length.
    pub per: Option<Period>,
    /// Of one message.
    pub recipients: Option<usize>,
    /// At once.
    pub connections: Option<usize>,
    /// Octets of a message.
    pub size: Option<u64>,
}

/// A period of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    provider: Vec<Provider>,
}

fn read(text: &str) -> Result<Vec<Provider>, toml::de::Error> {
    toml::from_str(text).map(|Table { provider }| provider)
}

impl Provider {
    /// The provider of an address with this domain.
    #[must_use]
    pub fn of_domain(domain: &str) -> Option<&'static Self> {
        let is_its = |listed: &String| match listed.strip_prefix("*.") {
            Some(parent) => is_below(domain, parent),
            None => listed.eq_ignore_ascii_case(domain),
        };
        TABLE.iter().find(|provider| provider.domains.iter().any(is_its))
    }

    /// The provider that runs this MX host.
    #[must_use]
    pub fn of_mail_exchanger(host: &str) -> Option<&'static Self> {
        let is_its = |end: &String| host.eq_ignore_ascii_case(end) || is_below(host, end);
        TABLE.iter().find(|provider| provider.mx.iter().any(is_its))
    }

    /// The provider that runs this submission server.
    #[must_use]
    pub fn of_server(host: &str) -> Option<&'static Self> {
        TABLE.iter().find(|provider| provider.servers.iter().any(|server| server.is_at(host)))
    }

    /// The user name for an address, where its form is known.
    #[must_use]
    pub fn username(&self, address: &str) -> Option<String> {
        match self.login {
            Login::Address => Some(address.to_owned()),
            Login::LocalPart => address.rsplit_once('@').map(|(local, _)| local.to_owned()),
            Login::Fixed => self.login_name.clone(),
            Login::Other => None,
        }
    }

    /// Whether the server accepts a password on this day.
    #[must_use]
    pub fn takes_password(&self, on: Date) -> bool {
        match self.password_ends {
            Some(end) => on < end,
            None => self.password != PasswordKind::Oauth,
        }
    }
}

impl Server {
    /// Whether this host is it, a place that the user fills in having any one label.
    #[must_use]
    pub fn is_at(&self, host: &str) -> bool {
        let (own, host) = (self.host.to_ascii_lowercase(), host.to_ascii_lowercase());
        match own.split_once('{').and_then(|(front, rest)| Some((front, rest.split_once('}')?.1))) {
            None => own == host,
            Some((front, end)) => host
                .strip_prefix(front)
                .and_then(|rest| rest.strip_suffix(end))
                .is_some_and(|label| !label.is_empty() && !label.contains('.')),
        }
    }

    /// Whether the host has a place that the user must fill in.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.host.contains('{')
    }
}

fn is_below(name: &str, parent: &str) -> bool {
    let (name, parent) = (name.to_ascii_lowercase(), parent.to_ascii_lowercase());
    name.strip_suffix(&parent).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
}

#[cfg(test)]
mod tests;
