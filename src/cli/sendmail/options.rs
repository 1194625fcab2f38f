//! sendmail(8)'s options: one table, and the reading of an argument list by it. An
//! option that is not in the table is an error; one that means nothing here is in it
//! all the same, because callers were written against forty years of sendmail.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::option_values::{self, Attempt, Errors, Mode, RunQueue};
use crate::mail::dsn::{self, Dsn};
use crate::submit::frontend::collect::{Origin, Request, Sender};
use crate::submit::frontend::input::LoneDot;
use crate::submit::frontend::recipients::RecipientsFrom;

/// How an option takes its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    /// None; another letter may follow in the same argument.
    None,
    /// The rest of its argument, else the next argument.
    Needed,
    /// The rest of its argument, which may be empty.
    Attached,
}

/// What an option does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// `-t`.
    HeaderRecipients,
    /// `-i`.
    LoneDotIsText,
    /// `-f`, `-r`.
    Sender,
    /// `--read-envelope-from`.
    SenderFromField,
    /// `-F`.
    FullName,
    /// `-C`.
    Config,
    /// `-v`.
    Verbose,
    /// `-b`: the value's letter says what to do.
    Mode,
    /// `-o`: the value's first letter is an option of old, `i`, `d` and `e` among them.
    Setting,
    /// `-O`: the same by name.
    NamedSetting,
    /// `-a`: msmtp's account.
    Account,
    /// `-e`: how errors are told.
    Errors,
    /// `-q`.
    RunQueue,
    /// `-I`.
    Aliases,
    /// `-G`.
    Gateway,
    /// `-N`.
    Notify,
    /// `-R`.
    Return,
    /// `-V`.
    EnvelopeId,
    /// Nothing here, with or without a value.
    Nothing,
}

struct Flag {
    letter: u8,
    value: Value,
    meaning: Meaning,
}

const fn flag(letter: u8, value: Value, meaning: Meaning) -> Flag {
    Flag { letter, value, meaning }
}

/// Every option of Sendmail 8.17 and Postfix 3, and msmtp's account.
const FLAGS: &[Flag] = &[
    flag(b'a', Value::Needed, Meaning::Account),
    flag(b't', Value::None, Meaning::HeaderRecipients),
    flag(b'i', Value::None, Meaning::LoneDotIsText),
    flag(b'f', Value::Needed, Meaning::Sender),
    flag(b'r', Value::Needed, Meaning::Sender),
    flag(b'F', Value::Needed, Meaning::FullName),
    flag(b'C', Value::Needed, Meaning::Config),
    flag(b'v', Value::None, Meaning::Verbose),
    flag(b'b', Value::Needed, Meaning::Mode),
    flag(b'o', Value::Needed, Meaning::Setting),
    flag(b'I', Value::None, Meaning::Aliases),
    flag(b'q', Value::Attached, Meaning::RunQueue),
    flag(b'A', Value::Needed, Meaning::Nothing),
    flag(b'B', Value::Needed, Meaning::Nothing),
    flag(b'c', Value::None, Meaning::Nothing),
    flag(b'D', Value::Needed, Meaning::Nothing),
    flag(b'd', Value::Attached, Meaning::Nothing),
    flag(b'E', Value::None, Meaning::Nothing),
    flag(b'e', Value::Needed, Meaning::Errors),
    flag(b'G', Value::None, Meaning::Gateway),
    flag(b'h', Value::Needed, Meaning::Nothing),
    flag(b'L', Value::Needed, Meaning::Nothing),
    flag(b'M', Value::Needed, Meaning::Nothing),
    flag(b'm', Value::None, Meaning::Nothing),
    flag(b'N', Value::Needed, Meaning::Notify),
    flag(b'n', Value::None, Meaning::Nothing),
    flag(b'O', Value::Needed, Meaning::NamedSetting),
    flag(b'p', Value::Needed, Meaning::Nothing),
    flag(b'Q', Value::Attached, Meaning::Nothing),
    flag(b'R', Value::Needed, Meaning::Return),
    flag(b's', Value::None, Meaning::Nothing),
    flag(b'T', Value::Attached, Meaning::Nothing),
    flag(b'U', Value::None, Meaning::Nothing),
    flag(b'V', Value::Needed, Meaning::EnvelopeId),
    flag(b'X', Value::Needed, Meaning::Nothing),
    flag(b'x', Value::None, Meaning::Nothing),
];

