//! msmtprc -> [`Draft`]: an account for each of its accounts. Here the file is read; what an account becomes is in
//! `account`, its `from` in `sender`, its aliases in `aliases`, and what has no counterpart in `options`.

mod account;
mod aliases;
mod options;
mod sender;

use super::draft::Draft;
use crate::import::{ImportContext, ImportError};

/// The commands of one account, in order; the last of a name counts.
#[derive(Debug, Clone, Default)]
struct Commands(Vec<(String, String)>);

impl Commands {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// `on` unless it says `off`; absent: as context.
    fn is_on(&self, name: &str, usual: &str) -> bool {
        let value = self.0.iter().rev().find(|(known, _)| known == name).map_or(usual, |(_, value)| value);
        !value.eq_ignore_ascii_case("off")
    }

    /// A path, where `~` is the user's home directory.
    fn path(&self, name: &str, context: &ImportContext<'_>) -> Option<String> {
        let written = self.get(name)?;
        let below = written.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        Some(match (below, context.home) {
            (Some(below), Some(home)) => home.join(below.trim_start_matches('/')).display().to_string(),
            _ => written.to_owned(),
        })
    }

    /// Takes a command as it is called today: some have had other names.
    fn add(&mut self, name: &str, value: &str) {
        let (name, value) = match name {
            "connect_timeout" => ("timeout", value),
            "tls_nocertcheck" => ("tls_certcheck", "off"),
            "tls_nostarttls" => ("tls_starttls", "off"),
            _ => (name, value),
        };
        self.0.push((name.to_owned(), value.to_owned()));
    }
}

/// Whether an account is for mail that asks for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    Default,
    Other,
}

/// What becomes of mail to the names of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnNames {
    /// It is for people here.
    OnThisMachine,
    /// The default account's relay has it.
    AtTheRelay,
}

/// Translates.
pub(crate) fn translate(context: &ImportContext<'_>) -> Result<Draft, ImportError> {
    let text = context.required(context.source)?;
    let mut draft = Draft::default();
    let (mut accounts, default) = read(&text, &mut draft);
    // "account default : x" is a second name of x.
    accounts.retain(|(name, _)| name != "default" || default.is_none());
    let is_default = |name: &String| default.as_deref().unwrap_or("default") == name;
    let has_default = accounts.iter().any(|(name, commands)| is_default(name) && commands.get("host").is_some());
    let usual = accounts.iter().filter(|(name, _)| !has_default || is_default(name));
    let own_mail = match accounts.iter().find(|(name, commands)| is_default(name) && commands.get("host").is_some()) {
        Some((_, commands)) => sender::own_mail(context, commands),
        None => OwnNames::OnThisMachine,
    };
    let aliases = machine_wide(context, usual, own_mail, &mut draft);
    for (name, commands) in &accounts {
        let rank = if is_default(name) { Rank::Default } else { Rank::Other };
        account::add(context, name, commands, rank, &mut draft);
    }
    if let Some((_, commands)) = accounts.iter().find(|(name, _)| is_default(name)) {
        sender::keeps_default(context, commands, &mut draft);
    }
    for (name, commands) in &accounts {
        if let Some(path) = commands.path("aliases", context).filter(|path| aliases.as_ref() != Some(path)) {
            let why = match &aliases {
                Some(used) => format!("`aliases` is the same for all accounts; {used} is used"),
                None => "`aliases` is the same for all accounts, and the default account has none; set it".to_owned(),
            };
            draft.left_out(format!("aliases {path} (account {name})"), why);
        }
    }
    Ok(draft)
}

/// What a machine has one of, by the first of these accounts that sets it. Returns the path of the aliases.
fn machine_wide<'a>(
    context: &ImportContext<'_>,
    accounts: impl Iterator<Item = &'a (String, Commands)> + Clone,
    own_mail: OwnNames,
    draft: &mut Draft,
) -> Option<String> {
    let mut usable = accounts.map(|(_, commands)| commands).filter(|commands| commands.get("host").is_some());
    let domain = usable.clone().find_map(|commands| commands.get("domain"));
    match domain {
        Some("localhost" | "%H" | "%C") | None => {}
        Some(domain) => draft.greets_as(domain, context.hostname, "domain"),
    }
    let path = usable.find_map(|commands| commands.path("aliases", context))?;
    aliases::carry(context, &path, own_mail, draft);
    Some(path)
}

/// Accounts with what they inherit, and which the default is.
fn read(text: &str, draft: &mut Draft) -> (Vec<(String, Commands)>, Option<String>) {
    let mut defaults = Commands::default();
    let mut accounts: Vec<(String, Commands)> = Vec::new();
    let (mut in_defaults, mut default) = (false, None);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (command, value) =
            line.split_once(char::is_whitespace).map_or((line, ""), |(name, value)| (name, unquoted(value.trim())));
        match command {
            "defaults" => in_defaults = true,
            "account" => {
                in_defaults = false;
                let (name, bases) = value.split_once(':').map_or((value, ""), |(name, bases)| (name.trim(), bases));
                let bases: Vec<&str> = bases.split(',').map(str::trim).filter(|base| !base.is_empty()).collect();
                let mut commands = defaults.clone();
                for base in &bases {
                    match accounts.iter().find(|(known, _)| known == base) {
                        Some((_, known)) => commands.0.extend(known.0.clone()),
                        None => draft.left_out(
                            format!("account {name} : {base}"),
                            format!("no account {base} comes before it, and msmtp reads no such file"),
                        ),
                    }
                }
                if let ("default", [only]) = (name, bases.as_slice()) {
                    default = Some((*only).to_owned());
                }
                if accounts.iter().any(|(known, _)| known == name) {
                    let why = "an account of this name comes before it, and msmtp reads no such file";
                    draft.left_out(format!("the second account {name}"), why);
                }
                accounts.push((name.to_owned(), commands));
            }
            _ => {
                if accounts.is_empty() && !in_defaults {
                    // As with msmtp 1.2: without a name, the first account is the default one.
                    accounts.push(("default".to_owned(), Commands::default()));
                }
                let commands = match accounts.last_mut() {
                    Some((_, commands)) if !in_defaults => commands,
                    _ => &mut defaults,
                };
                commands.add(command, value);
            }
        }
    }
    // An account that adds something to those that it is made of is one of its own.
    let has_own = |base: &String| {
        let commands = |name: &str| accounts.iter().find(|(known, _)| known == name).map(|(_, of)| of.0.len());
        commands("default") > commands(base).map(|count| count + defaults.0.len())
    };
    let default = default.filter(|base| !has_own(base));
    (accounts, default)
}

/// A pair of double quotes around the whole value is all that msmtp takes away.
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}
