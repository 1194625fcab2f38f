//! `postrider init`: an account from an address. It finds the outgoing server, says which password is wanted, tests the login,
//! writes a config and a password file that work, or adds the account to a config that is there, gives a user's runner its
//! unit, and sends mail that proves it.

mod autoconfig;
pub(super) mod discovery;
mod existing;
mod mailboxes;
mod proof;
mod text;
mod unit;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Zoned;

use self::discovery::{CentralDatabase, Found, Network};
use self::existing::{Changed, Presence};
use super::ask::{is_attended, question, say};
use super::exit::{Exit, Failure};
use super::new_config::{ChangeLock, Present, free_name, give, readers, store};
use super::no_config::NoConfig;
use super::print;
use super::{check, login_test, password};
use crate::config::locate::{self, Change};
use crate::config::providers::{PasswordKind, Provider};
use crate::config::{Account, Config, Password, Secret, places, read};
use crate::deliver::smtp::session::Session;
use crate::mail::address::Address;
use crate::mail::printable::printable;
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
struct Answers {
    address: Address,
    server: Found,
    username: String,
    /// What was said of the users' address; `None`: nothing.
    users: Option<UsersAddress>,
    /// Where mail to root goes, if that is said.
    root: Option<Address>,
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
    let answers = answers(arguments, accounts)?;
    let config = match present {
        Present::Accounts(config) => add_account(arguments, &config, &answers)?,
        Present::Nothing => set_up(arguments, &path, None, &answers)?,
        Present::Placeholder => set_up(arguments, &path, Some(&free_name(&path, "init")), &answers)?,
    };
    let Some(Written { config, account, session }) = config else { return Ok(Exit::Ok) };
    if let (Some(home), None, true) = (&caller.home, &arguments.output, caller.uid != 0) {
        unit::leave(home);
    }
    let to = &answers.address;
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
    answers: &Answers,
) -> Result<Option<Written>, Failure> {
    let name = text::account_name(answers.address.domain());
    let mailbox = match &arguments.mailbox {
        Some(given) => Some(given.clone()).filter(|given| given != "none"),
        None if is_attended() && !arguments.yes => mailboxes::ask()?,
        None => None,
    };
    let text = text::first(&name, answers, mailbox.as_deref());
    if arguments.print {
        print::text(&text);
        return Ok(None);
    }
    let password = password(arguments, &answers.username)?;
    let failed = |exit: Exit, error: String| {
        Failure::new(exit, format_args!("cannot use the new configuration: {error}; nothing was written"))
    };
    let read = match spared {
        // Beside what conf.d has.
        Some(_) => locate::load_changed(path, Change { path, text: Some(&text) }),
        None => read::read(path, &text),
    };
    let read = read.map_err(|error| failed(Exit::Config, error.to_string()))?;
    let account = read.account(&name).ok_or_else(|| failed(Exit::Software, "it has no account".to_owned()))?;
    let session = if arguments.offline { None } else { log_in(account, &read.hostname, &password)? };
    let written = write(path, spared, &name, &text, &password)?;
    print_line!("wrote {} and {}", path.display(), written.display());
    Ok(Some(Written { config: read, account: name, session }))
}

