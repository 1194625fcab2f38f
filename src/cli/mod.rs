//! The command line: the only code that prints or exits. One file per subcommand;
//! here is which of them, or which personality, was asked for.

#[macro_use]
mod print;

pub mod alarm;
mod ask;
mod backup;
pub mod check;
mod client;
pub mod colour;
mod complete;
pub mod demo;
pub mod exit;
pub mod flush;
pub mod history;
pub mod import;
pub mod init;
pub mod login;
mod login_test;
pub mod lookup;
mod metrics;
mod new_config;
mod no_config;
mod password;
mod progress;
pub mod queue;
pub mod report;
mod restore;
pub mod route;
pub mod run;
pub mod sendmail;
pub mod show_config;
pub mod status;
mod step_down;
pub mod test;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, locate};
use crate::control::queue_access::QueueAccess;
use crate::mail::printable::printable;
use exit::{Exit, Failure};
use sendmail::StartedAs;

/// Send-only sendmail replacement with a queue: delivers local mail through your mail provider.
#[derive(Debug, Parser)]
#[command(name = "postrider", version, max_term_width = 100)]
struct Arguments {
    /// Use this configuration file
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read a message from standard input, like sendmail(8)
    #[command(disable_help_flag = true)]
    Sendmail {
        /// The arguments of sendmail(8)
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run the delivery service in the foreground
    Run(run::Arguments),
    /// Try queued mail now and report the result
    Flush(flush::Arguments),
    /// List, show and change queued messages
    Queue(queue::Arguments),
    /// Show what happened to mail that has left the queue
    History(history::Arguments),
    /// Report whether mail flows, for monitoring; exit status 0: yes, 1: warning, 2: needs attention, 3: unknown
    Status(status::Arguments),
    /// Report what became of the mail of a week: by day, account and sender, with causes of bounces
    Report(report::Arguments),
    /// Print figures for Prometheus, of the queue and of what the runner has done
    Metrics,
    /// Write configuration, secrets and mail to one file, to move to another machine
    Backup(backup::Arguments),
    /// Put back what backup has written; what history shows as sent is not sent again
    Restore(restore::Arguments),
    /// Test the alarm channels
    #[command(subcommand)]
    Alarm(alarm::Action),
    /// Explain how an address is rewritten and where its mail goes, without sending
    Route(route::Arguments),
    /// Look up one key in a table
    Lookup(lookup::Arguments),
    /// Check config, tables, secrets and spool for mistakes
    Check(check::Arguments),
    /// Set, delete or test an account's password
    #[command(subcommand)]
    Password(password::Action),
    /// Log an account in at its provider (OAuth 2.0), in a browser
    Login(login::Arguments),
    /// Add, list and remove network clients: devices and programs that submit mail by SMTP
    #[command(subcommand)]
    Client(client::Action),
    /// Set up an account and write a working config; run again, it adds or changes one
    Init(init::Arguments),
    /// Convert the config of postfix, msmtp, nullmailer, ssmtp, dma, exim, opensmtpd or sendmail
    Import(import::Arguments),
    /// Talk to an account's relay step by step; with --to, send a test message
    Test(test::Arguments),
    /// Show the path of a few messages, start to finish; needs no account and no setup
    Demo(no_config::NoConfig),
    /// Show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print what a shell's completion offers
    #[command(hide = true)]
    Complete {
        /// What is to be completed
        wanted: complete::Wanted,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the path of the configuration file, or its errors
    Path,
    /// Print the keys that are set; with --defaults, all keys
    Show(show_config::Arguments),
}

/// The program: which personality by name, which subcommand by arguments.
#[must_use]
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    match StartedAs::by_name(&name) {
        Some(started_as) => sendmail::run(arguments, &started_as),
        None => postrider(),
    }
}

fn postrider() -> ExitCode {
    if let Some((config, arguments)) = sendmail_arguments() {
        return sendmail::run(arguments.into_iter(), &StartedAs::Subcommand { config });
    }
    let Arguments { config, command } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            if error.use_stderr() {
                // Nobody is left to tell if even this cannot be printed.
                let _ = error.print();
                return Exit::Usage.into();
            }
            print::text(error.render());
            return print::checked(Exit::Ok, Exit::IoError).into();
        }
    };
    let named = config.as_deref();
    let result = match command {
        Command::Sendmail { arguments } => {
            return sendmail::run(arguments.into_iter(), &StartedAs::Subcommand { config });
        }
        Command::Demo(_) | Command::Init(_) | Command::Import(_) if named.is_some() => Err(no_config::refused()),
        Command::Demo(_) => return demo::main(),
        Command::Run(arguments) => run::start(named, &arguments),
        Command::Flush(arguments) => queue_access(named).and_then(|access| flush::run(&access, &arguments)),
        Command::Queue(arguments) => queue_access(named).and_then(|access| queue::run(&access, &arguments)),
        Command::History(arguments) => queue_access(named).and_then(|access| history::run(&access, &arguments)),
        Command::Status(arguments) => return status::run(named, &arguments).into(),
        Command::Report(arguments) => queue_access(named).and_then(|access| report::run(&access, &arguments)),
        Command::Metrics => metrics::run(named),
        Command::Alarm(action) => load(named).and_then(|config| alarm::run(&config, &action)),
        Command::Backup(arguments) => load_as_caller(named).and_then(|config| backup::run(&config, &arguments)),
        Command::Restore(arguments) => restore::run(named, &arguments),
        Command::Complete { wanted } => Ok(complete::run(named, wanted)),
        Command::Route(arguments) => load(named).and_then(|config| route::run(&config, &arguments)),
        Command::Lookup(arguments) => load(named).and_then(|config| lookup::run(&config, &arguments)),
        Command::Check(arguments) => check::run(named, &arguments),
        Command::Password(action) => load_as_caller(named).and_then(|config| password::run(&config, &action)),
        Command::Login(arguments) => login::run(named, &arguments),
        Command::Client(action) => client::run(named, &action),
        Command::Init(arguments) => init::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Config(ConfigCommand::Show(arguments)) => {
            load(named).and_then(|config| show_config::run(&config, &arguments))
        }
        Command::Test(arguments) => test::run(named, &arguments),
        Command::Config(ConfigCommand::Path) => load(named).map(|config| {
            print_line!("{}", config.path.display());
            Exit::Ok
        }),
    };
    conclude("postrider", result)
}

