//! `postrider init`: an account from an address. It finds the outgoing server, says which password is wanted, tests the login,
//! writes a config and a password file that work, or adds the account to a config that is there, gives a user's runner its
//! unit, and sends mail that proves it.

mod autoconfig;
pub(super) mod discovery;
mod existing;
mod login;
mod mailboxes;
mod proof;
mod questions;
mod text;
mod unit;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use self::discovery::Found;
use self::existing::{Changed, Presence};
use self::login::{Login, log_in};
use super::ask::{is_attended, question, say};
use super::exit::{Exit, Failure};
use super::new_config::{ChangeLock, Present, free_name, give, readers, store};
use super::no_config::NoConfig;
use super::print;
use super::{check, password};
use crate::config::locate::{self, Change};
use crate::config::{Account, Config, Password, Secret, places, read};
use crate::deliver::smtp::session::Session;
use crate::mail::address::Address;
use crate::sys::user::Caller;

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct Arguments {
    #[command(flatten)]
    _no_config: NoConfig,
    /// Your address at the mail provider
    address: Option<String>,
    /// The same as the argument ADDRESS
    #[arg(long = "address", value_name = "ADDRESS", conflicts_with = "address")]
    address_option: Option<String>,
    /// The outgoing (SMTP) server
    #[arg(long, value_name = "HOST:PORT")]
    relay: Option<String>,
    /// The client of OAuth 2.0, as registered with the provider, in place of a password
    #[arg(long, value_name = "ID", conflicts_with = "password_file")]
    client_id: Option<String>,
    /// SHA-256 of the only certificate to trust
    #[arg(long, value_name = "SHA256")]
    tls_fingerprint: Option<String>,
    /// The user name on that server
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Read the password from the first line of this file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The address that users of this machine write from, and where mail to them goes; none for no such entries
    #[arg(long, value_name = "ADDRESS")]
    users_address: Option<String>,
    /// Where mail to root goes, if not to the address of its users
    #[arg(long, value_name = "ADDRESS")]
    root_mail: Option<String>,
    /// What keeps mail between the users of this machine, as in the key mailbox; none sends it to their address
    #[arg(long, value_name = "WHERE")]
    mailbox: Option<String>,
    /// Accept what is proposed instead of asking
    #[arg(long)]
    yes: bool,
    /// Print the configuration instead of writing it
    #[arg(long)]
    print: bool,
    /// Also look in Thunderbird's central database of providers, which learns the domain
    #[arg(long, conflicts_with = "offline")]
    central_database: bool,
    /// Look nothing up, do not test the login, and send no mail
    #[arg(long)]
    offline: bool,
    /// Write to this folder instead of the default one, without a systemd unit
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// What was answered, the password aside.
#[derive(Debug, Clone)]
struct Answers {
    address: Address,
    server: Found,
    /// The only certificate that is trusted, where that is said.
    fingerprint: Option<String>,
    username: String,
    /// What logs in in place of a password.
    client: Option<Client>,
    /// What was said of the users' address; `None`: nothing.
    users: Option<UsersAddress>,
    /// Where mail to root goes, if that is said.
    root: Option<Address>,
}

/// A client of OAuth 2.0.
#[derive(Debug, Clone)]
struct Client {
    /// Where it is registered, as `provider` says it.
    service: &'static str,
    id: String,
}

/// The address of the users of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
enum UsersAddress {
    /// This one.
    Is(Address),
    /// They have none, and their mail waits.
    Missing,
}

impl UsersAddress {
    /// An address, or `none`.
    fn read(answer: &str) -> Result<Self, String> {
        if answer == "none" { Ok(Self::Missing) } else { read_address(answer).map(Self::Is) }
    }
}

fn read_address(answer: &str) -> Result<Address, String> {
    Address::parse(answer).map_err(|error| format!("not a valid address: {error}"))
}

/// Asks, and writes.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let caller = Caller::current();
    let usual = match caller.home.as_deref().filter(|_| caller.uid != 0) {
        Some(home) => places::own_config(home),
        None => PathBuf::from(places::SYSTEM_CONFIG),
    };
    let path = arguments.output.as_ref().map_or(usual, |folder| folder.join("config.toml"));
    let present = Present::at(&path, "init")?;
    let accounts = match &present {
        Present::Accounts(config) => &config.accounts[..],
        Present::Nothing | Present::Placeholder => &[],
    };
    let answers = questions::answers(arguments, accounts)?;
    let to = &answers.address;
    let config = match present {
        Present::Accounts(config) => add_account(arguments, &config, answers.clone())?,
        Present::Nothing => set_up(arguments, &path, None, answers.clone())?,
        Present::Placeholder => set_up(arguments, &path, Some(&free_name(&path, "init")), answers.clone())?,
    };
    let Some(Written { config, account, session }) = config else { return Ok(Exit::Ok) };
    if let (Some(home), None, true) = (&caller.home, &arguments.output, caller.uid != 0) {
        unit::leave(home);
    }
    if answers.client.is_some() {
        print_line!("Next: \"postrider login {account}\", then \"postrider test {account} --to {to}\".");
        return Ok(Exit::Ok);
    }
    let checked = check::show_new(&config);
    if checked != Exit::Ok {
        print_line!(
            "Setup is not complete: fix the problems above, then run \"postrider check\" and \"postrider test --to {to}\"."
        );
        if let Some(session) = session {
            session.quit();
        }
        return Ok(Exit::Config);
    }
    match session {
        None => {
            print_line!("Done. Test it with: postrider test --to {to}");
            Ok(Exit::Ok)
        }
        Some(mut session) => {
            let exit = proof::send(&config, &account, &mut session, to);
            session.quit();
            exit
        }
    }
}

