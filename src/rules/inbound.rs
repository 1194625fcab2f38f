//! What admission does to addresses once they are complete: canonical maps, masquerading,
//! and for envelope recipients virtual aliases and local ones (canonical(5), virtual(5),
//! `ADDRESS_REWRITING_README`). Pure: tables are handed in, loaded.

use super::aliases::Expansion;
use super::map::Map;
use super::outbound::{each_address, qualify, sender_named};
use crate::config::{ArrivalTables, Config, Propagates, TableFault, TableSet};
use crate::mail::address::{Address, NOBODY, ReversePath};
use crate::mail::address_class::AddressClass;
use crate::mail::header::Header;

/// How often one address may be mapped anew, as with Postfix.
const MOST_PASSES: usize = 1000;

/// The rules of one machine, borrowed for one admission.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Names, delimiter, masquerading.
    pub config: &'a Config,
    /// The loaded tables.
    pub tables: &'a ArrivalTables,
    /// Reads the file of an `:include:`.
    pub include: fn(&Config, &std::path::Path) -> Result<String, TableFault>,
}

/// One thing that was done to an address, for explaining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The option: `canonical`, `virtual`, ...
    pub by: &'static str,
    /// The key that matched, or the domain that was hidden.
    pub key: String,
    /// What came of it.
    pub result: String,
    /// `file:line`, or the option where it has no rows.
    pub place: String,
}

/// Where a recipient's mail goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// There.
    Address(Address),
    /// Nowhere: the alias names what is not delivered to; why.
    Refused(Address, String),
}

impl<'a> Arrival<'a> {
    /// The envelope sender: canonical, then masqueraded. The null sender stays what it is.
    pub fn sender(&self, sender: &ReversePath) -> Result<(ReversePath, Vec<Step>), TableFault> {
        let ReversePath::Mailbox(address) = sender else { return Ok((ReversePath::Null, Vec::new())) };
        let mut steps = Vec::new();
        let address = self.canonical(address, AddressClass::EnvelopeSender, &mut steps)?;
        let address = self.masqueraded(&address, &mut steps).unwrap_or(address);
        Ok((ReversePath::Mailbox(address), steps))
    }

    /// An envelope recipient: canonical, then whom virtual and local aliases name in its place.
    pub fn recipient(&self, recipient: &Address) -> Result<(Vec<Destination>, Vec<Step>), TableFault> {
        let mut steps = Vec::new();
        let address = self.canonical(recipient, AddressClass::EnvelopeRecipient, &mut steps)?;
        Expansion::of(*self, &address, steps)
    }

    /// The addresses in the header's address fields: canonical, then masqueraded.
    pub fn header(&self, header: &Header) -> Result<Header, TableFault> {
        let ArrivalTables { canonical, sender_canonical, recipient_canonical, .. } = self.tables;
        let nothing = [canonical, sender_canonical, recipient_canonical].iter().all(|tables| tables.is_empty());
        if nothing && self.config.rewriting.masquerade_domains.is_empty() {
            return Ok(header.clone());
        }
        each_address(header, &self.config.origin, |field, old| {
            let new = self.canonical(old, AddressClass::of_field(field), &mut Vec::new())?;
            let new = self.masqueraded(&new, &mut Vec::new()).unwrap_or(new);
            Ok((new != *old).then_some(new))
        })
    }

    /// The header as it is stored: its addresses completed and rewritten, and a sender's name without an address with that of
    /// `sender`, which is rewritten already.
    pub fn whole_header(&self, header: &Header, sender: &ReversePath) -> Result<Header, TableFault> {
        let rewritten = self.header(&qualify(header, &self.config.origin))?;
        let Some(sender) = self.address_of(sender) else { return Ok(rewritten) };
        let fields = header.fields.iter().zip(rewritten.fields);
        Ok(Header { fields: fields.map(|(given, field)| sender_named(given, &sender).unwrap_or(field)).collect() })
    }

    /// The address that the header has for the sender. The null sender's has a domain as well, unlike in Postfix: providers
    /// refuse a From without one, and `generic` could not rewrite it.
    #[must_use]
    pub fn address_of(&self, sender: &ReversePath) -> Option<Address> {
        let nobody =
            || Address::new(NOBODY, &self.config.origin).or_else(|_| Address::new(NOBODY, &self.config.hostname));
        sender.mailbox().cloned().or_else(|| nobody().ok())
    }

    /// A map of these rules.
    pub(crate) fn map(&self, tables: &'a TableSet, kind: Propagates) -> Map<'a> {
        Map { config: self.config, tables, kind }
    }

    fn canonical(&self, address: &Address, class: AddressClass, steps: &mut Vec<Step>) -> Result<Address, TableFault> {
        let (by, first) = match class {
            AddressClass::EnvelopeSender | AddressClass::HeaderSender => {
                ("sender_canonical", &self.tables.sender_canonical)
            }
            AddressClass::EnvelopeRecipient | AddressClass::RemoteRecipient | AddressClass::HeaderRecipient => {
                ("recipient_canonical", &self.tables.recipient_canonical)
            }
        };
        let address = self.repeated(by, first, address, steps)?;
        self.repeated("canonical", &self.tables.canonical, &address, steps)
    }

    /// Maps until nothing changes any more, as Postfix does with canonical maps.
    fn repeated(
        &self,
        by: &'static str,
        tables: &'a TableSet,
        address: &Address,
        steps: &mut Vec<Step>,
    ) -> Result<Address, TableFault> {
        let map = self.map(tables, Propagates::Canonical);
        let mut address = address.clone();
        for _ in 0..MOST_PASSES {
            let Some(new) = map.one(&address)? else { return Ok(address) };
            let same = new.address.same_mailbox(&address);
            steps.push(Step { by, key: new.key, result: new.address.to_string(), place: new.place });
            address = new.address;
            if same {
                return Ok(address);
            }
        }
        Err(TableFault(format!("{by} maps <{address}> in a loop: remove one of its entries")))
    }

    /// With the parent domain that hides its host; `None`: nothing changes.
    fn masqueraded(&self, address: &Address, steps: &mut Vec<Step>) -> Option<Address> {
        let rules = &self.config.rewriting;
        if rules.masquerade_exceptions.iter().any(|user| user.eq_ignore_ascii_case(address.local())) {
            return None;
        }
        for written in &rules.masquerade_domains {
            let parent = written.trim_start_matches('!');
            let hides = (written.len() - parent.len()).is_multiple_of(2);
            if address.domain().eq_ignore_ascii_case(parent) {
                return None;
            }
            let below = address.domain().len().checked_sub(parent.len());
            let domain = below
                .and_then(|at| address.domain().split_at_checked(at))
                .filter(|(host, domain)| host.ends_with('.') && domain.eq_ignore_ascii_case(parent));
            if let Some((_, domain)) = domain {
                // As the address writes it, like Postfix, and not as the option does.
                let new = Address::new(address.local(), domain).ok().filter(|_| hides)?;
                let by = "masquerade_domains";
                steps.push(Step { by, key: parent.to_owned(), result: new.to_string(), place: by.to_owned() });
                return Some(new);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
