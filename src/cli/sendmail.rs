//! The command sendmail(8): its errors and exit codes. What its options are is in
//! `options`; what it does is collect, admit, hand over.

mod options;

use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal, Read, Stdin, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Zoned;

use super::exit::Exit;
use crate::config::caller::Caller;
use crate::config::{Config, ConfigError, Delivery, locate};
use crate::spool::{MessageId, Spool, SpoolError};
use crate::submit::admit::{self, AdmitError};
use crate::submit::collect::{self, Collected, Request};
use crate::submit::complete::EnvelopeError;
use crate::submit::hand_over::{self, Handed, Show};
use crate::submit::head::HeadError;
use options::{Attempt, Mode, Options, UsageError};

/// The name that the command was called by: it decides whose config choice counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartedAs {
    /// `sendmail`: web programs pass attacker-made arguments, so `-C` is accepted and ignored.
    Sendmail,
    /// `postrider sendmail`, perhaps with `--config` before it; `-C` counts.
    Subcommand {
        /// What `--config` said.
        config: Option<PathBuf>,
    },
}

/// `sendmail ARGS` with this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    run(std::env::args_os().skip(1), StartedAs::Sendmail)
}

/// `sendmail ARGS`; the arguments come without the program's name. Silent when all went well.
pub fn run(arguments: impl Iterator<Item = OsString>, started_as: StartedAs) -> ExitCode {
    // Callers' masks (177 is seen) would make folders of the spool that cannot be entered.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let outcome = match Options::read(arguments) {
        Ok(options) => act(options, started_as),
        Err(error) => {
            Patient(io::stdin()).drain();
            Err(error.into())
        }
    };
    match outcome {
        Ok(Handed::Over) => ExitCode::SUCCESS,
        Ok(Handed::Refused(words)) => {
            let told = line(&format!("every recipient was refused: {words}"));
            let _ = io::stderr().write_all(told.as_bytes());
            Exit::Unavailable.into()
        }
        Err(failure) => {
            tell(&failure);
            failure.exit().into()
        }
    }
}

fn act(options: Options, started_as: StartedAs) -> Result<Handed, Failure> {
    match options.mode {
        Mode::Deliver => deliver(options, started_as),
        Mode::HostStatus => Ok(Handed::Over),
        // These read no message, so nobody waits for stdin to be read.
        Mode::ListQueue => Err(Failure::NotBuilt("-bp", "use 'postrider queue list' or mailq")),
        Mode::Smtp => Err(Failure::NotBuilt("-bs", "have the program call 'sendmail -t' instead")),
        Mode::Verify => Err(Failure::NotBuilt("-bv", "use 'postrider route ADDRESS --from SENDER'")),
        Mode::Aliases => Err(Failure::NotBuilt("-bi", "changed tables are read without it")),
        Mode::Daemon => Err(Failure::NotBuilt("-bd", "use 'postrider run'")),
        Mode::RunQueue => Err(Failure::NotBuilt("-q", "use 'postrider flush'")),
    }
}

/// Takes a message in. Stdin is read to its end before a failure is told: a caller that still writes
/// would die of SIGPIPE and never hear of it.
fn deliver(options: Options, started_as: StartedAs) -> Result<Handed, Failure> {
    let mut stdin = Patient(io::stdin());
    let here = match Here::find(&options, started_as) {
        Ok(here) => here,
        Err(failure) => {
            stdin.drain();
            return Err(failure);
        }
    };
    let show = if options.verbosity > 0 && io::stdout().is_terminal() { Show::Conversation } else { Show::Nothing };
    let manner = match options.attempt {
        Attempt::AtOnce => Delivery::Interactive,
        Attempt::AsConfigured => here.config.delivery,
    };
    let id = match collect::collect(named(options.request), &mut stdin) {
        Ok(mut collected) => here.admit(&mut collected)?,
        Err(error) => {
            stdin.drain();
            return Err(error.into());
        }
    };
    Ok(hand_over::hand_over(&here.config, &here.spool, &id, manner, show))
}

