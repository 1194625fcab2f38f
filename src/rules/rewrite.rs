//! The generic map on envelope addresses and header fields (generic(5),
//! `ADDRESS_REWRITING_README`), and the completion of bare addresses in a header at
//! admission. Pure: tables are handed in, loaded.

use crate::config::{Config, Hit, TableFault, TableSet};
use crate::mail::address::Address;
use crate::mail::header::{Field, Header};
use crate::mail::list::{self, Found, Spec};

#[cfg(test)]
mod tests;

/// The fields whose addresses are rewritten (POSTFIX.md); compared ignoring case.
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

/// One look-up that answered, for explaining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// The result.
    pub address: Address,
    /// The key that matched.
    pub key: String,
    /// `file:line` or `generic (inline)`.
    pub place: String,
}

/// A key to ask for, and the local part that a result of the form `@other` gets.
struct Query<'a> {
    key: String,
    keeps: &'a str,
}

impl Generic<'_> {
    /// What the map makes of an address; `None`: it has no row for it. The null sender is no
    /// address: it is never rewritten.
    ///
    /// An extension that the key does not have is dropped, as Postfix does for generic maps.
    pub fn address(&self, address: &Address) -> Result<Option<Rewritten>, TableFault> {
        for query in self.queries(address) {
            if let Some(hit) = self.tables.lookup(&query.key)? {
                let address = self.result(&hit, &query)?;
                return Ok(Some(Rewritten { address, key: query.key, place: hit.place }));
            }
        }
        Ok(None)
    }

    /// Rewrites the addresses in the address fields; fields without a change keep every byte.
    pub fn header(&self, header: &Header) -> Result<Header, TableFault> {
        let fields = header.fields.iter().map(|field| {
            change(field, |found| {
                let Some(old) = complete(&found.spec, &self.config.origin) else { return Ok(None) };
                let new = self.address(&old)?.map(|rewritten| rewritten.address);
                Ok(new.filter(|new| !is_same(&found.spec, new)))
            })
        });
        Ok(Header { fields: fields.collect::<Result<_, _>>()? })
    }

    /// Postfix's order: user+ext@domain, user@domain, for own domains user+ext, user, then @domain;
    /// a local part that needs quotes is asked for without them, then with them.
    fn queries<'a>(&self, address: &'a Address) -> Vec<Query<'a>> {
        let (local, domain) = (address.local(), address.domain());
        let bare = without_extension(local, &self.config.recipient_delimiter);
        let locals: Vec<&str> = std::iter::once(local).chain(bare).collect();
        let mut queries = Vec::new();
        let mut ask = |key: String, keeps| {
            let key = key.to_lowercase();
            if queries.iter().all(|query: &Query| query.key != key) {
                queries.push(Query { key, keeps });
            }
        };
        for keeps in &locals {
            ask(format!("{keeps}@{domain}"), *keeps);
            if let Ok(quoted) = address.with_local(keeps) {
                ask(quoted.to_string(), *keeps);
            }
        }
        if self.config.is_own_domain(domain) {
            for keeps in &locals {
                ask((*keeps).to_owned(), *keeps);
            }
        }
        ask(format!("@{domain}"), local);
        queries
    }

    /// A row's value as an address: `@other` keeps the user, a bare one gets the origin.
    fn result(&self, hit: &Hit, query: &Query) -> Result<Address, TableFault> {
        let value = hit.value.trim();
        let result = match value.strip_prefix('@') {
            Some(domain) if !domain.contains(':') => Address::new(query.keeps, domain).ok(),
            _ => match list::parse(value.as_bytes()).as_slice() {
                [one] => complete(&one.spec, &self.config.origin),
                _ => None,
            },
        };
        result.ok_or_else(|| {
            let (place, key) = (&hit.place, &query.key);
            TableFault(format!(
                "{place}: the value \"{value}\" for \"{key}\" is not one mail address; write user@domain or @domain"
            ))
        })
    }
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

/// The local part before its extension, where it has one: the first of the delimiter characters
/// divides, but not as the local part's first character.
#[must_use]
pub fn without_extension<'a>(local: &'a str, delimiters: &str) -> Option<&'a str> {
    let at = local.find(|c| delimiters.contains(c)).filter(|at| *at > 0)?;
    if delimiters.contains('-') && is_never_divided(local) {
        return None;
    }
    Some(&local[..at])
}

/// Names with a dash of their own (Postfix's `split_addr`).
fn is_never_divided(local: &str) -> bool {
    let local = local.to_ascii_lowercase();
    ["mailer-daemon", "double-bounce"].contains(&local.as_str())
        || local.starts_with("owner-")
        || local.ends_with("-request")
}

/// The address meant, if it is one.
fn complete(spec: &Spec, origin: &str) -> Option<Address> {
    match spec {
        Spec::Complete(address) => Some(address.clone()),
        Spec::Bare(local) => Address::new(local, origin).ok(),
        Spec::Null | Spec::Broken(..) => None,
    }
}

fn is_same(spec: &Spec, new: &Address) -> bool {
    matches!(spec, Spec::Complete(old) if old == new)
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
