//! `:include:/path` of aliases(5): a file of addresses, read when an alias asks for it.

use std::io::Read;
use std::path::Path;

use super::TableFault;
use crate::config::open;

/// No list is longer, in octets.
const MOST: u64 = 1 << 20;

/// The text of an included list, without its comment lines.
pub fn included(path: &Path) -> Result<String, TableFault> {
    let shown = path.display();
    let fault = |what: String| TableFault(format!("cannot use the included list {shown}: {what}"));
    if !path.is_absolute() {
        return Err(fault("write the full path, starting with /".to_owned()));
    }
    let unread = |error: std::io::Error| fault(format!("{error}; create the file, or remove the :include:"));
    let file = open::at_once(path).map_err(unread)?;
    let metadata = file.metadata().map_err(unread)?;
    if !metadata.is_file() || metadata.len() > MOST {
        return Err(fault("it must be a regular file of at most 1 MiB".to_owned()));
    }
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).map_err(unread)?;
    let kept: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    Ok(kept.join("\n"))
}
