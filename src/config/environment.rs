//! The configuration of a container as environment variables: `POSTRIDER_KEY=VALUE` becomes the line `KEY = VALUE` of a file that
//! is read behind the others. Pure: which variables there are is `container`'s to say, and what values mean is `read`'s.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

use super::keys::{
    ACCOUNT_KEYS, ALARM_KEYS, CLIENT_KEYS, FLOOD_KEYS, FORMAT_KEYS, HEARTBEAT_KEYS, Key, LIMIT_KEYS, LISTEN_KEYS,
    METRICS_KEYS, OAUTH_KEYS, PASSWORD_KEYS, QUEUE_KEYS, TIMEOUT_KEYS, TOP_KEYS, nearest,
};

/// What the names begin with.
pub const PREFIX: &str = "POSTRIDER_";

/// The name of the account, the listener and the client that variables configure.
pub const NAME: &str = "container";

/// Variables that are read elsewhere, or that `on_stuck` and the command of `[alarm]` get: a program that they call is given them.
const NO_KEYS: [&str; 5] = ["CONFIG", "EPHEMERAL", "ACCOUNT", "REASON", "SINCE"];

/// What a section's variables begin with behind `POSTRIDER_`, the section, and its keys.
const SECTIONS: [(&str, &str, &[Key]); 14] = [
    ("", "", TOP_KEYS),
    ("", "account.container.", ACCOUNT_KEYS),
    ("PASSWORD_", "account.container.password.", PASSWORD_KEYS),
    ("OAUTH_", "account.container.oauth.", OAUTH_KEYS),
    ("TIMEOUTS_", TIMEOUTS, TIMEOUT_KEYS),
    ("LISTEN_", "listen.container.", LISTEN_KEYS),
    ("CLIENT_", "client.container.", CLIENT_KEYS),
    ("QUEUE_", "queue.", QUEUE_KEYS),
    ("LIMITS_", "limits.", LIMIT_KEYS),
    ("ALARM_", "alarm.", ALARM_KEYS),
    ("ALARM_FORMAT_", "alarm.format.", FORMAT_KEYS),
    ("ALARM_HEARTBEAT_", "alarm.heartbeat.", HEARTBEAT_KEYS),
    ("METRICS_", "metrics.", METRICS_KEYS),
    ("FLOOD_", "flood.", FLOOD_KEYS),
];

const TIMEOUTS: &str = "account.container.timeouts.";

/// At the top: sections, and what a container has not.
const NOT_AT_THE_TOP: [&str; 10] =
    ["account", "listen", "client", "queue", "limits", "alarm", "metrics", "flood", "spool", "delivery"];

/// Keys whose values are tables, each key of which has a variable.
const WITH_KEYS: [&str; 4] = ["password", "oauth", "timeouts", "heartbeat"];

/// Keys that name the file of a secret: their variables end in `_FILE`.
const SECRETS: [&str; 2] = ["client_secret", "url"];

/// What a container lacks: a desktop's keyring, and systemd's credentials.
const NOT_IN_A_CONTAINER: [&str; 2] = ["keyring", "credential"];

/// Stored keys of a password: they contain commas, and a guessed password can be checked with them.
const ONLY_IN_FILES: [&str; 1] = ["scram"];

const FLAGS: [&str; 9] = [
    "received",
    "early_data",
    "allow_plaintext",
    "public",
    "hide_clients",
    "relay_for_others",
    "behind_nat_ok",
    "detail",
    "motd",
];

const NUMBERS: [&str; 12] = [
    "max_connections",
    "max_messages_per_connection",
    "max_per_minute",
    "per_hour",
    "reports_per_hour",
    "recipients",
    "connections",
    "connections_per_address",
    "connections_before_login",
    "failures",
    "per_minute",
    "waiting",
];

const TABLES: [&str; 7] =
    ["generic", "canonical", "sender_canonical", "recipient_canonical", "virtual", "aliases", "local_users"];

const LISTS: [&str; 19] = [
    "generic_classes",
    "own_domains",
    "operators",
    "masquerade_domains",
    "masquerade_exceptions",
    "propagate_extensions",
    "relay",
    "auth",
    "senders",
    "users",
    "clients",
    "source_address",
    "tls_fingerprint",
    "discard_ehlo_keywords",
    "token_hosts",
    "address",
    "networks",
    "trust",
    "allowed_recipients",
];