/// Adds the account to a configuration, or changes the one that is there.
fn add_account(arguments: &Arguments, config: &Config, answers: &Answers) -> Result<Option<Written>, Failure> {
    if arguments.mailbox.is_some() {
        let shown = config.path.display();
        return Err(Failure::new(
            Exit::Usage,
            format_args!("--mailbox is for a first configuration: write the key `mailbox` into {shown}"),
        ));
    }
    let changed = existing::change(config, answers, &[])?;
    let rows = rows(arguments, &changed, answers)?;
    let changed = if rows.is_empty() { changed } else { existing::change(config, answers, &rows)? };
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
    let password = password(arguments, &answers.username)?;
    let session =
        if arguments.offline { None } else { log_in(changed.account()?, &changed.config.hostname, &password)? };
    // What others changed meanwhile counts.
    let lock = ChangeLock::take(&config.path)?;
    let now = locate::load(Some(&config.path))?;
    let changed = existing::change(&now, answers, &rows)?;
    let Some(Password::File(secret)) = &changed.account()?.password else {
        return Err(Failure::new(Exit::Software, "the account has no password file"));
    };
    write_secret(&config.path, secret, &password)?;
    changed.put(&lock)?;
    print_line!("wrote {} and {}", changed.path.display(), secret.display());
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

/// From the arguments, then from the account of that address, then from the proposals, then from whoever is asked.
fn answers(arguments: &Arguments, accounts: &[Account]) -> Result<Answers, Failure> {
    let address = match arguments.address.as_ref().or(arguments.address_option.as_ref()) {
        Some(given) => read_address(given).map_err(|problem| refused("the address", given, &problem))?,
        None => question("Your address at the mail provider", "", read_address)?,
    };
    let known = existing::account_of(accounts, &address);
    let server = server(arguments, &address, known)?;
    if let Some(provider) = server.provider {
        introduce(provider)?;
    }
    let proposed = match server.provider {
        _ if server.username.is_some() => server.username.clone(),
        _ if known.is_some_and(|known| known.username.is_some()) => known.and_then(|known| known.username.clone()),
        Some(provider) => provider.username(&address.to_string()),
        None => Some(address.to_string()),
    };
    let username = match (&arguments.username, proposed) {
        (Some(given), _) => given.clone(),
        (None, Some(proposed)) if arguments.yes => proposed,
        (None, None) if arguments.yes => {
            return Err(Failure::new(
                Exit::Config,
                "the provider gives out user names that do not follow from the address: name yours with --username",
            ));
        }
        (None, proposed) => {
            question("User name on that server", &proposed.unwrap_or_default(), |answer| match answer {
                "" => {
                    Err("the provider gives out user names that do not follow from the address: enter yours".to_owned())
                }
                answer => Ok(answer.to_owned()),
            })?
        }
    };
    if username.contains(char::is_control) {
        return Err(refused("the user name", &username, "it contains a control character"));
    }
    let users = arguments.users_address.as_ref();
    let users =
        users.map(|text| UsersAddress::read(text).map_err(|problem| refused("--users-address", text, &problem)));
    let root = arguments.root_mail.as_ref();
    let root = root.map(|text| read_address(text).map_err(|problem| refused("--root-mail", text, &problem)));
    Ok(Answers { address, server, username, users: users.transpose()?, root: root.transpose()? })
}

fn refused(what: &str, given: &str, problem: &str) -> Failure {
    Failure::new(Exit::DataError, format_args!("{what} {given:?}: {problem}; nothing was written"))
}

fn server(arguments: &Arguments, address: &Address, known: Option<&Account>) -> Result<Found, Failure> {
    if let Some(given) = &arguments.relay {
        return discovery::written(given).map_err(|problem| refused("--relay", given, &problem));
    }
    let relay = known.and_then(|known| known.relays.first()).map(ToString::to_string);
    if let Some(found) = relay.and_then(|relay| discovery::written(&relay).ok()) {
        return if arguments.yes { Ok(found) } else { ask_server(&found) };
    }
    let network = if arguments.offline { Network::Unused } else { Network::Used };
    let central = if arguments.central_database { CentralDatabase::Asked } else { CentralDatabase::NotAsked };
    let found = discovery::find(address, network, central);
    if arguments.yes {
        if found.is_safe_for(address.domain()) {
            return Ok(found);
        }
        return Err(Failure::new(
            Exit::Config,
            format_args!(
                "nothing reliable says that mail of {} is submitted to {}: name the server with --relay, or look for it \
                 in Thunderbird's database with --central-database; nothing was written",
                address.domain(),
                found.relay.replace(['[', ']'], "")
            ),
        ));
    }
    ask_server(&found)
}

fn ask_server(found: &Found) -> Result<Found, Failure> {
    let shown = found.relay.replace(['[', ']'], "");
    question("Outgoing (SMTP) server", &shown, |answer| {
        if answer == shown { Ok(found.clone()) } else { discovery::written(answer) }
    })
}

/// Says which password is wanted and where it is made, before it is asked for.
fn introduce(provider: &Provider) -> Result<(), Failure> {
    let name = &provider.name;
    let today = Zoned::now().date();
    if !provider.takes_password(today) {
        return Err(Failure::new(
            Exit::Config,
            format_args!(
                "{name} accepts no passwords from mail programs, only OAuth 2.0 access tokens: write the account by hand, \
                 with `oauth` (see \"OAuth\" in postrider.toml(5)), and run \"postrider login\"; nothing was written"
            ),
        ));
    }
    if let Some(end) = provider.password_ends {
        say(&format!("{name} accepts no passwords from {end} on; until then:"));
    }
    let kind = match provider.password {
        PasswordKind::Password => "the password of the mailbox",
        PasswordKind::AppPassword => "an app password, not your web password",
        PasswordKind::Code => "a password or code that it issues for mail programs, not your web password",
        PasswordKind::Token => "a key or password that it issues for sending",
        PasswordKind::Oauth => "the account's password, where the organization still allows that",
    };
    let page = provider.credential_url.as_ref().map_or_else(String::new, |url| format!(" ({url})"));
    let guess = if provider.guessed.iter().any(|key| key == "password") { " This is a guess." } else { "" };
    say(&format!("{name} requires {kind}{page}.{guess}"));
    if let Some(note) = &provider.note {
        say(note);
    }
    Ok(())
}

fn password(arguments: &Arguments, username: &str) -> Result<Secret, Failure> {
    match &arguments.password_file {
        Some(file) => password::from_file(file),
        None => password::ask(username),
    }
}

/// Logs in with what would be written. Where that fails, nothing is, unless whoever sits there says so.
fn log_in(account: &Account, hostname: &str, password: &Secret) -> Result<Option<Session>, Failure> {
    let account = Account { password: Some(Password::Literal(password.clone())), ..account.clone() };
    say("logging in, to test it");
    match login_test::open(&account, hostname, Box::new(login_test::Silent)) {
        Ok(session) => {
            say(&format!("logged in to {}", session.described().relay));
            Ok(Some(session))
        }
        Err(no) => {
            let said = printable(&no.to_string());
            if is_attended() {
                say(&said);
                let answer = question("Write the configuration anyway?", "no", |answer| Ok(answer.to_owned()))?;
                if matches!(answer.to_lowercase().as_str(), "y" | "yes") {
                    return Ok(None);
                }
            }
            Err(Failure::new(
                no.exit,
                format_args!("{said}; nothing was written (--offline writes the configuration without a test)"),
            ))
        }
    }
}

/// Writes the password first, so that no config names one that is not there; where it is.
fn write(config: &Path, spared: Option<&Path>, name: &str, text: &str, password: &Secret) -> Result<PathBuf, Failure> {
    let folder = config.parent().unwrap_or(Path::new("/"));
    let secret = folder.join("secrets").join(name);
    write_secret(config, &secret, password)?;
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
