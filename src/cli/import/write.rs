//! Puts an imported config in place, with its secrets and tables: all of them new files, and the config last.

use std::borrow::Cow;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::cli::exit::{Exit, Failure};
use crate::cli::new_config::{give, readers, spare, store};
use crate::import::draft::Draft;
use crate::import::raw_bytes;

/// Writes secrets and tables first, so that a config never names a file that is not there. The config follows if `decide`
/// lets it; else nothing stays.
pub(super) fn all(
    folder: &Path,
    draft: &Draft,
    text: &str,
    decide: impl FnOnce() -> Result<(), Failure>,
) -> Result<Vec<PathBuf>, Failure> {
    let config = folder.join("config.toml");
    let waiting = spare(&config, "import")?;
    let secrets = draft.accounts.iter().filter_map(|account| {
        let secret = account.secret.as_ref()?.expose().as_bytes();
        Some((folder.join("secrets").join(&account.name), Cow::Borrowed(secret)))
    });
    let tables = draft.tables.iter().map(|table| {
        let bytes = raw_bytes::bytes(&table.text);
        (folder.join("tables").join(&table.name), Cow::Owned(bytes))
    });
    let beside: Vec<(PathBuf, Cow<'_, [u8]>)> = secrets.chain(tables).collect();
    beside.iter().try_for_each(|(path, _)| is_free(path))?;
    let folders: Vec<&Path> = beside.iter().filter_map(|(path, _)| path.parent()).collect();
    let group = readers(&config);
    make(folder)?;
    for below in folders {
        make(below)?;
        give(below, 0o750, group).map_err(|error| failed(below, &error))?;
    }
    let mut written = Vec::new();
    for (path, bytes) in beside {
        store(&path, &bytes).and_then(|()| give(&path, 0o640, group)).map_err(|error| failed(&path, &error))?;
        written.push(path);
    }
    decide().inspect_err(|_| remove(&written, folder))?;
    // A runner that is there reads the config as soon as it appears, so it appears with its owner and mode.
    let fresh = folder.join(".config.toml.new");
    let _ = fs::remove_file(&fresh);
    let stored = store(&fresh, text.as_bytes()).and_then(|()| give(&fresh, 0o640, group));
    stored.map_err(|error| failed(&fresh, &error))?;
    if let Some(spared) = waiting {
        fs::rename(&config, &spared).map_err(|error| failed(&spared, &error))?;
    }
    fs::rename(&fresh, &config).map_err(|error| failed(&config, &error))?;
    written.push(config);
    Ok(written)
}

/// Files that are of no use without their config, and the folders that are empty then.
fn remove(written: &[PathBuf], folder: &Path) {
    for path in written {
        let _ = fs::remove_file(path);
    }
    for below in ["secrets", "tables"] {
        let _ = fs::remove_dir(folder.join(below));
    }
    let _ = fs::remove_dir(folder);
}

fn is_free(path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let way_out = "move it away, or use --output to name another folder";
    let shown = path.display();
    Err(Failure::new(Exit::NoPermission, format_args!("{shown} already exists and was left unchanged; {way_out}")))
}

fn make(folder: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed(folder, &error))
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    Failure::new(Exit::IoError, format_args!("cannot write {shown}: {error}; use --output to name another folder"))
}