/// What is wrong with an argument list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// Not in the table.
    #[error("unknown option {0}; sendmail(8) lists the options")]
    UnknownOption(String),
    /// The argument list ends where a value should be.
    #[error("option -{0} needs a value")]
    MissingValue(char),
    /// `-a ''`.
    #[error("option -a needs the name of an account, and got an empty one; without the option, the sender decides")]
    NoAccountName,
    /// `-b` with a letter that nobody knows.
    #[error("unknown mode -b{0}; to send a message, omit the option")]
    UnknownMode(String),
    /// `-q` with something that selects nothing.
    #[error("unknown selection -q{0}; use -qI, -qR or -qS with a part of an id, recipient or sender, or an interval")]
    UnknownSelection(String),
}

/// A value that cannot be heeded; the message is sent all the same, as Postfix does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ignoring option -{letter}: {text} is not {wanted}")]
pub struct Ignored {
    letter: char,
    text: String,
    wanted: &'static str,
}

/// An argument list, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What the call is for; the last one counts.
    pub mode: Mode,
    /// What is to be collected.
    pub request: Request,
    /// `-C`, or `--config`.
    pub config: Option<PathBuf>,
    /// How many `-v`.
    pub verbosity: usize,
    /// `-od`.
    pub attempt: Attempt,
    /// `-oe`.
    pub errors: Errors,
    /// What the caller is told beside.
    pub ignored: Vec<Ignored>,
}

/// Options that have no letter: msmtp's, which its users leave in other programs' settings.
const WORDS: &[(&str, Meaning)] =
    &[("read-envelope-from", Meaning::SenderFromField), ("read-recipients", Meaning::HeaderRecipients)];

