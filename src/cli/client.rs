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
use super::{load, password, print};
use crate::config::edit::{ConfigText, EditError, Setting};
use crate::config::locate::{self, Change};
use crate::config::places::SYSTEM_CONFIG;
use crate::config::scram::{ScramHash, StoredKeys};
use crate::config::{Config, ConfigError, Fault, Secret, conf_d};
use crate::mail::printable::printable;
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
            let Loaded { config, .. } = load_with_faults(named)?;
            known(&config, client)?;
            let password = new_password(client, password_file.as_deref())?;
            // What others changed meanwhile counts.
            let lock = ChangeLock::take(&config.path)?;
            let loaded = load_with_faults(named)?;
            let mut file = Section::of(&loaded.config, &known(&loaded.config, client)?)?;
            file.text.set("client", client, &[("scram", keys(&password)?)]).map_err(|error| file.unfit(&error))?;
            let Loaded { config, faults } = file.put(&lock, &loaded)?;
            let name = known(&config, client)?;
            if let Some(client) = config.client(&name) {
                let setup = Setup { config: &config, client, password: Some(&password) };
                show(&format!("password for client {name} saved"), &setup)?;
            }
            tell_left(&faults);
            Ok(Exit::Ok)
        }
        Action::Delete { client } => {
            let lock = ChangeLock::take(&load_with_faults(named)?.config.path)?;
            let loaded = load_with_faults(named)?;
            let mut file = Section::of(&loaded.config, &known(&loaded.config, client)?)?;
            file.text.remove("client", client);
            let Loaded { faults, .. } = file.put(&lock, &loaded)?;
            print_line!("client {client} removed; its queued mail is held");
            tell_left(&faults);
            Ok(Exit::Ok)
        }
    }
}

/// Says what is still wrong with the configuration, so that it is not in use yet.
fn tell_left(faults: &[Fault]) {
    for fault in faults {
        complain!("postrider: still an error: {}: {}", fault.place(), printable(&fault.message));
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

/// A configuration, with what is wrong with it.
struct Loaded {
    config: Config,
    faults: Vec<Fault>,
}

/// The configuration, also with errors: the command may fix one of them.
fn load_with_faults(named: Option<&Path>) -> Result<Loaded, Failure> {
    let loaded = locate::load(named);
    harden::keep_memory_private();
    match loaded {
        Ok(config) => Ok(Loaded { config, faults: Vec::new() }),
        Err(ConfigError::Faulty { rest: Some(rest), faults, .. }) => Ok(Loaded { config: *rest, faults }),
        Err(error) => Err(error.into()),
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

    /// The configuration with this file as it is here. What is wrong with it is an error, but for the stored keys of other
    /// clients that were wrong before: each has a command of its own, and none of these can wait for the others.
    fn checked(&self, before: &Loaded) -> Result<Loaded, Failure> {
        let text = self.text.to_string();
        let text = (!self.is_superfluous()).then_some(text.as_str());
        // The line may be another one now.
        let was_there = |fault: &Fault| {
            before.faults.iter().any(|known| (&known.path, &known.message) == (&fault.path, &fault.message))
        };
        let is_known = |fault: &Fault| fault.is_about_stored_keys() && was_there(fault);
        match locate::load_changed(&before.config.path, Change { path: &self.path, text }) {
            Ok(config) => Ok(Loaded { config, faults: Vec::new() }),
            Err(ConfigError::Faulty { faults, rest: Some(rest), .. }) if faults.iter().all(is_known) => {
                Ok(Loaded { config: *rest, faults })
            }
            Err(error) => {
                let Failure { message, exit } = error.into();
                Err(Failure::new(exit, format_args!("{message}\nnothing was changed")))
            }
        }
    }

    /// Puts it in place, if the configuration is good with it, which is returned.
    fn put(&self, lock: &ChangeLock, before: &Loaded) -> Result<Loaded, Failure> {
        let changed = self.checked(before)?;
        let written = if self.is_superfluous() {
            fs::remove_file(&self.path)
        } else {
            new_config::replace(lock, &before.config.path, &self.path, &self.text.to_string())
        };
        written.map_err(|error| {
            let shown = self.path.display();
            Failure::new(Exit::IoError, format_args!("cannot write {shown}: {error}{}", hint(&error, &self.path)))
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

/// What to do where a file of the configuration cannot be written, behind the error.
fn hint(error: &io::Error, path: &Path) -> String {
    let folder = path.parent().unwrap_or(path).display();
    let machines = Path::new(SYSTEM_CONFIG).parent().unwrap_or(path);
    match error.kind() {
        io::ErrorKind::PermissionDenied if rustix::process::geteuid().is_root() => {
            format!("; root may not write there either: see whether \"lsattr -d {folder}\" shows it as immutable")
        }
        io::ErrorKind::PermissionDenied if path.starts_with(machines) => {
            "; only root may change the system's configuration: use sudo".to_owned()
        }
        io::ErrorKind::PermissionDenied => format!("; give this user write access to {folder}"),
        io::ErrorKind::ReadOnlyFilesystem => format!("; the file system of {folder} is mounted read-only"),
        _ => String::new(),
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
