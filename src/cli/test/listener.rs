//! `postrider test --listener`: a listener as its clients see it. Certificate and EHLO, the login of a client, and whether somebody
//! whom nothing tells can send through it. No message is sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::relaying::{self, Attempted};
use super::report_failure;
use super::steps::{self, Detail, Printer};
use crate::cli::ask::is_attended;
use crate::cli::exit::{Exit, Failure};
use crate::cli::print::{say, say_verdict};
use crate::cli::{login_test, password};
use crate::config::listener::{ListenTls, Listener};
use crate::config::{Account, Config, Password, Secret, read};
use crate::control::listeners;
use crate::import::draft::quoted;
use crate::mail::outcome::Phase;
use crate::mail::submitter::ClientName;
use crate::rules::submission;

/// Somebody who logs in.
pub(super) struct Login {
    name: ClientName,
    password: Secret,
}

impl Login {
    /// Of a client; its password is in the file, or asked for.
    pub(super) fn of(name: &str, file: Option<&Path>) -> Result<Self, Failure> {
        let name =
            ClientName::parse(name).map_err(|error| Failure::new(Exit::Usage, format_args!("\"{name}\": {error}")))?;
        let password = match file {
            Some(file) => password::from_file(file)?,
            None if is_attended() => password::ask(name.as_str())?,
            None => {
                return Err(Failure::new(
                    Exit::Usage,
                    "name the file with the client's password: --password-file FILE",
                ));
            }
        };
        Ok(Self { name, password })
    }
}

/// One address of a listener, as it is reached from this machine.
struct Target<'c> {
    config: &'c Config,
    listener: &'c Listener,
    address: SocketAddr,
}

/// Tests the listener of this name, or all.
pub(super) fn run(config: &Config, name: &str, login: Option<&Login>) -> Result<Exit, Failure> {
    if let Some(Login { name, .. }) = login.filter(|login| config.client(&login.name).is_none()) {
        return Err(Failure::new(
            Exit::Usage,
            format_args!("there is no client {name}; see \"postrider client list\""),
        ));
    }
    let known: Vec<&str> = config.listeners.iter().map(|listener| listener.name.as_str()).collect();
    let chosen: Vec<&Listener> =
        config.listeners.iter().filter(|listener| name.is_empty() || listener.name == name).collect();
    if chosen.is_empty() {
        let existing = if known.is_empty() {
            "there are no listeners yet (add [listen.NAME] to the configuration)".to_owned()
        } else {
            format!("existing listeners: {}", known.join(", "))
        };
        let shown = if name.is_empty() { String::new() } else { format!(" {name}") };
        return Err(Failure::new(Exit::Usage, format_args!("there is no listener{shown}; {existing}")));
    }
    let mut exit = Exit::Ok;
    for listener in chosen {
        if listener.is_passed {
            say(&format!(
                "Listener {}: the addresses in its .socket unit are not tested; add one to `address` to test it",
                listener.name
            ));
            exit = Exit::Warnings;
        }
        for address in &listener.addresses {
            let target = Target { config, listener, address: reachable(*address) };
            let tested = target.test(login)?;
            if exit == Exit::Ok {
                exit = tested;
            }
        }
    }
    Ok(exit)
}

