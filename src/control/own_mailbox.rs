//! Whether the mailbox that this process writes for its own user can be written, as far as that shows without a message. `status` and
//! `check` report it before mail waits for it. Mailboxes of other users are theirs to look at.

use std::io::{self, ErrorKind};
use std::path::Path;

use postrider_mailstore::Format;
use rustix::fs::{Access, access};

use super::report::{Kind, Level, Reason};
use crate::config::Config;
use crate::config::lmtp_server::LmtpServer;
use crate::config::mailbox::{LOCAL_ACCOUNT, shown_account};
use crate::sys::user::Caller;

/// What keeps mail from the mailbox.
#[must_use]
pub fn unusable(config: &Config) -> Option<Reason> {
    let LmtpServer::Own(setting) = config.local.as_ref()?.lmtp.as_ref()? else { return None };
    let caller = Caller::current();
    let path = setting.read.path(&caller.login, caller.home.as_deref()?);
    let why = match setting.read.format {
        Format::Mbox => mbox(&path),
        Format::Maildir => maildir(&path),
    }
    .err()?;
    let text = format!("mail for users of this machine waits, because {why}");
    let reason = Reason::new(Level::Critical, Kind::Account, text).of(shown_account(LOCAL_ACCOUNT));
    Some(reason.cured_by("fix that, or change `mailbox`"))
}

fn mbox(path: &Path) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(file) if !file.is_file() => Err(format!("{} is not a file", path.display())),
        Ok(_) => may(path, Access::READ_OK | Access::WRITE_OK, "cannot write to"),
        Err(error) => may_be_made(path, &error),
    }
}

fn maildir(path: &Path) -> Result<(), String> {
    for folder in [path, &path.join("tmp"), &path.join("new")] {
        match std::fs::metadata(folder) {
            Ok(seen) if !seen.is_dir() => return Err(format!("{} is not a folder", folder.display())),
            Ok(_) => may(folder, Access::WRITE_OK | Access::EXEC_OK, "cannot create files in")?,
            Err(error) => return may_be_made(folder, &error),
        }
    }
    Ok(())
}

/// What is missing is made, where its folder lets us.
fn may_be_made(path: &Path, error: &io::Error) -> Result<(), String> {
    if error.kind() != ErrorKind::NotFound {
        return Err(format!("postrider cannot find {}: {}", path.display(), error.kind()));
    }
    let existing = path.ancestors().skip(1).find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    may(existing, Access::WRITE_OK | Access::EXEC_OK, "cannot create files in")
}

fn may(path: &Path, what: Access, otherwise: &str) -> Result<(), String> {
    access(path, what)
        .map_err(|error| format!("postrider {otherwise} {}: {}", path.display(), io::Error::from(error).kind()))
}
