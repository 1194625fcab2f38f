//! `postrider test`: a live conversation with an account's relay, step by step, and with
//! `--to` a mail; secrets masked, each failure with its likely cause and cure. A listener of this machine is tested in `listener`.

mod listener;
pub(super) mod mail;
mod relaying;
mod server;
mod steps;

use std::path::{Path, PathBuf};

use self::mail::Mail;
use self::steps::{Detail, Printer};
use super::exit::{Exit, Failure};
use super::login_test::{self, NoSession};
use crate::cli::print::{say, say_verdict};
use crate::config::mailbox::shown_account;
use crate::config::{Account, Config};
use crate::mail::address::ReversePath;
use crate::mail::outcome::{Fact, Seen};
use crate::rules::trouble::Verdict;

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The account; default: the default account
    #[arg(value_name = "ACCOUNT")]
    account: Option<String>,
    /// Also send a short test message to this address
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Envelope sender of the test message; default: the account's own address, else that of root's mail
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Show what any server offers, without an account or login; without PORT, 465 and 587 are tried
    #[arg(long, value_name = "HOST[:PORT]", conflicts_with_all = ["account", "to", "from", "listener"])]
    server: Option<String>,
    /// Show the whole dialogue
    #[arg(long, short)]
    verbose: bool,
    /// Test this listener of the machine, or all of them: certificate, EHLO, and an open-relay check
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["account", "to", "from"])]
    listener: Option<String>,
    /// With --listener, log in as this client
    #[arg(long, value_name = "CLIENT", requires = "listener")]
    client: Option<String>,
    /// With --client, read its password from the first line of this file
    #[arg(long, value_name = "FILE", requires = "client")]
    password_file: Option<PathBuf>,
}

impl Arguments {
    fn detail(&self) -> Detail {
        if self.verbose { Detail::Dialogue } else { Detail::Stages }
    }
}

/// Tests an account of the config that is named or found, a listener of this machine, or any server.
pub fn run(named: Option<&Path>, arguments: &Arguments) -> Result<Exit, Failure> {
    if let Some(server) = &arguments.server {
        return server::run(server, arguments.detail());
    }
    let Some(name) = &arguments.listener else { return of_account(&super::load(named)?, arguments) };
    // Root may read a file that the runner's user, who it is about to become, may not.
    let file = arguments.password_file.as_deref();
    let login = arguments.client.as_ref().map(|client| listener::Login::of(client, file)).transpose()?;
    listener::run(&super::load(named)?, name, login.as_ref())
}

fn of_account(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    let account = chosen(config, arguments.account.as_deref())?;
    let mail =
        arguments.to.as_deref().map(|to| Mail::new(config, account, to, arguments.from.as_deref())).transpose()?;
    say(&format!("Account {} ({}):", shown_account(&account.name), relays(account)));
    let mut session = match login_test::open(account, &config.hostname, Box::new(Printer(arguments.detail()))) {
        Ok(session) => session,
        Err(no) => {
            report_failure(&no, no.cause.as_deref(), Some(&account.name));
            return Ok(no.exit);
        }
    };
    let outcome = mail.map(|mail| (mail.send(&mut session), mail.sender));
    let summary = steps::summary(session.described(), session.capabilities());
    session.quit();
    say("");
    say_verdict(&summary);
    Ok(match outcome {
        None => Exit::Ok,
        Some((fact, sender)) => report_result(&fact, &sender, account, &config.hostname),
    })
}

fn chosen<'c>(config: &'c Config, name: Option<&str>) -> Result<&'c Account, Failure> {
    if config.accounts.is_empty() {
        return Err(Failure::new(Exit::Usage, "no account is set up yet; run \"postrider init\""));
    }
    let known = config.account_names().join(", ");
    match name.or(config.default_account.as_deref()) {
        Some(name) => config.account_meant(name).ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                format_args!("there is no account {name} in {}; existing accounts: {known}", config.path.display()),
            )
        }),
        None => Err(Failure::new(
            Exit::Usage,
            format_args!("which account? There is no default_account; name one of: {known}"),
        )),
    }
}

fn relays(account: &Account) -> String {
    account.servers().join(", ")
}

/// What was seen, the likely cause, and what the certificate says where that is the reason; for an account, the line that
/// would trust it all the same.
fn report_failure(no: &NoSession, cause: Option<&str>, account: Option<&str>) {
    say("");
    say_verdict(&format!("FAILED at {}", no.failure));
    if let Some(cause) = cause {
        say_verdict(&format!("Likely cause: {cause}."));
    }
    let Some(problem) = &no.certificate else { return };
    problem.certificate.iter().for_each(|line| say(&format!("- {line}")));
    if let (Some(pin), Some(account)) = (&problem.pin, account) {
        say(&format!(
            "If you are sure that it belongs to the right server, tls_fingerprint = \"{pin}\" in [account.{account}] trusts exactly this \
             certificate."
        ));
    }
}

fn report_result(fact: &Fact, sender: &ReversePath, account: &Account, hostname: &str) -> Exit {
    let (verdict, cause) = mail::classify(fact, sender, account, hostname);
    match (verdict, &fact.seen) {
        (Verdict::Delivered, Seen::Reply(reply)) => {
            say(&format!("The server accepted the test mail: {reply}"));
        }
        (_, seen) => {
            say(&format!("The test mail was rejected: {seen}"));
            if let Some(cause) = cause {
                say_verdict(&format!("Likely cause: {cause}."));
            }
        }
    }
    login_test::exit(verdict)
}
