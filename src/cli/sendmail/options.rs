//! sendmail(8)'s options: one table, and the reading of an argument list by it. An
//! option that is not in the table is an error; one that means nothing here is in it
//! all the same, because callers were written against forty years of sendmail.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::submit::collect::{Request, Sender};
use crate::submit::input::LoneDot;
use crate::submit::recipients::RecipientsFrom;

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
    /// `-F`.
    FullName,
    /// `-C`.
    Config,
    /// `-v`.
    Verbose,
    /// `-b`: the value's letter says what to do.
    Mode,
    /// `-o`: the value's first letter is an option of old, `i` and `d` among them.
    Setting,
    /// A mode of its own.
    Become(Mode),
    /// Nothing here, with or without a value.
    Nothing,
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `-bm`: take a message.
    Deliver,
    /// `-bp`: show the queue.
    ListQueue,
    /// `-bs`: SMTP on stdin and stdout.
    Smtp,
    /// `-bv`: report on addresses.
    Verify,
    /// `-bi`, `-I`: rebuild aliases.
    Aliases,
    /// `-bd`, `-bl`, `-bD`: be a daemon.
    Daemon,
    /// `-q...`: run the queue.
    RunQueue,
    /// `-bh`, `-bH`: host status, of which there is none.
    HostStatus,
}

/// How soon a message is attempted, where the caller says so (`-od`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// As the config says.
    AsConfigured,
    /// `-odi`: before the command ends.
    AtOnce,
}

struct Flag {
    letter: u8,
    value: Value,
    meaning: Meaning,
}

const fn flag(letter: u8, value: Value, meaning: Meaning) -> Flag {
    Flag { letter, value, meaning }
}

/// Every option of Sendmail 8.17 and Postfix 3.
const FLAGS: &[Flag] = &[
    flag(b't', Value::None, Meaning::HeaderRecipients),
    flag(b'i', Value::None, Meaning::LoneDotIsText),
    flag(b'f', Value::Needed, Meaning::Sender),
    flag(b'r', Value::Needed, Meaning::Sender),
    flag(b'F', Value::Needed, Meaning::FullName),
    flag(b'C', Value::Needed, Meaning::Config),
    flag(b'v', Value::None, Meaning::Verbose),
    flag(b'b', Value::Needed, Meaning::Mode),
    flag(b'o', Value::Needed, Meaning::Setting),
    flag(b'I', Value::None, Meaning::Become(Mode::Aliases)),
    flag(b'q', Value::Attached, Meaning::Become(Mode::RunQueue)),
    flag(b'A', Value::Needed, Meaning::Nothing),
    flag(b'B', Value::Needed, Meaning::Nothing),
    flag(b'c', Value::None, Meaning::Nothing),
    flag(b'D', Value::Needed, Meaning::Nothing),
    flag(b'd', Value::Attached, Meaning::Nothing),
    flag(b'E', Value::None, Meaning::Nothing),
    flag(b'e', Value::Needed, Meaning::Nothing),
    flag(b'G', Value::None, Meaning::Nothing),
    flag(b'h', Value::Needed, Meaning::Nothing),
    flag(b'L', Value::Needed, Meaning::Nothing),
    flag(b'M', Value::Needed, Meaning::Nothing),
    flag(b'm', Value::None, Meaning::Nothing),
    flag(b'N', Value::Needed, Meaning::Nothing),
    flag(b'n', Value::None, Meaning::Nothing),
    flag(b'O', Value::Needed, Meaning::Nothing),
    flag(b'p', Value::Needed, Meaning::Nothing),
    flag(b'Q', Value::Attached, Meaning::Nothing),
    flag(b'R', Value::Needed, Meaning::Nothing),
    flag(b's', Value::None, Meaning::Nothing),
    flag(b'T', Value::Attached, Meaning::Nothing),
    flag(b'U', Value::None, Meaning::Nothing),
    flag(b'V', Value::Needed, Meaning::Nothing),
    flag(b'X', Value::Needed, Meaning::Nothing),
    flag(b'x', Value::None, Meaning::Nothing),
];

/// What is wrong with an argument list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// Not in the table.
    #[error("unknown option {0}; sendmail(8) lists all there are")]
    UnknownOption(String),
    /// The argument list ends where a value should be.
    #[error("option -{0} needs a value behind it")]
    MissingValue(char),
    /// `-b` with a letter that nobody knows.
    #[error("unknown mode -b{0}; to send a message, leave it out")]
    UnknownMode(String),
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
}

impl Options {
    /// Reads the arguments behind the program's name. Options end at `--` and at the first argument
    /// that is none.
    pub fn read(arguments: impl Iterator<Item = OsString>) -> Result<Self, UsageError> {
        let mut arguments = arguments.map(OsString::into_vec);
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.strip_prefix(b"-") {
                Some(b"-") => break,
                Some(b"-config") => options.config = Some(path(next(&mut arguments, 'C')?)),
                Some(letters) if letters.starts_with(b"-") => match letters.strip_prefix(b"-config=") {
                    Some(value) => options.config = Some(path(value.to_vec())),
                    None => return Err(UsageError::UnknownOption(shown(&argument))),
                },
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
            Meaning::FullName => self.request.full_name = Some(value),
            Meaning::Config => self.config = Some(path(value)),
            Meaning::Verbose => self.verbosity += 1,
            Meaning::Mode => self.mode = mode(&value)?,
            Meaning::Become(mode) => self.mode = mode,
            Meaning::Setting => match value.as_slice() {
                [b'i', ..] => self.request.lone_dot = LoneDot::IsText,
                [b'd', b'i', ..] => self.attempt = Attempt::AtOnce,
                [b'd', ..] => self.attempt = Attempt::AsConfigured,
                _ => {}
            },
            Meaning::Nothing => {}
        }
        Ok(())
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
            },
            config: None,
            verbosity: 0,
            attempt: Attempt::AsConfigured,
        }
    }
}

/// The mode that `-b` names.
fn mode(value: &[u8]) -> Result<Mode, UsageError> {
    match value {
        b"m" | b"a" => Ok(Mode::Deliver),
        b"p" => Ok(Mode::ListQueue),
        b"s" => Ok(Mode::Smtp),
        b"v" => Ok(Mode::Verify),
        b"i" => Ok(Mode::Aliases),
        b"d" | b"D" | b"l" => Ok(Mode::Daemon),
        b"h" | b"H" => Ok(Mode::HostStatus),
        other => Err(UsageError::UnknownMode(shown(other))),
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
mod tests;
