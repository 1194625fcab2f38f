//! The generic map on envelope addresses and header fields (generic(5),
//! `ADDRESS_REWRITING_README`), and the completion of bare addresses in a header at
//! admission. Pure: tables are handed in, loaded.

use super::map::{Map, complete};
use crate::config::{Config, Propagates, TableFault, TableSet};
use crate::mail::address::Address;
use crate::mail::address_class::AddressClass;
use crate::mail::header::{Field, Header};
use crate::mail::list::{self, Found, NameAlone, Spec};
use crate::mail::stamp;

pub use super::map::Rewritten;

#[cfg(test)]
pub(crate) mod tests;

/// The fields whose addresses are rewritten (postrider-tables(5)); compared ignoring case.
const ADDRESS_FIELDS: [&str; 16] = [
    "From",
    "Sender",
    "Reply-To",
    "Errors-To",
    "Return-Receipt-To",
    "Disposition-Notification-To",
    "Mail-Followup-To",
    "To",
    "Cc",
    "Bcc",
    "Apparently-To",
    "Resent-From",
    "Resent-Sender",
    "Resent-Reply-To",
    "Resent-To",
    "Resent-Cc",
];

/// The rules of one machine, borrowed for one attempt.
#[derive(Debug, Clone, Copy)]
pub struct Generic<'a> {
    /// Own names, origin, delimiter.
    pub config: &'a Config,
    /// The loaded generic tables.
    pub tables: &'a TableSet,
}

impl<'a> Generic<'a> {
    /// What the map makes of an address of this class; `None`: it has no row for it, or `generic_classes` leaves the class
    /// alone. The null sender is no address: it is never rewritten.
    pub fn address(&self, class: AddressClass, address: &Address) -> Result<Option<Rewritten>, TableFault> {
        if self.is_for(class, address) { self.map().one(address) } else { Ok(None) }
    }

    fn is_for(&self, class: AddressClass, address: &Address) -> bool {
        let (config, classes) = (self.config, &self.config.generic_classes);
        let is_remote = || !config.is_own_domain(address.domain()) || config.is_providers_domain(address.domain());
        classes.contains(&class)
            || class == AddressClass::EnvelopeRecipient
                && classes.contains(&AddressClass::RemoteRecipient)
                && is_remote()
    }

    /// Rewrites the addresses in the address fields; fields without a change keep every byte.
    pub fn header(&self, header: &Header) -> Result<Header, TableFault> {
        each_address(header, &self.config.origin, |field, old| {
            Ok(self.address(AddressClass::of_field(field), old)?.map(|rewritten| rewritten.address))
        })
    }

    fn map(&self) -> Map<'a> {
        Map { config: self.config, tables: self.tables, kind: Propagates::Generic }
    }
}

/// Puts one address in the place of those in From, names and comments kept where there are any. Of several From fields one
/// stays: a provider that compares From with the account may look at any of them.
#[must_use]
pub fn force_from(header: &Header, from: &Address) -> Header {
    let mut is_first = true;
    let fields = header.fields.iter().filter_map(|field| {
        if field.is("From") { std::mem::take(&mut is_first).then(|| forced(field, from)) } else { Some(field.clone()) }
    });
    Header { fields: fields.collect() }
}

fn forced(field: &Field, from: &Address) -> Field {
    if let Some(named) = sender_named(field, from) {
        return named;
    }
    let found = list::parse(field.value());
    // In the place of each of several it would be there several times.
    if found.len() > 1
        || found.iter().any(|found| matches!(found.spec, Spec::Null | Spec::Broken(..)))
        || found.is_empty()
    {
        return field.with_value(format!(" {from}\r\n").as_bytes());
    }
    if found.iter().all(|found| matches!(&found.spec, Spec::Complete(old) if old == from)) {
        return field.clone();
    }
    let new = vec![Some(from.clone()); found.len()];
    field.with_value(&list::replace(field.value(), &found, &new, field.value_column()))
}

/// The fields that name one who sends, and whose addresses providers compare with the account.
const SENDER_FIELDS: [&str; 4] = ["From", "Sender", "Resent-From", "Resent-Sender"];

/// A sender's field that has a name and no address, with the address behind the name. Each word would become an address of its
/// own otherwise, and providers refuse a From with several. `None`: the field is another, or has an address.
#[must_use]
pub fn sender_named(field: &Field, address: &Address) -> Option<Field> {
    if !SENDER_FIELDS.iter().any(|name| field.is(name)) {
        return None;
    }
    let NameAlone { text, is_phrase } = list::name_alone(field.value())?;
    let value = if is_phrase {
        [b" ", text, format!(" <{address}>\r\n").as_bytes()].concat()
    } else {
        format!(" {}\r\n", stamp::from(text, address)).into_bytes()
    };
    Some(field.with_value(&value))
}

/// The first address of the From field, which many providers compare with the account.
#[must_use]
pub fn first_from(header: &Header) -> Option<Address> {
    let found = list::parse(header.first("From")?.value());
    found.into_iter().find_map(|found| match found.spec {
        Spec::Complete(address) => Some(address),
        Spec::Bare(_) | Spec::Null | Spec::Broken(..) => None,
    })
}

/// A header with the addresses that `new` gives for those in the address fields, bare ones
/// completed with `origin`; fields without a change keep every byte.
pub(crate) fn each_address<E>(
    header: &Header,
    origin: &str,
    new: impl Fn(&Field, &Address) -> Result<Option<Address>, E>,
) -> Result<Header, E> {
    let fields = header.fields.iter().map(|field| {
        change(field, |found| {
            let Some(old) = complete(&found.spec, origin) else { return Ok(None) };
            Ok(new(field, &old)?.filter(|new| !is_same(&found.spec, new)))
        })
    });
    Ok(Header { fields: fields.collect::<Result<_, _>>()? })
}

/// Completes bare addresses in the address fields with `origin`, and writes those that are not in
/// standard form (source route, dot behind the domain, needless quotes, `user%domain`) in it.
/// Everything else keeps every byte.
#[must_use]
pub fn qualify(header: &Header, origin: &str) -> Header {
    let fields = header.fields.iter().map(|field| {
        let changed: Result<Field, std::convert::Infallible> = change(field, |found| {
            let is_whole = matches!(found.spec, Spec::Complete(_)) && found.standard;
            Ok(complete(&found.spec, origin).filter(|_| !is_whole))
        });
        let Ok(field) = changed;
        field
    });
    Header { fields: fields.collect() }
}

/// Whether the address stays as it is. Bare ones do: admission has completed them all.
fn is_same(spec: &Spec, new: &Address) -> bool {
    match spec {
        Spec::Complete(old) => old == new,
        Spec::Bare(_) | Spec::Null | Spec::Broken(..) => true,
    }
}

/// The field with the addresses that `new` gives in the place of those found.
fn change<E>(field: &Field, new: impl Fn(&Found) -> Result<Option<Address>, E>) -> Result<Field, E> {
    if !ADDRESS_FIELDS.iter().any(|name| field.is(name)) {
        return Ok(field.clone());
    }
    let found = list::parse(field.value());
    let new = found.iter().map(new).collect::<Result<Vec<_>, E>>()?;
    if new.iter().all(Option::is_none) {
        return Ok(field.clone());
    }
    Ok(field.with_value(&list::replace(field.value(), &found, &new, field.value_column())))
}