const COMMANDS: [&str; 2] = ["on_stuck", "command"];

/// How a value is written in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A string; durations and sizes as well.
    Text,
    /// A number, `true` or `false`.
    Bare,
    /// Strings, apart by commas or white space.
    List,
    /// Words, apart by white space.
    Command,
    /// `TYPE:PATH` and rows `KEY=VALUE`, apart by commas or white space.
    Tables,
    /// Rows `KEY=VALUE`, the same.
    Rows,
    /// `{ file = PATH }`.
    Secret,
}

/// A variable that configures nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadVariable {
    /// Its name.
    pub name: String,
    /// What is wrong with it, and what to do; never its value.
    pub message: String,
}

/// The variables as a file: a line for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// TOML.
    pub text: String,
    /// The name of each line's variable.
    pub names: Vec<String>,
}

impl Environment {
    /// Reads what an environment has for us. One that is empty counts as not set: Compose gives such for a value that it has not.
    pub fn read(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, Vec<BadVariable>> {
        let mut ours: Vec<(String, OsString)> =
            variables.filter_map(|(name, value)| Some((ours(&name)?, value))).collect();
        ours.sort();
        let (mut environment, mut bad) = (Self::default(), Vec::new());
        for (name, value) in ours.into_iter().filter(|(_, value)| !value.is_empty()) {
            match line(&name, &value) {
                Ok(line) => {
                    environment.text.push_str(&line);
                    environment.text.push('\n');
                    environment.names.push(format!("{PREFIX}{name}"));
                }
                Err(message) => bad.push(BadVariable { name: format!("{PREFIX}{name}"), message }),
            }
        }
        if bad.is_empty() { Ok(environment) } else { Err(bad) }
    }
}

/// The name behind the prefix, of one that may configure something.
fn ours(name: &OsStr) -> Option<String> {
    let name = name.as_bytes().strip_prefix(PREFIX.as_bytes())?;
    let name = String::from_utf8_lossy(name).into_owned();
    // What only builds for tests read.
    let is_tests = cfg!(debug_assertions) && name == "FLUSHES";
    let is_no_key = is_tests || NO_KEYS.contains(&name.as_str()) || is_of_kubernetes(&name);
    (!is_no_key).then_some(name)
}

/// Kubernetes gives each container where the services of its namespace are: of one that is called postrider, `POSTRIDER_PORT` and
/// others.
fn is_of_kubernetes(name: &str) -> bool {
    let is_port_of = |rest: &str| {
        let (number, kind) = rest.split_once('_').unwrap_or((rest, ""));
        let kind = ["TCP", "UDP", "SCTP"].iter().find_map(|known| kind.strip_prefix(known));
        number.parse::<u16>().is_ok() && kind.is_some_and(|rest| ["", "_PROTO", "_PORT", "_ADDR"].contains(&rest))
    };
    let name = format!("_{name}");
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.ends_with("_PORT")
        || name.split_once("_PORT_").is_some_and(|(_, rest)| is_port_of(rest))
}

/// One line of the file.
fn line(name: &str, value: &OsStr) -> Result<String, String> {
    if is_password(name) {
        return Err(format!(
            "a password in the environment is shown by \"docker inspect\" and given to every program of the container; write it \
             to a file, and set {PREFIX}{name}_FILE to its path"
        ));
    }
    let (section, key, form) = meant(name).ok_or_else(|| unknown(name))?;
    let value = value.to_str().ok_or("it is not UTF-8")?.trim();
    Ok(format!("{section}{key} = {}", written(form, value)?))
}

fn is_password(name: &str) -> bool {
    let is_secret = |key: &String| key == "password" || SECRETS.contains(&key.as_str());
    SECTIONS.iter().any(|(prefix, _, keys)| {
        let key = name.strip_prefix(prefix).map(str::to_lowercase).filter(is_secret);
        key.is_some_and(|key| keys.iter().any(|known| known.name == key))
    })
}

/// The section and the key that a name stands for. `POSTRIDER_LISTEN` is the address, without which there is no listener.
fn meant(name: &str) -> Option<(&'static str, &'static str, Form)> {
    let name = if name == "LISTEN" { "LISTEN_ADDRESS" } else { name };
    all().find(|(known, ..)| known == name).map(|(_, section, key, form)| (section, key, form))
}

/// All names, each with what it stands for.
fn all() -> impl Iterator<Item = (String, &'static str, &'static str, Form)> {
    SECTIONS.iter().flat_map(|(prefix, section, keys)| {
        keys.iter().filter_map(move |key| {
            let form = form(section, key.name)?;
            let end = if form == Form::Secret { "_FILE" } else { "" };
            Some((format!("{prefix}{}{end}", key.name.to_uppercase()), *section, key.name, form))
        })
    })
}

/// `None`: it is for files alone.
fn form(section: &str, key: &str) -> Option<Form> {
    Some(match key {
        _ if section.is_empty() && NOT_AT_THE_TOP.contains(&key) => return None,
        _ if section == TIMEOUTS => Form::Text,
        _ if SECRETS.contains(&key) => Form::Secret,
        _ if WITH_KEYS.contains(&key) || NOT_IN_A_CONTAINER.contains(&key) || ONLY_IN_FILES.contains(&key) => {
            return None;
        }
        "expect" => Form::Rows,
        _ if FLAGS.contains(&key) || NUMBERS.contains(&key) => Form::Bare,
        _ if TABLES.contains(&key) => Form::Tables,
        _ if LISTS.contains(&key) => Form::List,
        _ if COMMANDS.contains(&key) => Form::Command,
        _ => Form::Text,
    })
}

fn unknown(name: &str) -> String {
    let in_files = SECTIONS.iter().find(|(prefix, _, keys)| {
        let key = name.strip_prefix(prefix).map(str::to_lowercase);
        key.is_some_and(|key| keys.iter().any(|known| known.name == key))
    });
    if let Some((prefix, ..)) = in_files {
        let key = name.strip_prefix(prefix).unwrap_or(name).to_lowercase();
        return match key.as_str() {
            "spool" | "delivery" => {
                format!("`{key}` cannot be set in a container: mount a volume at /var/spool/postrider")
            }
            known if WITH_KEYS.contains(&known) => {
                format!("`{key}` has keys of its own, each with a variable: {PREFIX}{name}_KEY")
            }
            known if NOT_IN_A_CONTAINER.contains(&known) => {
                format!("a container has no {key}: mount the secret as a file, and set the variable that ends in _FILE")
            }
            _ => format!("`{key}` cannot be set in the environment: mount a file with it in /etc/postrider/conf.d"),
        };
    }
    let names: Vec<String> = all().map(|(name, ..)| name).chain(["LISTEN".to_owned()]).collect();
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("unknown variable; did you mean {PREFIX}{near}?"),
        None => format!("unknown variable: use {PREFIX} and a key of postrider.toml(5) in capitals"),
    }
}

