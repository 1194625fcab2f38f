//! `postrider client`: network clients from the command line. What is changed is the text of one file of the configuration, checked
//! as a whole before it is in place; a runner that is running notices it.

mod add;
mod list;
mod setup;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};

use self::setup::Setup;
use super::ask::is_attended;
use super::exit::{Exit, Failure};
use super::new_config::{self, ChangeLock};
use super::{load, load_as_caller, password, print};
use crate::config::edit::{ConfigText, EditError, Setting};
use crate::config::locate::{self, Change};
use crate::config::scram::{ScramHash, StoredKeys};
use crate::config::{Config, ConfigError, Secret, conf_d};
use crate::mail::submitter::ClientName;
use crate::sys::harden;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Add a client, and print what to enter in the device
    Add(add::Arguments),
    /// List the clients, with their last login and what was refused
    List,
    /// Give a client a new password
    Password {
        /// The client
        client: String,
        /// Read the password from the first line of this file; default: ask on a terminal, otherwise generate one
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Remove a client
    Delete {
        /// The client
        client: String,
    },
}

/// Does it.
pub fn run(named: Option<&Path>, action: &Action) -> Result<Exit, Failure> {
    match action {
        Action::List => load(named).and_then(|config| list::run(&config)),
        Action::Add(arguments) => add::run(named, arguments),
        Action::Password { client, password_file } => {
            let config = load_without_password(named)?;
            known(&config, client)?;
            let password = new_password(client, password_file.as_deref())?;
            // What others changed meanwhile counts.
            let lock = ChangeLock::take(&config.path)?;
            let config = load_without_password(named)?;
            let mut file = Section::of(&config, &known(&config, client)?)?;
            file.text.set("client", client, &[("scram", keys(&password)?)]).map_err(|error| file.unfit(&error))?;
            let changed = file.put(&lock, &config)?;
            let name = known(&changed, client)?;
            if let Some(client) = changed.client(&name) {
                let setup = Setup { config: &changed, client, password: Some(&password) };
                return show(&format!("password for client {name} saved"), &setup);
            }
            Ok(Exit::Ok)
        }
        Action::Delete { client } => {
            let lock = ChangeLock::take(&load_as_caller(named)?.path)?;
            let config = load_as_caller(named)?;
            let mut file = Section::of(&config, &known(&config, client)?)?;
            file.text.remove("client", client);
            file.put(&lock, &config)?;
            print_line!("client {client} removed; its queued mail is held");
            Ok(Exit::Ok)
        }
    }
}

/// Says what was done and what to enter in the device. A password that was made is nowhere else.
fn show(done: &str, setup: &Setup<'_>) -> Result<Exit, Failure> {
    let lost = |error: io::Error| {
        let name = &setup.client.name;
        let (what, remedy) = match setup.password {
            Some(_) => ("its password", format!("set another with \"postrider client password {name}\"")),
            None => ("what to enter in the device", "\"postrider client list\" shows the client".to_owned()),
        };
        Failure::new(Exit::IoError, format_args!("{done}, but {what} cannot be printed: {error}; {remedy}"))
    };
    print::try_text(format_args!("{done}\n{setup}")).map_err(lost)?;
    Ok(Exit::Ok)
}

/// The configuration, also with errors: that a client has no password yet may be one. What is wrong with it then is told when it is
/// changed.
fn load_without_password(named: Option<&Path>) -> Result<Config, Failure> {
    let loaded = locate::load(named);
    harden::keep_memory_private();
    match loaded {
        Err(ConfigError::Faulty { rest: Some(rest), .. }) => Ok(*rest),
        loaded => Ok(loaded?),
    }
}

/// The name of a client that there is.
fn known(config: &Config, name: &str) -> Result<ClientName, Failure> {
    let known = ClientName::parse(name).ok().filter(|name| config.client(name).is_some());
    known.ok_or_else(|| {
        let names: Vec<&str> = config.clients.iter().map(|client| client.name.as_str()).collect();
        let names = if names.is_empty() {
            "there are no clients yet (\"postrider client add NAME\" adds one)".to_owned()
        } else {
            format!("existing clients: {}", names.join(", "))
        };
        Failure::new(Exit::Usage, format_args!("there is no client {name}; {names}"))
    })
}

/// The file that has, or is to have, the section of a client.
struct Section {
    path: PathBuf,
    text: ConfigText,
}