/// `-F` comes before $NAME, and this before the passwd entry. It is a display name, and proves nothing.
fn named(request: Request) -> Request {
    let full_name = request.full_name.or_else(|| std::env::var_os("NAME").map(OsString::into_vec));
    Request { full_name, ..request }
}

/// Where a message is taken in: who calls, by which config, into which spool.
struct Here {
    caller: Caller,
    config: Config,
    spool: Spool,
}

impl Here {
    fn find(options: &Options, started_as: StartedAs) -> Result<Self, Failure> {
        let named = match started_as {
            StartedAs::Sendmail => None,
            StartedAs::Subcommand { config } => options.config.clone().or(config),
        };
        let config = locate::load(named.as_deref())?;
        let spool = Spool::open(&config.spool).map_err(Failure::Spool)?;
        Ok(Self { caller: Caller::current(), config, spool })
    }

    fn admit<R: Read>(&self, collected: &mut Collected<R>) -> Result<MessageId, Failure> {
        admit::admit(collected, &self.config, &self.spool, &self.caller, &Zoned::now()).map_err(|error| {
            collected.body.drain();
            error.into()
        })
    }
}

/// The caller's input. Descriptors are shared, and whoever shares this one may have made it
/// non-blocking: then it is waited for.
struct Patient(Stdin);

impl Patient {
    /// Reads to the end, except from somebody's keyboard.
    fn drain(&mut self) {
        if !self.0.is_terminal() {
            let _ = io::copy(self, &mut io::sink());
        }
    }
}

impl Read for Patient {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(10)),
                result => return result,
            }
        }
    }
}

/// Why there is no message in the queue.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error("{0} is not there yet; {1}")]
    NotBuilt(&'static str, &'static str),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot open the spool: {0}; the message is not sent, try again later")]
    Spool(SpoolError),
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error(transparent)]
    Admit(#[from] AdmitError),
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::NotBuilt(..) | Self::Admit(AdmitError::Envelope(EnvelopeError::NoRecipients)) => {
                Exit::Usage
            }
            Self::Head(HeadError::TooLong)
            | Self::Admit(AdmitError::Envelope(
                EnvelopeError::NoUsableRecipient(_) | EnvelopeError::BadSender { .. },
            )) => Exit::DataError,
            Self::Head(HeadError::Read(_)) | Self::Admit(AdmitError::Read(_) | AdmitError::Random(_)) => Exit::OsError,
            Self::Spool(_) | Self::Admit(AdmitError::TooBig(_) | AdmitError::NoRoom { .. } | AdmitError::Spool(_)) => {
                Exit::TempFail
            }
            Self::Config(_) => Exit::Config,
        }
    }
}

/// One line on stderr; callers show no more, and some take the first line for all of it.
fn tell(failure: &Failure) {
    let _ = io::stderr().write_all(line(&failure.to_string()).as_bytes());
}

fn line(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let more = match lines.count() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let plain: String = first.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect();
    format!("sendmail: {plain}{more}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line() {
        assert_eq!(line("a\nb\nc"), "sendmail: a (and 2 more)\n");
        assert_eq!(line("a\x1b[31m"), "sendmail: a?[31m\n");
        assert_eq!(line(""), "sendmail: \n");
    }

    #[test]
    fn exit_codes_say_what_happened() {
        let envelope = |error| Failure::Admit(AdmitError::Envelope(error));
        for (failure, code) in [
            (Failure::Usage(UsageError::MissingValue('f')), 64),
            (Failure::NotBuilt("-bs", ""), 64),
            (envelope(EnvelopeError::NoRecipients), 64),
            (envelope(EnvelopeError::NoUsableRecipient("-i".to_owned())), 65),
            (Failure::Head(HeadError::TooLong), 65),
            (Failure::Head(HeadError::Read(io::Error::other("x"))), 71),
            (Failure::Admit(AdmitError::TooBig(1)), 75),
            (Failure::Config(ConfigError::Missing(Vec::new())), 78),
        ] {
            assert_eq!(failure.exit().code(), code, "{failure}");
        }
    }
}
