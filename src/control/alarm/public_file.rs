//! Files that everybody may read and only the runner writes: they are replaced by rename, so that nobody reads half of one.

use std::ffi::OsString;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Writes it. The new file has another extension until it is complete: collectors read by extension.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut fresh: OsString = path.as_os_str().to_owned();
    fresh.push(".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&fresh)?;
    // The runner's umask keeps everything private.
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())?;
    fs::rename(&fresh, path)
}
