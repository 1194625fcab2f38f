//! Which recipients have a mailbox on this machine (`mailbox` and `local_users` in postrider.toml(5)). Asked after aliases and
//! virtual, which admission has applied, and before `generic`, which never touches what stays. Pure: tables and the look-up of
//! logins are handed in.

use super::map::Map;
use crate::config::{Config, Propagates, TableFault, TableSet};
use crate::mail::address::{Address, without_extension};

/// Those who have a mailbox here.
#[derive(Debug, Clone, Copy)]
pub struct LocalUsers<'a> {
    /// Own names, delimiter, and whether there are mailboxes.
    pub config: &'a Config,
    /// `local_users`.
    pub tables: &'a TableSet,
    /// Whether this machine has a user of that name.
    pub is_login: fn(&str) -> bool,
}

impl LocalUsers<'_> {
    /// Whether mail to the address stays: it is listed, or its local part at one of the machine's own names is a login,
    /// with or without an extension. A domain in which a provider has the mailboxes is not the machine's own.
    pub fn include(&self, address: &Address) -> Result<bool, TableFault> {
        if self.config.local.is_none() {
            return Ok(false);
        }
        let (local, domain) = (address.local(), address.domain());
        let is_own = self.config.is_own_domain(domain) && !self.config.is_providers_domain(domain);
        let is_login = |name: &str| (self.is_login)(&name.to_ascii_lowercase());
        let bare = || without_extension(local, &self.config.recipient_delimiter);
        if is_own && (is_login(local) || bare().is_some_and(is_login)) {
            return Ok(true);
        }
        let listed = Map { config: self.config, tables: self.tables, kind: Propagates::Virtual };
        listed.has(address)
    }
}

#[cfg(test)]
mod tests;
