//! Mailboxes of this machine: a server that is not there, a line that postrider-mailbox reads otherwise, and what other mail
//! programs would follow and postrider does not.

use std::path::{Path, PathBuf};

use super::Findings;
use crate::config::Config;
use crate::config::lmtp_server::{LmtpServer, Setting};
use crate::config::mailbox::{LOCAL_ACCOUNT, shown_account};
use crate::control::own_mailbox;
use crate::control::report::Kind;
use crate::sys::user;

/// The file in a home that sendmail, Postfix and Exim follow.
const FORWARD: &str = ".forward";

pub(super) fn check(config: &Config, findings: &mut Findings) {
    let Some(server) = config.local.as_ref().and_then(|local| local.lmtp.as_ref()) else { return };
    match server {
        LmtpServer::Socket(path) => socket(path, "is the LMTP server of `mailbox` running?", findings),
        LmtpServer::Program(setting) => {
            let start = "run \"systemctl enable --now postrider-mailbox.socket\"";
            socket(Path::new(postrider_mailbox::SOCKET), start, findings);
            line(config, setting, findings);
        }
        LmtpServer::Own(_) => findings.0.extend(own_mailbox::unusable(config)),
        LmtpServer::Loopback(_) => {}
    }
}

fn socket(path: &Path, cure: &str, findings: &mut Findings) {
    if !path.exists() {
        let text = format!("mail for users of this machine waits, because {} does not exist: {cure}", path.display());
        findings.warning(Kind::Account, Some(shown_account(LOCAL_ACCOUNT)), text);
    }
}

/// The program that becomes each user has no TOML parser.
fn line(config: &Config, setting: &Setting, findings: &mut Findings) {
    let text = std::fs::read_to_string(&config.path).unwrap_or_default();
    let why = match postrider_mailbox::setting::scan(&text) {
        Ok(Some(found)) if found == setting.text => return,
        Ok(_) => "it does not find this line".to_owned(),
        Err(why) => why,
    };
    let shown = config.path.display();
    findings.error(
        Kind::Config,
        Some(&shown.to_string()),
        format!(
            "postrider-mailbox, which reads `mailbox` by itself, cannot use it: {why}; write mailbox = \"{}\" on one line of {shown}, \
             above the first section",
            setting.text
        ),
    );
}

/// Names users whose mail another mail program would send on. As root, who alone may look into all homes.
pub(super) fn forwards(config: &Config, logins: &[String], findings: &mut Findings) {
    if config.local.is_none() {
        return;
    }
    for login in logins {
        if let Some(path) = user::home_of(login).and_then(|home| forward(&home)) {
            let text = format!(
                "{} is not read, so mail to {login} stays in the mailbox; to send it on, write \"{login}: ADDRESS\" into a \
                 file of `aliases`",
                path.display()
            );
            findings.warning(Kind::Alias, Some(login), text);
        }
    }
}

fn forward(home: &Path) -> Option<PathBuf> {
    let path = home.join(FORWARD);
    std::fs::metadata(&path).is_ok_and(|file| file.len() > 0).then_some(path)
}

#[cfg(test)]
mod tests;
