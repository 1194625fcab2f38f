//! `postrider login`: the user agrees, in a browser, that an account may send mail, and the refresh token is stored. A login that
//! would not last or could not send mail is refused here, and not at the first mail.

mod browser;
mod device;

use std::path::Path;

use jiff::{Timestamp, Zoned};

use super::exit::{Exit, Failure};
use crate::cli::print::say;
use crate::config::oauth::{Flow, OAuth};
use crate::config::{Account, Config, Secret};
use crate::deliver::oauth::request::{self, Granted, TokenError};
use crate::deliver::oauth::source::{self, Wanted};
use crate::deliver::oauth::stored::{self, StoreError};
use crate::rules::token_refusal::Needs;
use crate::spool::Spool;
use crate::spool::account_health::{self, Outage, Trouble};

/// Arguments of `login`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The account; default: the only one with `oauth`
    #[arg(value_name = "ACCOUNT")]
    account: Option<String>,
    /// Show which accounts are logged in, and since when
    #[arg(long)]
    status: bool,
}

/// Logs in, or says who is.
pub fn run(named: Option<&Path>, arguments: &Arguments) -> Result<Exit, Failure> {
    let config = super::load(named)?;
    if arguments.status {
        return status(&config, arguments.account.as_deref());
    }
    let oauth = chosen(&config, arguments.account.as_deref())?;
    let (issuer, account) = (&oauth.issuer, &oauth.account);
    if oauth.flow == Flow::Client {
        source::access_token(oauth, Wanted::Any).map_err(|error| refused(oauth, &error))?;
        print_line!("{issuer} issues tokens to the client of account {account}; no login is needed");
        return Ok(Exit::Ok);
    }
    // What can fail here fails before anybody agrees to anything.
    let lock = stored::lock(oauth)?;
    stored::prepare(oauth, &lock).map_err(unkept)?;
    drop(lock);
    let secret = request::client_secret(oauth).map_err(|error| failed(&error))?;
    let granted = match oauth.flow {
        Flow::Device => device::run(oauth, secret.as_ref())?,
        Flow::Browser | Flow::Client => browser::run(oauth, secret.as_ref())?,
    };
    if let Some(clock) = &granted.clock {
        complain!("postrider: {clock}");
    }
    if let Err(error) = &granted.access {
        return Err(failed(error));
    }
    let refresh = lasting(oauth, &granted)?;
    // The new login takes the place of the old one only when it is on disk.
    let lock = stored::lock(oauth)?;
    stored::write(oauth, refresh, Timestamp::now(), &lock).map_err(unkept)?;
    stored::note_login(oauth)?;
    say(&format!("account {account} is logged in at {issuer} as {}", oauth.username));
    say(&format!("to see that it works: postrider test {account}"));
    Ok(Exit::Ok)
}

fn chosen<'c>(config: &'c Config, name: Option<&str>) -> Result<&'c OAuth, Failure> {
    let all: Vec<(&Account, &OAuth)> = with_oauth(config).collect();
    let names = || all.iter().map(|(account, _)| account.name.as_str()).collect::<Vec<_>>().join(", ");
    let usage = |message: String| Failure::new(Exit::Usage, message);
    match (name, &all[..]) {
        (Some(name), _) => match all.iter().find(|(account, _)| account.name == name) {
            Some((_, oauth)) => Ok(oauth),
            None if config.account(name).is_some() => Err(usage(format!(
                "account {name} logs in with a password; for tokens, write `oauth` in place of `password` in \
                 [account.{name}], see postrider.toml(5)"
            ))),
            None => Err(usage(format!("there is no account {name}; accounts with `oauth`: {}", names()))),
        },
        (None, [(_, oauth)]) => Ok(oauth),
        (None, []) => Err(usage("no account has `oauth`; see \"OAuth\" in postrider.toml(5)".to_owned())),
        (None, _) => Err(usage(format!("which account? Name one of: {}", names()))),
    }
}

fn with_oauth(config: &Config) -> impl Iterator<Item = (&Account, &OAuth)> {
    config.accounts.iter().filter_map(|account| Some((account, account.oauth.as_deref()?)))
}

