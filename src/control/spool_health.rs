//! Whether the spool can be used: its folders and files, and the room on its disk. `status` and `check` report it.

use std::io::ErrorKind;
use std::path::Path;

use super::report::{Kind, Level, Reason};
use crate::config::places::is_system_spool;
use crate::config::{Config, Limits, Queue};
use crate::spool::usage::Space;
use crate::spool::{Spool, SpoolError};

/// The folders and files that cannot be used, so that mail does not leave or is not seen.
pub fn unusable(spool: &Spool) -> Result<Vec<Reason>, SpoolError> {
    Ok(spool.unusable()?.iter().map(unusable_for).collect())
}

/// That the spool cannot be used, for this reason.
#[must_use]
pub fn unusable_for(error: &SpoolError) -> Reason {
    let reason = Reason::new(Level::Critical, Kind::Spool, error.to_string());
    match error {
        SpoolError::Io { path, error, .. } => reason.of(path.display()).cured_by(remedy(path, error.kind())),
        SpoolError::Damaged { path, .. } => reason.of(path.display()).cured_by("move it away"),
        _ => reason,
    }
}

fn remedy(path: &Path, kind: ErrorKind) -> String {
    match kind {
        ErrorKind::NotADirectory => "it must be a folder: move it away".to_owned(),
        ErrorKind::PermissionDenied => {
            format!("it must belong to the owner of the spool; run \"chmod u+rwX {}\"", path.display())
        }
        ErrorKind::ReadOnlyFilesystem => "its file system is mounted read-only".to_owned(),
        _ => "check the disk".to_owned(),
    }
}

/// That mail of users is refused for want of room, also where the spool is still to be created.
pub fn room(config: Option<&Config>, spool: Option<&Spool>) -> Result<Option<Reason>, SpoolError> {
    const MEGABYTE: u64 = 1_000_000;
    let Some(dir) = spool.map(Spool::dir).or(config.map(|config| config.spool.as_path())) else { return Ok(None) };
    let space = Space::of(dir)?;
    let limits = config.map_or_else(Limits::default, |config| config.limits);
    let reserve = if is_system_spool(dir) { limits.root_reserve.of(space.whole) } else { 0 };
    let least = config.map_or(Queue::MIN_FREE_SPACE, |config| config.queue.min_free_space).saturating_add(reserve);
    if space.free >= least {
        return Ok(None);
    }
    let (free, least) = (space.free / MEGABYTE, least.div_ceil(MEGABYTE));
    let text = format!("disk almost full, so mail is refused: {free} MB free, {least} MB must stay free");
    let reason = Reason::new(Level::Critical, Kind::Space, text).of(dir.display());
    Ok(Some(reason.cured_by("free some, or see `min_free_space`")))
}
