//! The command line: the only code that prints or exits. One file per subcommand;
//! here is which of them, or which personality, was asked for.

pub mod demo;
pub mod exit;
pub mod flush;
pub mod queue;
pub mod route;
pub mod run;
pub mod sendmail;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, locate};
use exit::{Exit, Failure};
use sendmail::StartedAs;

/// The mail slot of a machine that is not a mail server.
#[derive(Debug, Parser)]
#[command(name = "postrider", version, max_term_width = 100)]
struct Arguments {
    /// Use this configuration file instead of looking for one
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take a message on standard input, as sendmail(8) does
    #[command(disable_help_flag = true)]
    Sendmail {
        /// The arguments of sendmail(8)
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Be the runner: attempt what is due, until told to stop
    Run(run::Arguments),
    /// Attempt queued mail now and say what became of it
    Flush(flush::Arguments),
    /// Look at the queue
    Queue(queue::Arguments),
    /// Explain how an address is rewritten and where its mail goes, without sending
    Route(route::Arguments),
    /// Show the whole way of a few mails on this machine alone; needs no account and no set-up
    Demo,
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Read the configuration, report every fault, print which file it is
    Path,
}

/// The program: which personality by name, which subcommand by arguments.
#[must_use]
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    match Path::new(&name).file_name().and_then(|name| name.to_str()) {
        Some("sendmail") => sendmail::main(),
        Some("mailq") => conclude("mailq", load(None).and_then(|config| queue::mailq(&config))),
        _ => postrider(),
    }
}

fn postrider() -> ExitCode {
    if let Some((config, arguments)) = sendmail_arguments() {
        return sendmail::run(arguments.into_iter(), StartedAs::Subcommand { config });
    }
    let Arguments { config, command } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody is left to tell if even this cannot be printed.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok }.into();
        }
    };
    let result = match command {
        Command::Sendmail { arguments } => {
            return sendmail::run(arguments.into_iter(), StartedAs::Subcommand { config });
        }
        Command::Demo => return demo::main(),
        Command::Run(arguments) => load(config.as_deref()).and_then(|config| run::run(&config, &arguments)),
        Command::Flush(arguments) => load(config.as_deref()).and_then(|config| flush::run(&config, &arguments)),
        Command::Queue(arguments) => load(config.as_deref()).and_then(|config| queue::run(&config, &arguments)),
        Command::Route(arguments) => load(config.as_deref()).and_then(|config| route::run(&config, &arguments)),
        Command::Config(ConfigCommand::Path) => load(config.as_deref()).map(|config| {
            println!("{}", config.path.display());
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

fn load(named: Option<&Path>) -> Result<Config, Failure> {
    Ok(locate::load(named)?)
}

/// Says a failure once, in one way, and ends.
fn conclude(program: &str, result: Result<Exit, Failure>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            for line in failure.message.lines() {
                eprintln!("{program}: {line}");
            }
            failure.exit.into()
        }
    }
}
