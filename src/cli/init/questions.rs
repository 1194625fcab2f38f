//! What `init` asks, and which answer it proposes.

use jiff::Zoned;

use super::autoconfig::Credential;
use super::discovery::{self, CentralDatabase, Found, Network, Source};
use super::{Answers, Arguments, Client, UsersAddress, existing, read_address};
use crate::cli::ask::{question, say};
use crate::cli::exit::{Exit, Failure};
use crate::config::Account;
use crate::config::oauth::Service;
use crate::config::providers::{PasswordKind, Provider};
use crate::mail::address::Address;

/// From the arguments, then from the account of that address, then from the proposals, then from whoever is asked.
pub(super) fn answers(arguments: &Arguments, accounts: &[Account]) -> Result<Answers, Failure> {
    let address = match arguments.address.as_ref().or(arguments.address_option.as_ref()) {
        Some(given) => read_address(given).map_err(|problem| refused("the address", given, &problem))?,
        None => question("Your address at the mail provider", "", read_address)?,
    };
    let known = existing::account_of(accounts, &address);
    let server = server(arguments, &address, known)?;
    let service = match server.provider {
        Some(provider) => introduce(provider, &server, arguments)?,
        None if server.credential == Credential::Token => Some(of_tokens(&server)?),
        None => arguments.client_id.as_ref().and_then(|_| Service::of_host(server.host())),
    };
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
    let client = service.map(|service| client(arguments, service)).transpose()?;
    let users = arguments.users_address.as_ref();
    let users =
        users.map(|text| UsersAddress::read(text).map_err(|problem| refused("--users-address", text, &problem)));
    let root = arguments.root_mail.as_ref();
    let root = root.map(|text| read_address(text).map_err(|problem| refused("--root-mail", text, &problem)));
    let fingerprint = arguments.tls_fingerprint.clone();
    Ok(Answers { address, server, fingerprint, username, client, users: users.transpose()?, root: root.transpose()? })
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
        if found.source == Source::Denied {
            let domain = address.domain();
            let message = format_args!(
                "{domain} has no server that takes mail of its users, as it says in DNS: name another server with --relay; \
                 nothing was written"
            );
            return Err(Failure::new(Exit::Config, message));
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
    let usual = match found.source {
        Source::Nowhere => {
            say("nothing says which server it is; the provider's help pages call it outgoing or SMTP server");
            ""
        }
        Source::Denied => "",
        Source::Known | Source::Network | Source::Guess => &shown,
    };
    question("Outgoing (SMTP) server", usual, |answer| match answer {
        "" if found.source == Source::Denied => Err("enter the name of another one".to_owned()),
        "" => Err(format!("enter its name, as in {shown}")),
        answer if answer == shown => Ok(found.clone()),
        answer => discovery::written(answer),
    })
}

/// Says what is wanted for the login and where it is made, before it is asked for; the service, where that is a client of OAuth 2.0.
fn introduce(provider: &Provider, server: &Found, arguments: &Arguments) -> Result<Option<&'static Service>, Failure> {
    let name = &provider.name;
    let service = Service::of_host(server.host());
    let takes_password = server.credential == Credential::Any && provider.takes_password(Zoned::now().date());
    if !takes_password || arguments.client_id.is_some() {
        let said = if takes_password { "takes" } else { "accepts no passwords from mail programs, only" };
        say(&format!(
            "{name} {said} a login with OAuth 2.0, by a client that is registered with it: \"OAuth\" in postrider.toml(5) says how"
        ));
        provider.note.iter().for_each(|note| say(note));
        let missing = || {
            Failure::new(Exit::Config, format_args!("it is not known how {name} issues tokens; nothing was written"))
        };
        return service.ok_or_else(missing).map(Some);
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
    provider.note.iter().for_each(|note| say(note));
    Ok(None)
}

/// The service of a server that takes tokens only, as its domain says.
fn of_tokens(server: &Found) -> Result<&'static Service, Failure> {
    let host = server.host();
    let said =
        format!("{host} accepts no passwords, only a login with OAuth 2.0, by a client that is registered with it");
    if let Some(service) = Service::of_host(host) {
        say(&format!("{said}: \"OAuth\" in postrider.toml(5) says how"));
        return Ok(service);
    }
    Err(Failure::new(
        Exit::Config,
        format_args!(
            "{said}, and it is not known how it issues tokens: register a client, write an account with `oauth` and the \
             endpoints as \"OAuth\" in postrider.toml(5) says, and run \"postrider login\"; nothing was written (--relay {} \
             tries a password all the same)",
            server.relay.replace(['[', ']'], "")
        ),
    ))
}

/// The ID of the registered client.
fn client(arguments: &Arguments, service: &'static Service) -> Result<Client, Failure> {
    let name = &service.name;
    let id = match &arguments.client_id {
        Some(given) => given.clone(),
        None if arguments.yes => {
            return Err(Failure::new(
                Exit::Config,
                format_args!("name the client that is registered with {name} with --client-id; nothing was written"),
            ));
        }
        None => question(&format!("Client ID at {name}"), "", |answer| match answer {
            "" => Err("enter the ID that it was given when it was registered".to_owned()),
            answer => Ok(answer.to_owned()),
        })?,
    };
    Ok(Client { service: &service.id, id })
}
