//! `postrider init`: a first account from an address. It finds the outgoing server, says which password is wanted, tests
//! the login, writes a config and a password file that work, and gives a user's runner its unit. What is there already
//! stays as it is.

mod discovery;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::Zoned;

use self::discovery::{Found, Network};
use super::ask::{is_attended, question, say};
use super::exit::{Exit, Failure};
use super::new_config::{give, readers, spare, store};
use super::no_config::NoConfig;
use super::print;
use super::{login_test, password};
use crate::config::providers::{ForeignSender, PasswordKind, Period, Provider};
use crate::config::{Password, Secret, places, read};
use crate::import::draft::quoted;
use crate::mail::address::Address;
use crate::mail::printable::printable;
use crate::sys::host;
use crate::sys::user::Caller;

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
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
    /// Accept what is proposed instead of asking
    #[arg(long)]
    yes: bool,
    /// Print the configuration instead of writing it
    #[arg(long)]
    print: bool,
    /// Look nothing up, and do not test the login
    #[arg(long)]
    offline: bool,
    /// Write to this folder instead of the default one, without a systemd unit
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// The unit of a user's runner, which runs the program that is beside this text.
const UNIT: &str = include_str!("../../contrib/systemd/user/postrider.service");

/// What was answered, the password aside.
struct Answers {
    address: Address,
    server: Found,
    username: String,
}

/// Asks, and writes.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let caller = Caller::current();
    let usual = match caller.home.as_deref().filter(|_| caller.uid != 0) {
        Some(home) => places::own_config(home),
        None => PathBuf::from(places::SYSTEM_CONFIG),
    };
    let config = arguments.output.as_ref().map_or(usual, |folder| folder.join("config.toml"));
    let waiting = if arguments.print { None } else { spare(&config, "init")? };
    let answers = answers(arguments)?;
    let name = account_name(&answers.address);
    let text = text(&name, &answers);
    if arguments.print {
        print::text(&text);
        return Ok(Exit::Ok);
    }
    let password = password(arguments, &answers.username)?;
    if !arguments.offline {
        test_login(&config, &text, &password)?;
    }
    let written = write(&config, waiting.as_deref(), &name, &text, &password)?;
    print_line!("wrote {} and {}", config.display(), written.display());
    if let (Some(home), None, true) = (&caller.home, &arguments.output, caller.uid != 0) {
        leave_unit(home);
    }
    print_line!("Done. Test it with: postrider test --to {}", answers.address);
    Ok(Exit::Ok)
}

