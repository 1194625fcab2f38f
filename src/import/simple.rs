//! What the configurations of most programs come down to: relays with one login, and how they become an
//! account. Each program's files are read in a file of its own.

use super::draft::{Draft, DraftAccount, Section, is_this_machine, password_file};
use super::said::{Encryption, FromField, Said, SaidRelay};
use crate::config::Secret;

/// One login and where it is used.
#[derive(Debug, Default)]
pub(crate) struct Simple {
    pub(crate) hosts: Vec<String>,
    pub(crate) port: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) tls: Encryption,
    pub(crate) ca: Option<String>,
    pub(crate) client_cert: Option<String>,
    pub(crate) client_key: Option<String>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) from: Option<String>,
    /// Whose mail it is for; of an account for everybody's mail, nobody's.
    pub(crate) senders: Vec<String>,
    pub(crate) auth: Vec<String>,
    pub(crate) lookup: Lookup,
}

/// How the program finds the addresses of a relay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// The host is the relay.
    #[default]
    Host,
    /// The host's MX records name the relays.
    Mx,
}

/// Of programs that use TLS where a relay offers it.
const TLS_WAS_OPTIONAL: &str =
    "it was optional, and any certificate was accepted; TLS and a valid certificate are now required";

impl Simple {
    /// Adds the account.
    pub(crate) fn add(mut self, draft: &mut Draft) {
        self.password = self.password.filter(|password| !password.is_empty());
        let Some(first) = self.hosts.first().map(|host| bare(host)) else {
            draft.left_out("relay", "no host is set; add an account with `relay`");
            return;
        };
        let name = draft.account_name(first);
        let usual = if self.tls == Encryption::Implicit { "465" } else { "25" };
        let port = self.port.as_deref().unwrap_or(usual);
        let relay = |host: &String| match self.lookup {
            Lookup::Mx if bare(host) == host => format!("{host}:{port}"),
            _ => format!("[{}]:{port}", bare(host)),
        };
        let relays: Vec<String> = self.hosts.iter().map(relay).collect();
        if self.port.is_none() && port == "25" && !is_this_machine(first) {
            draft.port_25(&name);
        }
        let mut keys = Section::default();
        match relays.as_slice() {
            [only] => keys.text("relay", only, ""),
            several => keys.list("relay", several, ""),
        }
        let login = self.user.is_some();
        self.add_tls(first, &name, &mut keys, draft);
        let texts = [
            ("tls_ca", &self.ca),
            ("tls_fingerprint", &self.fingerprint),
            ("tls_client_cert", &self.client_cert),
            ("tls_client_key", &self.client_key),
            ("source_address", &self.source),
        ];
        for (key, value) in texts {
            if let Some(value) = value {
                keys.text(key, value, "");
            }
        }
        if let Some(user) = &self.user {
            keys.text("username", user, "");
            if self.password.is_none() {
                keys.line("password", password_file(&name), "");
                let why = format!("there is none; run \"postrider password set {name}\"");
                draft.left_out(format!("password for account {name}"), why);
            }
        }
        if !self.senders.is_empty() {
            keys.list("senders", &self.senders, "");
        }
        if !self.auth.is_empty() {
            keys.list("auth", &self.auth, "");
        }
        if let Some(from) = &self.from {
            keys.text("from", from, "replaces the envelope sender and From");
            draft.changed("sender", format!("<{from}> now replaces From as well as the envelope sender"));
        }
        let said = Said {
            relays: relays
                .into_iter()
                .map(|name| SaidRelay { name, tls: self.tls, login: self.user.clone() })
                .collect(),
            from: if self.from.is_some() { FromField::Unchanged } else { FromField::AsTablesSay },
            sender: self.from,
        };
        let secret = self.password.filter(|_| login).map(Secret::new);
        draft.accounts.push(DraftAccount { name, keys, secret, said });
    }

    /// TLS as it was, but required where a password was sent without it.
    fn add_tls(&self, host: &str, name: &str, keys: &mut Section, draft: &mut Draft) {
        let login = self.user.is_some();
        match self.tls {
            Encryption::Implicit => keys.text("tls", "implicit", ""),
            Encryption::Starttls => keys.text("tls", "starttls", ""),
            Encryption::Optional if !is_this_machine(host) => {
                keys.text("tls", "starttls", "");
                draft.changed(format!("TLS for account {name}"), TLS_WAS_OPTIONAL);
            }
            Encryption::Clear | Encryption::Optional if login && is_this_machine(host) => {
                keys.text("tls", "none", "unchanged");
                keys.line("allow_plaintext", "true".to_owned(), "the relay runs on this machine");
            }
            Encryption::Clear | Encryption::Optional if login => {
                keys.text("tls", "starttls", "turned on, so that the password is not sent in clear text");
                draft.changed(
                    format!("TLS for account {name}"),
                    "the password was sent in clear text; TLS is now required",
                );
            }
            Encryption::Clear | Encryption::Optional => {
                keys.text("tls", "none", "unchanged; set \"starttls\" if the relay offers it");
            }
        }
    }

    /// Whether another relay may be in the same account.
    pub(crate) fn same_login(&self, other: &Self) -> bool {
        (&self.port, &self.user, &self.password, self.tls) == (&other.port, &other.user, &other.password, other.tls)
    }

    /// Whether the login is a mailbox of this domain.
    pub(crate) fn logs_in_at(&self, domain: &str) -> bool {
        let user = self.user.as_deref().and_then(|user| user.rsplit_once('@'));
        user.is_some_and(|(_, at)| at.eq_ignore_ascii_case(domain))
    }
}

/// Adds an account for all mail that no other is for.
pub(super) fn add_relay(draft: &mut Draft, relay: &str, username: Option<&str>) {
    let (host, port) = relay.rsplit_once(':').unwrap_or((relay, "587"));
    let tls = if port == "465" { Encryption::Implicit } else { Encryption::Optional };
    let simple = Simple {
        hosts: vec![bare(host).to_owned()],
        port: Some(port.to_owned()),
        user: username.map(str::to_owned),
        tls,
        ..Simple::default()
    };
    simple.add(draft);
    if let Some(account) = draft.accounts.last() {
        let name = account.name.clone();
        draft.top.text("default_account", &name, "in place of delivery without a relay");
    }
}

/// An IPv6 address may stand in brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// Words with quotes and backslashes, as a shell has them.
pub(crate) fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => word.extend(chars.next()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => (quote, begun) = (Some(c), true),
            (c, None) if c.is_whitespace() => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (c, _) => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    words
}