/// The refresh token of a login that lasts and may send mail.
fn lasting<'g>(oauth: &OAuth, granted: &'g Granted) -> Result<&'g Secret, Failure> {
    let issuer = &oauth.issuer;
    if let Some(scope) = &granted.scope {
        let has = |wanted: &str| scope.split_whitespace().any(|granted| granted.eq_ignore_ascii_case(wanted));
        let is_about_mail = |word: &&str| !matches!(*word, "offline_access" | "openid" | "profile" | "email");
        if let Some(missing) = oauth.scope.split_whitespace().filter(is_about_mail).find(|word| !has(word)) {
            return Err(Failure::new(
                Exit::Unavailable,
                format_args!(
                    "{issuer} did not grant {missing}, without which no mail can be sent: give the registered client that \
                     permission, and agree to it; nothing was stored"
                ),
            ));
        }
    }
    granted.refresh.as_ref().ok_or_else(|| {
        Failure::new(
            Exit::Unavailable,
            format_args!(
                "{issuer} granted no refresh token, so the login would end within the hour: `scope` may have to include \
                 offline_access, or the client must be registered for it; nothing was stored"
            ),
        )
    })
}

/// A line for each account, and exit status 78 if one has no login, or one that is refused now.
fn status(config: &Config, only: Option<&str>) -> Result<Exit, Failure> {
    let mut exit = Exit::Ok;
    if only.is_some() {
        chosen(config, only)?;
    } else if with_oauth(config).next().is_none() {
        say("no account has `oauth`; the others log in with passwords, if at all");
    }
    let spool = Spool::find(&config.spool)?;
    let health = spool.map(|spool| account_health::current(&spool, Some(config))).unwrap_or_default();
    for (account, oauth) in with_oauth(config).filter(|(account, _)| only.is_none_or(|only| account.name == only)) {
        let (name, issuer, user) = (&account.name, &oauth.issuer, &oauth.username);
        let refused = |since: Option<Timestamp>| {
            let is_new = |outage: &&Outage| since.is_none_or(|since| outage.seen > since);
            health.get(name).filter(|outage| outage.trouble == Trouble::Login).filter(is_new).map(refused_since)
        };
        let (state, is_well) = match (oauth.flow, stored::look(oauth)?) {
            (Flow::Client, _) => match refused(None) {
                Some(words) => (format!("as its own client, {words}"), false),
                None => ("as its own client".to_owned(), true),
            },
            (Flow::Device | Flow::Browser, Some(login)) => {
                let (words, is_well) = match refused(Some(login.renewed)) {
                    Some(words) => (words, false),
                    None => (format!("token renewed {}", day(login.renewed)), true),
                };
                (format!("as {user}, logged in {}, {words}", day(login.since)), is_well)
            }
            (Flow::Device | Flow::Browser, None) => (format!("not logged in; run \"postrider login {name}\""), false),
        };
        say(&format!("{name}: {issuer}, {state}"));
        if !is_well {
            exit = Exit::Config;
        }
    }
    Ok(exit)
}

/// A refusal has its cure at the end.
fn refused_since(outage: &Outage) -> String {
    let (reason, since) = (&outage.reason, day(outage.since));
    match reason.rsplit_once("; ") {
        Some((_, cure)) => format!("refused since {since}; {cure}"),
        None => format!("refused since {since}: {reason}"),
    }
}

fn day(time: Timestamp) -> String {
    Zoned::new(time, jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn unkept(error: StoreError) -> Failure {
    match error {
        StoreError::State(error) => error.into(),
        StoreError::Keyring(error) => Failure::new(Exit::Config, error),
    }
}

/// The same with what mends a refusal, where another login does not.
fn refused(oauth: &OAuth, error: &TokenError) -> Failure {
    let Failure { message, exit } = failed(error);
    let is_about_login = matches!(error, TokenError::Refused { needs: Needs::Login, .. }) && oauth.flow != Flow::Client;
    match error.remedy(oauth).filter(|_| !is_about_login) {
        Some(cure) => Failure::new(exit, format_args!("{message}; {cure}")),
        None => Failure::new(exit, message),
    }
}

/// A refusal is for the user to look into; an endpoint may be back later.
fn failed(error: &TokenError) -> Failure {
    let exit = match error {
        TokenError::Refused { .. } => Exit::Unavailable,
        TokenError::Unavailable { .. } | TokenError::Endpoint { .. } | TokenError::Busy(_) => Exit::TempFail,
        TokenError::Local(_) => Exit::Config,
    };
    Failure::new(exit, error)
}
