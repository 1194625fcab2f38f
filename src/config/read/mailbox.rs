//! `mailbox`: what keeps the mail of this machine's users.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::Surroundings;
use super::faults::Faults;
use super::password::is_machines;
use super::section::{At, Section};
use super::tables::{Rows, sources};
use crate::config::lmtp_server::{LmtpServer, Setting};
use crate::config::mailbox::{self, is_reserved};
use crate::config::relay::Relay;
use crate::config::{Account, TableSource};

/// LMTP has no port of its own; this is the one that servers and RFC 2033's authors use.
const PORT: u16 = 24;

const WANTED: &str =
    "\"lmtp:/PATH\" (a Unix socket), \"lmtp:[127.0.0.1]:24\", \"maildir:~/Maildir\", \"mbox:/var/mail/%u\" or \"none\"";

/// The account of the mailboxes; `None` if this machine keeps none.
pub(super) fn mailbox(
    around: &Surroundings,
    top: &Section,
    accounts: &[Account],
    faults: &mut Faults,
) -> Option<Account> {
    let text = top.text("mailbox", faults)?;
    if text.value == "none" {
        return None;
    }
    if accounts.iter().any(|account| is_reserved(&account.name)) {
        faults.add(
            text.at,
            "`mailbox` is set, and its mail is shown under the account name local: give [account.local] another name",
        );
    }
    let server = match text.value.strip_prefix("lmtp:") {
        Some(server) => lmtp(around, At { at: text.at, value: server }, faults),
        None => file(around, text, faults),
    };
    server.map(mailbox::account)
}

/// Mailboxes that we write. For the whole machine the privileged program does it, which becomes each user; a user's own
/// configuration is for that user's mailbox alone.
fn file(around: &Surroundings, text: At<&str>, faults: &mut Faults) -> Option<LmtpServer> {
    let Ok(read) = postrider_mailbox::setting::Setting::parse(text.value) else {
        faults.add(text.at, format!("`mailbox` must be {WANTED}"));
        return None;
    };
    let setting = Setting { read, text: text.value.to_owned() };
    Some(if is_machines(around) { LmtpServer::Program(setting) } else { LmtpServer::Own(setting) })
}

/// A Unix socket, or an address of this machine: the protocol has no login, and other machines' mail leaves by an account.
fn lmtp(around: &Surroundings, text: At<&str>, faults: &mut Faults) -> Option<LmtpServer> {
    if text.value.starts_with('/') && !text.value.contains('\0') {
        return Some(LmtpServer::Socket(PathBuf::from(text.value)));
    }
    let with_port = if text.value.ends_with(']') { format!("{}:{PORT}", text.value) } else { text.value.to_owned() };
    let relay = match Relay::parse(&with_port, around.services) {
        Ok(relay) if text.value.starts_with('[') => relay,
        Ok(_) | Err(_) => {
            faults.add(text.at, format!("`mailbox` must be {WANTED}"));
            return None;
        }
    };
    match relay.host.parse::<IpAddr>() {
        Ok(ip) if ip.is_loopback() => Some(LmtpServer::Loopback(SocketAddr::new(ip, relay.port))),
        Ok(_) | Err(_) => {
            let message = "`mailbox` names another machine: LMTP has no login and is for this machine only, \
                           as in \"lmtp:[127.0.0.1]:24\"";
            faults.add(text.at, message);
            None
        }
    }
}

/// `local_users`. A table that answers whatever is asked would keep the mail for everybody elsewhere here as well.
pub(super) fn local_users(around: &Surroundings, top: &Section, faults: &mut Faults) -> Vec<TableSource> {
    let tables = sources("local_users", Rows::Postmap, around, top, faults);
    if tables.iter().any(|table| matches!(table, TableSource::Static(_))) {
        let at = top.get("local_users").map_or(0, |value| value.span().start);
        faults
            .add(at, "`local_users` must list its users, which static: does not: write { \"user\" = \"-\" } or a file");
    }
    tables
}

#[cfg(test)]
mod tests;
