//! `:include:/path` of aliases(5): a file of addresses, read when an alias asks for it. Often it is
//! not root's, and whoever may change the file or its folder chooses what is read in its name, and
//! sees it in bounces and the log. So no link is followed, and nothing is read that its owner could
//! not read anyway: neither the spool nor a secret.

use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use super::TableFault;
use crate::config::Config;
use crate::config::places::SYSTEM_CONFIG;
use crate::sys::without_links;

/// No list is longer, in octets.
const MOST: u64 = 1 << 20;

/// Anyone may read it.
const FOR_ALL: u32 = 0o004;

/// The text of an included list, without its comment lines.
pub fn included(config: &Config, path: &Path) -> Result<String, TableFault> {
    let shown = path.display();
    let fault = |what: String| TableFault(format!("cannot use the included list {shown}: {what}"));
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(fault("write the full path, starting with / and without ..".to_owned()));
    }
    let unread = |error: io::Error| {
        fault(match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => {
                "it, or a directory above it, is a symbolic link, which is not followed; write the path without links"
                    .to_owned()
            }
            _ => format!("{error}; create the file, or remove the :include:"),
        })
    };
    let file = without_links::open(path).map_err(unread)?;
    let metadata = file.metadata().map_err(unread)?;
    if !metadata.is_file() || metadata.len() > MOST {
        return Err(fault("it must be a regular file of at most 1 MiB".to_owned()));
    }
    if let Some(objection) = objection(config, path, &metadata) {
        return Err(fault(objection.to_owned()));
    }
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).map_err(unread)?;
    let kept: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    Ok(kept.join("\n"))
}

/// Why this file is not for a list's owner to name.
fn objection(config: &Config, path: &Path, file: &Metadata) -> Option<&'static str> {
    let is_below =
        |folder: &Path| path.starts_with(folder) || folder.canonicalize().is_ok_and(|it| path.starts_with(it));
    if is_below(&config.spool) {
        return Some("it is in the spool, which holds other people's mail; name a file outside it");
    }
    let home = config.path.parent().unwrap_or(Path::new("/"));
    let is_secret = |secret: &Path| {
        let is_same = std::fs::metadata(secret).is_ok_and(|it| (it.dev(), it.ino()) == (file.dev(), file.ino()));
        is_same || secret.parent().is_some_and(|folder| folder != home && is_below(folder))
    };
    if config.secret_files().any(is_secret) || is_secret(&config.path) {
        return Some("it is where the configuration keeps its secrets; name a file elsewhere");
    }
    let is_open = file.mode() & FOR_ALL != 0;
    // Files of the configuration's folder may be root's secrets.
    let is_roots = file.uid() == 0 && !is_below(home);
    let is_own = config.path != Path::new(SYSTEM_CONFIG) && file.uid() == rustix::process::geteuid().as_raw();
    (!is_open && !is_roots && !is_own)
        .then_some("it is not readable by all users; run \"chmod a+r\" on it, so that it shows nothing that is secret")
}
