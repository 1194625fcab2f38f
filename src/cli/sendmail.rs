//! The command sendmail(8) and its names mailq and newaliases: what a call is for, and
//! taking a message in. Options are in `options`, what they may say in `values`, each
//! other mode in a file of its own, errors in `failure`.

mod aliases;
mod failure;
mod option_values;
pub mod options;
mod run_queue;
mod smtp;
mod system;
mod verify;
mod whole_program;

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, IsTerminal, Read, Stdin};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use jiff::Zoned;

use self::option_values::{Attempt, Errors, Mode};
use super::exit::Exit;
use super::queue;
use crate::config::{Config, Delivery, Reserve, locate};
use crate::control::queue_access::QueueAccess;
use crate::spool::{MessageId, Spool};
use crate::submit::admit::context::{Author, Entry, Tables};
use crate::submit::admit::early_bounce::{self, Failed, Rest};
use crate::submit::admit::store::{self, MessageIds};
use crate::submit::frontend::collect::{self, Collected, Request, Sender};
use crate::submit::frontend::input::MOST_DRAINED;
use crate::submit::frontend::start_runner::{self, Handed, Show};
use crate::sys::local_time;
use crate::sys::user::Caller;
use failure::{Failure, Program};
use options::{Options, UsageError};

/// The name that the command was called by: it decides whose config choice counts, and what is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartedAs {
    /// `sendmail`: web programs pass attacker-made arguments, so `-C` is accepted and ignored.
    Sendmail,
    /// `mailq`: `sendmail -bp`.
    Mailq,
    /// `newaliases`: `sendmail -bi`.
    Newaliases,
    /// `postrider sendmail`, perhaps with `--config` before it; `-C` counts.
    Subcommand {
        /// What `--config` said.
        config: Option<PathBuf>,
    },
}

impl StartedAs {
    /// What a program's own name says, with or without folders before it.
    pub(super) fn by_name(path: &OsStr) -> Option<Self> {
        match Path::new(path).file_name()?.to_str()? {
            "sendmail" => Some(Self::Sendmail),
            "mailq" => Some(Self::Mailq),
            "newaliases" => Some(Self::Newaliases),
            _ => None,
        }
    }

    /// The config that the caller names, where that counts.
    fn named<'a>(&'a self, options: &'a Options) -> Option<&'a Path> {
        match self {
            Self::Sendmail | Self::Mailq | Self::Newaliases => None,
            Self::Subcommand { config } => options.config.as_deref().or(config.as_deref()),
        }
    }

    fn program(&self) -> Program {
        Program(match self {
            Self::Sendmail | Self::Subcommand { .. } => "sendmail",
            Self::Mailq => "mailq",
            Self::Newaliases => "newaliases",
        })
    }

    /// The mode that the name alone decides.
    fn mode(&self) -> Option<Mode> {
        match self {
            Self::Sendmail | Self::Subcommand { .. } => None,
            Self::Mailq => Some(Mode::ListQueue),
            Self::Newaliases => Some(Mode::Aliases),
        }
    }
}

/// The program `sendmail`; also `mailq` and `newaliases`, which Debian has as links to it.
#[must_use]
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let (arguments, started_as): (Vec<_>, _) =
        (arguments.collect(), StartedAs::by_name(&name).unwrap_or(StartedAs::Sendmail));
    let options = Options::read(arguments.iter().cloned());
    // What is wrong with the options can be said here.
    let missing = options.as_ref().ok();
    let missing = missing.and_then(|options| whole_program::replace_if_needed(options, &arguments, &started_as));
    obey(options, &started_as, |options, started_as| whole_program::act(options, started_as, missing))
}

/// `sendmail ARGS`; the arguments come without the program's name. Silent when all went well.
pub fn run(arguments: impl Iterator<Item = OsString>, started_as: &StartedAs) -> ExitCode {
    obey(Options::read(arguments), started_as, act)
}

