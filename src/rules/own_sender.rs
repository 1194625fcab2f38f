//! Whether a sender is an address of this machine's users. Only such a sender gets bounces and delay notices: programs
//! that resubmit fetched mail pass on its sender, which is often forged. Pure: config and tables in, answer out.

use super::map::Map;
use super::outbound::Generic;
use super::route::{entry_form, forms, serving};
use crate::config::{ArrivalTables, Config, Propagates, TableSet};
use crate::mail::address::Address;
use crate::mail::address_class::AddressClass;

/// What the config says about addresses.
#[derive(Debug, Clone, Copy)]
pub struct OwnAddresses<'a> {
    /// Own domains and accounts.
    pub config: &'a Config,
    /// The `generic` tables.
    pub generic: &'a TableSet,
    /// The tables of arrival.
    pub arrival: &'a ArrivalTables,
}

impl OwnAddresses<'_> {
    /// Whether the address is in an own domain that no provider has mailboxes in, belongs to an account (`senders`,
    /// `from`, `username`), is rewritten by `generic`, is what a table maps an address to, or is kept on this machine by `virtual`.
    #[must_use]
    pub fn include(&self, address: &Address) -> bool {
        let config = self.config;
        let is_local =
            |address: &Address| config.is_own_domain(address.domain()) && !config.is_providers_domain(address.domain());
        let virtuals = Map { config, tables: &self.arrival.virtuals, kind: Propagates::Virtual };
        let is_kept = || matches!(virtuals.many(address), Ok(Some(hit)) if hit.addresses.iter().all(is_local));
        is_local(address)
            || serving(config, address).is_some()
            || self.are_accounts(address)
            || self.are_in_tables(address)
            || is_kept()
    }

    fn are_accounts(&self, address: &Address) -> bool {
        let forms = forms(address, &self.config.recipient_delimiter);
        let is_same = |own: &Address| forms.iter().any(|form| entry_form(&own.to_string(), "") == *form);
        self.config.accounts.iter().any(|account| {
            let username = account.username.as_deref().and_then(|name| Address::parse(name).ok());
            username.iter().chain(&account.from).any(is_same)
        })
    }

    fn are_in_tables(&self, address: &Address) -> bool {
        let generic = Generic { config: self.config, tables: self.generic };
        if matches!(generic.address(AddressClass::EnvelopeSender, address), Ok(Some(_))) {
            return true;
        }
        let forms = forms(address, &self.config.recipient_delimiter);
        let domain = address.domain();
        // Most values are dismissed by their end, since a table may have very many.
        let may_match = |word: &str| {
            let end = word.len().checked_sub(domain.len()).and_then(|at| word.get(at..));
            !word.is_ascii() || !domain.is_ascii() || end.is_some_and(|end| end.eq_ignore_ascii_case(domain))
        };
        let matches = |word: &str| word.contains('@') && may_match(word) && forms.contains(&entry_form(word, ""));
        let gives = |value: &str| {
            let words = value.split(|c: char| c == ',' || c.is_whitespace());
            words.map(|word| word.trim_matches(['<', '>'])).any(matches)
        };
        let ArrivalTables { canonical, sender_canonical, recipient_canonical, virtuals, aliases } = self.arrival;
        let tables = [self.generic, sender_canonical, canonical, recipient_canonical, virtuals, aliases];
        tables.into_iter().any(|set| set.has_value(&gives))
    }
}

#[cfg(test)]
mod tests;
