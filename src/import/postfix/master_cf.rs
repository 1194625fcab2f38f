//! master.cf as master(5) describes it: the services of the SMTP client and of the SMTP server, each with the parameters that it
//! has of its own.

use super::main_cf::{elements_by_blanks, logical_lines};

/// The service that mail takes where nothing else is said.
pub(crate) const USUAL: &str = "smtp";

/// Services of the SMTP client by name, with what their `-o` options set.
pub(crate) struct Services(Vec<(String, Vec<(String, String)>)>);

impl Services {
    /// Without a file there are those that Postfix brings.
    pub(crate) fn read(text: Option<&str>) -> Self {
        let Some(text) = text else {
            return Self([USUAL, "relay"].map(|name| (name.to_owned(), Vec::new())).into());
        };
        Self(logical_lines(text).iter().filter_map(|line| service(line)).collect())
    }

    /// What a service sets; `None`: it is not one of the SMTP client.
    pub(crate) fn options(&self, name: &str) -> Option<&[(String, String)]> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, options)| options.as_slice())
    }
}

/// A service of the SMTP server, which clients connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// As it is written: `submission`, `127.0.0.1:587`.
    pub(crate) name: String,
    /// The address before the port; empty: those of `inet_interfaces`.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) options: Vec<(String, String)>,
}

/// The services on the ports that people submit to.
pub(crate) fn servers(text: &str) -> Vec<Server> {
    let lines = logical_lines(text);
    let servers = lines.iter().filter_map(|line| {
        let service = parsed(line)?;
        let (host, port) = service.name.rsplit_once(':').unwrap_or(("", &service.name));
        let port = match port {
            "smtp" | "25" => 25,
            "submission" | "587" => 587,
            "smtps" | "submissions" | "urd" | "465" => 465,
            _ => return None,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_server = service.kind == "inet" && service.command == "smtpd";
        is_server.then(|| Server { host, port, name: service.name.clone(), options: service.options })
    });
    servers.collect()
}

struct Service {
    name: String,
    kind: String,
    command: String,
    options: Vec<(String, String)>,
}

fn service(line: &str) -> Option<(String, Vec<(String, String)>)> {
    let service = parsed(line)?;
    (service.kind != "inet" && service.command == "smtp").then_some((service.name, service.options))
}

fn parsed(line: &str) -> Option<Service> {
    let mut words = elements_by_blanks(line).into_iter();
    let fields: Vec<String> = words.by_ref().take(8).collect();
    let [name, kind, _, _, _, _, _, command] = fields.as_slice() else { return None };
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("-o") else { continue };
        let option = if option.is_empty() { words.next().unwrap_or_default() } else { option.to_owned() };
        let option = option.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(&option);
        if let Some((name, value)) = option.split_once('=') {
            options.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Some(Service { name: name.clone(), kind: kind.clone(), command: command.clone(), options })
}
