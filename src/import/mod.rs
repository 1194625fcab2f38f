//! Other programs' configurations -> ours: each file here reads one program's and says in a
//! [`Draft`] what it means. Pure: files are read through what is handed in, and nothing
//! is written here.

mod dma;
pub mod draft;
mod exim;
mod msmtp;
mod nullmailer;
mod opensmtpd;
pub mod origin;
mod postfix;
pub mod raw_bytes;
pub mod said;
mod sendmail;
mod simple;
mod ssmtp;

use std::io;
use std::path::{Path, PathBuf};

use self::draft::Draft;

/// A program whose configuration can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// postconf(5).
    Postfix,
    /// msmtp(1).
    Msmtp,
    /// nullmailer-send(8).
    Nullmailer,
    /// ssmtp.conf(5).
    Ssmtp,
    /// dma(8).
    Dma,
    /// update-exim4.conf(8), Debian's.
    Exim,
    /// smtpd.conf(5).
    OpenSmtpd,
    /// Sendmail's cf/README.
    Sendmail,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Postfix,
        Self::Msmtp,
        Self::Nullmailer,
        Self::Ssmtp,
        Self::Dma,
        Self::Exim,
        Self::OpenSmtpd,
        Self::Sendmail,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postfix => "postfix",
            Self::Msmtp => "msmtp",
            Self::Nullmailer => "nullmailer",
            Self::Ssmtp => "ssmtp",
            Self::Dma => "dma",
            Self::Exim => "exim",
            Self::OpenSmtpd => "opensmtpd",
            Self::Sendmail => "sendmail",
        }
    }

    /// Where its configuration usually is: the first of these that exists.
    #[must_use]
    pub fn usual_places(self, home: Option<&Path>) -> Vec<PathBuf> {
        let own = |name: &str| home.map(|home| home.join(name));
        let system = |name: &str| Some(PathBuf::from(name));
        let places = match self {
            Self::Postfix => vec![system("/etc/postfix")],
            Self::Msmtp => vec![own(".msmtprc"), own(".config/msmtp/config"), system("/etc/msmtprc")],
            Self::Nullmailer => vec![system("/etc/nullmailer")],
            Self::Ssmtp => vec![system("/etc/ssmtp")],
            Self::Dma => vec![system("/etc/dma")],
            Self::Exim => vec![system("/etc/exim4")],
            Self::OpenSmtpd => {
                ["/etc/smtpd.conf", "/etc/mail/smtpd.conf", "/etc/smtpd/smtpd.conf", "/etc/opensmtpd/smtpd.conf"]
                    .map(system)
                    .into()
            }
            Self::Sendmail => vec![system("/etc/mail")],
        };
        places.into_iter().flatten().collect()
    }
}

/// What becomes of tables in the other program's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// They are copied, so that the program can be removed.
    Copied,
    /// The config names them where they are.
    InPlace,
}

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceIs {
    /// The file with the program's settings, under whatever name.
    File,
    /// The folder with that file and others.
    Folder,
}

/// What a translation may look at.
pub struct ImportContext<'a> {
    /// The program's folder, or its file.
    pub source: &'a Path,
    /// Which of the two.
    pub source_is: SourceIs,
    /// This machine's full name, for defaults that depend on it.
    pub hostname: &'a str,
    /// Of the user whose configuration it is: what `~` means.
    pub home: Option<&'a Path>,
    /// Whether tables in the program's own folder stay there.
    pub tables: Tables,
    /// The login that clients without a password belong to, where they are to be imported.
    pub trust_networks: Option<&'a str>,
    /// Reads a text file, in which `raw_bytes` stands for what is not UTF-8.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
}

/// Why nothing can be translated.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The configuration itself cannot be read.
    #[error("cannot read {}: {error}; use --source to name the configuration", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
}

impl ImportContext<'_> {
    /// A file without which there is nothing to translate.
    fn required(&self, path: &Path) -> Result<String, ImportError> {
        (self.read)(path).map_err(|error| ImportError::Unreadable { path: path.to_owned(), error })
    }

    /// The file with the program's settings, which may be the source itself under any name.
    fn main_file(&self, name: &str) -> PathBuf {
        match self.source_is {
            SourceIs::File => self.source.to_owned(),
            SourceIs::Folder => self.source.join(name),
        }
    }

    /// Another file of the program's folder.
    fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    fn folder(&self) -> &Path {
        match self.source_is {
            SourceIs::File => self.source.parent().unwrap_or(self.source),
            SourceIs::Folder => self.source,
        }
    }
}

/// Adds an account for mail that went without a relay: `[host]:port`, and the user name where the relay wants a login.
pub fn add_relay(draft: &mut Draft, relay: &str, username: Option<&str>) {
    simple::add_relay(draft, relay, username);
}

/// Translates.
pub fn translate(program: Program, context: &ImportContext<'_>) -> Result<Draft, ImportError> {
    match program {
        Program::Postfix => postfix::translate(context),
        Program::Msmtp => msmtp::translate(context),
        Program::Nullmailer => nullmailer::translate(context),
        Program::Ssmtp => ssmtp::translate(context),
        Program::Dma => dma::translate(context),
        Program::Exim => exim::translate(context),
        Program::OpenSmtpd => opensmtpd::translate(context),
        Program::Sendmail => sendmail::translate(context),
    }
}

#[cfg(test)]
mod tests;