/// A configuration that is in place.
struct Written {
    config: Config,
    /// The name of the account that is new or changed.
    account: String,
    /// With the account's relay, logged in; `None` where nothing is looked up.
    session: Option<Session>,
}

/// Writes a first configuration, unless it is to be printed.
fn set_up(
    arguments: &Arguments,
    path: &Path,
    spared: Option<&Path>,
    mut answers: Answers,
) -> Result<Option<Written>, Failure> {
    let name = text::account_name(answers.address.domain());
    let mailbox = match &arguments.mailbox {
        Some(given) => Some(given.clone()).filter(|given| given != "none"),
        None if is_attended() && !arguments.yes => mailboxes::ask()?,
        None => None,
    };
    let text = |answers: &Answers| text::first(&name, answers, mailbox.as_deref());
    if arguments.print {
        print::text(text(&answers));
        return Ok(None);
    }
    let failed = |exit: Exit, error: String| {
        Failure::new(exit, format_args!("cannot use the new configuration: {error}; nothing was written"))
    };
    let read = |text: &str| {
        let read = match spared {
            // Beside what conf.d has.
            Some(_) => locate::load_changed(path, Change { path, text: Some(text) }),
            None => read::read(path, text),
        };
        read.map_err(|error| failed(Exit::Config, error.to_string()))
    };
    let Login { password, session } = log_in(arguments, &mut answers, |answers| {
        let config = read(&text(answers))?;
        let account = config.account(&name).ok_or_else(|| failed(Exit::Software, "it has no account".to_owned()))?;
        Ok((account.clone(), config.hostname))
    })?;
    let text = text(&answers);
    let config = read(&text)?;
    match write(path, spared, &name, &text, password.as_ref())? {
        Some(secret) => print_line!("wrote {} and {}", path.display(), secret.display()),
        None => print_line!("wrote {}", path.display()),
    }
    Ok(Some(Written { config, account: name, session }))
}