fn written(form: Form, value: &str) -> Result<String, String> {
    let listed = || value.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    let list = |words: Vec<String>| format!("[{}]", words.join(", "));
    Ok(match form {
        Form::Text => quoted(value),
        Form::Bare if value.chars().all(|c| c.is_ascii_alphanumeric()) => value.to_owned(),
        Form::Bare => return Err("it must be a whole number, or true or false".to_owned()),
        Form::List => list(listed().map(quoted).collect()),
        Form::Rows => {
            let row = |word: &str| {
                let (key, value) = word.split_once('=').ok_or("it must be rows KEY=VALUE")?;
                Ok(format!("{} = {}", quoted(key), quoted(value)))
            };
            let rows: Result<Vec<String>, String> = listed().map(row).collect();
            format!("{{ {} }}", rows?.join(", "))
        }
        Form::Command => list(value.split_whitespace().map(quoted).collect()),
        Form::Tables => {
            let source = |word: &str| match word.split_once('=') {
                Some((key, result)) => format!("{{ {} = {} }}", quoted(key), quoted(result)),
                None => quoted(word),
            };
            list(listed().map(source).collect())
        }
        Form::Secret => format!("{{ file = {} }}", quoted(value)),
    })
}

/// A string of TOML in one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                // A String takes all that is written to it.
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests;