impl Options {
    /// Reads the arguments behind the program's name. Options end at `--` and at the first argument
    /// that is none.
    pub fn read(arguments: impl Iterator<Item = OsString>) -> Result<Self, UsageError> {
        let mut arguments = arguments.map(OsString::into_vec);
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.strip_prefix(b"-") {
                Some(b"-") => break,
                Some(b"-account") => {
                    let name = next(&mut arguments, 'a')?;
                    options.take(Meaning::Account, name)?;
                }
                Some(b"-config") => options.config = Some(path(next(&mut arguments, 'C')?)),
                Some(letters) if letters.starts_with(b"-") => options.word(&letters[1..])?,
                Some(letters) if !letters.is_empty() => options.letters(letters, &mut arguments)?,
                Some(_) | None => {
                    options.request.arguments.push(argument);
                    break;
                }
            }
        }
        options.request.arguments.extend(arguments);
        Ok(options)
    }

    /// What stands behind `--`.
    fn word(&mut self, word: &[u8]) -> Result<(), UsageError> {
        if let Some(value) = word.strip_prefix(b"config=") {
            self.config = Some(path(value.to_vec()));
            return Ok(());
        }
        if let Some(value) = word.strip_prefix(b"account=") {
            return self.take(Meaning::Account, value.to_vec());
        }
        let known = WORDS.iter().find(|(name, _)| name.as_bytes() == word);
        let (_, meaning) = known.ok_or_else(|| UsageError::UnknownOption(format!("--{}", shown(word))))?;
        self.take(*meaning, Vec::new())
    }

    /// One argument's letters, up to the first that takes a value.
    fn letters(&mut self, mut letters: &[u8], arguments: &mut impl Iterator<Item = Vec<u8>>) -> Result<(), UsageError> {
        while let Some((letter, rest)) = letters.split_first() {
            let flag = FLAGS
                .iter()
                .find(|flag| flag.letter == *letter)
                .ok_or_else(|| UsageError::UnknownOption(format!("-{}", shown(&letters[..1]))))?;
            let value = match flag.value {
                Value::None => Vec::new(),
                Value::Needed if rest.is_empty() => next(arguments, char::from(*letter))?,
                Value::Needed | Value::Attached => rest.to_vec(),
            };
            letters = if flag.value == Value::None { rest } else { &[] };
            self.take(flag.meaning, value)?;
        }
        Ok(())
    }

    fn take(&mut self, meaning: Meaning, value: Vec<u8>) -> Result<(), UsageError> {
        match meaning {
            Meaning::HeaderRecipients => self.request.recipients_from = RecipientsFrom::ArgumentsAndHeader,
            Meaning::LoneDotIsText => self.request.lone_dot = LoneDot::IsText,
            Meaning::Sender => self.request.sender = Sender::Given(value),
            Meaning::Account if value.is_empty() => return Err(UsageError::NoAccountName),
            Meaning::Account => self.request.account = Some(String::from_utf8_lossy(&value).into_owned()),
            Meaning::FullName => self.request.full_name = Some(value),
            Meaning::Config => self.config = Some(path(value)),
            Meaning::Verbose => self.verbosity += 1,
            Meaning::SenderFromField => self.request.sender = Sender::FromField,
            Meaning::Mode => {
                self.mode = option_values::mode(&value).ok_or_else(|| UsageError::UnknownMode(shown(&value)))?;
            }
            Meaning::Aliases => self.mode = Mode::Aliases,
            Meaning::RunQueue => {
                let run =
                    option_values::run_queue(&value).ok_or_else(|| UsageError::UnknownSelection(shown(&value)))?;
                self.run_queue(run);
            }
            Meaning::Setting => self.setting(option_values::setting(&value)),
            Meaning::NamedSetting => self.setting(option_values::named_setting(&value)),
            Meaning::Errors => self.errors = option_values::errors(&value).unwrap_or(self.errors),
            Meaning::Gateway => self.request.origin = Origin::Elsewhere,
            Meaning::Notify => {
                self.request.dsn.notify =
                    self.heed('N', dsn::notify, "never or a list of success, failure, delay", &value);
            }
            Meaning::Return => self.request.dsn.ret = self.heed('R', dsn::ret, "full or hdrs", &value),
            // Two characters are Postfix's older way to ask for variable return paths.
            Meaning::EnvelopeId if value.len() == 2 && value.is_ascii() => {}
            Meaning::EnvelopeId => {
                self.request.dsn.envid = self.heed('V', dsn::envid, "up to 100 printable ASCII characters", &value);
            }
            Meaning::Nothing => {}
        }
        Ok(())
    }

    fn setting(&mut self, setting: option_values::Setting) {
        match setting {
            option_values::Setting::LoneDotIsText => self.request.lone_dot = LoneDot::IsText,
            option_values::Setting::Attempt(attempt) => self.attempt = attempt,
            option_values::Setting::Errors(errors) => self.errors = errors,
            option_values::Setting::Other => {}
        }
    }

    /// Several selections hold together.
    fn run_queue(&mut self, run: RunQueue) {
        match (&mut self.mode, run) {
            (Mode::RunQueue(tests), RunQueue::Now(more)) => tests.extend(more),
            // `-bd -q30m` is a daemon, and so is `-q30m` alone.
            (_, RunQueue::Periodically) => self.mode = Mode::Daemon,
            (_, RunQueue::Now(tests)) => self.mode = Mode::RunQueue(tests),
        }
    }

    fn heed(
        &mut self,
        letter: char,
        read: fn(&[u8]) -> Option<String>,
        wanted: &'static str,
        value: &[u8],
    ) -> Option<String> {
        let heeded = read(value);
        if heeded.is_none() {
            self.ignored.push(Ignored { letter, text: format!("'{}'", shown(value)), wanted });
        }
        heeded
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Deliver,
            request: Request {
                sender: Sender::Login,
                full_name: None,
                recipients_from: RecipientsFrom::Arguments,
                lone_dot: LoneDot::EndsInput,
                arguments: Vec::new(),
                account: None,
                origin: Origin::Here,
                dsn: Dsn::default(),
            },
            config: None,
            verbosity: 0,
            attempt: Attempt::AsConfigured,
            errors: Errors::Print,
            ignored: Vec::new(),
        }
    }
}

fn next(arguments: &mut impl Iterator<Item = Vec<u8>>, letter: char) -> Result<Vec<u8>, UsageError> {
    arguments.next().ok_or(UsageError::MissingValue(letter))
}

fn path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}

/// An argument in a message: on one line, and no longer than a line.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(60).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
pub(super) fn letters() -> impl Iterator<Item = u8> {
    FLAGS.iter().map(|flag| flag.letter)
}

#[cfg(test)]
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(word, _)| *word)
}

#[cfg(test)]
mod tests;