fn obey(
    options: Result<Options, UsageError>,
    started_as: &StartedAs,
    act: impl FnOnce(Options, &StartedAs) -> Result<Exit, Failure>,
) -> ExitCode {
    // Callers' masks (177 is seen) would make folders of the spool that cannot be entered.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let program = started_as.program();
    let (errors, outcome) = match options {
        Ok(options) => {
            for ignored in &options.ignored {
                program.warn(ignored);
            }
            (options.errors, act(options, started_as))
        }
        Err(error) => {
            // mailq and newaliases read no message.
            if started_as.mode().is_none() {
                BlockingStdin(io::stdin()).drain();
            }
            (Errors::Print, Err(error.into()))
        }
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => program.tell(&failure, errors).into(),
    }
}

fn act(options: Options, started_as: &StartedAs) -> Result<Exit, Failure> {
    let mode = started_as.mode().unwrap_or_else(|| options.mode.clone());
    match mode {
        Mode::Deliver => deliver(options, started_as),
        Mode::Nothing => Ok(Exit::Ok),
        // These read no message, so nobody waits for stdin to be read.
        Mode::ListQueue => Ok(queue::mailq(&queue_access(&options, started_as)?)?),
        // There is nothing to build, and the tables are not this user's to check.
        Mode::Aliases if QueueAccess::needs_runner(started_as.named(&options)) => Ok(Exit::Ok),
        Mode::Aliases => aliases::check(&configured(&options, started_as)?, started_as.program()),
        Mode::Daemon => {
            let here = UserMode::find(&options, started_as)?;
            start_runner::leave_daemon(&here.config, &here.spool);
            Ok(Exit::Ok)
        }
        Mode::Foreground => run_queue::become_runner(&configured(&options, started_as)?),
        Mode::RunQueue(tests) => run_queue::flush(&queue_access(&options, started_as)?, &tests, show(&options)),
        Mode::Verify => verify::verify(&options, started_as),
        Mode::Smtp if locate::is_system_mode(started_as.named(&options)) => smtp::serve_remotely(&options),
        Mode::Smtp => smtp::serve(UserMode::find(&options, started_as), &options),
    }
}

/// Takes a message in. Before a failure is reported, stdin is drained: a caller that still
/// writes would die of SIGPIPE and never see the reason.
fn deliver(options: Options, started_as: &StartedAs) -> Result<Exit, Failure> {
    let mut stdin = BlockingStdin(io::stdin());
    if locate::is_system_mode(started_as.named(&options)) {
        return system::deliver(named(options.request), stdin);
    }
    let here = match UserMode::find(&options, started_as) {
        Ok(here) => here,
        Err(failure) => {
            stdin.drain();
            return Err(failure);
        }
    };
    let (show, manner, errors) = (show(&options), here.manner(&options), options.errors);
    let request = named(options.request);
    let asked = request.sender.clone();
    let mut collected = match collect::collect(request, &mut stdin) {
        Ok(collected) => collected,
        Err(error) => {
            stdin.drain();
            return Err(here.returned(error.into(), &asked, Rest::<io::Empty>::Nothing, errors));
        }
    };
    let id = match here.admit(&mut collected) {
        Ok(id) => id,
        Err(failure) => {
            let asked = collected.sender.clone();
            let failure = here.returned(failure, &asked, Rest::Whole(&mut collected), errors);
            collected.body.drain();
            return Err(failure);
        }
    };
    match start_runner::hand_over(&here.config, &here.spool, &id, manner, show) {
        Handed::Over => Ok(Exit::Ok),
        Handed::Refused(reason) => Err(Failure::Refused(reason)),
    }
}

/// `-v` shows something to a person, and changes nothing for a program.
fn show(options: &Options) -> Show {
    if options.verbosity > 0 && io::stdout().is_terminal() { Show::Conversation } else { Show::Nothing }
}