/// From the arguments, then from the proposals, then from whoever is asked.
fn answers(arguments: &Arguments) -> Result<Answers, Failure> {
    let read = |answer: &str| Address::parse(answer).map_err(|error| format!("not a valid address: {error}"));
    let address = match arguments.address.as_ref().or(arguments.address_option.as_ref()) {
        Some(given) => read(given).map_err(|problem| refused("the address", given, &problem))?,
        None => question("Your address at the mail provider", "", read)?,
    };
    let server = server(arguments, &address)?;
    if let Some(provider) = server.provider {
        introduce(provider)?;
    }
    let proposed = match server.provider {
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
    Ok(Answers { address, server, username })
}

fn refused(what: &str, given: &str, problem: &str) -> Failure {
    Failure::new(Exit::DataError, format_args!("{what} {given:?}: {problem}; nothing was written"))
}

fn server(arguments: &Arguments, address: &Address) -> Result<Found, Failure> {
    if let Some(given) = &arguments.relay {
        return discovery::written(given).map_err(|problem| refused("--relay", given, &problem));
    }
    let network = if arguments.offline { Network::Unused } else { Network::Used };
    let found = discovery::find(address.domain(), network);
    let shown = found.relay.replace(['[', ']'], "");
    if arguments.yes {
        if found.is_safe_for(address.domain()) {
            return Ok(found);
        }
        return Err(Failure::new(
            Exit::Config,
            format_args!(
                "nothing reliable says that mail of {} is submitted to {shown}: name the server with --relay; \
                 nothing was written",
                address.domain()
            ),
        ));
    }
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
                 with auth = [\"xoauth2\"] and password = {{ command = [...] }}, a command that prints a token (see `auth` and \
                 `password` in postrider.toml(5)); nothing was written"
            ),
        ));
    }
    if let Some(end) = provider.password_ends {
        say(&format!("{name} accepts no passwords from {end} on; until then:"));
    }
    let kind = match provider.password {
        PasswordKind::Password => "the password of the mailbox",
        PasswordKind::AppPassword => "an app password, which is made for mail programs, and not that of its web site",
        PasswordKind::Code => "a password or code that it issues for mail programs, and not that of its web site",
        PasswordKind::Token => "a key or password that it issues for sending",
        PasswordKind::Oauth => "the account's password, where the organization still allows that",
    };
    let page = provider.credential_url.as_ref().map_or_else(String::new, |url| format!(" ({url})"));
    let guess = if provider.guessed.iter().any(|key| key == "password") { " This is a guess." } else { "" };
    say(&format!("{name} wants {kind}{page}.{guess}"));
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
fn test_login(config: &Path, text: &str, password: &Secret) -> Result<(), Failure> {
    let failed =
        |error: String| Failure::new(Exit::Software, format_args!("cannot use the new configuration: {error}"));
    let read = read::read(config, text).map_err(|error| failed(error.to_string()))?;
    let mut account = read.accounts.into_iter().next().ok_or_else(|| failed("it has no account".to_owned()))?;
    account.password = Some(Password::Literal(password.clone()));
    say("logging in, to test it");
    match login_test::open(&account, &read.hostname, Box::new(login_test::Silent)) {
        Ok(session) => {
            say(&format!("logged in to {}", session.described().relay));
            session.quit();
            Ok(())
        }
        Err(no) => {
            let said = printable(&no.to_string());
            if is_attended() {
                say(&said);
                let answer = question("Write the configuration all the same?", "no", |answer| Ok(answer.to_owned()))?;
                if matches!(answer.to_lowercase().as_str(), "y" | "yes") {
                    return Ok(());
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
fn write(config: &Path, waiting: Option<&Path>, name: &str, text: &str, password: &Secret) -> Result<PathBuf, Failure> {
    let failed = |path: &Path| {
        let shown = path.display().to_string();
        move |error: io::Error| {
            Failure::new(
                Exit::IoError,
                format_args!("cannot write {shown}: {error}; use --output to name another folder"),
            )
        }
    };
    let folder = config.parent().unwrap_or(Path::new("/"));
    let secret = folder.join("secrets").join(name);
    let secrets = folder.join("secrets");
    DirBuilder::new().recursive(true).mode(0o700).create(&secrets).map_err(failed(&secrets))?;
    let group = readers(config);
    let give = |path: &Path, mode: u32| give(path, mode, group).map_err(failed(path));
    give(&secrets, 0o750)?;
    password::write(&secret, password).map_err(failed(&secret))?;
    if let Some(spared) = waiting {
        fs::rename(config, spared).map_err(failed(spared))?;
    }
    // A runner that is there reads it as soon as it appears, so it appears with its owner and mode.
    let fresh = folder.join(".config.toml.new");
    let _ = fs::remove_file(&fresh);
    store(&fresh, text.as_bytes()).map_err(failed(&fresh))?;
    give(&fresh, 0o640)?;
    fs::rename(&fresh, config).map_err(failed(config))?;
    Ok(secret)
}

/// `isp` of `me@mail.isp.example` and of `me@isp.example`.
fn account_name(address: &Address) -> String {
    let labels: Vec<&str> = address.domain().split('.').collect();
    let label = labels.len().checked_sub(2).and_then(|at| labels.get(at)).or(labels.first()).copied().unwrap_or("");
    let name: String = label.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    if name.trim_start_matches('-').is_empty() {
        "provider".to_owned()
    } else {
        name.trim_start_matches('-').to_owned()
    }
}

fn text(name: &str, answers: &Answers) -> String {
    let own = quoted(&answers.address.to_string());
    let host = host::this_machine();
    let short = host.split('.').next().unwrap_or(&host).to_owned();
    let mut names = vec![host.clone()];
    names.extend([short, "localhost".to_owned()].into_iter().filter(|name| *name != host));
    let rows: Vec<String> = names.iter().map(|name| format!("{} = {own}", quoted(&format!("@{name}")))).collect();
    let tls = answers.server.tls.map_or_else(String::new, |tls| format!("tls = {}\n", quoted(tls)));
    format!(
        "# Written by \"postrider init\". postrider.toml(5) explains every key; \"postrider check\" finds mistakes.\n\n\
         # The names of this machine as they were: a rename does not change where mail comes from.\n\
         hostname = {pinned}\n\
         origin = {pinned}\n\n\
         # Replaces addresses of this machine, such as root@{host}, by yours in outgoing mail; mail to them goes to you.\n\
         generic = [{{ {} }}]\n\n\
         [account.{name}]\n\
         relay = {}\n{tls}\
         username = {}\n\
         password = {{ file = {} }}\n{}",
        rows.join(", "),
        quoted(&answers.server.relay),
        quoted(&answers.username),
        quoted(&format!("secrets/{name}")),
        answers.server.provider.map_or_else(String::new, |provider| demands(provider, &own)),
        pinned = quoted(&host),
    )
}

/// What the provider demands of an account.
fn demands(provider: &Provider, own: &str) -> String {
    let is_known = |key: &str| !provider.guessed.iter().any(|guess| guess == key);
    let from = (provider.foreign_sender == Some(ForeignSender::Refused) && is_known("foreign_sender"))
        .then(|| format!("# {} refuses mail from any other address.\nfrom = {own}\n", provider.name));
    let connections = provider.limits.connections.filter(|_| is_known("connections"));
    let connections = connections.map(|most| format!("max_connections = {most}\n"));
    let per_minute = match (provider.limits.messages, provider.limits.per) {
        (Some(most), Some(Period::Minute)) if is_known("messages") => Some(format!("max_per_minute = {most}\n")),
        _ => None,
    };
    from.into_iter().chain(connections).chain(per_minute).collect()
}

/// A runner that starts with the user's session; without one, mail leaves a runner behind by itself.
fn leave_unit(home: &Path) {
    if !Path::new("/run/systemd/system").exists() {
        return;
    }
    let unit = home.join(".config/systemd/user/postrider.service");
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/usr/bin/postrider"));
    let text = UNIT.replace("/usr/bin/postrider", &program.display().to_string());
    let written = unit.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| store(&unit, text.as_bytes()));
    match written {
        Ok(()) => print_line!("wrote {}", unit.display()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => {
            print_line!(
                "cannot write {}: {error}; without it, each message starts a background process",
                unit.display()
            );
            return;
        }
    }
    let enable = ["--user", "enable", "--now", "postrider.service"];
    let run = |arguments: &[&str]| {
        let status = Command::new("systemctl").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if run(&["--user", "daemon-reload"]) && run(&enable) {
        print_line!(
            "The delivery service is running and starts at each login (to keep it running without a login: loginctl enable-linger)."
        );
    } else {
        print_line!("To start the delivery service at each login: systemctl {}", enable.join(" "));
    }
}

#[cfg(test)]
mod tests;
