//! msmtprc -> [`Draft`]: an account for each of its accounts.

use super::draft::{Draft, DraftAccount, Section, quoted};
use crate::config::{Mechanism, Secret};
use crate::import::{Given, ImportError};

/// The commands of one account, in order; the last of a name counts.
#[derive(Debug, Clone, Default)]
struct Commands(Vec<(String, String)>);

impl Commands {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// `on` unless it says `off`; absent: as given.
    fn is_on(&self, name: &str, usual: &str) -> bool {
        let value = self.0.iter().rev().find(|(known, _)| known == name).map_or(usual, |(_, value)| value);
        !value.eq_ignore_ascii_case("off")
    }
}

/// Commands that are carried over, or that concern nothing of ours.
const KNOWN: [&str; 27] = [
    "host",
    "port",
    "tls",
    "tls_starttls",
    "tls_trust_file",
    "tls_certcheck",
    "tls_host_override",
    "tls_fingerprint",
    "tls_cert_file",
    "tls_key_file",
    "source_ip",
    "protocol",
    "auth",
    "user",
    "password",
    "passwordeval",
    "from",
    "domain",
    "maildomain",
    "timeout",
    "logfile",
    "syslog",
    "logfile_time_format",
    "aliases",
    "auto_from",
    "set_from_header",
    "allow_from_override",
];

/// Whether an account is for mail that asks for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    Default,
    Other,
}

/// Translates.
pub(crate) fn translate(given: &Given<'_>) -> Result<Draft, ImportError> {
    let text = given.required(given.source)?;
    let mut draft = Draft::default();
    let (accounts, default) = read(&text);
    for (name, commands) in &accounts {
        // "account default : x" is a second name of x.
        if name == "default" && default.is_some() {
            continue;
        }
        let rank = if default.as_deref().unwrap_or("default") == name { Rank::Default } else { Rank::Other };
        add(given, name, commands, rank, &mut draft);
    }
    Ok(draft)
}

/// Accounts with what they inherit, and which the default is.
fn read(text: &str) -> (Vec<(String, Commands)>, Option<String>) {
    let mut defaults = Commands::default();
    let mut accounts: Vec<(String, Commands)> = Vec::new();
    let (mut in_defaults, mut default) = (true, None);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (command, value) =
            line.split_once(char::is_whitespace).map_or((line, ""), |(name, value)| (name, unquoted(value.trim())));
        match command {
            "defaults" => in_defaults = true,
            "account" => {
                in_defaults = false;
                let (name, bases) = value.split_once(':').map_or((value, ""), |(name, bases)| (name.trim(), bases));
                let mut commands = defaults.clone();
                for base in bases.split(',').map(str::trim).filter(|base| !base.is_empty()) {
                    if let Some((_, known)) = accounts.iter().find(|(known, _)| known == base) {
                        commands.0.extend(known.0.clone());
                    }
                    if name == "default" {
                        default = Some(base.to_owned());
                    }
                }
                accounts.push((name.to_owned(), commands));
            }
            _ => {
                let commands = match accounts.last_mut() {
                    Some((_, commands)) if !in_defaults => commands,
                    _ => &mut defaults,
                };
                commands.0.push((command.to_lowercase(), value.to_owned()));
            }
        }
    }
    (accounts, default)
}

/// A pair of double quotes around the whole value is all that msmtp takes away.
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

fn add(given: &Given<'_>, name: &str, commands: &Commands, rank: Rank, draft: &mut Draft) {
    let Some(host) = commands.get("host") else {
        draft.left_out(format!("account {name}"), "no host is set");
        return;
    };
    if let Some(protocol) = commands.get("protocol").filter(|protocol| *protocol != "smtp") {
        draft.left_out(format!("account {name}"), format!("it uses {protocol}; postrider submits only by SMTP"));
        return;
    }
    let name = draft.allowed_name(name);
    let name = name.as_str();
    let tls = commands.is_on("tls", "off");
    let starttls = commands.is_on("tls_starttls", "on");
    let mut keys = Section::default();
    let usual = if tls && !starttls { "465" } else { "25" };
    keys.text("relay", &format!("[{host}]:{}", commands.get("port").unwrap_or(usual)), "");
    let login = commands.is_on("auth", "off") && commands.get("user").is_some();
    tls_keys(name, commands, login, &mut keys, draft);
    let secret = if login { credentials(name, commands, &mut keys, draft) } else { None };
    if let Some(from) = commands.get("from") {
        sender(given, name, commands, from, rank, &mut keys, draft);
    }
    if let Some(seconds) = commands.get("timeout").filter(|timeout| *timeout != "off") {
        keys.text("timeout", &format!("{seconds}s"), "");
    }
    if let Some(address) = commands.get("source_ip") {
        keys.text("source_address", address, "source_ip");
    }
    if let Some(domain) = commands.get("domain").filter(|domain| *domain != "localhost") {
        draft.greets_as(domain, given.hostname, "domain");
    }
    if let Some(domain) = commands.get("maildomain").filter(|_| rank == Rank::Default) {
        draft.sends_as(given.hostname, domain, &[], "maildomain");
    }
    if let Some(aliases) = commands.get("aliases").filter(|path| (given.read)(path.as_ref()).is_ok()) {
        draft.top.list("aliases", &[aliases.to_owned()], "aliases");
    }
    for (command, _) in commands.0.iter().filter(|(command, _)| !KNOWN.contains(&command.as_str())) {
        draft.left_out(format!("{command} (account {name})"), "not supported");
    }
    if rank == Rank::Default {
        draft.top.text("default_account", name, "account default");
    }
    draft.accounts.push(DraftAccount { name: name.to_owned(), keys, secret });
}

