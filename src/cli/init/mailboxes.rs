//! Whether mail between the users of this machine stays on it: asked where something is there that keeps it.

use std::path::Path;

use crate::cli::ask::question;
use crate::cli::exit::Failure;

/// Where Dovecot's packages listen by LMTP.
const DOVECOT: [&str; 2] = ["/run/dovecot/lmtp", "/var/spool/postfix/private/dovecot-lmtp"];

/// Programs that people read an mbox with.
const READERS: [&str; 4] = ["/usr/bin/mail", "/usr/bin/mailx", "/usr/bin/mutt", "/usr/bin/s-nail"];

/// The value of `mailbox` that this machine could have.
fn proposed(exists: impl Fn(&str) -> bool) -> Option<String> {
    if let Some(socket) = DOVECOT.into_iter().find(|socket| exists(socket)) {
        return Some(format!("lmtp:{socket}"));
    }
    let has_reader = READERS.into_iter().any(&exists);
    (has_reader && exists(postrider_mailbox::SOCKET)).then(|| "mbox:/var/mail/%u".to_owned())
}

/// Asks; `None` if mail of this machine is to leave it, as before.
pub(super) fn ask() -> Result<Option<String>, Failure> {
    let Some(mailbox) = proposed(|path| Path::new(path).exists()) else { return Ok(None) };
    let text = format!("Keep mail between users of this machine here, in {mailbox}? (yes or no)");
    question(&text, "no", |answer| match answer {
        "yes" | "y" => Ok(Some(mailbox.clone())),
        "no" | "n" => Ok(None),
        _ => Err("answer yes or no".to_owned()),
    })
}

#[cfg(test)]
mod tests;