impl Section {
    /// Where a client's section is.
    fn of(config: &Config, name: &ClientName) -> Result<Self, Failure> {
        for path in conf_d::with_main(&config.path) {
            let file = Self::read(path)?;
            if file.text.has("client", name.as_str()) {
                return Ok(file);
            }
        }
        Err(Failure::new(Exit::TempFail, format_args!("[client.{name}] has just been removed; nothing was changed")))
    }

    /// Where the section of a new client goes.
    fn fresh(config: &Config, name: &ClientName) -> Result<Self, Failure> {
        Self::read(conf_d::folder(&config.path).join(format!("client-{name}.toml")))
    }

    fn read(path: PathBuf) -> Result<Self, Failure> {
        let shown = path.display();
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => HEAD.to_owned(),
            read => read.map_err(|error| Failure::new(Exit::NoInput, format_args!("cannot read {shown}: {error}")))?,
        };
        match ConfigText::parse(&text) {
            Ok(text) => Ok(Self { path, text }),
            Err(error) => Err(unfit(&path, &error)),
        }
    }

    fn unfit(&self, error: &EditError) -> Failure {
        unfit(&self.path, error)
    }

    /// The configuration with this file as it is here. What it refuses is an error.
    fn checked(&self, config: &Config) -> Result<Config, Failure> {
        let text = self.text.to_string();
        let text = (!self.is_superfluous()).then_some(text.as_str());
        locate::load_changed(&config.path, Change { path: &self.path, text }).map_err(|error| {
            let Failure { message, exit } = error.into();
            Failure::new(exit, format_args!("{message}\nnothing was changed"))
        })
    }

    /// Puts it in place, if the configuration is good with it, which is returned.
    fn put(&self, lock: &ChangeLock, config: &Config) -> Result<Config, Failure> {
        let changed = self.checked(config)?;
        let written = if self.is_superfluous() {
            fs::remove_file(&self.path)
        } else {
            new_config::replace(lock, &config.path, &self.path, &self.text.to_string())
        };
        written.map_err(|error| {
            let shown = self.path.display();
            let hint = match error.kind() {
                io::ErrorKind::PermissionDenied => "; only root may change the system's configuration: use sudo",
                _ => "",
            };
            Failure::new(Exit::IoError, format_args!("cannot write {shown}: {error}{hint}"))
        })?;
        Ok(changed)
    }

    /// A file that `client add` made, and that sets nothing any more and has nobody's notes.
    fn is_superfluous(&self) -> bool {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let rest = self.text.to_string();
        self.text.is_empty() && name.starts_with("client-") && (rest.trim().is_empty() || rest.trim() == HEAD.trim())
    }
}

/// The first lines of a new file.
const HEAD: &str = "# Written by \"postrider client\". [client.NAME] in postrider.toml(5) explains every key.\n\n";

fn unfit(path: &Path, error: &EditError) -> Failure {
    Failure::new(Exit::Config, format_args!("cannot change {}: {error}; nothing was changed", path.display()))
}

/// From the file; typed, where somebody sits there; else made.
fn new_password(client: &str, file: Option<&Path>) -> Result<Secret, Failure> {
    let typed = match file {
        Some(file) => Some(password::from_file(file)?),
        None if is_attended() => password::typed(&format!("Password for {client} (leave empty to generate one)"))?,
        None => None,
    };
    match typed {
        Some(secret) if secret.expose().contains(char::is_control) => {
            Err(Failure::new(Exit::DataError, "the password contains a control character; nothing was changed"))
        }
        Some(secret) => Ok(secret),
        None => made(),
    }
}

/// The letters and digits that nobody mistakes for others on a printer's display.
const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// Of them, so many have more than 79 bits of chance.
const LENGTH: usize = 16;

fn made() -> Result<Secret, Failure> {
    let mut password = String::with_capacity(LENGTH);
    while password.len() < LENGTH {
        let mut chance = [0; 1];
        SystemRandom::new().fill(&mut chance).map_err(|_| no_chance())?;
        // As many bytes for each letter.
        let at = usize::from(chance[0]);
        if at < usize::from(u8::MAX) / LETTERS.len() * LETTERS.len() {
            password.push(char::from(LETTERS[at % LETTERS.len()]));
        }
    }
    Ok(Secret::new(password))
}

fn no_chance() -> Failure {
    Failure::new(Exit::OsError, "the system provides no random numbers; nothing was changed")
}

/// What is stored of a password, for each mechanism.
fn keys(password: &Secret) -> Result<Setting, Failure> {
    let of = |hash| StoredKeys::fresh(hash, password.expose()).map(|keys| keys.to_string()).ok_or_else(no_chance);
    Ok(Setting::Texts(vec![of(ScramHash::Sha256)?, of(ScramHash::Sha1)?]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