/// `-F` comes before $NAME, and this before the passwd entry. It is a display name, and proves nothing.
fn named(request: Request) -> Request {
    let full_name = request.full_name.or_else(|| std::env::var_os("NAME").map(OsString::into_vec));
    Request { full_name, ..request }
}

fn queue_access(options: &Options, started_as: &StartedAs) -> Result<QueueAccess, Failure> {
    Ok(super::queue_access(started_as.named(options))?)
}

fn configured(options: &Options, started_as: &StartedAs) -> Result<Config, Failure> {
    Ok(super::load(started_as.named(options))?)
}

/// Where a message is taken in: who calls, by which config, into which spool.
#[derive(Debug, Clone)]
struct UserMode {
    caller: Caller,
    config: Config,
    spool: Spool,
}

impl UserMode {
    fn find(options: &Options, started_as: &StartedAs) -> Result<Self, Failure> {
        let config = configured(options, started_as)?;
        let spool = Spool::open(&config.spool).map_err(Failure::Spool)?;
        Ok(Self { caller: Caller::current(), config, spool })
    }

    fn manner(&self, options: &Options) -> Delivery {
        match options.attempt {
            Attempt::AtOnce => Delivery::Interactive,
            Attempt::AsConfigured => self.config.delivery,
        }
    }

    /// One's own spool: nothing of the disk is another's.
    fn entry<'a>(&'a self, now: &'a Zoned) -> Entry<'a> {
        let Self { config, spool, caller } = self;
        Entry { config, spool, author: Author::User(caller), now, tables: Tables::Fresh, reserve: Reserve::NONE }
    }

    fn admit<R: Read>(&self, collected: &mut Collected<R>) -> Result<MessageId, Failure> {
        Ok(store::admit(collected, &self.config, &self.spool, &self.caller, &local_time::now())?)
    }

    /// Tells the sender by mail, where that is asked for, possible and of use: then the failure is [`Failure::Returned`].
    fn returned<R: Read>(&self, failure: Failure, sender: &Sender, rest: Rest<'_, R>, errors: Errors) -> Failure {
        let by_mail = matches!(errors, Errors::Mail | Errors::MailAndSucceed) && failure.is_about_the_message();
        if !by_mail {
            return failure;
        }
        let why = failure.to_string();
        let now = local_time::now();
        let place = self.entry(&now);
        let failed = Failed { why: &why, sender, rest };
        match MessageIds::by_chance(&now).and_then(|naming| early_bounce::mail_back(failed, naming, &place)) {
            Ok(Some(id)) => {
                let manner = self.config.delivery;
                let _ = start_runner::hand_over(&self.config, &self.spool, &id, manner, Show::Nothing);
                Failure::Returned(Box::new(failure))
            }
            // The error that was to be mailed is the one to print.
            Ok(None) | Err(_) => failure,
        }
    }
}

/// The caller's input. Descriptors are shared, and whoever shares this one may have made it
/// non-blocking: then it is waited for.
struct BlockingStdin(Stdin);

impl BlockingStdin {
    /// Reads to the end, up to [`MOST_DRAINED`], except from somebody's keyboard.
    fn drain(&mut self) {
        if !self.0.is_terminal() {
            let _ = io::copy(&mut self.take(MOST_DRAINED), &mut io::sink());
        }
    }
}

impl Read for BlockingStdin {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(10)),
                result => return result,
            }
        }
    }
}

/// What the option tables hold, for the test that compares them with the manual page.
#[cfg(test)]
pub(super) mod vocabulary {
    use crate::cli::sendmail::{option_values, options};

    pub fn letters() -> Vec<char> {
        options::letters().map(char::from).collect()
    }

    pub fn words() -> Vec<&'static str> {
        options::words().collect()
    }

    pub fn modes() -> Vec<char> {
        option_values::MODES.iter().map(|(letter, _)| char::from(*letter)).collect()
    }

    pub fn errors() -> Vec<char> {
        option_values::ERRORS.iter().map(|(letter, _)| char::from(*letter)).collect()
    }
}