/// Adds the account to a configuration, or changes the one that is there.
fn add_account(arguments: &Arguments, config: &Config, mut answers: Answers) -> Result<Option<Written>, Failure> {
    if arguments.mailbox.is_some() {
        let shown = config.path.display();
        return Err(Failure::new(
            Exit::Usage,
            format_args!("--mailbox is for a first configuration: write the key `mailbox` into {shown}"),
        ));
    }
    let changed = existing::change(config, &answers, &[])?;
    let rows = rows(arguments, &changed, &answers)?;
    let changed = if rows.is_empty() { changed } else { existing::change(config, &answers, &rows)? };
    if arguments.print {
        print::text(&changed.text);
        return Ok(None);
    }
    say(&match changed.presence {
        Presence::New => format!("{} has accounts already; {} is added", changed.path.display(), changed.name),
        Presence::Changed => format!("{} has this account already, as {}", changed.path.display(), changed.name),
    });
    if !changed.removed.is_empty() {
        let keys = changed.removed.join(", ");
        say(&format!("another server: removing {keys} from [account.{}]", changed.name));
    }
    let Login { password, session } = log_in(arguments, &mut answers, |answers| {
        let changed = existing::change(config, answers, &rows)?;
        Ok((changed.account()?.clone(), changed.config.hostname))
    })?;
    // What others changed meanwhile counts.
    let lock = ChangeLock::take(&config.path)?;
    let now = locate::load(Some(&config.path))?;
    let changed = existing::change(&now, &answers, &rows)?;
    let shown = changed.path.display();
    match (&changed.account()?.password, &password) {
        (Some(Password::File(secret)), Some(password)) => {
            write_secret(&config.path, secret, password)?;
            changed.put(&lock)?;
            print_line!("wrote {shown} and {}", secret.display());
        }
        (None, None) => {
            changed.put(&lock)?;
            print_line!("wrote {shown}");
        }
        _ => return Err(Failure::new(Exit::Software, "the account has no password file")),
    }
    Ok(Some(Written { account: changed.name, config: changed.config, session }))
}

/// Rows of `generic` for root and the other users of this machine, whose mail would wait without them.
fn rows(arguments: &Arguments, changed: &Changed, answers: &Answers) -> Result<Vec<(String, String)>, Failure> {
    let default = changed.config.default_account.as_ref().and_then(|name| changed.config.account(name));
    let proposed = default.and_then(Account::own_address).unwrap_or_else(|| answers.address.clone());
    let names = existing::names_without_rows(changed);
    let users = match &answers.users {
        _ if names.is_empty() => return Ok(Vec::new()),
        Some(given) => given.clone(),
        None if arguments.yes => UsersAddress::Is(proposed),
        None => {
            let origin = &changed.config.origin;
            say(&format!("`generic` has no entry for root@{origin}, so this machine's mail waits"));
            let text = "Address for mail from and to the users of this machine (none adds no entry)";
            question(text, &proposed.to_string(), UsersAddress::read)?
        }
    };
    Ok(match users {
        UsersAddress::Is(to) => names.into_iter().map(|name| (name, to.to_string())).collect(),
        UsersAddress::Missing => Vec::new(),
    })
}

/// Writes the password first, so that no config names one that is not there; where it is.
fn write(
    config: &Path,
    spared: Option<&Path>,
    name: &str,
    text: &str,
    password: Option<&Secret>,
) -> Result<Option<PathBuf>, Failure> {
    let folder = config.parent().unwrap_or(Path::new("/"));
    let secret = password.map(|password| {
        let secret = folder.join("secrets").join(name);
        write_secret(config, &secret, password).map(|()| secret)
    });
    let secret = secret.transpose()?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(cannot_write(folder))?;
    if let Some(spared) = spared {
        fs::rename(config, spared).map_err(cannot_write(spared))?;
    }
    // A runner that is there reads it as soon as it appears, so it appears with its owner and mode.
    let fresh = folder.join(".config.toml.new");
    let _ = fs::remove_file(&fresh);
    store(&fresh, text.as_bytes()).map_err(cannot_write(&fresh))?;
    give(&fresh, 0o640, readers(config)).map_err(cannot_write(&fresh))?;
    fs::rename(&fresh, config).map_err(cannot_write(config))?;
    Ok(secret)
}

/// Writes a password where the runner of this configuration can read it.
fn write_secret(config: &Path, secret: &Path, password: &Secret) -> Result<(), Failure> {
    let folder = secret.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(cannot_write(folder))?;
    give(folder, 0o750, readers(config)).map_err(cannot_write(folder))?;
    password::write(secret, password).map_err(cannot_write(secret))
}

fn cannot_write(path: &Path) -> impl Fn(io::Error) -> Failure + use<> {
    let shown = path.display().to_string();
    move |error| {
        Failure::new(Exit::IoError, format_args!("cannot write {shown}: {error}; use --output to name another folder"))
    }
}

#[cfg(test)]
mod tests;
