//! msmtprc -> [`Draft`]: an account for each of its accounts.

use super::draft::{Draft, DraftAccount, Section, quoted};
use super::simple::words;
use super::{Given, ImportError};
use crate::config::Secret;

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
const KNOWN: [&str; 22] = [
    "host",
    "port",
    "tls",
    "tls_starttls",
    "tls_trust_file",
    "tls_certcheck",
    "tls_host_override",
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

/// Translates.
pub(super) fn translate(given: &Given<'_>) -> Result<Draft, ImportError> {
    let text = given.required(given.source)?;
    let mut draft = Draft::default();
    let (accounts, default) = read(&text);
    for (name, commands) in &accounts {
        // "account default : x" is a second name of x.
        if name == "default" && default.is_some() {
            continue;
        }
        let is_default = default.as_deref().unwrap_or("default") == name;
        add(given, name, commands, is_default, &mut draft);
    }
    let names: Vec<String> = draft.accounts.iter().map(|account| account.name.clone()).collect();
    let default = default.unwrap_or_else(|| "default".to_owned());
    if let Some(name) = names.iter().find(|name| **name == default) {
        draft.top.text("default_account", name, "account default");
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
            line.split_once(char::is_whitespace).map_or((line, ""), |(name, value)| (name, value.trim()));
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
                let value = words(value).join(" ");
                let commands = match accounts.last_mut() {
                    Some((_, commands)) if !in_defaults => commands,
                    _ => &mut defaults,
                };
                commands.0.push((command.to_lowercase(), value));
            }
        }
    }
    (accounts, default)
}

fn add(given: &Given<'_>, name: &str, commands: &Commands, is_default: bool, draft: &mut Draft) {
    let Some(host) = commands.get("host") else {
        draft.left_out(format!("account {name}"), "it has no host");
        return;
    };
    let tls = commands.is_on("tls", "off");
    let starttls = commands.is_on("tls_starttls", "on");
    let mut keys = Section::default();
    let usual = if tls && !starttls { "465" } else { "25" };
    keys.text("relay", &format!("[{host}]:{}", commands.get("port").unwrap_or(usual)), "");
    let login = commands.is_on("auth", "off") && commands.get("user").is_some();
    tls_keys(name, commands, login, &mut keys, draft);
    if let Some(user) = commands.get("user").filter(|_| login) {
        keys.text("username", user, "");
    }
    // The later of the two counts: an account may have inherited the other.
    let source =
        commands.0.iter().rev().find(|(name, _)| name == "password" || name == "passwordeval").filter(|_| login);
    let secret = source.filter(|(name, _)| name == "password").map(|(_, password)| Secret::new(password.clone()));
    if let Some((_, command)) = source.filter(|(name, _)| name == "passwordeval") {
        keys.line("password", format!("{{ command = [\"sh\", \"-c\", {}] }}", quoted(command)), "passwordeval");
    } else if login && secret.is_none() {
        draft.left_out(
            format!("password of account {name}"),
            "msmtp asks a keyring or netrc; run \"postrider password set\"",
        );
        keys.line("password", "{ keyring = true }".to_owned(), "");
    }
    if let Some(method) = commands.get("auth").filter(|method| *method != "on" && login) {
        keys.list("auth", &[method.to_lowercase()], "auth");
    }
    if let Some(from) = commands.get("from").filter(|from| !from.contains(['%', '*'])) {
        keys.list("senders", &[from.to_owned()], "from");
        if is_default {
            keys.text("from", from, "msmtp's default account puts it in the envelope; here it stands in From as well");
            draft.changed(format!("from of account {name}"), "it now stands in From as well");
        }
    }
    if let Some(seconds) = commands.get("timeout").filter(|timeout| *timeout != "off") {
        keys.text("timeout", &format!("{seconds}s"), "");
    }
    if let Some(domain) = commands.get("domain").filter(|domain| *domain != "localhost") {
        draft.top.text("hostname", domain, "domain");
    }
    if let Some(domain) = commands.get("maildomain") {
        draft.top.text("origin", domain, "maildomain");
    }
    if let Some(aliases) = commands.get("aliases").filter(|path| (given.read)(path.as_ref()).is_ok()) {
        draft.top.list("aliases", &[aliases.to_owned()], "aliases");
    }
    for (command, _) in commands.0.iter().filter(|(command, _)| !KNOWN.contains(&command.as_str())) {
        draft.left_out(format!("{command} of account {name}"), "postrider has nothing like it");
    }
    draft.accounts.push(DraftAccount { name: name.to_owned(), keys, secret });
}

fn tls_keys(name: &str, commands: &Commands, login: bool, keys: &mut Section, draft: &mut Draft) {
    match (commands.is_on("tls", "off"), commands.is_on("tls_starttls", "on")) {
        (true, true) => keys.text("tls", "starttls", ""),
        (true, false) => keys.text("tls", "implicit", ""),
        (false, _) if login => {
            keys.text("tls", "starttls", "turned on: the password is not sent in the clear");
            draft.changed(format!("tls of account {name}"), "it was off; TLS is now required");
        }
        (false, _) => keys.text("tls", "none", "as before; set \"starttls\" if the relay offers it"),
    }
    if !commands.is_on("tls_certcheck", "on") {
        draft.changed(format!("tls_certcheck of account {name}"), "the certificate must now be valid for the relay");
    }
    if let Some(name) = commands.get("tls_host_override") {
        keys.text("tls_name", name, "tls_host_override");
    }
    if let Some(file) =
        commands.get("tls_trust_file").filter(|file| *file != "system" && !file.ends_with("/ca-certificates.crt"))
    {
        keys.text("tls_ca", file, "tls_trust_file");
    }
}
