//! `postrider client add`: what a new client's section says.

use std::path::{Path, PathBuf};

use super::setup::Setup;
use super::{Loaded, Section, keys, new_password, show};
use crate::cli::ask::{is_attended, question, say};
use crate::cli::exit::{Exit, Failure};
use crate::cli::load_as_caller;
use crate::cli::new_config::ChangeLock;
use crate::config::edit::Setting;
use crate::config::{Config, Secret, TableSet};
use crate::mail::address::ReversePath;
use crate::mail::submitter::ClientName;
use crate::rules::client_account::{self, NotServed};
use crate::sys::user::{self, Caller};

/// Arguments of `client add`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Name of the client, which is also its user name
    client: String,
    /// Login of the user who gets its bounces and sees its mail
    #[arg(long, value_name = "LOGIN")]
    owner: Option<String>,
    /// Read the password from the first line of this file; default: ask on a terminal, otherwise generate one
    #[arg(long, value_name = "FILE", conflicts_with = "no_password")]
    password_file: Option<PathBuf>,
    /// No login: identify the client by its address (--network)
    #[arg(long)]
    no_password: bool,
    /// Address or network from which it connects; may be repeated
    #[arg(long = "network", value_name = "ADDRESS")]
    networks: Vec<String>,
    /// Address that it may send from, or @domain; may be repeated; default: its name at `origin`
    #[arg(long = "sender", value_name = "ADDRESS")]
    senders: Vec<String>,
    /// Address that replaces its envelope sender and From
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Account that its mail goes through; default: the one that lists its sender, else the default account
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
}

pub(super) fn run(named: Option<&Path>, arguments: &Arguments) -> Result<Exit, Failure> {
    let name = ClientName::parse(&arguments.client)
        .map_err(|error| Failure::new(Exit::Usage, format_args!("\"{}\": {error}", arguments.client)))?;
    if arguments.no_password && arguments.networks.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            "this client has neither a password nor an address: leave out --no-password, or give its address with --network; \
             nothing was changed",
        ));
    }
    let config = load_as_caller(named)?;
    must_be_new(&config, &name)?;
    let owner = owner(&name, arguments)?;
    let password = (!arguments.no_password)
        .then(|| new_password(name.as_str(), arguments.password_file.as_deref()))
        .transpose()?;
    // What others changed meanwhile counts.
    let lock = ChangeLock::take(&config.path)?;
    let config = load_as_caller(named)?;
    must_be_new(&config, &name)?;
    let mut file = Section::fresh(&config, &name)?;
    let settings = settings(arguments, owner, password.as_ref())?;
    file.text.set("client", name.as_str(), &settings).map_err(|error| file.unfit(&error))?;
    let before = Loaded { config, faults: Vec::new() };
    if let Some(account) = needed_account(&file.checked(&before)?.config, &name)? {
        let account = [("account", Setting::Text(account))];
        file.text.set("client", name.as_str(), &account).map_err(|error| file.unfit(&error))?;
    }
    let Loaded { config, .. } = file.put(&lock, &before)?;
    let Some(client) = config.client(&name) else { return Ok(Exit::Ok) };
    let setup = Setup { config: &config, client, password: password.as_ref() };
    show(&format!("wrote {}", file.path.display()), &setup)
}

fn must_be_new(config: &Config, name: &ClientName) -> Result<(), Failure> {
    if config.client(name).is_none() {
        return Ok(());
    }
    let path = Section::of(config, name)?.path;
    let shown = path.display();
    Err(Failure::new(
        Exit::Usage,
        format_args!(
            "there is a client {name} already, in {shown}; edit it, or run \"postrider client password {name}\""
        ),
    ))
}

fn owner(name: &ClientName, arguments: &Arguments) -> Result<String, Failure> {
    let check = |login: &str| {
        if user::is_login(login) { Ok(login.to_owned()) } else { Err("no user here has this login".to_owned()) }
    };
    match &arguments.owner {
        Some(given) => check(given).map_err(|problem| {
            Failure::new(Exit::DataError, format_args!("--owner {given}: {problem}; nothing was changed"))
        }),
        None if is_attended() => {
            question(&format!("Login of the user who owns {name}"), &Caller::current().login, check)
        }
        None => Err(Failure::new(
            Exit::Usage,
            format_args!(
                "who owns {name}? Give the login of the user who gets its bounces: --owner LOGIN; nothing was changed"
            ),
        )),
    }
}

fn settings(
    arguments: &Arguments,
    owner: String,
    password: Option<&Secret>,
) -> Result<Vec<(&'static str, Setting)>, Failure> {
    let mut settings = vec![("owner", Setting::Text(owner))];
    if let Some(password) = password {
        settings.push(("scram", keys(password)?));
    }
    let lists = [("networks", &arguments.networks), ("senders", &arguments.senders)];
    let lists = lists.into_iter().filter(|(_, texts)| !texts.is_empty());
    settings.extend(lists.map(|(key, texts)| (key, Setting::Texts(texts.clone()))));
    let texts = [("from", &arguments.from), ("account", &arguments.account)];
    settings.extend(texts.into_iter().filter_map(|(key, text)| Some((key, Setting::Text(text.clone()?)))));
    Ok(settings)
}

/// The account that the section must name, because none lists the client's sender.
fn needed_account(config: &Config, name: &ClientName) -> Result<Option<String>, Failure> {
    let Some(client) = config.client(name) else { return Ok(None) };
    let Some(own) = client_account::own_address(config, client) else { return Ok(None) };
    let generic = TableSet::load("generic", &config.generic);
    let account = client_account::account_for(config, &generic, client, &ReversePath::Mailbox(own))
        .map_err(|fault| Failure::new(Exit::Config, format_args!("{fault}; nothing was changed")))?;
    match (account, &config.default_account) {
        (Ok(_), _) => Ok(None),
        (Err(NotServed::NoAccount { .. }), Some(account)) => Ok(Some(account.clone())),
        (Err(NotServed::NoAccount { sender, .. }), None) => {
            let names: Vec<&str> = config.accounts.iter().map(|account| account.name.as_str()).collect();
            Err(Failure::new(
                Exit::Config,
                format_args!(
                    "no account lists <{sender}> in `senders`; name one with --account: {}; nothing was changed",
                    names.join(", ")
                ),
            ))
        }
        // The account cannot name a client before there is one.
        (Err(no @ NotServed::Reserved { .. }), _) => {
            say(&no.to_string());
            Ok(None)
        }
    }
}