/// The arguments behind `postrider [--config FILE] sendmail`, untouched: clap would take `--` for itself.
fn sendmail_arguments() -> Option<(Option<PathBuf>, Vec<OsString>)> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next()?;
    if first == "sendmail" {
        return Some((None, arguments.collect()));
    }
    let config = match first.to_str().and_then(|text| text.strip_prefix("--config=")) {
        Some(path) => PathBuf::from(path),
        None if first == "--config" => PathBuf::from(arguments.next()?),
        None => return None,
    };
    (arguments.next()? == "sendmail").then(|| (Some(config), arguments.collect()))
}

/// The queue that a command with this `--config` is about. Where only the machine's runner may read it, no config is read.
fn queue_access(named: Option<&Path>) -> Result<QueueAccess, Failure> {
    if QueueAccess::needs_runner(named) {
        return Ok(QueueAccess::Runner);
    }
    Ok(QueueAccess::of(load(named)?)?)
}

fn load(named: Option<&Path>) -> Result<Config, Failure> {
    let config = locate::load(named)?;
    step_down::if_root(&config)?;
    // Last: a change of user would undo it.
    crate::sys::harden::keep_memory_private();
    Ok(config)
}

/// For what root writes into /etc.
fn load_as_caller(named: Option<&Path>) -> Result<Config, Failure> {
    let config = locate::load(named)?;
    crate::sys::harden::keep_memory_private();
    Ok(config)
}

/// Says a failure once, in one way, and ends.
fn conclude(program: &str, result: Result<Exit, Failure>) -> ExitCode {
    match result {
        Ok(exit) => print::checked(exit, Exit::IoError).into(),
        Err(failure) => {
            for line in failure.message.lines() {
                // It may name an address or a key as it was given.
                complain!("{program}: {}", printable(line));
            }
            failure.exit.into()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on must say so by panicking")]
mod tests;
