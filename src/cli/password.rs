//! `postrider password`: puts an account's password where its config says it is kept, takes
//! it out, or tests that it is there.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt as _, OpenOptionsExt, PermissionsExt as _};
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::exit::{Exit, Failure};
use super::print;
use crate::config::secret::{SecretError, SecretItem, runners_group};
use crate::config::{Account, Config, Password, Secret};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Ask for the password (or read it from standard input) and store it
    Set {
        /// The account
        account: String,
    },
    /// Remove the password from the file or keyring
    Delete {
        /// The account
        account: String,
    },
    /// Fetch the password as delivery would, without showing it
    Test {
        /// The account
        account: String,
    },
}

/// Does it.
pub fn run(config: &Config, action: &Action) -> Result<Exit, Failure> {
    let (Action::Set { account } | Action::Delete { account } | Action::Test { account }) = action;
    let account = config.account(account).ok_or_else(|| {
        let names: Vec<&str> = config.accounts.iter().map(|account| account.name.as_str()).collect();
        Failure::new(
            Exit::Usage,
            format_args!("there is no account {account}; existing accounts: {}", names.join(", ")),
        )
    })?;
    let name = &account.name;
    if account.oauth.is_some() {
        let message =
            format_args!("account {name} has no password but an OAuth 2.0 login; run \"postrider login {name}\"");
        return Err(Failure::new(Exit::Usage, message));
    }
    let Some(password) = &account.password else {
        let way_out = "set username, and password = { file = \"secrets/NAME\" } or { keyring = true }";
        return Err(Failure::new(Exit::Config, format_args!("account {name} has no `password` key; {way_out}")));
    };
    match action {
        Action::Set { .. } => set(account, password)?,
        Action::Delete { .. } => delete(account, password)?,
        Action::Test { .. } => drop(password.fetch().map_err(unavailable)?),
    }
    print_line!(
        "{}",
        match action {
            Action::Set { .. } => format!("password for account {name} saved"),
            Action::Delete { .. } => format!("password for account {name} removed"),
            Action::Test { .. } => format!(
                "a password is stored for account {name}; \"postrider test {name}\" checks whether the server accepts it"
            ),
        }
    );
    Ok(Exit::Ok)
}

fn unavailable(error: SecretError) -> Failure {
    Failure::new(Exit::Unavailable, error)
}

fn set(account: &Account, password: &Password) -> Result<(), Failure> {
    match password {
        Password::File(path) => {
            let secret = ask(&account.name)?;
            write(path, &secret).map_err(|error| {
                let shown = path.display();
                Failure::new(
                    Exit::IoError,
                    format_args!("cannot write {shown}: {error}; give this user write access to the folder"),
                )
            })
        }
        Password::Keyring(name) => SecretItem::password(name).store(&ask(&account.name)?).map_err(unavailable),
        Password::Literal(_) | Password::Command(_) | Password::Credential(_) => Err(elsewhere(account, password)),
    }
}

fn delete(account: &Account, password: &Password) -> Result<(), Failure> {
    match password {
        Password::File(path) => fs::remove_file(path)
            .map_err(|error| Failure::new(Exit::IoError, format_args!("cannot remove {}: {error}", path.display()))),
        Password::Keyring(name) => SecretItem::password(name).delete().map_err(unavailable),
        Password::Literal(_) | Password::Command(_) | Password::Credential(_) => Err(elsewhere(account, password)),
    }
}

fn elsewhere(account: &Account, password: &Password) -> Failure {
    let place = match password {
        Password::Literal(_) => "in the config file; change it there",
        Password::Command(_) => "by a command; change it with that program",
        Password::Credential(_) => "as a systemd credential; change the file named by LoadCredential=",
        Password::File(_) | Password::Keyring(_) => "here",
    };
    Failure::new(Exit::Usage, format_args!("the password for account {} is stored {place}", account.name))
}

/// From the terminal without an echo, else the first line of standard input.
pub(super) fn ask(account: &str) -> Result<Secret, Failure> {
    match typed(&format!("Password for {account}"))? {
        Some(secret) => Ok(secret),
        None => Err(Failure::new(Exit::DataError, "the password is empty; nothing was changed")),
    }
}

/// The first line of a file.
pub(super) fn from_file(file: &Path) -> Result<Secret, Failure> {
    let shown = file.display();
    let failed = |error| Failure::new(Exit::NoInput, format_args!("cannot read {shown}: {error}; nothing was written"));
    let text = zeroize::Zeroizing::new(fs::read_to_string(file).map_err(failed)?);
    match text.lines().next().unwrap_or_default() {
        "" => {
            Err(Failure::new(Exit::DataError, format_args!("the first line of {shown} is empty; nothing was written")))
        }
        password => Ok(Secret::new(password.to_owned())),
    }
}

/// The same; `None` for an empty line.
pub(super) fn typed(prompt: &str) -> Result<Option<Secret>, Failure> {
    let stdin = io::stdin();
    let failed = |error: io::Error| Failure::new(Exit::IoError, format_args!("cannot read the password: {error}"));
    let mut line = String::new();
    if stdin.is_terminal() {
        let usual = tcgetattr(&stdin).map_err(|error| failed(error.into()))?;
        let mut silent = usual.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &silent).map_err(|error| failed(error.into()))?;
        // Not before: what is typed at the question must neither be shown nor get lost.
        print::aside(format_args!("{prompt}: "));
        let read = stdin.lock().read_line(&mut line);
        // The terminal is as it was, whatever came.
        let restored = tcsetattr(&stdin, OptionalActions::Flush, &usual);
        complain!("");
        restored.map_err(|error| failed(error.into()))?;
        if read.map_err(failed)? == 0 {
            return Err(Failure::new(Exit::DataError, "unexpected end of input; nothing was changed"));
        }
    } else {
        stdin.lock().read_line(&mut line).map_err(failed)?;
    }
    while line.ends_with(['\n', '\r']) {
        line.pop();
    }
    Ok((!line.is_empty()).then(|| Secret::new(line)))
}

/// A file that only its owner reads, and the machine's runner where the folder is its; replaced as a whole.
pub(super) fn write(path: &Path, secret: &Secret) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // This process's alone.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = folder.join(format!(".{name}.{}.new", std::process::id()));
    let _ = fs::remove_file(&fresh);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).and_then(|mut file| {
        file.write_all(secret.expose().as_bytes())?;
        file.write_all(b"\n")?;
        if let Some(group) = runners_group().filter(|group| fs::metadata(folder).is_ok_and(|of| of.gid() == *group)) {
            std::os::unix::fs::fchown(&file, None, Some(group))?;
            file.set_permissions(fs::Permissions::from_mode(0o640))?;
        }
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&fresh, path)).inspect_err(|_| {
        // What is half written is of no use to anybody.
        let _ = fs::remove_file(&fresh);
    })
}
