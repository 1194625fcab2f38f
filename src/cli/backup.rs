//! `postrider backup FILE`: configuration, secrets and mail in one file, to move to another machine. `restore` is its counterpart; what
//! both know of the file is in `layout`.

pub(super) mod layout;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use postrider_drop::durable::{Durable, Folder};
use rustix::fs::OFlags;
use rustix::io::Errno;

use self::layout::{ELSEWHERE, MANIFEST, Machine, Manifest, SPOOL, STATE};
use super::exit::{Exit, Failure};
use crate::archive::{self, ArchiveWriter};
use crate::config::{Config, container, places};
use crate::mail::printable::printable;
use crate::spool::snapshot::{Counts, Snapshot};

/// Arguments of `backup`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file to write, which must not exist; only its owner can read it
    file: PathBuf,
}

/// Files of a configuration that are in a backup, and those that `restore` does not put back by itself.
#[derive(Debug, Default)]
struct Configured {
    files: usize,
    elsewhere: Vec<PathBuf>,
    missing: Vec<PathBuf>,
}

/// Writes it.
pub fn run(config: &Config, arguments: &Arguments) -> Result<Exit, Failure> {
    let shown = arguments.file.display();
    let failed = |error: io::Error| Failure::new(Exit::OsError, format_args!("cannot write {shown}: {error}"));
    let (folder, name) = place(&arguments.file)?;
    if folder.join(&name).symlink_metadata().is_ok() {
        return Err(exists(&arguments.file));
    }
    let snapshot = Snapshot::of(&config.spool)?;
    let folder = Folder::open(&folder).map_err(failed)?;
    // Nobody else can read it at any time, and it has its name only when it is whole.
    let mut file = Durable::create(&folder, 0o600).map_err(failed)?;
    let now = Timestamp::now();
    let time = u64::try_from(now.as_second()).unwrap_or_default();
    let mut archive = ArchiveWriter::new(file.file().try_clone().map_err(failed)?, time);
    let manifest = Manifest::new(Machine::of(config), &config.hostname, now).to_json();
    archive.add(MANIFEST, manifest.len() as u64, manifest.as_bytes()).map_err(failed)?;
    let configured = add_config(&mut archive, config)?;
    add_state(&mut archive, config)?;
    let mut unnamed = Vec::new();
    let mut see = |name: &str, file: &File, size: u64| {
        let name = format!("{SPOOL}/{name}");
        if archive::can_hold(&name) {
            return archive.add(&name, size, file);
        }
        // Of failed/, where files are kept that any user made.
        unnamed.push(name);
        Ok(())
    };
    let counts = snapshot.as_ref().map(|snapshot| snapshot.read(&mut see)).transpose()?.unwrap_or_default();
    archive.finish().map_err(failed)?;
    file.keep([&name], &Folder::sync).map_err(|failure| match failure.error.kind() {
        io::ErrorKind::AlreadyExists => exists(&arguments.file),
        _ => failed(failure.error),
    })?;
    tell(&arguments.file, &configured, counts);
    tell_what_is_missing(&configured, counts);
    for name in unnamed {
        print_line!("Not included (unsupported characters in the name): {}", printable(&name));
    }
    if snapshot.is_some_and(|snapshot| snapshot.has_runner()) {
        tell_what_a_runner_changes(config);
    }
    Ok(Exit::Ok)
}

/// The folder of the new file and its name in it. A link to the folder is followed, one in place of the file is not.
fn place(path: &Path) -> Result<(PathBuf, String), Failure> {
    let usage = |why: String| Failure::new(Exit::Usage, format_args!("cannot write {}: {why}", path.display()));
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| usage("it is not the name of a file".to_owned()))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fs::canonicalize(parent).map_err(|error| usage(format!("{}: {error}", parent.display())))?;
    Ok((folder, name.to_owned()))
}

fn exists(file: &Path) -> Failure {
    Failure::new(Exit::NoPermission, format_args!("{} already exists; choose another name", file.display()))
}

fn add_config(archive: &mut ArchiveWriter, config: &Config) -> Result<Configured, Failure> {
    let mut configured = Configured::default();
    for (path, name) in layout::files_of(config) {
        let failed = |error: io::Error| {
            Failure::new(Exit::OsError, format_args!("cannot copy {}: {error}; no backup was made", path.display()))
        };
        let (file, size) = match File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file))) {
            Ok((size, file)) => (file, size),
            // The environment may be all that a container has.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                configured.missing.push(path.clone());
                continue;
            }
            Err(error) => return Err(failed(error)),
        };
        if !archive::can_hold(&name) {
            return Err(failed(io::Error::other("its name cannot be kept; give it one of letters, digits and - _ .")));
        }
        archive.add(&name, size, file).map_err(failed)?;
        configured.files += 1;
        if name.starts_with(ELSEWHERE) {
            configured.elsewhere.push(path);
        }
    }
    Ok(configured)
}

/// Tokens, and the private CA. Files that serve as locks are empty.
fn add_state(archive: &mut ArchiveWriter, config: &Config) -> Result<(), Failure> {
    let dir = places::state_dir(&config.spool);
    let failed = |path: &Path, error: io::Error| {
        Failure::new(Exit::OsError, format_args!("cannot copy {}: {error}; no backup was made", path.display()))
    };
    let entries = match fs::read_dir(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| failed(&dir, error))?,
    };
    for entry in entries {
        let path = entry.map_err(|error| failed(&dir, error))?.path();
        let name = format!("{STATE}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        // The folder is the runner's, whose links root does not follow.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&path);
        let about = file.and_then(|file| Ok((file.metadata()?, file)));
        let (about, file) = match about {
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => continue,
            about => about.map_err(|error| failed(&path, error))?,
        };
        if about.is_file() && about.size() > 0 && archive::can_hold(&name) {
            archive.add(&name, about.size(), file).map_err(|error| failed(&path, error))?;
        }
    }
    Ok(())
}

fn tell(file: &Path, configured: &Configured, counts: Counts) {
    let Counts { queued, failed, submitted, days, .. } = counts;
    print_line!(
        "{}: {}, {}, {} in failed/, {} not picked up yet, history of {}",
        file.display(),
        many(configured.files, "file of the configuration", "files of the configuration"),
        many(queued, "message in the queue", "messages in the queue"),
        failed,
        submitted,
        many(days, "day", "days")
    );
    print_line!("It contains passwords and mail: anyone who can read it has them.");
}

/// `1 message`, `2 messages`.
pub(super) fn many(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

fn tell_what_is_missing(configured: &Configured, counts: Counts) {
    for path in &configured.missing {
        print_line!("Not included (does not exist): {}", path.display());
    }
    for path in &configured.elsewhere {
        print_line!(
            "Included, but not put back by restore, because it is outside the folder of the configuration: {}",
            path.display()
        );
    }
    if container::is_here() {
        print_line!("Not included: the environment of this container.");
    }
    if counts.came > 0 {
        let came = many(counts.came, "message", "messages");
        print_line!("Not included: {came} that arrived during the backup.");
    }
}

fn tell_what_a_runner_changes(config: &Config) {
    let stop = layout::how_to_stop(config);
    print_line!(
        "The service is running: the backup does not record what it sends from now on, and a machine that restores it would \
         send that again. To move to another machine, stop the service ({stop}), then make the backup."
    );
}
