//! What to enter in a device, so that it is a client. Only the certificates of listeners are looked at.

use std::fmt;
use std::net::SocketAddr;

use crate::config::client::Client;
use crate::config::listener::{ListenTls, Listener};
use crate::config::{Config, Secret};
use crate::control::{listeners, private_ca};
use crate::rules::client_account;
use crate::tls::Facts;

/// A client with all that is known of it.
pub(super) struct Setup<'a> {
    pub(super) config: &'a Config,
    pub(super) client: &'a Client,
    /// Known while it is new only.
    pub(super) password: Option<&'a Secret>,
}

/// Where submission is (RFC 6409).
const USUAL_PORT: u16 = 587;

/// One way to reach a listener.
struct Way<'a> {
    listener: &'a Listener,
    host: String,
    port: u16,
    tls: ListenTls,
    certificate: Option<Facts>,
    /// Whether there is TLS, also where its certificate is not made yet.
    has_tls: bool,
}

impl fmt::Display for Setup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, client, password } = *self;
        let name = &client.name;
        let ways = self.ways();
        if ways.is_empty() {
            if let Some(password) = password {
                writeln!(f, "User name: {name}\nPassword:  {}", password.expose())?;
            }
            return writeln!(f, "{}", self.obstacle());
        }
        writeln!(f, "Enter in the device:")?;
        for (number, way) in ways.iter().enumerate() {
            let label = if number == 0 { "Server:" } else { "or:" };
            writeln!(f, "  {label:<11} {}, port {}, {}", way.host, way.port, encryption(way))?;
        }
        if client.scram.is_empty() {
            writeln!(f, "  User name:  none, it is known by its address")?;
        } else {
            let shown = password.map_or("as before", Secret::expose);
            writeln!(f, "  User name:  {name}\n  Password:   {shown}")?;
        }
        if let Some(own) = client_account::own_address(config, client).filter(|_| !client.relay_for_others) {
            writeln!(f, "  From:       {own}")?;
        }
        let mut notes: Vec<String> = ways.iter().filter_map(|way| note(config, way)).collect();
        notes.dedup();
        notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

impl<'a> Setup<'a> {
    /// Where the client is let in.
    fn ways(&self) -> Vec<Way<'a>> {
        let client = self.client;
        let lets_in = |way: &Way<'_>| {
            if client.scram.is_empty() {
                way.listener.trust.contains(&client.name)
            } else {
                client.allow_plaintext || way.has_tls
            }
        };
        let addresses = self.config.listeners.iter().flat_map(|listener| {
            let certificate = listeners::shown_certificate(self.config, listener);
            // The usual port of a socket that systemd opens.
            let passed = listener.is_passed.then_some(SocketAddr::from(([0, 0, 0, 0], USUAL_PORT)));
            let addresses = listener.addresses.iter().copied().chain(passed);
            addresses.map(move |address| (listener, address, certificate.clone()))
        });
        let ways = addresses.map(|(listener, address, certificate)| Way {
            listener,
            host: self.host(listener, address, certificate.as_ref()),
            port: address.port(),
            tls: listener.tls_at(address),
            has_tls: listener.tls_at(address) != ListenTls::None
                && (certificate.is_some() || listener.certificate.is_none()),
            certificate: certificate.filter(|_| listener.tls_at(address) != ListenTls::None),
        });
        let mut ways: Vec<Way<'a>> = ways.filter(lets_in).collect();
        // `:587` is an address of both families.
        ways.dedup_by(|one, other| (&one.host, one.port) == (&other.host, other.port));
        ways
    }

    /// The name that the certificate has, else the address. One of the private CA has both, and an address needs no name server.
    fn host(&self, listener: &Listener, address: SocketAddr, certificate: Option<&Facts>) -> String {
        let certificate = certificate.filter(|_| listener.certificate.is_some());
        let names = certificate.map(|facts| facts.names.as_slice()).unwrap_or_default();
        let name = names.iter().find(|name| !name.starts_with("*."));
        match name {
            Some(name) => name.clone(),
            None if address.ip().is_unspecified() => self.config.hostname.clone(),
            None => address.ip().to_string(),
        }
    }

    /// Why no listener lets it in, and what to do.
    fn obstacle(&self) -> String {
        let name = &self.client.name;
        if self.config.listeners.is_empty() {
            return format!(
                "No listener is configured, so {name} cannot connect yet: add [listen.NAME] to {}; see postrider.toml(5).",
                self.config.path.display()
            );
        }
        if self.client.scram.is_empty() {
            return format!(
                "No listener trusts {name} yet: add trust = [\"{name}\"] to its [listen.NAME] in {}.",
                self.config.path.display()
            );
        }
        format!(
            "No listener has TLS with a certificate that can be read, so {name} cannot log in yet: set `tls` in [listen.NAME], and \
             `certificate` and `key` or neither; or allow_plaintext = true and `networks` in [client.{name}]."
        )
    }
}

fn encryption(way: &Way<'_>) -> &'static str {
    match way.tls {
        ListenTls::Starttls => "STARTTLS",
        ListenTls::Implicit => "TLS from the start (SSL/TLS)",
        ListenTls::Optional if way.has_tls => "STARTTLS",
        ListenTls::Optional | ListenTls::None => "no encryption",
    }
}

/// Whom a device must trust that verifies the certificate.
fn note(config: &Config, way: &Way<'_>) -> Option<String> {
    if way.has_tls && way.listener.certificate.is_none() {
        return Some(note_of_private_ca(config));
    }
    let facts = way.certificate.as_ref()?;
    let (path, _) = way.listener.certificate.as_ref()?;
    let shown = path.display();
    Some(match (&facts.issuer, facts.self_signed) {
        (_, true) => format!(
            "The certificate is self-signed: install {shown} on the device as a CA, or turn verification off there."
        ),
        (Some(issuer), false) => format!("The certificate is from {issuer}, which the device must trust."),
        (None, false) => format!("The device must trust the CA that signed {shown}."),
    })
}

fn note_of_private_ca(config: &Config) -> String {
    let export = "\"postrider check --ca >ca.pem\" exports it";
    match private_ca::certificate(config) {
        Ok(Some(ca)) => format!(
            "If the device verifies certificates, install this machine's private CA there; {export}. Its fingerprint:\n  SHA-256 {}",
            ca.fingerprint()
        ),
        Ok(None) => format!(
            "If the device verifies certificates, install this machine's private CA there, once the service has started with \
             this listener; {export}."
        ),
        Err(error) => format!("The private CA cannot be read: {error}."),
    }
}