/// `:587` is reached by loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl Target<'_> {
    fn test(&self, login: Option<&Login>) -> Result<Exit, Failure> {
        say(&format!("Listener {} at {}:", self.listener.name, self.address));
        let account = self.account(login)?;
        match login_test::open(&account, &self.config.hostname, Box::new(Printer(Detail::Dialogue))) {
            Ok(session) => {
                let summary = steps::summary(session.described(), session.capabilities());
                session.quit();
                say("");
                say_verdict(&summary);
            }
            Err(no) => {
                let closed = format!(
                    "nothing is listening there: start the service (postrider.service, or \"postrider run\"), and check \
                     `address` in [listen.{}]",
                    self.listener.name
                );
                let cause = if no.phase == Phase::Connect { Some(closed.as_str()) } else { no.cause.as_deref() };
                report_failure(&no, cause, None);
                return Ok(no.exit);
            }
        }
        Ok(self.try_relaying())
    }

    /// TLS as a device would begin it there.
    fn tls(&self) -> ListenTls {
        match self.listener.tls_at(self.address) {
            ListenTls::Optional if self.roots().is_some() => ListenTls::Starttls,
            ListenTls::Optional => ListenTls::None,
            tls => tls,
        }
    }

    /// What the listener shows is trusted here, or its private CA; whether devices trust it is theirs to say.
    fn roots(&self) -> Option<PathBuf> {
        listeners::roots(self.config, self.listener)
    }

    /// The name that the certificate has.
    fn name(&self) -> Option<String> {
        let names = listeners::shown_certificate(self.config, self.listener)?.names;
        names.into_iter().find(|name| !name.starts_with("*."))
    }

    /// An account that logs in there as the client.
    fn account(&self, login: Option<&Login>) -> Result<Account, Failure> {
        let (address, tls) = (self.address, self.tls());
        let word = match tls {
            ListenTls::Implicit => "implicit",
            ListenTls::Starttls => "starttls",
            ListenTls::Optional | ListenTls::None => "none",
        };
        let mut lines = vec![
            "[account.listener]".to_owned(),
            format!("relay = \"[{}]:{}\"", address.ip(), address.port()),
            format!("tls = \"{word}\""),
        ];
        if let Some(roots) = self.roots().filter(|_| tls != ListenTls::None) {
            lines.push(format!("tls_ca = {}", quoted(&roots.display().to_string())));
            lines.extend(self.name().map(|name| format!("tls_name = {}", quoted(&name))));
        }
        if let Some(login) = login {
            let clear = self.config.client(&login.name).is_some_and(|client| client.allow_plaintext);
            lines.push(format!("username = {}\npassword = \"x\"", quoted(login.name.as_str())));
            lines.extend((clear && tls == ListenTls::None).then(|| "allow_plaintext = true".to_owned()));
        }
        let failed = |error: String| Failure::new(Exit::Software, format_args!("cannot test the listener: {error}"));
        let read =
            read::read(Path::new("/listener.toml"), &lines.join("\n")).map_err(|error| failed(error.to_string()))?;
        let mut account = read.accounts.into_iter().next().ok_or_else(|| failed("no account".to_owned()))?;
        account.password = login.map(|login| Password::Literal(login.password.clone()));
        Ok(account)
    }

    /// The old relay test, from an address that is no client's.
    fn try_relaying(&self) -> Exit {
        say("");
        let Some(source) = self.stranger() else {
            let name = &self.listener.name;
            say(&format!(
                "Relay test skipped: every local address that could be used belongs to a trusted client. To run it, remove \
                 `trust` from [listen.{name}] for the time of the test."
            ));
            return Exit::Warnings;
        };
        say(&format!("Relay test from {source}, which is no client's address:"));
        let tls = self.tls();
        let roots = self.roots();
        let name = self.name().unwrap_or_else(|| self.config.hostname.clone());
        let server = relaying::Server { address: self.address, source, tls, roots: roots.as_deref(), name: &name };
        let ways = relaying::ways(&self.config.hostname, self.address.ip());
        let mut accepted = Vec::new();
        for (number, way) in ways.iter().enumerate() {
            let number = number + 1;
            let said = match server.attempt(way) {
                Attempted::Refused(reply) => reply,
                Attempted::Accepted => {
                    accepted.push(number.to_string());
                    "ACCEPTED".to_owned()
                }
                Attempted::Failed(why) => {
                    say_verdict(&format!("FAILED: {why}"));
                    return Exit::TempFail;
                }
            };
            say(&format!("{number:>3}. {way}: {said}"));
        }
        say("");
        if accepted.is_empty() {
            say(&format!("{} ways tried, no relays accepted", ways.len()));
            return Exit::Ok;
        }
        say(&format!("RELAYS ACCEPTED: {} of {} ways ({})", accepted.len(), ways.len(), accepted.join(", ")));
        Exit::Warnings
    }

    /// An address of this machine that no client of the listener is known by.
    fn stranger(&self) -> Option<IpAddr> {
        let trusted = |peer: &IpAddr| {
            let clients = self.listener.trust.iter().filter_map(|name| self.config.client(name));
            clients.into_iter().any(|client| submission::is_from(client, *peer))
        };
        let v6 = [IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let v4 = [[127, 86, 17, 4], [127, 17, 86, 5], [127, 199, 3, 6], [127, 0, 0, 1]].map(IpAddr::from);
        let candidates = if self.address.is_ipv6() { &v6[..] } else { &v4[..] };
        candidates.iter().find(|candidate| !trusted(candidate)).copied()
    }
}