/// Name, password and mechanism of a login.
fn credentials(name: &str, commands: &Commands, keys: &mut Section, draft: &mut Draft) -> Option<Secret> {
    if let Some(user) = commands.get("user") {
        keys.text("username", user, "");
    }
    // The later of the two counts: an account may have inherited the other.
    let source = commands.0.iter().rev().find(|(name, _)| name == "password" || name == "passwordeval");
    let secret = source.filter(|(name, _)| name == "password").map(|(_, password)| Secret::new(password.clone()));
    if let Some((_, command)) = source.filter(|(name, _)| name == "passwordeval") {
        keys.line("password", format!("{{ command = [\"sh\", \"-c\", {}] }}", quoted(command)), "passwordeval");
    } else if secret.is_none() {
        draft.left_out(
            format!("password (account {name})"),
            format!("msmtp reads it from a keyring or netrc; run \"postrider password set {name}\""),
        );
        keys.line("password", "{ keyring = true }".to_owned(), "");
    }
    if let Some(method) = commands.get("auth").filter(|method| !method.eq_ignore_ascii_case("on")) {
        if Mechanism::ALL.iter().any(|known| known.name().eq_ignore_ascii_case(method)) {
            keys.list("auth", &[method.to_lowercase()], "auth");
        } else {
            draft.left_out(
                format!("auth {method} (account {name})"),
                "not supported; the safest mechanism that the server offers is used",
            );
        }
    }
    secret
}

/// `from`: an address, or a pattern of addresses.
fn sender(
    given: &Given<'_>,
    name: &str,
    commands: &Commands,
    from: &str,
    rank: Rank,
    keys: &mut Section,
    draft: &mut Draft,
) {
    let own = given.hostname;
    let is_plain = !from.contains(['%', '*']);
    match from.strip_prefix("%U@").or_else(|| from.strip_prefix("*@")).filter(|rest| !rest.contains(['%', '*'])) {
        Some(domain) => {
            keys.list("senders", &[format!("@{domain}")], "from");
            if rank == Rank::Default && from.starts_with('%') {
                draft.sends_as(own, domain, &[], "from");
            }
        }
        None if is_plain => {
            keys.list("senders", &[from.to_owned()], "from");
            if rank == Rank::Default && commands.is_on("allow_from_override", "on") {
                draft.top.text("origin", own, "rewritten by generic");
                let row = format!("[{{ {} = {} }}]", quoted(&format!("@{own}")), quoted(from));
                draft.top.line(
                    "generic",
                    row,
                    format!("from: replaces the addresses of this machine in account {name}"),
                );
                draft.changed(
                    format!("from (account {name})"),
                    "it also replaces the addresses of this machine in the header, and mail to those addresses goes there",
                );
            } else if rank == Rank::Default {
                keys.text("from", from, "allow_from_override off; in postrider it also replaces From");
                draft.changed(format!("from (account {name})"), "it now replaces From as well");
            }
        }
        None => draft.left_out(
            format!("from {from} (account {name})"),
            "list the addresses it matches in the account's `senders`",
        ),
    }
    if !is_plain && !commands.is_on("allow_from_override", "on") {
        draft.changed(
            format!("allow_from_override off (account {name})"),
            "a sender given by a program is used unchanged; `from` of the account would replace it",
        );
    }
}

fn tls_keys(name: &str, commands: &Commands, login: bool, keys: &mut Section, draft: &mut Draft) {
    match (commands.is_on("tls", "off"), commands.is_on("tls_starttls", "on")) {
        (true, true) => keys.text("tls", "starttls", ""),
        (true, false) => keys.text("tls", "implicit", ""),
        (false, _) if login => {
            keys.text("tls", "starttls", "turned on, so that the password is not sent in clear text");
            draft.changed(format!("tls (account {name})"), "was off; TLS is now required");
        }
        (false, _) => keys.text("tls", "none", "unchanged; set \"starttls\" if the relay offers it"),
    }
    if !commands.is_on("tls_certcheck", "on") {
        draft.changed(format!("tls_certcheck (account {name})"), "the certificate must now be valid for the relay");
    }
    for (command, key) in
        [("tls_host_override", "tls_name"), ("tls_cert_file", "tls_client_cert"), ("tls_key_file", "tls_client_key")]
    {
        if let Some(value) = commands.get(command) {
            keys.text(key, value, command);
        }
    }
    match commands.get("tls_fingerprint") {
        // The shorter ones are of SHA-1 or MD5.
        Some(print) if print.chars().filter(char::is_ascii_hexdigit).count() == 64 => {
            keys.text("tls_fingerprint", print, "tls_fingerprint");
        }
        Some(_) => draft.left_out(
            format!("tls_fingerprint (account {name})"),
            format!("not a SHA-256 fingerprint; \"postrider test {name}\" shows the one to set"),
        ),
        None => {}
    }
    if let Some(file) =
        commands.get("tls_trust_file").filter(|file| *file != "system" && !file.ends_with("/ca-certificates.crt"))
    {
        keys.text("tls_ca", file, "tls_trust_file");
    }
}
