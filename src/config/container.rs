//! Whether this process is in a container that `postrider run --container` was started in: then the environment configures it as
//! well, and secrets are taken as they are mounted. That runner leaves a mark beside its socket; what else it does there is `cli`'s.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::places;
use crate::sys::mount;

/// The mark. It holds the name of the container's mount namespace: the folder may be shared with other containers, or with the
/// machine around them.
fn mark_path() -> PathBuf {
    Path::new(places::SOCKET).with_file_name("container")
}

/// Leaves the mark, for the commands that are started in this container later.
pub fn mark() -> io::Result<()> {
    let (path, name) = (mark_path(), mount::namespace()?);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::write(path, name)
}

/// Whether it is there.
#[must_use]
pub fn is_here() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| {
        let mark = fs::read_to_string(mark_path()).ok();
        mark.is_some_and(|mark| mount::namespace().is_ok_and(|ours| ours == mark))
    })
}
