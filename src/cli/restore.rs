//! `postrider restore FILE`: puts back what `postrider backup` has kept. All of the file is looked at before anything is changed;
//! then history comes first and the configuration last, so that after a crash nothing is sent twice, and the command can be given
//! again.

mod mail;
mod places_of_files;

use std::fs::File;
use std::path::{Path, PathBuf};

use self::mail::{Mail, WhatIsThere};
use self::places_of_files::{MOST_CONFIG, Target};
use super::backup::layout::{CONFIG, ELSEWHERE, MANIFEST, Machine, Manifest, SPOOL, STATE};
use super::backup::many;
use super::exit::{Exit, Failure};
use super::new_config::Present;
use super::step_down::RUNNER;
use crate::archive::{Archive, ArchiveError};
use crate::config::Config;
use crate::mail::printable::printable;
use crate::sys::privileges;

/// Arguments of `restore`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A file that "postrider backup" wrote
    file: PathBuf,
    /// Restore even over a configuration, which is renamed, and mail, which is kept
    #[arg(long)]
    replace: bool,
}

/// Of the manifest, in octets.
const MOST_MANIFEST: u64 = 64 << 10;

/// What is in a backup that fits.
struct Backup {
    archive: Archive,
    manifest: Manifest,
    /// As it is written in the backup, at the place where it will be.
    config: Config,
}

/// Puts it back.
pub fn run(named: Option<&Path>, arguments: &Arguments) -> Result<Exit, Failure> {
    let target = Target::find(named)?;
    let shown = arguments.file.display();
    let unfit =
        |error: &dyn std::fmt::Display| Failure::new(Exit::DataError, format_args!("cannot restore {shown}: {error}"));
    let file = File::open(&arguments.file)
        .map_err(|error| Failure::new(Exit::NoInput, format_args!("cannot open {shown}: {error}")))?;
    let archive = Archive::open(file).map_err(|error| unfit(&error))?;
    let backup = Backup::of(archive, &target).map_err(|error| match error {
        Unfit::Archive(error) => unfit(&error),
        Unfit::Config(failure) => failure,
    })?;
    if !arguments.replace {
        refuse_present(&target, &backup)?;
    }
    let owner = target.owner();
    let there = if arguments.replace { WhatIsThere::May } else { WhatIsThere::MayNot };
    let mail = as_owner(owner, || Mail::open(&backup.config, &backup.archive, there))?;
    let counts = as_owner(owner, || mail.restore(&backup.archive, backup.manifest.begun))?;
    let aside = target.put_config(&backup.archive, &backup.config)?;
    print_line!(
        "restored: {}, {} in failed/, {} not picked up yet",
        many(counts.stored, "message in the queue", "messages in the queue"),
        counts.failed,
        counts.submitted
    );
    if counts.sent > 0 {
        print_line!(
            "not restored: {}, which history shows as sent or finished since",
            many(counts.sent, "message", "messages")
        );
    }
    if counts.there > 0 {
        print_line!("skipped: {}, already present", many(counts.there, "message", "messages"));
    }
    if counts.damaged > 0 {
        print_line!("damaged, and now in failed/: {}", many(counts.damaged, "message", "messages"));
    }
    for (old, new) in aside {
        print_line!("{} was renamed to {}", old.display(), new.display());
    }
    tell_the_rest(&backup, arguments);
    Ok(Exit::Ok)
}

/// What only people can know or do.
fn tell_the_rest(backup: &Backup, arguments: &Arguments) {
    for path in backup.archive.below(ELSEWHERE) {
        let file = arguments.file.display();
        print_line!(
            "not put back, because it is outside the folder of the configuration: /{path}; to put it there, run \"tar -xf {file} -C / \
             --strip-components 1 '{ELSEWHERE}/{path}'\""
        );
    }
    let (host, begun) = (printable(&backup.manifest.hostname), backup.manifest.begun);
    print_line!(
        "What {host} has sent since the backup was begun, at {begun}, is not known here: if its service kept running, such \
         mail is sent twice. Keep the service there stopped."
    );
    print_line!("Next: \"postrider check\", then start the service; \"postrider status\" shows whether mail flows.");
}

/// Why a backup does not fit.
enum Unfit {
    Archive(ArchiveError),
    Config(Failure),
}

impl From<ArchiveError> for Unfit {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

impl Backup {
    fn of(archive: Archive, target: &Target) -> Result<Self, Unfit> {
        let foreign = |what: &str| ArchiveError::Foreign(what.to_owned());
        let text = archive.read(MANIFEST, MOST_MANIFEST)?.ok_or_else(|| foreign("it has no manifest"))?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| foreign("its manifest cannot be read"))?;
        if manifest.v != Manifest::VERSION {
            return Err(foreign("a newer postrider wrote it").into());
        }
        if manifest.mode != Machine::at(&target.main) {
            let what = match manifest.mode {
                Machine::System => "is a machine's: run restore as root, without --config",
                Machine::User => "is a user's: run restore as that user, or name the place with --config",
            };
            return Err(Unfit::Config(Failure::new(
                Exit::Usage,
                format_args!("this backup {what}; nothing was changed"),
            )));
        }
        if archive.size_below(&format!("{CONFIG}/conf.d")) > MOST_CONFIG {
            return Err(foreign("its configuration is too large").into());
        }
        let config = target.read_config(&archive).map_err(|failure| match failure {
            places_of_files::Unread::Archive(error) => Unfit::Archive(error),
            places_of_files::Unread::Config(error) => Unfit::Config(error.into()),
        })?;
        let backup = Self { archive, manifest, config };
        backup.has_only_known_names()?;
        Ok(backup)
    }

    /// Hostile names in the configuration's folder would be those of programs that others read there.
    fn has_only_known_names(&self) -> Result<(), ArchiveError> {
        let wanted = places_of_files::config_names(&self.config);
        for name in self.archive.names() {
            let (folder, rest) = name.split_once('/').unwrap_or((name, ""));
            let is_one = |rest: &str| !rest.is_empty() && !rest.contains('/');
            let is_known = match folder {
                MANIFEST => rest.is_empty(),
                CONFIG => wanted.contains_key(name),
                ELSEWHERE => !rest.is_empty(),
                STATE => is_one(rest),
                SPOOL => {
                    rest.split_once('/').is_some_and(|(folder, rest)| mail::FOLDERS.contains(&folder) && is_one(rest))
                }
                _ => false,
            };
            if !is_known {
                return Err(ArchiveError::Foreign(format!("unexpected entry {name}")));
            }
        }
        Ok(())
    }
}

/// Does something as the user whose the spool is.
fn as_owner<T>(owner: Option<u32>, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let Some(owner) = owner else { return work() };
    let failed = |error| Failure::new(Exit::OsError, format_args!("cannot act as user {RUNNER}: {error}"));
    privileges::with_rights_of(owner, || Ok(work())).map_err(failed)?
}

/// A configuration with accounts, or another file where one of the backup goes.
fn refuse_present(target: &Target, backup: &Backup) -> Result<(), Failure> {
    let refused = |what: String| {
        let message = format!(
            "{what}; to rename it and restore the file from the backup, run restore with --replace. Nothing was changed"
        );
        Err(Failure::new(Exit::NoPermission, message))
    };
    if matches!(Present::at(&target.main, "restore")?, Present::Accounts(_)) && !target.has_same_main(&backup.archive) {
        return refused(format!("{} already has accounts", target.main.display()));
    }
    match target.other_in_the_way(&backup.archive, &backup.config) {
        Some(path) => refused(format!("{} already exists with different content", path.display())),
        None => Ok(()),
    }
}
